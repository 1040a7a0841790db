//! What the server is asked: role, object, privilege and its answer, for all there are.

/// One question for all roles.
pub struct Question {
    /// The kind of object, or of membership.
    pub what: &'static str,
    /// The first major version that answers it.
    pub since: u32,
    /// Four columns: role, object, privilege, yes or no.
    pub sql: &'static str,
}

const fn question(what: &'static str, since: u32, sql: &'static str) -> Question {
    Question { what, since, sql }
}

/// About objects.
pub const OBJECTS: [Question; 14] = [
    question("relation", 14, "SELECT r.rolname::text, n.nspname || '.' || c.relname, p, has_table_privilege(r.oid, c.oid, p)
         FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
              unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
                || CASE WHEN current_setting('server_version_num')::int >= 170000 THEN ARRAY['MAINTAIN'] END) p
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND (n.nspname ~ '^s[0-9]' OR c.oid = 'pg_authid'::regclass AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee >= 16384))"),
    question("any column", 14, "SELECT r.rolname::text, n.nspname || '.' || c.relname, p, has_any_column_privilege(r.oid, c.oid, p)
         FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
              unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND (n.nspname ~ '^s[0-9]' OR c.oid = 'pg_authid'::regclass AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee >= 16384))"),
    question("column", 14, "SELECT r.rolname::text, n.nspname || '.' || c.relname || '.' || a.attname, p, has_column_privilege(r.oid, c.oid, a.attnum, p)
         FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0,
              unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) p
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname ~ '^s[0-9]'"),
    question("sequence", 14, "SELECT r.rolname::text, n.nspname || '.' || c.relname, p, has_sequence_privilege(r.oid, c.oid, p)
         FROM pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) p
        WHERE c.relkind = 'S'"),
    question("schema", 14, "SELECT r.rolname::text, n.nspname::text, p, has_schema_privilege(r.oid, n.oid, p)
         FROM pg_roles r, pg_namespace n, unnest(ARRAY['USAGE', 'CREATE']) p WHERE n.nspname ~ '^(s[0-9]|public)'"),
    question("routine", 14, "SELECT r.rolname::text, f.pronamespace::regnamespace || '.' || f.proname || '(' || oidvectortypes(f.proargtypes) || ')',
              'EXECUTE'::text, has_function_privilege(r.oid, f.oid, 'EXECUTE')
         FROM pg_roles r, pg_proc f WHERE f.pronamespace::regnamespace::text ~ '^s[0-9]'"),
    question("database", 14, "SELECT r.rolname::text, d.datname::text, p, has_database_privilege(r.oid, d.oid, p)
         FROM pg_roles r, pg_database d, unnest(ARRAY['CREATE', 'CONNECT', 'TEMPORARY']) p"),
    question("type", 14, "SELECT r.rolname::text, t.typnamespace::regnamespace || '.' || t.typname, 'USAGE'::text, has_type_privilege(r.oid, t.oid, 'USAGE')
         FROM pg_roles r, pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.typnamespace::regnamespace::text ~ '^s[0-9]' AND t.typcategory <> 'A' AND coalesce(c.relkind = 'c', true)"),
    question("language", 14, "SELECT r.rolname::text, l.lanname::text, 'USAGE'::text, has_language_privilege(r.oid, l.oid, 'USAGE')
         FROM pg_roles r, pg_language l
        WHERE l.oid >= 16384 OR EXISTS (SELECT FROM aclexplode(l.lanacl) a WHERE a.grantee >= 16384)"),
    question("foreign data wrapper", 14, "SELECT r.rolname::text, w.fdwname::text, 'USAGE'::text, has_foreign_data_wrapper_privilege(r.oid, w.oid, 'USAGE')
         FROM pg_roles r, pg_foreign_data_wrapper w"),
    question("foreign server", 14, "SELECT r.rolname::text, s.srvname::text, 'USAGE'::text, has_server_privilege(r.oid, s.oid, 'USAGE')
         FROM pg_roles r, pg_foreign_server s"),
    question("tablespace", 14, "SELECT r.rolname::text, s.spcname::text, 'CREATE'::text, has_tablespace_privilege(r.oid, s.oid, 'CREATE')
         FROM pg_roles r, pg_tablespace s WHERE s.oid >= 16384"),
    question("parameter", 15, "SELECT r.rolname::text, a.parname, p, has_parameter_privilege(r.oid, a.parname, p)
         FROM pg_roles r, pg_parameter_acl a, unnest(ARRAY['SET', 'ALTER SYSTEM']) p"),
    question("large object", 18, "SELECT r.rolname::text, l.oid::text, p, has_largeobject_privilege(r.oid, l.oid, p)
         FROM pg_roles r, pg_largeobject_metadata l, unnest(ARRAY['SELECT', 'UPDATE']) p"),
];

/// About memberships.
pub const ROLES: [Question; 3] = [
    question(
        "USAGE",
        14,
        "SELECT r.rolname::text, o.rolname::text, 'USAGE'::text, pg_has_role(r.oid, o.oid, 'USAGE') FROM pg_roles r, pg_roles o",
    ),
    question(
        "MEMBER",
        14,
        "SELECT r.rolname::text, o.rolname::text, 'MEMBER'::text, pg_has_role(r.oid, o.oid, 'MEMBER') FROM pg_roles r, pg_roles o",
    ),
    question(
        "SET",
        16,
        "SELECT r.rolname::text, o.rolname::text, 'SET'::text, pg_has_role(r.oid, o.oid, 'SET') FROM pg_roles r, pg_roles o",
    ),
];
