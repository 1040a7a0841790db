# shellcheck shell=bash
# The server, and the databases that are measured: at first one schema `app` with many tables, and a policy of one `ddl` role
# and many others.

# The lock table is made large: `psql -1` could not change the owner of more than some twelve thousand tables otherwise.
start_world() {
  WORK=$(mktemp -d)
  "$ROOT/scripts/cluster" start ${MAJOR:+--major "$MAJOR"} --parent $$ --set shared_buffers=256MB \
    --set max_locks_per_transaction=4096 >"$WORK/cluster"
  SUPERUSER_URL=$(cat "$(fact SUPERUSER_URL_FILE)")
  ROLEWRIGHT_ADMIN_URL=$(cat "$(fact ADMIN_URL_FILE)")
  export ROLEWRIGHT_ADMIN_URL
  SERVER=$(head -n 1 "$(fact DIR)/data/postmaster.pid")
  MAJOR=$(superuser -c "SELECT current_setting('server_version_num')::int / 10000")
  FIRST_ROLES=$(superuser -c "SELECT string_agg(quote_literal(rolname), ', ') FROM pg_roles")
}

stop_world() {
  stop_secret_manager
  [ ! -s "$WORK/cluster" ] || "$ROOT/scripts/cluster" stop "$(fact DIR)"
  rm -rf "$WORK"
}

# fact KEY: one of the lines that `scripts/cluster start` printed.
fact() {
  sed -n "s/^$1=//p" "$WORK/cluster"
}

superuser() {
  psql -X -q -At -v ON_ERROR_STOP=1 -d "$SUPERUSER_URL" "$@"
}

in_bench() {
  psql -X -q -At -v ON_ERROR_STOP=1 -d "${SUPERUSER_URL%/postgres}/bench" "$@"
}

# The roles beside `migration_user`: the first half reads and writes, the rest reads.
role_names() {
  local i
  for ((i = 1; i < ROLES; i++)); do
    if [ $((i * 2)) -le "$ROLES" ]; then printf 'app_%02d\n' "$i"; else printf 'read_%02d\n' "$i"; fi
  done
}

listed() {
  paste -sd, - | sed 's/,/, /g'
}

# write_policy SCHEMAS
write_policy() {
  {
    printf 'version: 1\ndatabases:\n  bench: { schemas: [%s] }\nignore: { roles: ["other_*"] }\nroles:\n' "$1"
    printf '  migration_user: { access: ddl }\n'
    role_names | sed -e 's/^app_.*/  &: { access: dml }/' -e 's/^read_.*/  &: { access: read }/'
  } >"$WORK/policy.yaml"
}

# No database and no role is left that the server did not begin with.
clear_world() {
  superuser <<SQL
SELECT format('DROP DATABASE %I', datname) FROM pg_database
 WHERE datname NOT IN ('postgres', 'cloudsqladmin', 'template0', 'template1') \\gexec
SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname NOT IN ($FIRST_ROLES) \\gexec
SQL
}

# make_in_sync SQL: a database that `apply` was run on before its migrations, which are SQL.
make_in_sync() {
  superuser -c 'CREATE DATABASE bench OWNER cloudsqlsuperuser'
  apply >"$WORK/applied"
  in_bench >/dev/null <<SQL
SET ROLE migration_user;
$1
RESET ROLE;
VACUUM (ANALYZE);
SQL
}

other_names() {
  seq -f 'other_%.0f' 16
}

# Roles that the policy ignores hold SELECT, each on other tables: no two ACLs are alike, and all are as they should be.
make_acls_differ() {
  {
    other_names | sed 's/.*/CREATE ROLE &;/'
    echo "SET ROLE migration_user;"
    cat <<'SQL'
SELECT format('GRANT SELECT ON app.t%s TO %s', n, string_agg('other_' || bit, ', '))
  FROM generate_series(1, :tables) AS n, generate_series(1, 16) AS bit
 WHERE n >> bit - 1 & 1 = 1
 GROUP BY n \gexec
RESET ROLE;
VACUUM (ANALYZE) pg_class;
SQL
  } | in_bench -v tables="$TABLES" >/dev/null
}

# make_before OWNER: the database `before`, in which everything belongs to OWNER and nobody else holds anything.
make_before() {
  clear_world
  write_policy app
  superuser -v tables="$TABLES" -v owner="$1" >/dev/null <<SQL
$([ "$1" = csadmin ] || echo 'SET ROLE cloudsqlsuperuser; CREATE ROLE migration_user; RESET ROLE;')
CREATE DATABASE before OWNER cloudsqlsuperuser;
\\connect before
CREATE SCHEMA app AUTHORIZATION cloudsqlsuperuser;
GRANT ALL ON SCHEMA app TO :owner;
SET ROLE :owner;
SELECT format('CREATE TABLE app.t%s (id int, at timestamptz)', n) FROM generate_series(1, :tables) AS n \\gexec
RESET ROLE;
REVOKE ALL ON SCHEMA app FROM :owner;
VACUUM (ANALYZE);
SQL
}

# restore OWNER: `bench` as `before`, and no role that a first `apply` makes.
restore() {
  superuser <<SQL
SET client_min_messages = warning;
DROP DATABASE IF EXISTS bench;
DROP ROLE IF EXISTS $(role_names | listed)$([ "$1" != csadmin ] || echo ', migration_user');
CREATE DATABASE bench OWNER cloudsqlsuperuser TEMPLATE before;
CHECKPOINT;
SQL
}

# write_minimal OWNER: what a first `apply` comes to, by hand and as shortly as it can be said.
write_minimal() {
  local all dml read
  all=$(role_names | listed)
  dml=$(role_names | grep '^app' | listed)
  read=$(role_names | grep '^read' | listed)
  {
    echo "SET ROLE cloudsqlsuperuser;"
    [ "$1" != csadmin ] || echo "CREATE ROLE migration_user;"
    role_names | sed 's/.*/CREATE ROLE &;/'
    if [ "$MAJOR" -ge 16 ]; then
      echo "GRANT migration_user TO csadmin WITH INHERIT TRUE, SET TRUE;"
    else
      echo "GRANT migration_user TO csadmin;"
    fi
    cat <<SQL
GRANT CONNECT, TEMPORARY ON DATABASE bench TO migration_user;
GRANT CONNECT ON DATABASE bench TO $all;
GRANT USAGE, CREATE ON SCHEMA app TO migration_user;
GRANT USAGE ON SCHEMA app TO $all;
RESET ROLE;
SQL
    [ "$1" != csadmin ] || seq -f 'ALTER TABLE app.t%.0f OWNER TO migration_user;' "$TABLES"
    cat <<SQL
SET ROLE migration_user;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO $dml;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO $read;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT USAGE ON SEQUENCES TO $dml;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON SEQUENCES TO $read;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT EXECUTE ON ROUTINES TO $all;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO $dml;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO $read;
SET ROLE cloudsqlsuperuser;
REVOKE ALL ON DATABASE bench FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE migration_user FROM csadmin;
SQL
  } >"$WORK/minimal.sql"
}
