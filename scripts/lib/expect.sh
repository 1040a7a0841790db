# shellcheck shell=bash
# Commands whose exit code and words are put to the test as they are shown.

STEP=0

heading() {
  STEP=$((STEP + 1))
  printf '\n%s. %s\n' "$STEP" "$1"
}

shows() {
  printf '   %s\n' "$1"
}

fails() {
  printf '\nnot so: %s\n' "$1" >&2
  exit 1
}

# expect STATUS CMD…: prints what CMD prints, on both streams, and insists on its exit code.
expect() {
  local expected=$1 status=0
  shift
  OUTPUT=$("$@" 2>&1) || status=$?
  [ -z "$OUTPUT" ] || sed 's/^/   | /' <<<"$OUTPUT"
  [ "$status" -eq "$expected" ] || fails "exit code $status instead of $expected"
}

# run STATUS CMD…: the same, the command shown first.
run() {
  shows "\$ ${*:2}"
  expect "$@"
}

# says TEXT: the last command's output has it.
says() {
  grep -qF -- "$1" <<<"$OUTPUT" || fails "no word of \`$1\`"
}
