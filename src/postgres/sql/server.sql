-- $1: parameters that the caller would put into ALTER ROLE ... SET; those that roles have there already are judged as well.
SELECT current_setting('server_version_num')::int8,
       current_setting('max_locks_per_transaction')::int8
         * (current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8),
       session_user::text,
       pg_get_userbyid(10)::text,
       pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool,
       floor(1000 * extract(epoch FROM clock_timestamp()))::int8,
       ARRAY(
         SELECT asked.name
           FROM (SELECT unnest($1::text[])
                 UNION
                 SELECT split_part(unnest(setconfig), '=', 1) FROM pg_db_role_setting WHERE setrole <> 0) AS asked(name)
           LEFT JOIN pg_settings s ON lower(s.name) = lower(asked.name)
          WHERE s.context = 'user'
             OR s.context = 'superuser' AND me.rolsuper
-->=15       OR s.context = 'superuser' AND has_parameter_privilege(session_user, s.name, 'SET')
             OR s.name IS NULL AND asked.name LIKE '%.%' AND me.rolsuper
             -- pg_settings leaves `role` out (GUC_NO_SHOW_ALL).
             OR lower(asked.name) = 'role'
       ),
       pg_is_in_recovery(),
       r.databases,
       r.roles,
       r.settings,
       -- How the worker of pg_cron shows itself; a session of another role can call itself so.
       (SELECT min(a.datname::text)
          FROM pg_stat_activity a
         WHERE a.usesysid = 10 AND a.application_name = 'pg_cron scheduler')
  FROM pg_roles me
 CROSS JOIN LATERAL (
    -- Who set it is not kept, where it is set is.
    SELECT array_agg(d.datname::text) AS databases,
           array_agg(s.setrole <> 0) AS roles,
           array_agg(split_part(setting, '=', 2)::bool) AS settings
      FROM pg_db_role_setting s
      LEFT JOIN pg_database d ON d.oid = s.setdatabase
     CROSS JOIN unnest(s.setconfig) AS setting
     WHERE s.setrole IN (0, me.oid) AND setting LIKE 'default\_transaction\_read\_only=%'
  ) r
 WHERE me.rolname = session_user
