# shellcheck shell=bash
# The world that demo and sandbox share: the built programs, a server in the shape of Cloud SQL, and `fake-gcp`.

export ROLEWRIGHT_VAR_PROJECT=rolewright-demo ROLEWRIGHT_VAR_PROJECT_NUMBER=123456789012
POLICY=policies/knex.yaml
DATABASE=myapp

build_programs() {
  local target=${CARGO_TARGET_DIR:-$ROOT/target}
  need_rust
  need_c_compiler
  cargo build --locked --quiet
  cargo build --locked --quiet --example fake-gcp
  export PATH=$target/debug:$target/debug/examples:$PATH
}

need_clients() {
  have psql || apt_get install postgresql-client || die "psql is missing: install PostgreSQL's client programs"
  have curl || apt_get install curl || die "curl is missing"
}

# start_world [OPTION…]: with the options of `scripts/cluster start`. Both servers end with this script, whatever ends it.
start_world() {
  WORLD=$(mktemp -d)
  trap stop_world EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  [ -n "$("$ROOT/scripts/postgres" majors --installed-only 2>/dev/null)" ] || "$ROOT/scripts/postgres" majors >/dev/null
  "$ROOT/scripts/cluster" start --database "$DATABASE" --parent $$ "$@" >"$WORLD/cluster"
  start_fake_gcp
  ROLEWRIGHT_ADMIN_URL=$(cat "$(fact ADMIN_URL_FILE)")
  export ROLEWRIGHT_ADMIN_URL ROLEWRIGHT_GOOGLE_ENDPOINT
}

stop_world() {
  [ -z "${FAKE_GCP-}" ] || kill "$FAKE_GCP" 2>/dev/null || true
  [ ! -s "$WORLD/cluster" ] || "$ROOT/scripts/cluster" stop "$(fact DIR)"
  rm -rf "$WORLD"
}

# fact KEY: one of the lines that `scripts/cluster start` printed.
fact() {
  sed -n "s/^$1=//p" "$WORLD/cluster"
}

start_fake_gcp() {
  fake-gcp --listen 127.0.0.1:0 --project "$ROLEWRIGHT_VAR_PROJECT=$ROLEWRIGHT_VAR_PROJECT_NUMBER" >"$WORLD/fake-gcp" 2>"$WORLD/fake-gcp.log" &
  FAKE_GCP=$!
  local i
  for ((i = 0; i < 200; i++)); do
    ROLEWRIGHT_GOOGLE_ENDPOINT=$(sed -n '1s/^listening on //p' "$WORLD/fake-gcp")
    [ -z "$ROLEWRIGHT_GOOGLE_ENDPOINT" ] || return 0
    kill -0 "$FAKE_GCP" 2>/dev/null || break
    sleep 0.05
  done
  cat "$WORLD/fake-gcp.log" >&2
  die "fake-gcp did not start"
}
