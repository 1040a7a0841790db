# shellcheck shell=bash
# Gives the official PostgreSQL image the shape of Cloud SQL; its entrypoint sources this once, on an empty data directory.

shape() (
  set -euo pipefail
  psql_superuser() {
    psql -X -q -v ON_ERROR_STOP=1 -U cloudsqladmin "$@"
  }
  local password
  password=$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')

  psql_superuser -d template1 -f /shape/cloud-sql.sql
  psql_superuser -d postgres -f /shape/cloud-sql.sql
  psql_superuser -d postgres <<SQL
ALTER ROLE csadmin PASSWORD '$password';
CREATE DATABASE "$DATABASE" OWNER cloudsqlsuperuser;
SQL
  cp /shape/pg_hba.conf "$PGDATA/pg_hba.conf"
  echo "operator postgres cloudsqladmin" >"$PGDATA/pg_ident.conf"
  umask 077
  echo "127.0.0.1:5432:*:csadmin:$password" >/var/run/postgresql/pgpass
)

shape
