
-- The end of objects.sql: what PUBLIC holds of PostgreSQL's own objects beyond what they came with. That stands in pg_init_privs,
-- but for information_schema, whose views are everybody's to read unless they are named _pg_....
-- https://www.postgresql.org/docs/current/catalog-pg-init-privs.html
UNION ALL
SELECT x.kind, n.nspname::text, pg_get_userbyid(x.owner)::text, x.acl::text[], 'initial', false, array_agg(x.name),
       CASE WHEN bool_and(x.detail IS NOT NULL) THEN array_agg(x.detail) END
  FROM (
    SELECT o.kind, o.namespace, o.owner, o.name, o.detail,
           ARRAY(SELECT makeaclitem(0, a.grantor, a.privilege_type, false)
                   FROM aclexplode(o.acl) a
                  WHERE a.grantee = 0
                    AND NOT EXISTS (SELECT
                                      FROM aclexplode(coalesce(i.initprivs, o.initial)) b
                                     WHERE b.grantee = 0 AND b.privilege_type = a.privilege_type)) AS acl
      FROM (
        SELECT 'pg_class'::regclass AS class, oid, 0 AS part, 'relation ' || relkind::text AS kind,
               relnamespace AS namespace, relowner AS owner, relacl AS acl,
               CASE WHEN relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = 'information_schema')
                         AND relname !~ '^_pg_'
                    THEN ARRAY[makeaclitem(0, relowner, 'SELECT', false)] END AS initial,
               relname::text AS name, NULL::text AS detail
          FROM pg_class
         WHERE oid < 16384 AND relacl IS NOT NULL AND relkind IN ('r', 'v')
        UNION ALL
        SELECT 'pg_class'::regclass, t.attrelid, t.attnum, 'column', c.relnamespace, c.relowner, t.attacl, NULL,
               c.relname::text, t.attname::text
          FROM pg_attribute t
          JOIN pg_class c ON c.oid = t.attrelid
         WHERE t.attrelid < 16384 AND t.attacl IS NOT NULL
        UNION ALL
        SELECT 'pg_proc'::regclass, oid, 0, 'routine ' || prokind::text, pronamespace, proowner, proacl,
               acldefault('f', proowner), proname::text, oidvectortypes(proargtypes)
          FROM pg_proc
         WHERE oid < 16384 AND proacl IS NOT NULL
        UNION ALL
        SELECT 'pg_namespace'::regclass, oid, 0, 'schema', oid, nspowner, nspacl,
               CASE nspname WHEN 'information_schema' THEN ARRAY[makeaclitem(0, nspowner, 'USAGE', false)] END,
               nspname::text, NULL
          FROM pg_namespace
         WHERE nspname IN ('pg_catalog', 'information_schema', 'pg_toast')
      ) o
      LEFT JOIN pg_init_privs i ON i.classoid = o.class AND i.objoid = o.oid AND i.objsubid = o.part
     WHERE o.acl IS DISTINCT FROM i.initprivs
  ) x
  JOIN pg_namespace n ON n.oid = x.namespace
 WHERE x.acl <> '{}'
 GROUP BY x.kind, n.nspname, x.owner, x.acl
