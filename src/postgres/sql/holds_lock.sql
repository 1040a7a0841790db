-- $1: the key. Whether this session has the lock; a bigint key stands in pg_locks as its two halves, objsubid 1.
SELECT EXISTS (
  SELECT
    FROM pg_locks l
   WHERE l.locktype = 'advisory'
     AND l.granted
     AND l.pid = pg_backend_pid()
     AND l.objsubid = 1
     AND (l.classid::int8 << 32 | l.objid::int8) = $1::int8
)
