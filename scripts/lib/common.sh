# shellcheck shell=bash
# What every script here needs: where the repository is, how to fail, and who may run a server.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

note() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

have() {
  command -v "$1" >/dev/null 2>&1
}

as_root() {
  if [ "$EUID" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo -n "$@"
  else
    note "neither root nor sudo: cannot run \`$*\`"
    return 1
  fi
}

# apt_get install PACKAGE…: without a question, and silent unless it fails.
apt_get() {
  local log status=0
  log=$(mktemp)
  {
    as_root apt-get -qq update &&
      as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends "$@"
  } </dev/null >"$log" 2>&1 || status=$?
  [ "$status" -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

# PostgreSQL refuses to run as root, so root hands it to an unprivileged account.
SERVER_USER=$(id -un)
if [ "$EUID" -eq 0 ]; then
  if id postgres >/dev/null 2>&1; then SERVER_USER=postgres; else SERVER_USER=nobody; fi
fi
SERVER_GROUP=$(id -g "$SERVER_USER")

# From `/`, because that account may not be able to enter the working directory.
as_server() (
  cd /
  if [ "$EUID" -ne 0 ]; then
    exec "$@"
  elif have setpriv; then
    exec setpriv --reuid="$SERVER_USER" --regid="$SERVER_GROUP" --clear-groups -- "$@"
  elif have runuser; then
    exec runuser -u "$SERVER_USER" -- "$@"
  else
    # `su` takes a command line, not arguments.
    exec su -s /bin/sh "$SERVER_USER" -c "$(printf '%q ' "$@")"
  fi
)

# Servers and data directories that are made once: below `target`, unless the account that runs the server cannot reach it.
cache_dir() {
  local dir=${ROLEWRIGHT_POSTGRES_CACHE:-${CARGO_TARGET_DIR:-$ROOT/target}/postgres}
  mkdir -p "$dir" 2>/dev/null || die "cannot make \`$dir\`"
  if [ "$EUID" -eq 0 ] && ! as_server test -x "$dir"; then
    dir=/var/cache/rolewright/postgres
    mkdir -p "$dir"
  fi
  (cd "$dir" && pwd)
}

# with_lock FILE CMD…: one at a time where `flock` is there; what it guards is put in place by a rename in any case.
with_lock() {
  local file=$1
  shift
  if have flock; then
    (
      flock 9
      "$@" 9>&-
    ) 9>"$file"
  else
    "$@"
  fi
}
