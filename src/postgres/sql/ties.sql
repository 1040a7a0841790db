-- $1: roles that are to go. What depends on them in this database and is not in objects.sql: members of extensions, what
-- has neither ACL nor ALTER ... OWNER of the usual kind, policies, and what goes with DROP OWNED anyway.
SELECT r.rolname::text,
       CASE WHEN s.deptype = 'r' THEN 'policy'
            WHEN s.classid IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass) THEN 'own'
            WHEN s.classid = 'pg_extension'::regclass OR m.objid IS NOT NULL THEN 'extension'
            ELSE 'owned' END,
       pg_describe_object(s.classid, s.objid, s.objsubid)
         || CASE WHEN s.classid = 'pg_user_mapping'::regclass THEN ', and the credential in it' ELSE '' END,
       pg_get_userbyid(c.relowner)::text
  FROM pg_shdepend s
  JOIN pg_roles r ON r.oid = s.refobjid
  LEFT JOIN pg_policy p ON s.classid = 'pg_policy'::regclass AND p.oid = s.objid
  LEFT JOIN pg_class c ON c.oid = p.polrelid
  LEFT JOIN pg_depend m ON m.classid = s.classid AND m.objid = s.objid AND m.deptype = 'e'
 WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND s.refclassid = 'pg_authid'::regclass
   AND r.rolname::text = ANY ($1::text[])
   AND (s.deptype = 'r'
        OR s.deptype = 'o' AND (m.objid IS NOT NULL
                                OR s.classid NOT IN ('pg_namespace'::regclass, 'pg_class'::regclass,
                                                     'pg_proc'::regclass, 'pg_type'::regclass,
                                                     'pg_language'::regclass, 'pg_largeobject'::regclass,
                                                     'pg_foreign_data_wrapper'::regclass,
                                                     'pg_foreign_server'::regclass, 'pg_collation'::regclass,
                                                     'pg_conversion'::regclass, 'pg_statistic_ext'::regclass,
                                                     'pg_operator'::regclass, 'pg_opclass'::regclass,
                                                     'pg_opfamily'::regclass, 'pg_ts_config'::regclass,
                                                     'pg_ts_dict'::regclass)))
 ORDER BY 1, 2, 3
