-- What this session may do with each object that it is asked about, by whatever path, and a column that UPDATE can name.
-- Objects that are gone have no row. Names are looked up in the catalogs, since a name that is parsed wants USAGE on its schema.
-- $1, $2, $3, $4: class, schema, name and argument types of the objects; empty where a class has no such part.
WITH asked AS (
  SELECT a.class, a.schema, a.name, a.arguments, a.ordinal
    FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS a(class, schema, name, arguments, ordinal)
)
SELECT a.ordinal,
       ARRAY(SELECT p.privilege
               FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'
-->=17                           , 'MAINTAIN'
                                ]) AS p(privilege)
              WHERE has_table_privilege(c.oid, p.privilege)),
       (SELECT t.attname::text
          FROM pg_attribute t
         WHERE t.attrelid = c.oid
           AND t.attnum > 0
           AND NOT t.attisdropped
           AND t.attgenerated = ''
           AND t.attidentity <> 'a'
         ORDER BY t.attnum
         LIMIT 1)
  FROM asked a
  JOIN pg_namespace n ON n.nspname = a.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = a.name
 WHERE a.class = 'relation'
UNION ALL
SELECT a.ordinal,
       ARRAY(SELECT p.privilege
               FROM unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS p(privilege)
              WHERE has_sequence_privilege(c.oid, p.privilege)),
       NULL
  FROM asked a
  JOIN pg_namespace n ON n.nspname = a.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = a.name AND c.relkind = 'S'
 WHERE a.class = 'sequence'
UNION ALL
SELECT a.ordinal,
       ARRAY(SELECT 'EXECUTE' WHERE has_function_privilege(f.oid, 'EXECUTE')),
       NULL
  FROM asked a
  JOIN pg_namespace n ON n.nspname = a.schema
  JOIN pg_proc f ON f.pronamespace = n.oid AND f.proname = a.name AND oidvectortypes(f.proargtypes) = a.arguments
 WHERE a.class = 'routine'
UNION ALL
SELECT a.ordinal,
       ARRAY(SELECT p.privilege
               FROM unnest(ARRAY['USAGE', 'CREATE']) AS p(privilege)
              WHERE has_schema_privilege(n.oid, p.privilege)),
       NULL
  FROM asked a
  JOIN pg_namespace n ON n.nspname = a.schema
 WHERE a.class = 'schema'
UNION ALL
SELECT a.ordinal,
       ARRAY(SELECT p.privilege
               FROM unnest(ARRAY['CREATE', 'CONNECT', 'TEMPORARY']) AS p(privilege)
              WHERE has_database_privilege(d.oid, p.privilege)),
       NULL
  FROM asked a
  JOIN pg_database d ON d.datname = a.name
 WHERE a.class = 'database'
