# shellcheck shell=bash
# The database that is measured: one schema `app` with many tables, and a policy of one `ddl` role and many others.

# role_names: the roles beside `migration_user`; the first half reads and writes, the rest reads.
role_names() {
  local i
  for ((i = 1; i < ROLES; i++)); do
    if [ $((i * 2)) -le "$ROLES" ]; then printf 'app_%02d\n' "$i"; else printf 'read_%02d\n' "$i"; fi
  done
}

joined() {
  role_names | grep "^$1" | paste -sd, - | sed 's/,/, /g'
}

write_policy() {
  local role
  {
    printf 'version: 1\ndatabases:\n  bench: { schemas: [app] }\nignore: { roles: ["other_*"] }\nroles:\n'
    printf '  migration_user: { access: ddl }\n'
    for role in $(role_names); do
      case $role in
        app_*) printf '  %s: { access: dml }\n' "$role" ;;
        *) printf '  %s: { access: read }\n' "$role" ;;
      esac
    done
  } >"$WORK/policy.yaml"
}

# The same by hand, as shortly as it can be said. $1: `taken` where the tables belong to somebody else before.
write_minimal() {
  local all i
  all=$(role_names | paste -sd, - | sed 's/,/, /g')
  {
    echo "SET search_path = pg_catalog; SET ROLE cloudsqlsuperuser;"
    [ "$1" != taken ] || echo "CREATE ROLE migration_user;"
    role_names | sed 's/.*/CREATE ROLE &;/'
    echo "RESET ROLE; $(lend) RESET ROLE;"
    if [ "$1" = taken ]; then
      echo "GRANT USAGE, CREATE ON SCHEMA app TO migration_user;"
      for ((i = 1; i <= TABLES; i++)); do
        echo "ALTER TABLE app.t$i OWNER TO migration_user;"
      done
    fi
    cat <<SQL
GRANT CONNECT, TEMPORARY ON DATABASE bench TO migration_user;
GRANT CONNECT ON DATABASE bench TO $all;
GRANT USAGE, CREATE ON SCHEMA app TO migration_user;
GRANT USAGE ON SCHEMA app TO $all;
SET ROLE migration_user;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO $(joined app);
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO $(joined read);
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT USAGE ON SEQUENCES TO $(joined app);
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON SEQUENCES TO $(joined read);
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT EXECUTE ON ROUTINES TO $all;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA app TO $(joined app);
GRANT SELECT ON ALL TABLES IN SCHEMA app TO $(joined read);
RESET ROLE;
REVOKE ALL ON DATABASE bench FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
$(give_back)
SQL
  } >"$WORK/minimal.sql"
}

# From 16 on the maker of a role administers it, and is no member.
lend() {
  if [ "$MAJOR" -ge 16 ]; then
    echo "SET ROLE cloudsqlsuperuser; GRANT migration_user TO csadmin WITH INHERIT TRUE, SET TRUE;"
  else
    echo "SET ROLE cloudsqlsuperuser; GRANT migration_user TO csadmin;"
  fi
}

give_back() {
  echo "SET ROLE cloudsqlsuperuser; REVOKE migration_user FROM csadmin;"
}

superuser() {
  psql -X -q -At -v ON_ERROR_STOP=1 -d "$SUPERUSER_URL" "$@"
}

# $1: the owner of the tables. A table has a key and a text column: five rows in pg_class.
make_tables() {
  superuser -v tables="$TABLES" -v owner="$1" >/dev/null <<'SQL'
SET client_min_messages = warning;
CREATE DATABASE before OWNER cloudsqlsuperuser;
\connect before
CREATE SCHEMA app AUTHORIZATION cloudsqlsuperuser;
GRANT ALL ON SCHEMA app TO :owner;
SET ROLE :owner;
SELECT format('CREATE TABLE app.t%s (id int PRIMARY KEY, note text)', n) FROM generate_series(1, :tables) AS n \gexec
RESET ROLE;
REVOKE ALL ON SCHEMA app FROM :owner;
VACUUM (ANALYZE);
SQL
}
