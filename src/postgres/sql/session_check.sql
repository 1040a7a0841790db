-- Who serves this session, and how it began. Names of settings are column names. Without operators that `search_path` chooses:
-- what it is, is among what is asked. `unspelt`: roles, databases and tablespaces whose names are not ASCII, with their OIDs.
-- In the shared catalogs the names are bytes of any encoding: they are shown as digits, as the session gets them.
SELECT pg_catalog.pg_backend_pid() AS pid,
       pg_catalog.current_setting('transaction_read_only') AS read_only,
       pg_catalog.current_setting('search_path') AS search_path,
       pg_catalog.current_setting('standard_conforming_strings') AS standard_conforming_strings,
       pg_catalog.current_setting('quote_all_identifiers') AS quote_all_identifiers,
       pg_catalog.current_setting('client_min_messages') AS client_min_messages,
       pg_catalog.current_setting('idle_in_transaction_session_timeout') AS idle_in_transaction_session_timeout,
       pg_catalog.current_setting('server_encoding') AS encoding,
       (SELECT pg_catalog.string_agg(pg_catalog.concat(s.kind, s.oid, ':', pg_catalog.encode(
                 CASE WHEN pg_catalog.current_setting('server_encoding') OPERATOR(pg_catalog.=) ANY (ARRAY['UTF8', 'SQL_ASCII'])
                      THEN s.bytes
                      ELSE pg_catalog.convert_to(s.name, 'UTF8') END, 'hex')), ' ')
          FROM (
            SELECT e.kind, e.oid, e.name, CAST(e.escaped AS pg_catalog.bytea) AS bytes, e.escaped
              FROM (
                SELECT n.kind, n.oid, n.name,
                       pg_catalog.replace(n.name, pg_catalog.chr(92), pg_catalog.repeat(pg_catalog.chr(92), 2)) AS escaped
                  FROM (
                    SELECT 'r' AS kind, r.oid, CAST(r.rolname AS pg_catalog.text) AS name
                      FROM pg_catalog.pg_roles r
                    UNION ALL
                    SELECT 'd', d.oid, CAST(d.datname AS pg_catalog.text)
                      FROM pg_catalog.pg_database d
                    UNION ALL
                    SELECT 't', t.oid, CAST(t.spcname AS pg_catalog.text)
                      FROM pg_catalog.pg_tablespace t
                  ) n
              ) e
          ) s
         -- What is not ASCII takes more letters when it is escaped.
         WHERE pg_catalog.length(pg_catalog.encode(s.bytes, 'escape')) OPERATOR(pg_catalog.<>) pg_catalog.octet_length(s.escaped)
       ) AS unspelt
