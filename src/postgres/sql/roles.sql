-- $1: databases that are looked into. Of the others the account that PostgreSQL keeps in one place tells what a role owns there,
-- and how many ACLs name it. https://www.postgresql.org/docs/current/catalog-pg-shdepend.html
SELECT r.rolname::text,
       r.rolcanlogin,
       r.rolsuper,
       r.rolcreatedb,
       r.rolcreaterole,
       r.rolreplication,
       r.rolbypassrls,
       r.rolinherit,
       r.rolconnlimit,
       s.databases,
       s.settings,
       nullif(r.rolvaliduntil, 'infinity')::text,
       e.databases,
       e.owned,
       e.named,
       a.sessions,
       u.kinds,
       u.names,
       u.databases
  FROM pg_roles r
  LEFT JOIN (
    SELECT s.setrole,
           array_agg(d.datname::text) AS databases,
           array_agg(setting) AS settings
      FROM pg_db_role_setting s
      LEFT JOIN pg_database d ON d.oid = s.setdatabase
     CROSS JOIN unnest(s.setconfig) AS setting
     WHERE s.setrole <> 0
     GROUP BY s.setrole
  ) s ON s.setrole = r.oid
  LEFT JOIN (
    SELECT h.refobjid,
           array_agg(d.datname::text) AS databases,
           array_agg(h.owned) AS owned,
           array_agg(h.named) AS named
      FROM pg_database d
     CROSS JOIN LATERAL (
        SELECT s.refobjid,
               count(*) FILTER (WHERE s.deptype = 'o') AS owned,
               count(*) FILTER (WHERE s.deptype = 'a') AS named
          FROM pg_shdepend s
         -- A range, of which little is expected: the index begins with the database, and those that are looked into may
         -- have a million rows here, for which the whole table would be read.
         WHERE s.dbid BETWEEN d.oid AND d.oid
           AND s.refclassid = 'pg_authid'::regclass
           AND s.deptype IN ('o', 'a')
           AND s.refobjid >= 16384
         GROUP BY s.refobjid
      ) h
     WHERE d.datname::text <> ALL ($1::text[])
     GROUP BY h.refobjid
  ) e ON e.refobjid = r.oid
  -- Everybody sees which login a session is of. https://www.postgresql.org/docs/current/monitoring-stats.html
  LEFT JOIN (
    SELECT usesysid, count(*) AS sessions
      FROM pg_stat_activity
     GROUP BY usesysid
  ) a ON a.usesysid = r.oid
  -- What works as a role, or waits for it, without a session; in all databases.
  LEFT JOIN (
    SELECT w.role,
           array_agg(w.kind) AS kinds,
           array_agg(w.name) AS names,
           array_agg(w.database) AS databases
      FROM (
        SELECT s.subowner AS role, 'subscription' AS kind, s.subname::text AS name, d.datname::text AS database
          FROM pg_subscription s
          JOIN pg_database d ON d.oid = s.subdbid
        UNION ALL
        SELECT o.oid,
               -- Which rows it has changed is not shown: that it has changed some is. Read where there is such a transaction only.
               CASE WHEN EXISTS (
                      SELECT FROM pg_locks own
                        JOIN pg_locks l USING (virtualtransaction)
                       WHERE own.pid IS NULL
                         AND own.locktype = 'transactionid'
                         AND own.transactionid = p.transaction
                         AND l.pid IS NULL
                         AND l.locktype = 'relation'
                         AND l.relation IN ('pg_authid'::regclass, 'pg_auth_members'::regclass, 'pg_db_role_setting'::regclass)
                         AND l.mode <> 'AccessShareLock')
                    THEN 'prepared on roles'
                    ELSE 'prepared'
               END,
               p.gid, p.database::text
          FROM pg_prepared_xacts p
          JOIN pg_roles o ON o.rolname = p.owner
      ) w
     GROUP BY w.role
  ) u ON u.role = r.oid
