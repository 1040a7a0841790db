-- What expressions of untrusted roles name and is not known to run nothing of theirs: behind the walk of code.sql. Known are functions,
-- operators and types of PostgreSQL, of extensions of trusted roles, and types of trusted roles or that are handed over with the
-- relation. An expression that names anything else is code of the owner of its relation, where it runs as that owner. Its text is read,
-- since SQL/JSON keeps the type behind RETURNING there alone: each number in it may be an OID.
-- $3: the schemas in which objects are handed over.
-- The admin that asks is trusted.
stranger AS MATERIALIZED (
  SELECT oid
    FROM untrusted
   WHERE oid NOT IN (SELECT oid FROM pg_roles WHERE rolname IN (session_user, current_user))
),
mention AS MATERIALIZED (
  SELECT DISTINCT e.relation, c.relowner AS owner, n.nspname = ANY ($3::text[]::name[]) AS managed, e.own, e.what, e.name, e.oid AS place,
         m.number::oid AS oid
    FROM expression e
    JOIN pg_class c ON c.oid = e.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace
   CROSS JOIN LATERAL (
         SELECT found[1]::bigint AS number
           FROM regexp_matches(
                regexp_replace(e.tree, ':([a-z_]*location|[a-z_]*len|[a-z]*typmod|constvalue) -?[0-9]+', '', 'g'),
                '[[:<:]][1-9][0-9]{4,9}[[:>:]]', 'g') AS found
         OFFSET 0) m
   WHERE e.relkind <> 'v' AND e.what <> 'policy' AND m.number BETWEEN 16384 AND 4294967295
),
-- The types behind each: base types of domains, elements, attributes, subtypes of ranges.
part AS (
  SELECT DISTINCT oid AS mention, oid
    FROM mention
  UNION
  SELECT p.mention, n.oid
    FROM part p
   CROSS JOIN LATERAL (
         SELECT unnest(ARRAY[typbasetype, typelem]) AS oid
           FROM pg_type
          WHERE oid = p.oid
         UNION ALL
         SELECT atttypid
           FROM pg_type
           JOIN pg_attribute ON attrelid = typrelid AND attnum > 0 AND NOT attisdropped
          WHERE oid = p.oid AND typrelid <> 0
         UNION ALL
         SELECT rngsubtype
           FROM pg_range
          WHERE rngtypid = p.oid OR rngmultitypid = p.oid
         OFFSET 0) n
   WHERE n.oid >= 16384
),
-- A function whose argument or result may be a row of any type makes values of what the row holds, at any time: with hstore's
-- populate_record, the checks of domains run.
strange AS MATERIALIZED (
  SELECT m.oid, NULL::oid AS owner
    FROM (SELECT DISTINCT oid FROM mention) m
   CROSS JOIN LATERAL (
         SELECT 'pg_proc'::regclass AS class, proowner AS owner,
                prorettype = 'record'::regtype
                OR EXISTS (
                   SELECT
                     FROM unnest(prorettype || proargtypes::oid[]) AS a (oid)
                     JOIN pg_type t ON t.oid = a.oid
                    WHERE t.typtype = 'p' AND t.typname ~ '^(any|_?record$)') AS any
           FROM pg_proc
          WHERE oid = m.oid
         UNION ALL
         SELECT 'pg_operator'::regclass, oprowner, false
           FROM pg_operator
          WHERE oid = m.oid
         OFFSET 0) o
    LEFT JOIN pg_depend d ON d.classid = o.class AND d.objid = m.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    LEFT JOIN pg_extension x ON x.oid = d.refobjid AND x.extowner NOT IN (SELECT oid FROM stranger)
   WHERE x.oid IS NULL OR o.any OR o.owner IN (SELECT oid FROM stranger)
  UNION
  SELECT p.mention, t.typowner
    FROM part p
    JOIN pg_type t ON t.oid = p.oid
    JOIN pg_namespace n ON n.oid = t.typnamespace
   WHERE t.typowner IN (SELECT oid FROM stranger) AND n.nspname <> ALL ($3::text[]::name[])
  UNION
  SELECT p.mention, NULL
    FROM part p
    JOIN pg_type t ON t.oid = p.oid
   WHERE t.oid IN (SELECT oid FROM used WHERE class = 'pg_type'::regclass AND code <> 'pg_type'::regclass)
      OR t.oid IN (SELECT root FROM texts WHERE code = 'pg_type'::regclass)
),
-- Partitions and parents of untrusted roles where nothing is handed over. What changes a partitioned table changes its partitions with the rights of its
-- owner where a foreign key does, and plans their indexes; an index on a parent is built on each partition with the rights of its owner.
-- https://www.postgresql.org/docs/current/ddl-partitioning.html
kin AS (
  SELECT oid AS relation, oid, relkind = 'p' AS down, relispartition AS up
    FROM pg_class
   WHERE relowner IN (SELECT oid FROM untrusted) AND (relkind = 'p' OR relispartition) AND relkind IN ('r', 'p', 'f')
     AND relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY ($3::text[]::name[]))
  UNION
  SELECT k.relation, n.*
    FROM kin k
   CROSS JOIN LATERAL (
         SELECT inhrelid, true, false
           FROM pg_inherits
          WHERE k.down AND inhparent = k.oid
         UNION ALL
         SELECT inhparent, false, true
           FROM pg_inherits
          WHERE k.up AND inhrelid = k.oid
         OFFSET 0) n
),
unknown AS (
  -- Where nothing is managed, relations are handed over only with all that their owner has.
  SELECT DISTINCT 0::oid AS code, m.relation AS root, NULL::text AS runs, m.own, m.what, m.name, NULL::text AS detail, m.relation,
         NULL::oid AS namespace, m.place AS oid
    FROM mention m
    JOIN strange s ON s.oid = m.oid
   WHERE m.managed OR s.owner IS DISTINCT FROM m.owner
  UNION ALL
  SELECT DISTINCT 0::oid, o.oid, NULL, true, 'partitions', NULL::name, NULL, k.relation, NULL::oid, NULL::oid
    FROM kin k
    JOIN pg_class o ON o.oid = k.oid AND o.relowner IN (SELECT oid FROM untrusted)
    JOIN pg_namespace n ON n.oid = o.relnamespace
   WHERE n.nspname <> ALL ($3::text[]::name[])
  UNION ALL
  -- Who may make a trigger on a table; foreign keys run it with the rights of the owner.
  SELECT 'pg_authid'::regclass, a.grantee, NULL, false, 'privilege', NULL, NULL, c.oid, NULL, NULL
    FROM pg_class c
   CROSS JOIN LATERAL aclexplode(c.relacl) a
   WHERE c.relkind IN ('r', 'p', 'f') AND c.relowner IN (SELECT oid FROM untrusted) AND a.privilege_type = 'TRIGGER'
     AND a.grantee NOT IN (0, c.relowner)
),
