-- $1: a backend. Who keeps it waiting, and which relations of this database that is about: the one it waits for, or,
-- where it waits for a transaction to end, those that the other has locked more than to read them. Where nobody is in the way
-- pg_locks is not looked at: reading it holds up whoever locks, and this backend may hold tens of thousands of locks.
SELECT b.pid,
       a.usename::text,
       a.application_name,
       coalesce(w.relations, h.relations)
  FROM unnest(pg_blocking_pids($1)) AS b (pid)
  LEFT JOIN pg_stat_activity a ON a.pid = b.pid
 CROSS JOIN LATERAL (
    SELECT string_agg(DISTINCT l.relation::regclass::text, ', ') AS relations
      FROM pg_locks l
      JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
     WHERE l.pid = $1 AND l.locktype = 'relation' AND NOT l.granted
       AND b.pid IS NOT NULL
  ) w
 CROSS JOIN LATERAL (
    SELECT string_agg(DISTINCT l.relation::regclass::text, ', ') AS relations
      FROM pg_locks l
      JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
      JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
     WHERE l.pid = b.pid AND l.locktype = 'relation' AND l.granted
       AND l.mode <> 'AccessShareLock' AND l.relation >= 16384
  ) h
 LIMIT 1
