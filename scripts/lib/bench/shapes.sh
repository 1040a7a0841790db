# shellcheck shell=bash
# Databases of other shapes than many tables in one schema: `make_SHAPE SIZE` makes one, in sync unless VERDICT is changed.

SHAPES="tables schemas roles databases functions sequences untrusted findings secrets"

# sizes SHAPE: from small to large, so that what one step costs can be set beside the one before.
sizes() {
  if [ "$QUICK" ]; then
    case $1 in
      tables) echo "${SIZES:-2000 8000}" ;;
      schemas) echo "50 500" ;;
      roles) echo "100 400" ;;
      databases) echo "5 20" ;;
      functions) echo "5000 20000" ;;
      sequences | findings) echo "1000 4000" ;;
      untrusted) echo "500 2000" ;;
      secrets) echo "10 40" ;;
    esac
  else
    case $1 in
      tables) echo "${SIZES:-100 2000 10000 50000}" ;;
      schemas) echo "2 50 200 500" ;;
      roles) echo "20 100 400" ;;
      databases) echo "1 20 100" ;;
      functions) echo "5000 20000" ;;
      sequences) echo "2500 10000" ;;
      untrusted) echo "1250 5000 20000" ;;
      findings) echo "12500 50000" ;;
      secrets) echo "10 50 200" ;;
    esac
  fi
}

# What the size of a shape counts, for the report.
counted() {
  case $1 in
    tables) echo "tables in one schema, $ROLES roles" ;;
    schemas) echo "schemas with $(schema_tables) tables in all, $ROLES roles" ;;
    roles) echo "roles, 200 tables" ;;
    databases) echo "databases with two roles and 20 tables each" ;;
    functions) echo "functions in one schema, $ROLES roles" ;;
    sequences) echo "tables with a serial column, $ROLES roles" ;;
    untrusted) echo "functions, tables and views that were made by a \`dml\` role, half of the tables handed over" ;;
    findings) echo "tables of wrong owners, a third and a fifth with grants of others" ;;
    secrets) echo "roles with a secret each, $DELAY a call at Secret Manager" ;;
  esac
}

schema_tables() {
  if [ "$QUICK" ]; then echo 2000; else echo 10000; fi
}

# make SHAPE SIZE: nothing of the shape before is left.
make() {
  clear_world
  VERDICT=0
  echo "\\i $ROOT/scripts/lib/bench/baseline.sql" >"$WORK/listing.sql"
  BENCH_URL=${ROLEWRIGHT_ADMIN_URL%/postgres}/bench
  note "making $2 $(counted "$1")"
  "make_$1" "$2"
  # What was written is not to be flushed while a check is measured.
  superuser -c CHECKPOINT
}

make_tables() {
  TABLES=$1
  write_policy app
  make_in_sync "SELECT format('CREATE TABLE app.t%s (id int PRIMARY KEY, note text)', n) FROM generate_series(1, $1) AS n \\gexec"
}

make_schemas() {
  write_policy "$(seq -f 's%.0f' "$1" | listed)"
  make_in_sync "SELECT format('CREATE TABLE s%s.t%s (id int PRIMARY KEY, note text)', 1 + n % $1, n)
    FROM generate_series(1, $(schema_tables)) AS n \\gexec"
}

make_roles() {
  local ROLES=$1
  write_policy app
  make_in_sync "SELECT format('CREATE TABLE app.t%s (id int PRIMARY KEY, note text)', n) FROM generate_series(1, 200) AS n \\gexec"
}

make_functions() {
  write_policy app
  make_in_sync "SELECT format('CREATE FUNCTION app.f%s(int) RETURNS int LANGUAGE sql AS ''SELECT 1''', n) FROM generate_series(1, $1) AS n \\gexec"
}

make_sequences() {
  write_policy app
  make_in_sync "SELECT format('CREATE TABLE app.t%s (id serial PRIMARY KEY)', n) FROM generate_series(1, $1) AS n \\gexec"
}

