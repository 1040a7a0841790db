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
       nullif(r.rolvaliduntil, 'infinity')::text
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
