SELECT pg_get_userbyid(d.defaclrole)::text,
       n.nspname::text/*n.oid*/,
       d.defaclobjtype::text,
       d.defaclacl::text[]
  FROM pg_default_acl d
  LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
