SELECT e.extname::text,
       pg_get_userbyid(e.extowner)::text,
       n.nspname::text,
       e.extversion
  FROM pg_extension e
  JOIN pg_namespace n ON n.oid = e.extnamespace
