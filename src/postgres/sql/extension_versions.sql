-- $1: extensions that are not installed: the versions the server has, the default one first.
-- $2: extensions installed in another version: where they can be updated to.
SELECT a.name::text,
       array_agg(v.version ORDER BY v.version <> a.default_version, v.version)
  FROM pg_available_extensions() a
  JOIN pg_available_extension_versions() v ON v.name = a.name
 WHERE a.name::text = ANY ($1::text[])
 GROUP BY a.name
UNION ALL
SELECT e.extname::text,
       array_agg(u.target ORDER BY u.target)
  FROM pg_extension e
 CROSS JOIN pg_extension_update_paths(e.extname) u
 WHERE e.extname::text = ANY ($2::text[])
   AND u.source = e.extversion
   AND u.path IS NOT NULL
 GROUP BY e.extname
