-- $1: roles that are to go. What depends on them, by database: the account is one for all databases.
SELECT r.rolname::text,
       d.datname::text,
       count(*)
  FROM pg_shdepend s
  JOIN pg_roles r ON r.oid = s.refobjid
  LEFT JOIN pg_database d ON d.oid = s.dbid
 WHERE s.refclassid = 'pg_authid'::regclass
   AND r.rolname::text = ANY ($1::text[])
 GROUP BY r.rolname, d.datname
