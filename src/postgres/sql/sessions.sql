-- $1: roles that are to go. Which of them are logged in.
SELECT DISTINCT a.usename::text
  FROM pg_stat_activity a
 WHERE a.usename::text = ANY ($1::text[])
