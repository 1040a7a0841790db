-- Where the code runs, as whom: behind the walks of code.sql and unknown.sql.
every AS (
  TABLE places
  UNION ALL
  TABLE unknown
),
-- A role that uses a table uses its partitions, wherever they are. DISTINCT keeps the planner from reckoning with millions of rows, for
-- which it would make hash tables as large as `work_mem` allows.
whole AS (
  SELECT DISTINCT relation, relation AS part
    FROM every
   WHERE relation IS NOT NULL
  UNION
  SELECT i.inhparent, w.part
    FROM whole w
   CROSS JOIN LATERAL (SELECT inhparent FROM pg_inherits WHERE inhrelid = w.relation OFFSET 0) i
),
-- An index that the owner of a parent makes is built on each partition with the rights of its owner.
below AS (
  SELECT DISTINCT relation AS parent, relation
    FROM every
   WHERE own AND relation IS NOT NULL
  UNION
  SELECT b.parent, i.inhrelid
    FROM below b
   CROSS JOIN LATERAL (
         SELECT inhrelid
           FROM pg_inherits
           JOIN pg_class c ON c.oid = inhrelid AND c.relispartition
          WHERE inhparent = b.relation
         OFFSET 0) i
),
named AS MATERIALIZED (
  SELECT c.oid, c.relnamespace AS namespace, format('%I.%I', n.nspname, c.relname) AS name
    FROM (SELECT relation AS oid FROM whole UNION SELECT relation FROM below) w
   CROSS JOIN LATERAL (SELECT oid, relnamespace, relname FROM pg_class WHERE oid = w.oid OFFSET 0) c
    JOIN pg_namespace n ON n.oid = c.relnamespace
),
told AS MATERIALIZED (
  SELECT p.*,
         CASE WHEN p.what = 'event trigger' THEN format('event trigger %I', p.name)
              WHEN p.relation IS NULL
              THEN format('%s %I.%I', p.what, n.nspname, p.name) || coalesce('(' || p.detail || ')', '')
              WHEN p.what IN ('view', 'materialized view') THEN format('%s %s', p.what, t.name)
              WHEN p.what = 'column' THEN format('%s %s(%I)', p.what, t.name, p.name)
              WHEN p.what = 'partitions' THEN format('the partition tree of %s', t.name)
              WHEN p.what = 'privilege' THEN format('a foreign key on %s', t.name)
              WHEN p.what IN ('partition key', 'row type') THEN format('%s of %s', p.what, t.name)
              ELSE format('%s %I on %s', p.what, p.name, t.name) END AS by
    FROM every p
    LEFT JOIN named t ON t.oid = p.relation
    LEFT JOIN pg_namespace n ON n.oid = p.namespace
),
-- Foreign keys change rows of the table that refers to another as its owner, and so does what these changes set off; they look rows up as
-- the owner of the table that is looked at, whose partitions' indexes are planned. So does a subscription (16 and later): it checks rows
-- and fills in defaults as the owner.
-- https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK
acting AS (
  SELECT p.code, p.root, w.relation, CASE WHEN p.what = 'statistics' THEN p.oid END AS statistics, NULL::oid AS routine,
         NULL::oid AS domain, min(p.by) AS by
    FROM told p
    JOIN whole w ON w.part = p.relation
   WHERE p.own AND (w.relation = p.relation OR p.what <> 'partitions' AND w.relation IN (
         SELECT unnest(ARRAY[conrelid, confrelid])
           FROM pg_constraint
          WHERE contype = 'f'))
      OR p.what IN ('trigger', 'column', 'constraint', 'rule', 'privilege') AND EXISTS (
         SELECT
           FROM pg_constraint f
          WHERE f.conrelid = w.relation AND f.contype = 'f'
            AND (f.confdeltype IN ('c', 'n', 'd') OR f.confupdtype IN ('c', 'n', 'd')))
      OR p.what IN ('column', 'constraint') AND current_setting('server_version_num')::int >= 160000
         AND EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = w.relation)
   GROUP BY 1, 2, 3, 4
  UNION ALL
  SELECT p.code, p.root, b.relation, NULL, NULL, NULL, min(p.by)
    FROM told p
    JOIN below b ON b.parent = p.relation
   WHERE p.own AND p.what <> 'partitions' AND b.relation <> p.relation
   GROUP BY 1, 2, 3
  UNION ALL
  SELECT p.code, p.root, NULL, NULL, CASE WHEN p.what = 'routine' THEN p.oid END, CASE WHEN p.what = 'domain' THEN p.oid END, p.by
    FROM told p
   WHERE p.own AND p.what IN ('routine', 'domain')
),
found AS (
  SELECT p.code, p.root, coalesce(p.namespace, t.namespace) AS namespace, p.runs, min(p.by) AS by,
         NULL::text AS kind, NULL::name AS name, NULL::oid AS oid, NULL::text AS detail, NULL::oid AS owner
    FROM told p
    LEFT JOIN whole w ON w.part = p.relation
    LEFT JOIN named t ON t.oid = w.relation
   WHERE p.runs IS NOT NULL
   GROUP BY 1, 2, 3, 4
  UNION ALL
  -- What passes the owner's rights on when it is handed over: the table, what is on it, and what goes with it.
  SELECT a.code, a.root, o.namespace, 'own', a.by, o.kind, o.name, o.oid, o.detail, o.owner
    FROM acting a
   CROSS JOIN LATERAL (
         SELECT relnamespace AS namespace, 'relation ' || relkind::text AS kind, relname AS name, oid, NULL::text AS detail, relowner AS owner
           FROM pg_class
          WHERE oid = a.relation
         UNION ALL
         SELECT s.stxnamespace, 'statistics', s.stxname, s.oid, NULL, c.relowner
           FROM pg_statistic_ext s
           JOIN pg_class c ON c.oid = s.stxrelid
          WHERE s.oid = a.statistics
         UNION ALL
         SELECT q.relnamespace, 'sequence', q.relname, q.oid, NULL, q.relowner
           FROM pg_depend d
           JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
          WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = a.relation AND d.classid = 'pg_class'::regclass
            AND d.deptype IN ('a', 'i')
         UNION ALL
         SELECT pronamespace, 'routine ' || prokind::text, proname, oid, oidvectortypes(proargtypes), proowner
           FROM pg_proc
          WHERE oid = a.routine
         UNION ALL
         SELECT typnamespace, 'domain', typname, oid, NULL, typowner
           FROM pg_type
          WHERE oid = a.domain
         OFFSET 0) o
)
SELECT coalesce(c.kind, f.kind),
       coalesce(m.nspname, n.nspname)::text/*coalesce(m.oid, n.oid)*/,
       coalesce(c.name, f.name)::text/*CASE WHEN c.name IS NULL THEN f.oid ELSE c.oid END*/,
       c.detail,
       c.owner,
       n.nspname::text/*n.oid*/,
       f.runs,
       f.by,
       f.kind,
       f.name::text/*f.oid*/,
       f.detail,
       pg_get_userbyid(f.owner)::text
  FROM found f
  JOIN (
       TABLE code
       UNION ALL
       SELECT 0, c.oid, u.name, 'relation ' || c.relkind::text, c.relnamespace, c.relname, NULL
         FROM (SELECT DISTINCT root FROM every WHERE code = 0) x
        CROSS JOIN LATERAL (SELECT oid, relkind, relnamespace, relname, relowner FROM pg_class WHERE oid = x.root OFFSET 0) c
         JOIN untrusted u ON u.oid = c.relowner
       UNION ALL
       SELECT 'pg_authid'::regclass, oid, rolname::text, NULL, NULL, NULL, NULL
         FROM pg_roles
        WHERE oid IN (SELECT root FROM unknown WHERE code = 'pg_authid'::regclass) AND NOT rolsuper) c ON c.class = f.code AND c.oid = f.root
  LEFT JOIN pg_namespace m ON m.oid = c.namespace
  LEFT JOIN pg_namespace n ON n.oid = f.namespace
