-- What views read with the rights of their owners: one row for each relation that one of them names. Views that a schema's own
-- `ddl` role made are left out, unless another one reads through them: what such a view shows is what that role chose to
-- show. A view with security_invoker (15 and later) reads with the rights of whoever reads it, from wherever it is read.
-- https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-NOTES
-- A materialized view has copied what it shows, and is none of these. FirstNormalObjectId, 16384: PostgreSQL's own are none
-- either.
-- $1, $2: schemas, and the `ddl` roles of each.
WITH RECURSIVE trusted AS MATERIALIZED (
  SELECT n.oid AS namespace, r.oid AS owner
    FROM unnest($1::text[], $2::text[]) AS t(schema, owner)
    JOIN pg_namespace n ON n.nspname = t.schema::name
    JOIN pg_roles r ON r.rolname = t.owner::name
),
-- pg_rewrite is small where pg_class is large.
view AS MATERIALIZED (
  SELECT c.oid, r.oid AS rule, c.relnamespace AS namespace, c.relname AS name, c.relowner AS owner
    FROM pg_rewrite r
    JOIN pg_class c ON c.oid = r.ev_class AND c.relkind = 'v'
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_temp_'
   WHERE r.oid >= 16384
     AND r.ev_type = '1'
     AND NOT EXISTS (
           SELECT
             FROM pg_options_to_table(c.reloptions) o
            WHERE o.option_name = 'security_invoker' AND o.option_value::boolean)
),
-- pg_depend is large, and has an index for what one rule depends on: OFFSET 0 keeps it from being read as a whole.
read AS (
  SELECT v.oid
    FROM view v
   WHERE NOT EXISTS (SELECT FROM trusted t WHERE t.namespace = v.namespace AND t.owner = v.owner)

  UNION
  SELECT d.refobjid
    FROM read
    JOIN view v USING (oid)
   CROSS JOIN LATERAL (
         SELECT refobjid
           FROM pg_depend
          WHERE classid = 'pg_rewrite'::regclass AND objid = v.rule
            AND refclassid = 'pg_class'::regclass AND refobjid <> v.oid AND deptype = 'n'
         OFFSET 0) d
    JOIN view w ON w.oid = d.refobjid
)
SELECT n.nspname::text,
       v.name::text,
       pg_get_userbyid(v.owner)::text,
       -- One bit for each of UPDATE (4), INSERT (8) and DELETE (16).
       pg_relation_is_updatable(v.oid, false),
       'relation ' || c.relkind::text,
       m.nspname::text,
       c.relname::text,
       array_agg(a.attname::text) FILTER (WHERE a.attname IS NOT NULL)
  FROM read
  JOIN view v USING (oid)
  JOIN pg_namespace n ON n.oid = v.namespace
 CROSS JOIN LATERAL (
       SELECT refobjid, refobjsubid
         FROM pg_depend
        WHERE classid = 'pg_rewrite'::regclass AND objid = v.rule
          AND refclassid = 'pg_class'::regclass AND refobjid <> v.oid AND deptype = 'n'
       OFFSET 0) d
  JOIN pg_class c ON c.oid = d.refobjid AND c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  JOIN pg_namespace m ON m.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid <> 0
 GROUP BY v.oid, n.nspname, v.name, v.owner, c.oid, c.relkind, m.nspname, c.relname
