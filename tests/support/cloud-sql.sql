-- The shape of a Cloud SQL for PostgreSQL instance, as its listings and dumps show it. Run by the bootstrap superuser
-- `cloudsqladmin`, in `template1` and again in `postgres`; the database `cloudsqladmin` and the passwords are made by who runs it.
-- Statements end with an empty line, so that single-user mode (`postgres --single -j`) reads this file as psql does.

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'cloudsqlsuperuser') THEN
    RETURN;
  END IF;
  CREATE ROLE cloudsqlsuperuser NOLOGIN CREATEROLE CREATEDB;
  GRANT pg_monitor TO cloudsqlsuperuser;
  CREATE ROLE postgres LOGIN CREATEROLE CREATEDB;
  CREATE ROLE csadmin LOGIN CREATEROLE CREATEDB;
  CREATE ROLE cloudsqlagent LOGIN CREATEROLE CREATEDB;
  CREATE ROLE cloudsqlimportexport LOGIN CREATEROLE CREATEDB;
  GRANT cloudsqlsuperuser TO postgres, csadmin, cloudsqlagent, cloudsqlimportexport;
  CREATE ROLE cloudsqlreplica LOGIN REPLICATION;
  CREATE ROLE cloudsqliamuser NOLOGIN;
  CREATE ROLE cloudsqliamserviceaccount NOLOGIN;
END
$$;

ALTER DATABASE postgres OWNER TO cloudsqlsuperuser;

ALTER DATABASE template1 OWNER TO cloudsqlsuperuser;

-- From 15 on `public` belongs to pg_database_owner, which is the same by another way.
DO $$
BEGIN
  IF pg_catalog.current_setting('server_version_num')::int < 150000 THEN
    ALTER SCHEMA public OWNER TO cloudsqlsuperuser;
  END IF;
END
$$;
