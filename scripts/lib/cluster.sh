# shellcheck shell=bash
# The steps of `scripts/cluster`. In a cluster's directory: `data`, `run` (the socket), `log`, and the URL files.

SHAPE=$ROOT/tests/support/cloud-sql.sql
HBA=$ROOT/tests/support/pg_hba.conf

# server_bin [MAJOR]: from ROLEWRIGHT_TEST_PG (MAJOR=BINDIR:…), else from what is installed.
server_bin() {
  local servers bin
  if [ -n "${ROLEWRIGHT_TEST_PG-}" ]; then
    servers=$(tr ':' '\n' <<<"$ROLEWRIGHT_TEST_PG")
  else
    servers=$("$ROOT/scripts/postgres" majors --installed-only 2>/dev/null)
  fi
  bin=$(sed -n "s/^${1:-[0-9]*}=//p" <<<"$servers" | tail -n 1)
  [ -n "$bin" ] || die "PostgreSQL ${1:-of any major} is not installed; run \`scripts/postgres majors\`"
  echo "$bin"
}

# memory_dir: the file system in memory, if it and the machine have 4 GB left: four servers may be at work, and tests that make
# a hundred databases take most of a gigabyte. Some file systems on disks are slow where thousands of files come and go.
memory_dir() {
  local dir=${ROLEWRIGHT_MEMORY_DIR-/dev/shm} room=4194304
  [ -n "$dir" ] && [ -w "$dir" ] &&
    awk -v room=$room '$1 == "MemAvailable:" && $2 >= room { found = 1 } END { exit !found }' /proc/meminfo 2>/dev/null &&
    df -kP "$dir" | awk -v room=$room 'NR > 1 && $4 >= room { found = 1 } END { exit !found }' &&
    echo "$dir"
}

