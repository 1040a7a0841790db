-- What `check` is measured against: every ACL, owner, role and membership of a database in one statement. Run with
-- `psql -X -At -o /dev/null`.
SELECT 'rel' k, n.nspname, c.relname o, c.relkind::text kind, c.relowner own, c.relacl::text acl FROM pg_class c JOIN pg_namespace n ON n.oid=c.relnamespace WHERE c.relkind IN ('r','p','v','m','f','S') AND n.nspname !~ '^pg_' AND n.nspname<>'information_schema'
UNION ALL SELECT 'att', c.relname, a.attname, NULL, NULL, a.attacl::text FROM pg_attribute a JOIN pg_class c ON c.oid=a.attrelid WHERE a.attacl IS NOT NULL
UNION ALL SELECT 'nsp', nspname, NULL, NULL, nspowner, nspacl::text FROM pg_namespace
UNION ALL SELECT 'defacl', defaclnamespace::text, defaclobjtype::text, NULL, defaclrole, defaclacl::text FROM pg_default_acl
UNION ALL SELECT 'proc', n.nspname, p.proname, NULL, p.proowner, p.proacl::text FROM pg_proc p JOIN pg_namespace n ON n.oid=p.pronamespace WHERE n.nspname !~ '^pg_' AND n.nspname<>'information_schema'
UNION ALL SELECT 'db', datname, NULL, NULL, datdba, datacl::text FROM pg_database
UNION ALL SELECT 'ext', extname, NULL, NULL, extowner, extversion FROM pg_extension
UNION ALL SELECT 'role', rolname, rolsuper::text||rolinherit||rolcreaterole||rolcreatedb||rolcanlogin||rolreplication||rolbypassrls, rolconnlimit::text, oid, rolvaliduntil::text FROM pg_roles
UNION ALL SELECT 'mem', roleid::text, member::text, admin_option::text, grantor, NULL FROM pg_auth_members;
