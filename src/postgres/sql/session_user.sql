-- What asks for session_user, and so sees the logins of a pair in turn. Part of the statement before it. An expression is kept as a
-- tree: 12 is SVFOP_SESSION_USER in all versions, and is found without deparsing each of them.
-- https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/nodes/primnodes.h
UNION ALL
SELECT 'session user', x.name, NULL, n.nspname::text/*n.oid*/, NULL, NULL
  FROM (
    SELECT format('policy %I on table %I.%I', p.polname, c.relnamespace::regnamespace::name, c.relname) AS name,
           c.relnamespace AS namespace
      FROM pg_policy p
      JOIN pg_class c ON c.oid = p.polrelid
     WHERE p.polqual::text LIKE '%{SQLVALUEFUNCTION :op 12 %' OR p.polwithcheck::text LIKE '%{SQLVALUEFUNCTION :op 12 %'
    UNION ALL
    SELECT format('default of column %I.%I.%I', c.relnamespace::regnamespace::name, c.relname, a.attname), c.relnamespace
      FROM pg_attrdef d
      JOIN pg_class c ON c.oid = d.adrelid
      JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
     WHERE d.adbin::text LIKE '%{SQLVALUEFUNCTION :op 12 %'
    UNION ALL
    SELECT format('trigger %I on table %I.%I', t.tgname, c.relnamespace::regnamespace::name, c.relname), c.relnamespace
      FROM pg_trigger t
      JOIN pg_class c ON c.oid = t.tgrelid
      JOIN pg_proc f ON f.oid = t.tgfoid
     WHERE NOT t.tgisinternal
       AND (t.tgqual::text LIKE '%{SQLVALUEFUNCTION :op 12 %'
            OR f.pronamespace <> c.relnamespace AND (f.prosrc LIKE '%session_user%' OR f.prosrc LIKE '%SESSION_USER%'))
    UNION ALL
    SELECT format('%s %I.%I(%s)', CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
                  p.pronamespace::regnamespace::name, p.proname, oidvectortypes(p.proargtypes)), p.pronamespace
      FROM pg_proc p
     WHERE p.oid >= 16384
       AND (p.prosrc LIKE '%session_user%' OR p.prosrc LIKE '%SESSION_USER%'
            OR p.prosqlbody::text LIKE '%{SQLVALUEFUNCTION :op 12 %')
       AND NOT EXISTS (SELECT
                         FROM pg_depend e
                        WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
  ) x
  JOIN pg_namespace n ON n.oid = x.namespace