# The listing takes one database after the other, in one process.
make_databases() {
  local i
  {
    printf 'version: 1\ndatabases:\n'
    seq -f '  d%.0f: { schemas: [app] }' "$1"
    printf 'roles:\n'
    seq "$1" | sed 's/.*/  migrate_&: { access: { ddl: [d&.app] } }\n  app_&: { access: { dml: [d&.app] } }/'
  } >"$WORK/policy.yaml"
  seq -f 'CREATE DATABASE d%.0f OWNER cloudsqlsuperuser;' "$1" | superuser
  apply >"$WORK/applied"
  for ((i = 1; i <= $1; i++)); do
    cat <<SQL
\\connect d$i
SET ROLE migrate_$i;
SELECT format('CREATE TABLE app.t%s (id int PRIMARY KEY, note text)', n) FROM generate_series(1, 20) AS n \\gexec
RESET ROLE;
VACUUM (ANALYZE);
SQL
  done | superuser >/dev/null
  BENCH_URL=${ROLEWRIGHT_ADMIN_URL%/postgres}/d1
  seq "$1" | sed "s|.*|\\\\connect d&\n\\\\i $ROOT/scripts/lib/bench/baseline.sql|" >"$WORK/listing.sql"
}

# A third of each kind; each table runs a function of the role that made it, whoever owns the table by now.
make_untrusted() {
  write_policy app
  make_in_sync ""
  VERDICT=2
  in_bench -v size="$(($1 / 3))" >/dev/null <<'SQL'
GRANT CREATE ON SCHEMA app TO app_01;
SET ROLE app_01;
SELECT format('CREATE FUNCTION app.f%s(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS ''BEGIN RETURN $1; END''', n)
  FROM generate_series(1, :size) AS n \gexec
SELECT format('CREATE TABLE app.t%s (id int CHECK (app.f%s(id) = id))', n, n) FROM generate_series(1, :size) AS n \gexec
SELECT format('CREATE VIEW app.v%s AS SELECT app.f%s(id) AS id FROM app.t%s', n, n, n) FROM generate_series(1, :size) AS n \gexec
RESET ROLE;
REVOKE CREATE ON SCHEMA app FROM app_01;
SELECT format('ALTER TABLE app.t%s OWNER TO migration_user', n) FROM generate_series(2, :size, 2) AS n \gexec
VACUUM (ANALYZE);
SQL
}

make_findings() {
  write_policy app
  make_in_sync "SELECT format('CREATE TABLE app.t%s (id int)', n) FROM generate_series(1, $1) AS n \\gexec"
  VERDICT=2
  in_bench -v size="$1" >/dev/null <<'SQL'
SELECT format('ALTER TABLE app.t%s OWNER TO %I', n, CASE WHEN n % 2 = 0 THEN 'app_01' ELSE 'app_02' END)
  FROM generate_series(1, :size) AS n \gexec
SELECT format('GRANT TRUNCATE ON app.t%s TO app_03', n) FROM generate_series(1, :size, 3) AS n \gexec
SELECT format('GRANT SELECT ON app.t%s TO PUBLIC', n) FROM generate_series(1, :size, 5) AS n \gexec
VACUUM (ANALYZE);
SQL
}

# Secret Manager answers at once while the secrets are made, and after DELAY from then on.
make_secrets() {
  start_secret_manager
  {
    printf 'version: 1\nproject: bench\ndatabases:\n  bench: { schemas: [app] }\nroles:\n  migration_user: { access: ddl }\n'
    seq "$1" | sed 's|.*|  app_&: { access: dml, secret: { name: bench-&, payload: password } }|'
  } >"$WORK/policy.yaml"
  make_in_sync "SELECT format('CREATE TABLE app.t%s (id int PRIMARY KEY, note text)', n) FROM generate_series(1, 20) AS n \\gexec"
  curl -fsS -o /dev/null -X PUT "$ROLEWRIGHT_GOOGLE_ENDPOINT/_fake/faults/slow" \
    -d "{\"times\": \"always\", \"effect\": {\"delay\": \"$DELAY\"}}"
}

start_secret_manager() {
  local i
  stop_secret_manager
  # The address of the one before would be taken for the address of this one.
  rm -f "$WORK/fake-gcp"
  "$FAKE_GCP" --listen 127.0.0.1:0 --project bench=123456789012 >"$WORK/fake-gcp" 2>"$WORK/fake-gcp.log" &
  SECRET_MANAGER=$!
  for ((i = 0; i < 200; i++)); do
    ROLEWRIGHT_GOOGLE_ENDPOINT=$(sed -n '1s/^listening on //p' "$WORK/fake-gcp" 2>/dev/null || true)
    export ROLEWRIGHT_GOOGLE_ENDPOINT
    [ -z "$ROLEWRIGHT_GOOGLE_ENDPOINT" ] || return 0
    sleep 0.05
  done
  die "fake-gcp did not start: $(cat "$WORK/fake-gcp.log")"
}

stop_secret_manager() {
  [ -z "${SECRET_MANAGER-}" ] || kill "$SECRET_MANAGER" 2>/dev/null || true
  SECRET_MANAGER=""
}
