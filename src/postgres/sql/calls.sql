-- Code of others that tables, and whatever is on them, run as whoever uses them. It begins with what belongs to roles that are not
-- trusted: whoever owns a function, a domain or a view can change it.
-- OFFSET 0 keeps the large catalogs from being read as a whole: each has an index for what is asked of it.
-- $1: owners that are not trusted, unless they are superusers.
WITH RECURSIVE untrusted AS MATERIALIZED (
  SELECT oid, rolname::text AS name
    FROM pg_roles
   WHERE rolname = ANY ($1::text[]::name[]) AND NOT rolsuper
),
code AS MATERIALIZED (
  SELECT o.class, o.oid, u.name AS owner, o.kind
    FROM (
      SELECT 'pg_proc'::regclass::oid AS class, oid, proowner AS owner,
             CASE prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END AS kind
        FROM pg_proc
       WHERE oid >= 16384
      UNION ALL
      SELECT 'pg_type'::regclass, oid, typowner, 'domain' FROM pg_type WHERE typtype = 'd' AND oid >= 16384
      UNION ALL
      SELECT 'pg_class'::regclass, c.oid, c.relowner, 'view'
        FROM pg_rewrite r
        JOIN pg_class c ON c.oid = r.ev_class AND c.relkind = 'v'
       WHERE r.oid >= 16384 AND r.ev_type = '1'
    ) o
    JOIN untrusted u ON u.oid = o.owner
   WHERE NOT EXISTS (
         SELECT FROM pg_depend m WHERE m.classid = o.class AND m.objid = o.oid AND m.deptype = 'e' OFFSET 0)
),
-- What leads on: operators, aggregates and routines whose body is SQL, types of what is checked, views, and tables whose policies
-- run for whoever reads them through a view.
used AS (
  SELECT class AS code, oid AS root, class, oid
    FROM code
  UNION
  SELECT u.code, u.root, n.class, n.oid
    FROM used u
   CROSS JOIN LATERAL (
         SELECT classid, objid, objsubid
           FROM pg_depend
          WHERE refclassid = u.class AND refobjid = u.oid AND deptype IN ('n', 'a', 'i')
            AND (refclassid <> 'pg_class'::regclass OR deptype = 'n')
         OFFSET 0) d
   CROSS JOIN LATERAL (
         SELECT d.classid AS class, d.objid AS oid
          WHERE d.classid IN ('pg_operator'::regclass, 'pg_proc'::regclass)
             OR d.classid = 'pg_type'::regclass AND u.class <> 'pg_class'::regclass
         UNION ALL
         SELECT 'pg_type'::regclass, contypid
           FROM pg_constraint
          WHERE d.classid = 'pg_constraint'::regclass AND oid = d.objid AND contypid <> 0
         UNION ALL
         SELECT 'pg_type'::regclass, reltype
           FROM pg_class
          WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0 AND oid = d.objid AND relkind IN ('c', 'r', 'p')
            AND u.class = 'pg_type'::regclass
         UNION ALL
         SELECT 'pg_class'::regclass, ev_class
           FROM pg_rewrite
          WHERE d.classid = 'pg_rewrite'::regclass AND oid = d.objid AND ev_type = '1'
         UNION ALL
         SELECT 'pg_class'::regclass, polrelid
           FROM pg_policy
          WHERE d.classid = 'pg_policy'::regclass AND oid = d.objid
         OFFSET 0) n
),
place AS MATERIALIZED (
  SELECT u.code, u.root, p.runs, p.what, p.name, p.detail, p.relation, p.namespace
    FROM used u
   CROSS JOIN LATERAL (
         SELECT classid, objid, objsubid
           FROM pg_depend
          WHERE refclassid = u.class AND refobjid = u.oid AND deptype IN ('n', 'a', 'i')
            AND (refclassid <> 'pg_class'::regclass OR deptype = 'n')
         OFFSET 0) d
   CROSS JOIN LATERAL (
         SELECT 'write' AS runs, 'trigger' AS what, tgname AS name, NULL::text AS detail, tgrelid AS relation, NULL::oid AS namespace
           FROM pg_trigger
          WHERE d.classid = 'pg_trigger'::regclass AND oid = d.objid AND NOT tgisinternal AND tgenabled <> 'D'
         UNION ALL
         SELECT 'write', 'column', attname, NULL, adrelid, NULL
           FROM pg_attrdef f
           JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
          WHERE d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
         UNION ALL
         -- A column of a type that is checked; up to 14 a generated column, too.
         SELECT 'write', 'column', attname, NULL, attrelid, NULL
           FROM pg_attribute
          WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0 AND attrelid = d.objid AND attnum = d.objsubid
         UNION ALL
         SELECT 'write', 'constraint', conname, NULL, conrelid, NULL
           FROM pg_constraint
          WHERE d.classid = 'pg_constraint'::regclass AND oid = d.objid AND conrelid <> 0
         UNION ALL
         SELECT 'write', 'domain', typname, NULL, NULL, typnamespace
           FROM pg_constraint c
           JOIN pg_type t ON t.oid = contypid
          WHERE d.classid = 'pg_constraint'::regclass AND c.oid = d.objid AND contypid <> u.oid
         UNION ALL
         SELECT 'write', 'domain', typname, NULL, NULL, typnamespace
           FROM pg_type
          WHERE d.classid = 'pg_type'::regclass AND oid = d.objid AND typtype = 'd'
         UNION ALL
         SELECT 'write', 'index', c.relname, NULL, indrelid, NULL
           FROM pg_index
           JOIN pg_class c ON c.oid = indexrelid
          WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND indexrelid = d.objid
         UNION ALL
         SELECT 'write', 'partition key', NULL, NULL, partrelid, NULL
           FROM pg_partitioned_table
          WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND partrelid = d.objid
         UNION ALL
         SELECT 'read or write', 'policy', polname, NULL, polrelid, NULL
           FROM pg_policy
          WHERE d.classid = 'pg_policy'::regclass AND oid = d.objid
         UNION ALL
         SELECT CASE WHEN ev_type <> '1' THEN 'write' WHEN c.relkind = 'm' THEN 'own' ELSE 'read' END,
                CASE WHEN ev_type <> '1' THEN 'rule' WHEN c.relkind = 'm' THEN 'materialized view' ELSE 'view' END,
                rulename, NULL, ev_class, NULL
           FROM pg_rewrite r
           JOIN pg_class c ON c.oid = ev_class
          WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND ev_enabled <> 'D'
            AND NOT (u.class = 'pg_class'::regclass AND ev_class = u.oid)
         UNION ALL
         SELECT 'own', 'statistics', stxname, NULL, stxrelid, NULL
           FROM pg_statistic_ext
          WHERE d.classid = 'pg_statistic_ext'::regclass AND oid = d.objid
         UNION ALL
         SELECT 'call', 'routine', proname, oidvectortypes(proargtypes), NULL, pronamespace
           FROM pg_proc
          WHERE d.classid = 'pg_proc'::regclass AND oid = d.objid
         UNION ALL
         SELECT 'change', 'event trigger', evtname, NULL, NULL, NULL
           FROM pg_event_trigger
          WHERE d.classid = 'pg_event_trigger'::regclass AND oid = d.objid AND evtenabled <> 'D'
         OFFSET 0) p
),
-- Whoever uses a table uses its partitions, wherever they are.
whole AS (
  SELECT relation, relation AS part
    FROM place
   WHERE relation IS NOT NULL
  UNION
  SELECT i.inhparent, w.part
    FROM whole w
   CROSS JOIN LATERAL (SELECT inhparent FROM pg_inherits WHERE inhrelid = w.relation OFFSET 0) i
)
SELECT c.kind || ' ' || (SELECT identity FROM pg_identify_object(c.class, c.oid, 0)),
       c.owner,
       n.nspname::text,
       p.runs,
       min(CASE WHEN p.what = 'event trigger' THEN format('event trigger %I', p.name)
                WHEN p.relation IS NULL
                THEN format('%s %I.%I', p.what, n.nspname, p.name) || coalesce('(' || p.detail || ')', '')
                WHEN p.what IN ('view', 'materialized view') THEN format('%s %s', p.what, t.name)
                WHEN p.what = 'column' THEN format('%s %s(%I)', p.what, t.name, p.name)
                WHEN p.what = 'partition key' THEN format('%s of %s', p.what, t.name)
                ELSE format('%s %I on %s', p.what, p.name, t.name) END)
  FROM place p
  JOIN code c ON c.class = p.code AND c.oid = p.root
  LEFT JOIN whole w ON w.part = p.relation
  LEFT JOIN LATERAL (
       SELECT s.relnamespace AS namespace, format('%I.%I', m.nspname, r.relname) AS name
         FROM pg_class s
         JOIN pg_class r ON r.oid = p.relation
         JOIN pg_namespace m ON m.oid = r.relnamespace
        WHERE s.oid = w.relation
       OFFSET 0) t ON true
  LEFT JOIN pg_namespace n ON n.oid = coalesce(p.namespace, t.namespace)
 GROUP BY c.class, c.oid, c.kind, c.owner, n.nspname, p.runs
