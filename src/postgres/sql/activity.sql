-- $1: logins. Each with its attributes, once for every session of it. Address and beginning of others' sessions are shown
-- to members of pg_monitor only. An infinite VALID UNTIL is none.
SELECT r.rolname::text,
       r.rolcanlogin,
       CASE WHEN isfinite(r.rolvaliduntil) THEN floor(extract(epoch FROM r.rolvaliduntil))::int8 END,
       a.pid IS NOT NULL,
       coalesce(a.application_name, ''),
       host(a.client_addr),
       floor(extract(epoch FROM a.backend_start))::int8
  FROM pg_roles r
  LEFT JOIN pg_stat_activity a ON a.usesysid = r.oid
 WHERE r.rolname = ANY ($1::text[]::name[])
 ORDER BY 1, 7, 5
