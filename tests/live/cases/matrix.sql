-- What there is for matrix.tsv beside migrations.sql; run by the bootstrap superuser in `shop`.
CREATE ROLE agent;
CREATE ROLE outsider;
SET ROLE migration_user;
CREATE MATERIALIZED VIEW appdata.mv AS SELECT 1 AS a;
CREATE TABLE appdata.parted (a int) PARTITION BY LIST (a);
CREATE TABLE appdata.part PARTITION OF appdata.parted DEFAULT;
CREATE TABLE appdata.kept (a int);
CREATE AGGREGATE appdata.agg(*) (sfunc = int8inc, stype = int8, initcond = '0');
SELECT lo_create(777);
RESET ROLE;
CREATE FUNCTION appdata.win() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number';
ALTER FUNCTION appdata.win() OWNER TO migration_user;
GRANT EXECUTE ON FUNCTION appdata.win() TO app_user, reader;
CREATE SERVER of_admin FOREIGN DATA WRAPPER file_fdw;
ALTER SERVER of_admin OWNER TO csadmin;
