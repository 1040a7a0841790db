-- $1: logins. Each with its attributes, once for every session of it, beside the time; the time alone where there is none.
-- $2: the database that they log in to, or none: its limit, and the sessions that count against it, without this one.
-- Address and beginning of others' sessions are shown to members of pg_monitor only. An infinite VALID UNTIL is none.
SELECT floor(1000 * extract(epoch FROM clock.now))::int8,
       r.rolname::text,
       r.rolcanlogin,
       CASE WHEN isfinite(r.rolvaliduntil) THEN floor(extract(epoch FROM r.rolvaliduntil))::int8 END,
       a.pid IS NOT NULL,
       coalesce(a.application_name, ''),
       host(a.client_addr),
       floor(extract(epoch FROM a.backend_start))::int8,
       r.rolconnlimit,
       d.datconnlimit,
       (SELECT count(*)
          FROM pg_stat_activity s
         WHERE s.datid = d.oid
           AND s.pid <> pg_backend_pid()
           AND coalesce(s.backend_type, 'client backend') = 'client backend')
  FROM (SELECT clock_timestamp() AS now) clock
  LEFT JOIN pg_database d ON d.datname = ANY ($2::text[]::name[])
  LEFT JOIN pg_roles r ON r.rolname = ANY ($1::text[]::name[])
  LEFT JOIN pg_stat_activity a ON a.usesysid = r.oid
 ORDER BY 2, 8, 6
