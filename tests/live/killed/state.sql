-- $1: roles. Everything that an `apply` changes in this database, and of these roles, a line each. The order of an access
-- list is that of the statements, and means nothing.
SELECT coalesce(string_agg(concat_ws(' ', line, acl), E'\n' ORDER BY line), '')
  FROM (
    SELECT format('role %s: %s', rolname, to_jsonb(a) - '{oid,rolname,rolpassword,rolvaliduntil}'::text[]
             || jsonb_build_object('password', rolpassword IS NOT NULL, 'until', CASE WHEN isfinite(rolvaliduntil)
                  THEN 'a time' ELSE rolvaliduntil::text END)) AS line, NULL::aclitem[] AS list
      FROM pg_authid a
     WHERE rolname = ANY ($1)
    UNION ALL
    SELECT format('setting of %s: %s', r.rolname, s.setconfig), NULL
      FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
     WHERE r.rolname = ANY ($1)
    UNION ALL
    SELECT format('%s in %s by %s: %s', m.member::regrole, m.roleid::regrole, m.grantor::regrole,
             to_jsonb(m) - '{oid,roleid,member,grantor}'::text[]), NULL
      FROM pg_auth_members m JOIN pg_roles r ON r.oid IN (m.roleid, m.member)
     WHERE r.rolname = ANY ($1)
    UNION ALL
    SELECT format('database: %s', datdba::regrole), datacl FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT format('schema %s: %s', nspname, nspowner::regrole), nspacl
      FROM pg_namespace
     WHERE nspname !~ '^(pg_|information_schema)'
    UNION ALL
    SELECT format('relation %s: %s', c.oid::regclass, c.relowner::regrole), c.relacl
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname !~ '^(pg_|information_schema)'
    UNION ALL
    SELECT format('column %s.%s:', a.attrelid::regclass, a.attname), a.attacl FROM pg_attribute a
     WHERE a.attacl IS NOT NULL AND a.attrelid >= 16384
    UNION ALL
    SELECT format('routine %s: %s', p.oid::regprocedure, p.proowner::regrole), p.proacl
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
     WHERE n.nspname !~ '^(pg_|information_schema)'
    UNION ALL
    SELECT format('default of %s in %s, %s:', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype), defaclacl
      FROM pg_default_acl
    UNION ALL
    SELECT format('extension %s', extname), NULL FROM pg_extension
  ) lines,
  LATERAL (SELECT string_agg(item::text, ' ' ORDER BY item::text) AS acl FROM unnest(list) item) items
