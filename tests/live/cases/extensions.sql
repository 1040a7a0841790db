-- Extensions that an admin installed, with routines of every kind; run by the bootstrap superuser in `shop`.
CREATE EXTENSION refint;
CREATE EXTENSION lo;
CREATE EXTENSION moddatetime;
CREATE EXTENSION autoinc;
CREATE EXTENSION insert_username;
CREATE EXTENSION tcn;
CREATE EXTENSION citext;
SET ROLE csadmin;
CREATE EXTENSION hstore;
RESET ROLE;
CREATE EXTENSION cube;
CREATE EXTENSION earthdistance;
-- No extension of PostgreSQL has routines in PL/pgSQL on every major: one gets some, as others bring them.
CREATE FUNCTION public.runs(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN EXECUTE $1; RETURN 1; END';
CREATE FUNCTION public.runs(int, text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN EXECUTE $2; RETURN 1; END';
CREATE AGGREGATE public.runs_all(text) (sfunc = public.runs, stype = int);
CREATE FUNCTION public.counts() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN PERFORM set_config(''search_path'', '''', false); RETURN 1; END';
CREATE FUNCTION public.constant() RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN 1; END';
CREATE FUNCTION public.doubled(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION public.audits() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN EXECUTE TG_ARGV[0]; RETURN new; END';
ALTER EXTENSION file_fdw ADD FUNCTION public.runs(text);
ALTER EXTENSION file_fdw ADD FUNCTION public.runs(int, text);
ALTER EXTENSION file_fdw ADD AGGREGATE public.runs_all(text);
ALTER EXTENSION file_fdw ADD FUNCTION public.counts();
ALTER EXTENSION file_fdw ADD FUNCTION public.constant();
ALTER EXTENSION file_fdw ADD FUNCTION public.doubled(int);
ALTER EXTENSION file_fdw ADD FUNCTION public.audits();