# private_dir [DIR]: others may pass through it to the socket, and read nothing.
private_dir() {
  local dir=$1 base=${2:-${TMPDIR:-/tmp}} socket
  if [ -z "$dir" ]; then
    as_server test -x "$base" || base=/tmp
    dir=$(mktemp -d "${base%/}/rolewright-XXXXXX")
  else
    mkdir -p "$dir"
    [ -z "$(ls -A "$dir")" ] || die "\`$dir\` is not empty"
    dir=$(cd "$dir" && pwd)
  fi
  socket=$dir/run/.s.PGSQL.65535
  [ ${#socket} -le 103 ] || die "\`$dir\` is too long: a unix socket's path has at most 103 bytes on some systems"
  chmod 711 "$dir"
  as_server test -x "$dir" || die "\`$dir\` lies below a directory that the account \`$SERVER_USER\` may not enter"
  touch "$dir/cluster"
  install_for_server "$dir/run" 755
  echo "$dir"
}

install_for_server() {
  mkdir "$1"
  chmod "$2" "$1"
  hand_over "$1"
}

hand_over() {
  [ "$EUID" -ne 0 ] || chown "$SERVER_USER" "$@"
}

copy_tree() {
  cp -a --reflink=auto "$1" "$2" 2>/dev/null || cp -Rp "$1" "$2"
}

# single BINDIR DATADIR DATABASE: runs the statements of standard input in single-user mode; no psql and no password is needed.
single() {
  as_server env LC_ALL=C "$1/postgres" --single -j -D "$2" -c exit_on_error=on -c log_checkpoints=off \
    -c log_statement=none -c log_min_error_statement=panic "$3" >/dev/null
}

# template BINDIR: a data directory in the shape of Cloud SQL, made once per server and shape.
template() {
  local cache version hash dir
  cache=$(cache_dir)
  version=$("$1/postgres" --version)
  hash=$(cat "$SHAPE" "$HBA" "$ROOT/scripts/lib/cluster.sh" <(echo "$version $1 $SERVER_USER") | cksum | cut -d' ' -f1)
  dir=$cache/template-$(sed -E 's/^[^0-9]*([0-9]+).*/\1/' <<<"$version")-$hash
  [ -d "$dir" ] || with_lock "$dir.lock" make_template "$1" "$dir" || die "cannot make a data directory with $version"
  echo "$dir"
}

make_template() {
  local bin=$1 dir=$2 work
  [ -d "$dir" ] && return 0
  # Those of shapes and servers that are no more.
  find "$(dirname "$dir")" -maxdepth 1 -name 'template-*' -mtime +1 -exec rm -rf {} +
  work=$(mktemp -d "$dir.XXXXXX")
  chmod 711 "$work"
  install_for_server "$work/data" 700
  as_server env LC_ALL=C "$bin/initdb" -D "$work/data" -U cloudsqladmin -A reject -E UTF8 --locale=C --no-sync \
    --wal-segsize=1 >"$work/initdb.log" 2>&1 || { cat "$work/initdb.log" >&2; return 1; }
  single "$bin" "$work/data" postgres <<<"CREATE DATABASE cloudsqladmin;" &&
    single "$bin" "$work/data" template1 <"$SHAPE" &&
    single "$bin" "$work/data" postgres <"$SHAPE" &&
    { [ -d "$dir" ] || mv "$work/data" "$dir"; }
  local status=$?
  rm -rf "$work"
  [ -d "$dir" ] || return $status
}

write_passwords() {
  local random login
  random=$(od -An -v -tx1 -N72 /dev/urandom | tr -d ' \n')
  for login in cloudsqladmin csadmin postgres; do
    (umask 077 && printf %s "${random:0:48}" >"$1/$login.password")
    random=${random:48}
  done
}

# Server defaults but for speed: nothing here outlives its test.
configure() {
  local dir=$1 setting
  shift
  cp "$HBA" "$dir/data/pg_hba.conf"
  printf 'operator "%s" cloudsqladmin\n' "$(id -un)" >"$dir/data/pg_ident.conf"
  cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir/run'
shared_buffers = 32MB
max_wal_size = 1GB
fsync = off
synchronous_commit = off
full_page_writes = off
log_line_prefix = '%m [%p] %q%u@%d %a '
CONF
  for setting in "$@"; do
    [[ $setting == *=* ]] || die "\`$setting\` is not NAME=VALUE"
    printf "%s = '%s'\n" "${setting%%=*}" "${setting#*=}" >>"$dir/data/postgresql.conf"
  done
}

# shape_instance BINDIR DIR DATABASE…: what differs from one cluster to the next.
shape_instance() {
  local bin=$1 dir=$2 login name
  shift 2
  {
    for login in cloudsqladmin csadmin postgres; do
      printf "ALTER ROLE %s PASSWORD '%s';\n\n" "$login" "$(<"$dir/$login.password")"
    done
    for name in "$@"; do
      printf 'CREATE DATABASE "%s" OWNER cloudsqlsuperuser;\n\n' "${name//\"/\"\"}"
    done
  } | single "$bin" "$dir/data" postgres
}

# Below the ports that outgoing connections are given.
random_port() {
  echo $((20000 + (RANDOM * 32768 + RANDOM) % 12000))
}

# run_server BINDIR DIR [PORT]: another process may take a free port first, so a refused one is tried again elsewhere.
run_server() {
  local bin=$1 dir=$2 port=$3 attempt
  touch "$dir/log"
  hand_over "$dir/log"
  for attempt in 1 2 3 4 5 6 7 8; do
    echo "${port:-$(random_port)}" >"$dir/port"
    if as_server env LC_ALL=C "$bin/pg_ctl" start -s -w -t 60 -D "$dir/data" -l "$dir/log" -o "-p $(<"$dir/port")" </dev/null >/dev/null 2>&1; then
      return 0
    fi
    if [ -n "$port" ] || ! grep -q 'could not bind' "$dir/log"; then
      break
    fi
    : >"$dir/log"
  done
  cat "$dir/log" >&2
  die "PostgreSQL did not start (attempt $attempt)"
}

url_file() {
  local file=$1/$2.url
  (umask 077 && echo "postgres://$3:$(<"$1/$3.password")@127.0.0.1:$(<"$1/port")/postgres" >"$file")
  echo "$file"
}

describe() {
  cat <<LINES
DIR=$1
PORT=$(<"$1/port")
SOCKET_DIR=$1/run
LOG=$1/log
ADMIN_URL_FILE=$(url_file "$1" admin csadmin)
POSTGRES_URL_FILE=$(url_file "$1" postgres postgres)
SUPERUSER_URL_FILE=$(url_file "$1" superuser cloudsqladmin)
LINES
}

# Stops the cluster when its parent is gone, however that ended.
watch_parent() {
  local dir=$1 parent=$2
  (
    trap '' HUP INT TERM
    while [ -e "$dir/cluster" ] && kill -0 "$parent" 2>/dev/null; do
      sleep 1
    done
    stop_cluster "$dir"
  ) </dev/null >/dev/null 2>&1 &
}

# restart_cluster DIR MODE: MODE as for pg_ctl; immediate is a crash.
restart_cluster() {
  local dir=$1 mode=$2 bin
  [ -e "$dir/cluster" ] || die "\`$dir\` is not a cluster of \`scripts/cluster\`"
  bin=$(server_bin "$(as_server cat "$dir/data/PG_VERSION")")
  as_server env LC_ALL=C "$bin/pg_ctl" restart -s -w -t 60 -m "$mode" -D "$dir/data" -l "$dir/log" -o "-p $(<"$dir/port")" \
    </dev/null >/dev/null
}

stop_cluster() {
  local dir=$1 running=$1/data/postmaster.pid pid i
  [ -e "$dir" ] || return 0
  [ -e "$dir/cluster" ] || die "\`$dir\` is not a cluster of \`scripts/cluster\`"
  if [ -e "$running" ]; then
    pid=$(head -n 1 "$running")
    kill -QUIT "$pid" 2>/dev/null || true
    for ((i = 0; i < 250; i++)); do
      if [ ! -e "$running" ] || ! kill -0 "$pid" 2>/dev/null; then
        break
      fi
      sleep 0.02
    done
    [ ! -e "$running" ] || kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -rf "$dir"
}
