-- Tables with row security, their policies, and the views that lead to them. Part of the statement before it.
UNION ALL
(
  WITH RECURSIVE secured AS MATERIALIZED (
    SELECT oid
      FROM pg_class
     WHERE relrowsecurity AND relkind IN ('r', 'p')
  ),
  -- Views above them. pg_depend is large, and has an index for what depends on one relation.
  above AS (
    SELECT oid
      FROM secured
    UNION
    SELECT c.oid
      FROM above a
     CROSS JOIN LATERAL (
           SELECT objid
             FROM pg_depend
            WHERE refclassid = 'pg_class'::regclass AND refobjid = a.oid AND classid = 'pg_rewrite'::regclass AND deptype = 'n'
           OFFSET 0) d
      JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_type = '1'
      JOIN pg_class c ON c.oid = r.ev_class AND c.relkind = 'v'
  ),
  policy AS (
    SELECT polrelid, polname, polcmd, polpermissive, polroles,
           coalesce(pg_get_expr(polqual, polrelid), 'true') = 'false' AS shows_nothing,
           coalesce(pg_get_expr(polwithcheck, polrelid), pg_get_expr(polqual, polrelid), 'true') = 'false' AS admits_nothing
      FROM pg_policy
     WHERE polrelid IN (SELECT oid FROM secured)
  )
  SELECT 'row security ' || c.relkind::text,
         c.relname::text/*c.oid*/,
         pg_get_userbyid(c.relowner)::text,
         n.nspname::text/*n.oid*/,
         CASE WHEN c.relforcerowsecurity THEN 'forced' END,
         NULL::text[]
    FROM secured s
    JOIN pg_class c USING (oid)
    JOIN pg_namespace n ON n.oid = c.relnamespace
  UNION ALL
  SELECT 'row policy ' || c.relkind::text,
         c.relname::text/*c.oid*/,
         pg_get_userbyid(c.relowner)::text,
         n.nspname::text/*n.oid*/,
         p.polname::text,
         -- PUBLIC is NULL among the roles.
         ARRAY[p.polcmd::text, p.polpermissive::text, p.shows_nothing::text, p.admits_nothing::text]
           || ARRAY(SELECT CASE WHEN role <> 0 THEN pg_get_userbyid(role)::text END FROM unnest(p.polroles) AS role)
    FROM policy p
    JOIN pg_class c ON c.oid = p.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
  UNION ALL
  SELECT DISTINCT
         'row view ' || r.relkind::text,
         v.relname::text/*v.oid*/,
         pg_get_userbyid(v.relowner)::text,
         n.nspname::text/*n.oid*/,
         (SELECT 'invoker'
            FROM pg_options_to_table(v.reloptions) o
           WHERE o.option_name = 'security_invoker' AND o.option_value::boolean),
         ARRAY[m.nspname::text/*m.oid*/, r.relname::text/*r.oid*/]
    FROM above a
    JOIN pg_class v ON v.oid = a.oid AND v.relkind = 'v'
    JOIN pg_namespace n ON n.oid = v.relnamespace
    JOIN pg_rewrite w ON w.ev_class = v.oid AND w.ev_type = '1'
   CROSS JOIN LATERAL (
         SELECT refobjid
           FROM pg_depend
          WHERE classid = 'pg_rewrite'::regclass AND objid = w.oid
            AND refclassid = 'pg_class'::regclass AND refobjid <> v.oid AND deptype = 'n'
         OFFSET 0) d
    JOIN pg_class r ON r.oid = d.refobjid AND r.relkind IN ('r', 'p', 'v', 'm', 'f')
    JOIN pg_namespace m ON m.oid = r.relnamespace
)
