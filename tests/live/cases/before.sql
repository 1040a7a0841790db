-- What is there before the first apply; run by the bootstrap superuser in `shop`.
CREATE ROLE leaker LOGIN;
CREATE EXTENSION file_fdw;
CREATE SERVER fs FOREIGN DATA WRAPPER file_fdw;
CREATE SCHEMA hr;
CREATE TABLE hr.salaries (x int);
SELECT lo_create(4242);
