-- Code of others that tables, and what is on them, run: as the role that uses them, or as their owner. It begins with what belongs
-- to roles that are not trusted: the owner of a function, a domain or a view can change it. Members of extensions are no exception:
-- their owner can change them, too, and who owns an extension can add functions to it.
-- OFFSET 0 keeps the large catalogs from being read as a whole: each has an index for what is asked of it.
-- $1: owners that are not trusted, unless they are superusers; one whose name is not UTF-8 is told by its OID.
-- $2: with the word `text` in it, what is kept as text counts, too, whoever owns it: what the text calls stands in no catalog.
WITH RECURSIVE untrusted AS MATERIALIZED (
  SELECT oid, rolname::text AS name
    FROM pg_roles
   WHERE (rolname = ANY ($1::text[]::name[]) OR 'role with OID ' || oid = ANY ($1::text[])) AND NOT rolsuper
),
code AS MATERIALIZED (
  SELECT o.class, o.oid, u.name AS owner, o.kind, o.namespace, o.name, o.detail
    FROM (
      SELECT 'pg_proc'::regclass::oid AS class, oid, proowner AS owner, 'routine ' || prokind::text AS kind,
             pronamespace AS namespace, proname AS name, oidvectortypes(proargtypes) AS detail,
             'text' = ANY ($2::text[]) AND prokind <> 'a' AND prosqlbody IS NULL
             AND prolang NOT IN (SELECT oid FROM pg_language WHERE lanname IN ('internal', 'c')) AS opaque
        FROM pg_proc
       WHERE oid >= 16384
      UNION ALL
      SELECT 'pg_type'::regclass, oid, typowner, 'domain', typnamespace, typname, NULL, false
        FROM pg_type
       WHERE typtype = 'd' AND oid >= 16384
      UNION ALL
      SELECT 'pg_class'::regclass, c.oid, c.relowner, 'relation v', c.relnamespace, c.relname, NULL, false
        FROM pg_rewrite r
        JOIN pg_class c ON c.oid = r.ev_class AND c.relkind = 'v'
       WHERE r.oid >= 16384 AND r.ev_type = '1'
    ) o
    LEFT JOIN untrusted u ON u.oid = o.owner
   WHERE u.oid IS NOT NULL OR o.opaque
),
-- What leads on: operators, aggregates and routines whose body is SQL, operator classes, types of what is checked, ranges whose
-- bounds are subtracted, views, and tables whose policies run for the role that reads them through a view. `coerced` are types with
-- a cast, what is made of such types, and relations with a column of one: to_json, quote_literal and their kin, and foreign keys, look
-- the cast up when they run, which no catalog tells. They look for casts to types of PostgreSQL or of extensions only.
used AS (
  SELECT class AS code, oid AS root, class, oid, false AS coerced
    FROM code
  UNION
  SELECT u.code, u.root, n.class, n.oid, d.classid = 'pg_cast'::regclass OR u.coerced AND u.class = 'pg_type'::regclass
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
         SELECT unnest(ARRAY['pg_type'::regclass, 'pg_class'::regclass]), unnest(ARRAY[s.oid, s.typrelid])
           FROM pg_cast c
           JOIN pg_type s ON s.oid = c.castsource
           JOIN pg_type t ON t.oid = c.casttarget
          WHERE d.classid = 'pg_cast'::regclass AND c.oid = d.objid AND s.oid >= 16384 AND t.typowner NOT IN (SELECT oid FROM untrusted)
         UNION ALL
         SELECT d.classid, d.objid
          WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0 AND u.coerced AND u.class = 'pg_type'::regclass
         UNION ALL
         SELECT 'pg_class'::regclass, ev_class
           FROM pg_rewrite
          WHERE d.classid = 'pg_rewrite'::regclass AND oid = d.objid AND ev_type = '1'
         UNION ALL
         SELECT 'pg_class'::regclass, polrelid
           FROM pg_policy
          WHERE d.classid = 'pg_policy'::regclass AND oid = d.objid
         UNION ALL
         SELECT 'pg_opclass'::regclass, c.oid
           FROM pg_amproc a
           JOIN pg_opclass c ON c.opcfamily = a.amprocfamily
          WHERE d.classid = 'pg_amproc'::regclass AND a.oid = d.objid
         UNION ALL
         SELECT 'pg_opclass'::regclass, c.oid
           FROM pg_amop a
           JOIN pg_opclass c ON c.opcfamily = a.amopfamily
          WHERE d.classid = 'pg_amop'::regclass AND a.oid = d.objid
         OFFSET 0) n
),
-- Places that run it. `runs`: as the role that does this; `own`: as the owner, without anybody's doing, since ANALYZE, REINDEX and
-- autovacuum act as the owner of a table, and REFRESH as that of a materialized view. ANALYZE subtracts the bounds of ranges, and of
-- domains over them, which get the function that analyzes from their base type. A
-- trigger that is for replication, too, fires for what a subscription writes as the owner (16 and later).
-- https://www.postgresql.org/docs/current/sql-refreshmaterializedview.html
-- https://www.postgresql.org/docs/current/logical-replication-security.html
place AS MATERIALIZED (
  SELECT u.code, u.root, p.runs, p.own, p.what, p.name, p.detail, p.relation, p.namespace, p.oid
    FROM used u
   CROSS JOIN LATERAL (
         SELECT classid, objid, objsubid
           FROM pg_depend
          WHERE refclassid = u.class AND refobjid = u.oid AND deptype IN ('n', 'a', 'i')
            AND (refclassid <> 'pg_class'::regclass OR deptype = 'n')
         OFFSET 0) d
   CROSS JOIN LATERAL (
         SELECT 'write' AS runs, tgenabled IN ('A', 'R') AS own, 'trigger' AS what, tgname AS name, NULL::text AS detail,
                tgrelid AS relation, NULL::oid AS namespace, NULL::oid AS oid
           FROM pg_trigger
          WHERE d.classid = 'pg_trigger'::regclass AND oid = d.objid AND NOT tgisinternal AND tgenabled <> 'D'
         UNION ALL
         SELECT 'write', false, 'column', attname, NULL, adrelid, NULL, NULL
           FROM pg_attrdef f
           JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
          WHERE d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
         UNION ALL
         -- A column of a type that is checked; up to 14 a generated column, too.
         SELECT 'write', relkind <> 'v' AND u.class = 'pg_type'::regclass
                AND (u.coerced OR EXISTS (
                    SELECT
                      FROM pg_type t
                     WHERE t.oid = u.oid AND t.typanalyze IN ('range_typanalyze'::regproc, 'multirange_typanalyze'::regproc))),
                'column', attname, NULL, attrelid, NULL, NULL
           FROM pg_attribute
           JOIN pg_class c ON c.oid = attrelid AND relkind <> 'c'
          WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0 AND attrelid = d.objid AND attnum = d.objsubid
         UNION ALL
         SELECT 'write', false, 'constraint', conname, NULL, conrelid, NULL, NULL
           FROM pg_constraint
          WHERE d.classid = 'pg_constraint'::regclass AND oid = d.objid AND conrelid <> 0
            AND NOT (contype = 'f' AND u.class = 'pg_class'::regclass)
         UNION ALL
         SELECT 'write', false, 'domain', typname, NULL, NULL, typnamespace, NULL
           FROM pg_constraint c
           JOIN pg_type t ON t.oid = contypid
          WHERE d.classid = 'pg_constraint'::regclass AND c.oid = d.objid AND contypid <> u.oid
         UNION ALL
         SELECT 'write', false, 'domain', typname, NULL, NULL, typnamespace, NULL
           FROM pg_type
          WHERE d.classid = 'pg_type'::regclass AND oid = d.objid AND typtype = 'd'
         UNION ALL
         SELECT 'write', true, 'index', c.relname, NULL, indrelid, NULL, NULL
           FROM pg_index
           JOIN pg_class c ON c.oid = indexrelid
          WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND indexrelid = d.objid
         UNION ALL
         SELECT 'write', true, 'partition key', NULL, NULL, partrelid, NULL, NULL
           FROM pg_partitioned_table
          WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 AND partrelid = d.objid
         UNION ALL
         SELECT 'read or write', false, 'policy', polname, NULL, polrelid, NULL, NULL
           FROM pg_policy
          WHERE d.classid = 'pg_policy'::regclass AND oid = d.objid
         UNION ALL
         SELECT CASE WHEN ev_type <> '1' THEN 'write' WHEN c.relkind <> 'm' THEN 'read' END,
                ev_type = '1' AND c.relkind = 'm',
                CASE WHEN ev_type <> '1' THEN 'rule' WHEN c.relkind = 'm' THEN 'materialized view' ELSE 'view' END,
                rulename, NULL, ev_class, NULL, NULL
           FROM pg_rewrite r
           JOIN pg_class c ON c.oid = ev_class
          WHERE d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND ev_enabled <> 'D'
            AND NOT (u.class = 'pg_class'::regclass AND ev_class = u.oid)
         UNION ALL
         SELECT NULL, true, 'statistics', stxname, NULL, stxrelid, NULL, oid
           FROM pg_statistic_ext
          WHERE d.classid = 'pg_statistic_ext'::regclass AND oid = d.objid
         UNION ALL
         SELECT 'call', prosecdef, 'routine', proname, oidvectortypes(proargtypes), NULL, pronamespace, oid
           FROM pg_proc
          WHERE d.classid = 'pg_proc'::regclass AND oid = d.objid
         UNION ALL
         SELECT 'change', false, 'event trigger', evtname, NULL, NULL, NULL, NULL
           FROM pg_event_trigger
          WHERE d.classid = 'pg_event_trigger'::regclass AND oid = d.objid AND evtenabled <> 'D'
         OFFSET 0) p
  UNION ALL
  SELECT u.code, u.root, 'write', true, 'row type', NULL, NULL, c.oid, NULL, NULL
    FROM used u
    JOIN pg_class c ON c.oid = u.oid AND c.relkind IN ('r', 'p', 'm', 'f')
   WHERE u.class = 'pg_class'::regclass AND u.coerced
),
-- Routines of extensions in a procedural language, such as PL/pgSQL: they can build SQL from their arguments, and their triggers from the
-- rows and names of a table. One that gets nothing counts if it is VOLATILE. An aggregate counts like the routines behind it.
procedural AS MATERIALIZED (
  SELECT oid
    FROM pg_proc
   WHERE oid IN (SELECT objid FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND classid = 'pg_proc'::regclass AND deptype = 'e')
     AND prolang NOT IN (SELECT oid FROM pg_language WHERE lanname IN ('internal', 'c', 'sql'))
     AND (pronargs > 0 OR provolatile = 'v' OR prorettype IN ('trigger'::regtype, 'event_trigger'::regtype))
     AND 'text' <> ALL ($2::text[])
),
-- Functions of PostgreSQL and of extensions that run SQL they get as text, or read what that text names. No catalog tells what
-- such a text calls, so the expression is code of the owner of its relation or domain, and becomes that of whoever gets them: wherever
-- it runs, it counts as run by the owner. A domain is named where it is defined: a column or index of it runs the text later.
-- So do functions that do more than return a value, but the planner runs none of these: of PostgreSQL the VOLATILE ones, unless they are
-- known to be harmless, and those in C, whose triggers build SQL from their arguments.
runners AS MATERIALIZED (
  SELECT ':((op)?funcid|aggfnoid|winfnoid) (' || string_agg(oid::text, '|') || ') ' AS pattern
    FROM pg_proc
   WHERE oid < 16384 AND (proname = 'ts_stat' OR proname = 'ts_rewrite' AND pronargs = 2
         OR proname ~ '^(query|table|cursor|schema|database)_to_xml' OR proname ~ '^pg_input_(is_valid|error_info)$')
      OR oid >= 16384 AND proname ~ '^(dblink|crosstab|connectby$|xpath_table$|query_to_|table_to_)'
      OR oid IN (SELECT oid FROM procedural)
      OR oid IN (SELECT aggfnoid FROM pg_aggregate JOIN procedural p ON p.oid IN (aggtransfn, aggfinalfn, aggcombinefn, aggmtransfn, aggmfinalfn))
      OR 'text' <> ALL ($2::text[]) AND CASE
         WHEN prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)
         THEN oid >= 16384 AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'c')
              AND proname NOT IN ('moddatetime', 'insert_username', 'autoinc', 'triggered_change_notification')
         ELSE provolatile = 'v' AND (oid < 16384 OR prolang = (SELECT oid FROM pg_language WHERE lanname = 'c'))
              AND proname !~ ('^(random|random_normal|array_sample|array_shuffle|gen_random_(uuid|bytes)|uuidv[47]|uuid_generate_.*|gen_salt|pgp_.*'
                  || '|clock_timestamp|timeofday|timezone|nextval|currval|lastval|current_query|txid_status|pg_xact_.*|pg_is_.*|pg_last_.*'
                  || '|pg_(table|indexes|relation|total_relation|database|tablespace)_size|pg_stat_get_.*|pg_partition_(tree|ancestors))$')
         END
),
-- What relations run, by the role that it runs as.
expression AS NOT MATERIALIZED (
  SELECT c.oid AS relation, c.relkind, e.*
    FROM pg_class c
   CROSS JOIN LATERAL (
         SELECT 'write' AS runs, false AS own, 'column' AS what, attname AS name, adbin::text AS tree, NULL::oid AS oid
           FROM pg_attrdef
           JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
          WHERE adrelid = c.oid
         UNION ALL
         SELECT 'write', false, 'constraint', conname, conbin::text, NULL
           FROM pg_constraint
          WHERE conrelid = c.oid AND contype = 'c'
         UNION ALL
         SELECT 'write', true, 'index', i.relname, concat(indexprs::text, indpred::text), NULL
           FROM pg_index
           JOIN pg_class i ON i.oid = indexrelid
          WHERE indrelid = c.oid
         UNION ALL
         SELECT 'write', true, 'partition key', NULL, partexprs::text, NULL
           FROM pg_partitioned_table
          WHERE partrelid = c.oid
         UNION ALL
         SELECT 'write', tgenabled IN ('A', 'R'), 'trigger', tgname,
                concat(tgqual::text, CASE WHEN tgnargs > 0 OR tgfoid IN (SELECT oid FROM procedural) THEN ' :funcid ' || tgfoid || ' ' END), NULL
           FROM pg_trigger
          WHERE tgrelid = c.oid AND NOT tgisinternal AND tgenabled <> 'D'
         UNION ALL
         SELECT 'read or write', false, 'policy', polname, concat(polqual::text, polwithcheck::text), NULL
           FROM pg_policy
          WHERE polrelid = c.oid
         UNION ALL
         SELECT CASE WHEN ev_type <> '1' THEN 'write' WHEN c.relkind <> 'm' THEN 'read' END,
                ev_type = '1' AND c.relkind = 'm',
                CASE WHEN ev_type <> '1' THEN 'rule' WHEN c.relkind = 'm' THEN 'materialized view' ELSE 'view' END,
                rulename, concat(ev_qual::text, ev_action::text), NULL
           FROM pg_rewrite
          WHERE ev_class = c.oid AND ev_enabled <> 'D'
         UNION ALL
         SELECT NULL, true, 'statistics', stxname, stxexprs::text, oid
           FROM pg_statistic_ext
          WHERE stxrelid = c.oid
         OFFSET 0) e
   WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.oid >= 16384 AND (c.relowner IN (SELECT oid FROM untrusted) OR 'text' = ANY ($2::text[]))
),
texts AS MATERIALIZED (
  SELECT 0::oid AS code, relation AS root, runs, own OR relkind <> 'v' AS own, what, name, NULL::text AS detail, relation,
         NULL::oid AS namespace, oid
    FROM expression
   WHERE tree ~ (SELECT pattern FROM runners)
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, NULL, true, 'domain', t.typname, NULL, NULL, t.typnamespace, t.oid
    FROM code d
   CROSS JOIN LATERAL (SELECT oid, typname, typnamespace, typdefaultbin FROM pg_type WHERE oid = d.oid OFFSET 0) t
   WHERE d.class = 'pg_type'::regclass
     AND (t.typdefaultbin::text ~ (SELECT pattern FROM runners)
          OR EXISTS (SELECT FROM pg_constraint c WHERE c.contypid = t.oid AND c.conbin::text ~ (SELECT pattern FROM runners)))
),
places AS (
  TABLE place
  UNION ALL
  TABLE texts
),
