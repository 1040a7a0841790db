-- Who serves this session, and how it began. Names of settings are column names. Without operators and casts: which ones
-- would be meant is among what is asked.
SELECT pg_catalog.pg_backend_pid() AS pid,
       pg_catalog.current_setting('transaction_read_only') AS read_only,
       pg_catalog.current_setting('search_path') AS search_path,
       pg_catalog.current_setting('standard_conforming_strings') AS standard_conforming_strings,
       pg_catalog.current_setting('quote_all_identifiers') AS quote_all_identifiers,
       pg_catalog.current_setting('client_min_messages') AS client_min_messages,
       pg_catalog.current_setting('idle_in_transaction_session_timeout') AS idle_in_transaction_session_timeout
