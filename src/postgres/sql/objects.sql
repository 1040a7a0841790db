-- Everything in this database that has an owner or an ACL: one row for the objects of one kind in one schema that share
-- owner and ACL, so that the answer is small however many objects there are. Everything is grouped by OID and by the
-- ACL itself; names are looked up once per group. What PostgreSQL made itself is shown only where it belongs to a role that it did
-- not make, or its ACL names one (OIDs from 16384 on, FirstNormalObjectId). `IS NOT NULL` spares a call for each of the thousands
-- of rows without an ACL.
-- $1, $2, $3: schemas, relations and names of columns to be shown though they have no ACL of their own.
WITH schema AS MATERIALIZED (
  SELECT oid,
         nspname::text AS name,
         nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS system
    FROM pg_namespace
   WHERE nspname !~ '^pg_(toast_)?temp_'
),
-- pg_depend is large: each of these finds its few rows by an index.
link AS MATERIALIZED (
  SELECT classid, objid, refclassid, refobjid, deptype
    FROM pg_depend
   WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
  UNION ALL
  SELECT classid, objid, refclassid, refobjid, deptype
    FROM pg_depend
   WHERE classid = 'pg_proc'::regclass AND deptype = 'i'
  UNION ALL
  SELECT classid, objid, refclassid, refobjid, deptype
    FROM pg_depend
   WHERE refclassid = 'pg_type'::regclass AND classid = 'pg_class'::regclass AND deptype = 'i'
  UNION ALL
  SELECT d.classid, d.objid, d.refclassid, d.refobjid, d.deptype
    FROM pg_sequence s
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid
   WHERE d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
),
-- Members of extensions, and the constructor functions of range types, which nobody but a superuser can change.
member AS MATERIALIZED (
  SELECT classid, objid
    FROM link
   WHERE deptype = 'e' OR classid = 'pg_proc'::regclass
),
-- Sequences of serial (a) and identity (i) columns follow the owner of their table.
owned AS MATERIALIZED (
  SELECT objid
    FROM link
   WHERE deptype IN ('a', 'i') AND refclassid = 'pg_class'::regclass
),
-- Composite types in their own right: their pg_class row hangs on them, where row types hang on their table.
composite AS MATERIALIZED (
  SELECT refobjid AS oid
    FROM link
   WHERE deptype = 'i' AND refclassid = 'pg_type'::regclass
),
found AS (
  SELECT 'schema' AS kind, n.oid AS namespace, n.nspowner AS owner, n.nspacl AS acl,
         CASE WHEN n.oid IN (SELECT objid FROM member WHERE classid = 'pg_namespace'::regclass)
              THEN 'extension' ELSE 'free' END AS dependence,
         false AS definer, ARRAY[s.name::text/*s.oid*/] AS names, NULL::text[] AS details
    FROM pg_namespace n
    JOIN schema s ON s.oid = n.oid
   WHERE NOT s.system
      OR n.nspowner >= 16384
      OR EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee >= 16384)

  UNION ALL
  SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation ' || c.relkind::text END,
         c.relnamespace, c.relowner, c.relacl,
         CASE WHEN c.oid IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass)
              THEN 'extension'
              WHEN c.relkind = 'S' AND c.oid IN (SELECT objid FROM owned) THEN 'table'
              ELSE 'free' END,
         false, array_agg(c.relname::text/*c.oid*/), NULL
    FROM pg_class c
    JOIN schema s ON s.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
     AND (NOT s.system OR c.relowner >= 16384
          OR c.relacl IS NOT NULL AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee >= 16384))
   GROUP BY c.relkind, c.relnamespace, c.relowner, c.relacl, 5

  UNION ALL
  SELECT 'column', c.relnamespace, c.relowner, a.attacl,
         CASE WHEN c.oid IN (SELECT objid FROM member WHERE classid = 'pg_class'::regclass)
              THEN 'extension' ELSE 'table' END,
         false, array_agg(c.relname::text/*c.oid*/), array_agg(a.attname::text/*a.attnum*/)
    FROM (
      SELECT attrelid, attnum, attname, attacl
        FROM pg_attribute
       WHERE attacl IS NOT NULL AND NOT attisdropped
      UNION ALL
      SELECT n.attrelid, n.attnum, n.attname, NULL
        FROM unnest($1::text[], $2::text[], $3::text[]) AS asked(schema, relation, name)
        JOIN schema s ON s.name = asked.schema
        JOIN pg_class r ON r.relnamespace = s.oid AND r.relname = asked.relation::name
        JOIN pg_attribute n ON n.attrelid = r.oid AND n.attname = asked.name::name
       WHERE n.attacl IS NULL AND NOT n.attisdropped
    ) a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN schema s ON s.oid = c.relnamespace
   WHERE NOT s.system
      OR EXISTS (SELECT FROM aclexplode(a.attacl) x WHERE x.grantee >= 16384)
   GROUP BY c.relnamespace, c.relowner, a.attacl, 5

  UNION ALL
  SELECT 'routine ' || p.prokind::text, p.pronamespace, p.proowner, p.proacl,
         CASE WHEN p.oid IN (SELECT objid FROM member WHERE classid = 'pg_proc'::regclass)
              THEN 'extension' ELSE 'free' END,
         p.prosecdef, array_agg(p.proname::text/*p.oid*/), array_agg(oidvectortypes(p.proargtypes))
    FROM pg_proc p
    JOIN schema s ON s.oid = p.pronamespace
   WHERE NOT s.system
      OR p.proowner >= 16384
      OR p.proacl IS NOT NULL AND EXISTS (SELECT FROM aclexplode(p.proacl) a WHERE a.grantee >= 16384)
   GROUP BY p.prokind, p.pronamespace, p.proowner, p.proacl, p.prosecdef, 5

  UNION ALL
  -- Array types and row types of relations have neither owner nor ACL of their own. From 17 on a multirange type
  -- follows its range type and refuses ALTER TYPE and GRANT.
  SELECT CASE WHEN t.typtype = 'd' THEN 'domain' ELSE 'type' END, t.typnamespace, t.typowner, t.typacl,
         CASE WHEN t.oid IN (SELECT objid FROM member WHERE classid = 'pg_type'::regclass)
              THEN 'extension'
