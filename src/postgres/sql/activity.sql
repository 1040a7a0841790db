-- $1: logins. Each with its attributes, once for every session of it, beside the time; the time alone where there is none.
-- Address and beginning of others' sessions are shown to members of pg_monitor only. An infinite VALID UNTIL is none.
SELECT floor(1000 * extract(epoch FROM clock.now))::int8,
       r.rolname::text,
       r.rolcanlogin,
       CASE WHEN isfinite(r.rolvaliduntil) THEN floor(extract(epoch FROM r.rolvaliduntil))::int8 END,
       a.pid IS NOT NULL,
       coalesce(a.application_name, ''),
       host(a.client_addr),
       floor(extract(epoch FROM a.backend_start))::int8
  FROM (SELECT clock_timestamp() AS now) clock
  LEFT JOIN pg_roles r ON r.rolname = ANY ($1::text[]::name[])
  LEFT JOIN pg_stat_activity a ON a.usesysid = r.oid
 ORDER BY 2, 8, 6
