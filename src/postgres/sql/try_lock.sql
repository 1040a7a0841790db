-- $1: the key. Takes the lock, or says who has it; a bigint key stands in pg_locks as its two halves, objsubid 1. A prepared
-- transaction has no process there; its own transaction, which it holds a lock on as well, tells which one it is. A role that
-- was dropped has no name; of its session the number is left.
SELECT t.taken, h.held, h.pid, h.application_name, h.login, h.prepared, h.role
  FROM (SELECT pg_try_advisory_lock($1::int8) AS taken) t
  LEFT JOIN LATERAL (
    SELECT true AS held, l.pid, a.application_name, coalesce(a.usename, p.owner)::text AS login, p.gid AS prepared,
           a.usesysid::int8 AS role
      FROM pg_locks l
      LEFT JOIN pg_stat_activity a ON a.pid = l.pid
      LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.virtualtransaction = l.virtualtransaction
                          AND x.locktype = 'transactionid'
      LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
     WHERE NOT t.taken
       AND l.locktype = 'advisory'
       AND l.granted
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.objsubid = 1
       AND (l.classid::int8 << 32 | l.objid::int8) = $1::int8
     LIMIT 1
  ) h ON true
