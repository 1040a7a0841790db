-- What the migrations make after the first apply; run by the bootstrap superuser in `shop`.
SET ROLE migration_user;
CREATE TABLE appdata.t (id int, secret text);
CREATE TABLE appdata.s (id serial, n int GENERATED ALWAYS AS IDENTITY);
CREATE FUNCTION appdata.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TYPE appdata.mood AS ENUM ('fine');
CREATE DOMAIN appdata.dom AS int;
CREATE VIEW appdata.recent AS SELECT id FROM appdata.t;
CREATE PROCEDURE appdata.proc() LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION appdata.g(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION appdata.g(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
RESET ROLE;
CREATE FOREIGN TABLE appdata.ft (a text) SERVER fs OPTIONS (filename '/dev/null');
ALTER FOREIGN TABLE appdata.ft OWNER TO migration_user;
