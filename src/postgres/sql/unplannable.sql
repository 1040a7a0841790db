-- Relations that are not to be planned, behind the walk of code.sql. The planner evaluates IMMUTABLE functions with constant arguments,
-- in views, policies, defaults, checks, generated columns and the expressions of indexes, statistics and partition keys, and that as
-- the role that asks; it evaluates STABLE ones for its estimates, and puts the text of SQL functions in the place of their calls.
-- It plans nothing of a trigger. Foreign tables ask another server. The owner of a relation can add such things at any time.
-- https://www.postgresql.org/docs/current/xfunc-volatility.html
unsafe AS (
  SELECT DISTINCT relation AS oid
    FROM places
   WHERE relation IS NOT NULL AND what <> 'trigger'
  UNION
  SELECT c.oid
    FROM pg_class c
    LEFT JOIN untrusted u ON u.oid = c.relowner
   WHERE c.relkind = 'f' OR u.oid IS NOT NULL AND c.relkind IN ('r', 'p', 'v', 'm')
  UNION
  -- Parents read their children, views and rules what they name, and policies the relations of their subqueries.
  SELECT n.oid
    FROM unsafe u
   CROSS JOIN LATERAL (
         SELECT inhparent AS oid
           FROM pg_inherits
          WHERE inhrelid = u.oid
         UNION ALL
         SELECT r.ev_class
           FROM pg_depend d
           JOIN pg_rewrite r ON r.oid = d.objid
          WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = u.oid AND d.classid = 'pg_rewrite'::regclass AND d.deptype = 'n'
         UNION ALL
         SELECT p.polrelid
           FROM pg_depend d
           JOIN pg_policy p ON p.oid = d.objid
          WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = u.oid AND d.classid = 'pg_policy'::regclass AND d.deptype = 'n'
         OFFSET 0) n
)
SELECT 'relation ' || c.relkind::text,
       n.nspname::text/*n.oid*/,
       c.relname::text/*c.oid*/
  FROM unsafe u
  JOIN pg_class c USING (oid)
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
