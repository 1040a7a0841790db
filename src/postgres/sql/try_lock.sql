-- $1: the key. Takes the lock, or says who has it; a bigint key stands in pg_locks as its two halves, objsubid 1.
SELECT t.taken, h.pid, h.application_name, h.usename
  FROM (SELECT pg_try_advisory_lock($1::int8) AS taken) t
  LEFT JOIN LATERAL (
    SELECT l.pid, a.application_name, a.usename::text
      FROM pg_locks l
      LEFT JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE NOT t.taken
       AND l.locktype = 'advisory'
       AND l.granted
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.objsubid = 1
       AND (l.classid::int8 << 32 | l.objid::int8) = $1::int8
     LIMIT 1
  ) h ON true
