-- What initdb made, which of the histories since then this is (recovery from a backup ends in a new one), and what a copy beside
-- the original has to have of its own. https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-CONTROL-SYSTEM
SELECT concat_ws('/', s.system_identifier, c.timeline_id, current_setting('port'), nullif(current_setting('cluster_name'), ''))
  FROM pg_control_system() s, pg_control_checkpoint() c