-->=17         WHEN t.typtype = 'm' THEN 'extension'
         -- A dump does not say whose it was: after a restore it belongs to whoever restored it.
--<17         WHEN t.typtype = 'm' AND (SELECT rolsuper FROM pg_roles WHERE oid = t.typowner) THEN 'extension'
              ELSE 'free' END,
         false, array_agg(t.typname::text/*t.oid*/), NULL
    FROM pg_type t
    JOIN schema s ON s.oid = t.typnamespace
   WHERE (t.typrelid = 0 OR t.oid IN (SELECT oid FROM composite))
     AND t.typsubscript <> 'array_subscript_handler'::regproc
     AND (NOT s.system OR t.typowner >= 16384
          OR t.typacl IS NOT NULL AND EXISTS (SELECT FROM aclexplode(t.typacl) a WHERE a.grantee >= 16384))
   GROUP BY 1, t.typnamespace, t.typowner, t.typacl, 5

  UNION ALL
  SELECT 'language', NULL, l.lanowner, l.lanacl,
         CASE WHEN l.oid IN (SELECT objid FROM member WHERE classid = 'pg_language'::regclass)
              THEN 'extension' ELSE 'free' END,
         false, array_agg(l.lanname::text/*l.oid*/), NULL
    FROM pg_language l
   WHERE l.oid >= 16384
      OR l.lanowner >= 16384
      OR EXISTS (SELECT FROM aclexplode(l.lanacl) a WHERE a.grantee >= 16384)
   GROUP BY l.lanowner, l.lanacl, 5

  UNION ALL
  SELECT 'foreign data wrapper', NULL, f.fdwowner, f.fdwacl,
         CASE WHEN f.oid IN (SELECT objid FROM member WHERE classid = 'pg_foreign_data_wrapper'::regclass)
              THEN 'extension' ELSE 'free' END,
         false, array_agg(f.fdwname::text/*f.oid*/), NULL
    FROM pg_foreign_data_wrapper f
   GROUP BY f.fdwowner, f.fdwacl, 5

  UNION ALL
  SELECT 'foreign server', NULL, f.srvowner, f.srvacl,
         CASE WHEN f.oid IN (SELECT objid FROM member WHERE classid = 'pg_foreign_server'::regclass)
              THEN 'extension' ELSE 'free' END,
         false, array_agg(f.srvname::text/*f.oid*/), NULL
    FROM pg_foreign_server f
   GROUP BY f.srvowner, f.srvacl, 5

  UNION ALL
  SELECT 'large object', NULL, l.lomowner, l.lomacl, 'free', false, array_agg(l.oid::text), NULL
    FROM pg_largeobject_metadata l
   GROUP BY l.lomowner, l.lomacl

  UNION ALL
  -- What has an owner and no ACL.
  SELECT o.kind, o.namespace, o.owner, NULL,
         CASE WHEN (o.class::oid, o.oid) IN (SELECT classid, objid FROM member) THEN 'extension' ELSE 'free' END,
         false, array_agg(o.name::text/*o.oid*/), NULL
    FROM (
      SELECT 'collation' AS kind, 'pg_collation'::regclass AS class, oid, collnamespace AS namespace,
             collowner AS owner, collname::text AS name
        FROM pg_collation
      UNION ALL
      SELECT 'conversion', 'pg_conversion'::regclass, oid, connamespace, conowner, conname::text
        FROM pg_conversion
      UNION ALL
      SELECT 'statistics', 'pg_statistic_ext'::regclass, oid, stxnamespace, stxowner, stxname::text
        FROM pg_statistic_ext
      UNION ALL
      SELECT 'operator', 'pg_operator'::regclass, oid, oprnamespace, oprowner,
             format('%s(%s, %s)', oprname,
                    CASE oprleft WHEN 0 THEN 'NONE' ELSE format_type(oprleft, NULL) END,
                    format_type(oprright, NULL))
        FROM pg_operator
       WHERE oid >= 16384 OR oprowner >= 16384
      UNION ALL
      SELECT 'operator class', 'pg_opclass'::regclass, c.oid, c.opcnamespace, c.opcowner,
             format('%I USING %I', c.opcname, a.amname)
        FROM pg_opclass c
        JOIN pg_am a ON a.oid = c.opcmethod
       WHERE c.oid >= 16384 OR c.opcowner >= 16384
      UNION ALL
      SELECT 'operator family', 'pg_opfamily'::regclass, f.oid, f.opfnamespace, f.opfowner,
             format('%I USING %I', f.opfname, a.amname)
        FROM pg_opfamily f
        JOIN pg_am a ON a.oid = f.opfmethod
       WHERE f.oid >= 16384 OR f.opfowner >= 16384
      UNION ALL
      SELECT 'text search configuration', 'pg_ts_config'::regclass, oid, cfgnamespace, cfgowner, cfgname::text
        FROM pg_ts_config
      UNION ALL
      SELECT 'text search dictionary', 'pg_ts_dict'::regclass, oid, dictnamespace, dictowner, dictname::text
        FROM pg_ts_dict
    ) o
    JOIN schema s ON s.oid = o.namespace AND (NOT s.system OR o.owner >= 16384)
   GROUP BY o.kind, o.namespace, o.owner, 5
)
SELECT f.kind,
       s.name::text/*s.oid*/,
       pg_get_userbyid(f.owner)::text,
       f.acl::text[],
       f.dependence,
       f.definer,
       f.names,
       f.details
  FROM found f
  LEFT JOIN schema s ON s.oid = f.namespace
