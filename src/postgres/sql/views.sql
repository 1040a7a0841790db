-- What views, and rules of tables, do with the rights of their owners: one row for each relation that one of them names. Those
-- that a schema's own `ddl` role made are left out, unless another one leads through them: what such a view shows is what that
-- role chose to show. A view with security_invoker (15 and later) reads with the rights of whoever reads it, from wherever it is
-- read; rules on INSERT, UPDATE and DELETE run as the owner even there.
-- https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-NOTES
-- https://www.postgresql.org/docs/current/rules-privileges.html
-- A materialized view has copied what it shows, and is none of these. FirstNormalObjectId, 16384: PostgreSQL's own are none
-- either.
-- $1, $2: schemas, and the `ddl` roles of each.
WITH RECURSIVE trusted AS MATERIALIZED (
  SELECT n.oid AS namespace, r.oid AS owner
    FROM unnest($1::text[], $2::text[]) AS t(schema, owner)
    JOIN pg_namespace n ON n.nspname = t.schema::name
    JOIN pg_roles r ON r.rolname = t.owner::name
),
-- pg_rewrite is small where pg_class is large.
rule AS MATERIALIZED (
  SELECT c.oid, r.oid AS rule, r.ev_type AS event, c.relkind AS kind, c.relnamespace AS namespace, c.relname AS name,
         c.relowner AS owner
    FROM pg_rewrite r
    JOIN pg_class c ON c.oid = r.ev_class AND c.relkind IN ('v', 'r', 'p')
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_temp_'
   WHERE r.oid >= 16384
     AND r.ev_enabled <> 'D'
     AND (r.ev_type <> '1' OR NOT EXISTS (
           SELECT
             FROM pg_options_to_table(c.reloptions) o
            WHERE o.option_name = 'security_invoker' AND o.option_value::boolean))
),
-- pg_depend is large, and has an index for what one rule depends on: OFFSET 0 keeps it from being read as a whole.
used AS (
  SELECT v.oid
    FROM rule v
   WHERE NOT EXISTS (SELECT FROM trusted t WHERE t.namespace = v.namespace AND t.owner = v.owner)

  UNION
  SELECT d.refobjid
    FROM used
    JOIN rule v USING (oid)
   CROSS JOIN LATERAL (
         SELECT refobjid
           FROM pg_depend
          WHERE classid = 'pg_rewrite'::regclass AND objid = v.rule
            AND refclassid = 'pg_class'::regclass AND refobjid <> v.oid AND deptype = 'n'
         OFFSET 0) d
    JOIN rule w ON w.oid = d.refobjid
),
-- What an action does with a relation, and which relation a view passes on to what is written, stands in the rule itself: PostgreSQL checks
-- the privileges that it finds there (ACL_INSERT 1, ACL_SELECT 2, ACL_UPDATE 4, ACL_DELETE 8). A view that can be written
-- through has one relation in FROM, and it comes before whatever else is named.
-- https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-UPDATABLE-VIEWS
told AS MATERIALIZED (
  SELECT v.oid, v.rule,
         CASE v.event WHEN '1' THEN (
           SELECT bit_or(CASE s.ev_type WHEN '2' THEN 4 WHEN '3' THEN 8 ELSE 16 END)
             FROM pg_rewrite s
            WHERE s.ev_class = v.oid AND s.is_instead AND s.ev_qual::text = '<>' AND s.ev_type <> '1') END AS instead,
         CASE v.event WHEN '1' THEN (
           ARRAY(SELECT m.match[1]::oid
                   FROM regexp_matches(r.ev_action::text, ':relid (\d+)', 'g') WITH ORDINALITY AS m(match, place)
                  ORDER BY m.place)
         )[(regexp_match(r.ev_action::text, ':fromlist \(\{RANGETBLREF :rtindex (\d+)\}\)'))[1]::int] END AS base,
         CASE WHEN v.event <> '1' THEN r.ev_action::text || r.ev_qual::text END AS action
    FROM used
    JOIN rule v USING (oid)
    JOIN pg_rewrite r ON r.oid = v.rule
)
SELECT 'relation ' || v.kind::text,
       n.nspname::text/*n.oid*/,
       v.name::text/*v.oid*/,
       pg_get_userbyid(v.owner)::text,
       v.event::text,
       -- One bit for each of UPDATE (4), INSERT (8) and DELETE (16); of a rule that is not read, as of one that does everything.
       CASE WHEN v.event = '1' AND d.refobjid = coalesce(t.base, d.refobjid)
            THEN pg_relation_is_updatable(v.oid, false) & ~coalesce(t.instead, 0)
            WHEN v.event = '1' THEN 0
            ELSE coalesce((SELECT bit_or(p.match[2]::int)
                             FROM regexp_matches(t.action, ':relid (\d+) [^{}]*?:requiredPerms (\d+)', 'g') AS p(match)
                            WHERE p.match[1]::oid = c.oid), 15) END,
       'relation ' || c.relkind::text,
       m.nspname::text/*m.oid*/,
       c.relname::text/*c.oid*/,
       array_agg(a.attname::text/*a.attnum*/) FILTER (WHERE a.attname IS NOT NULL)
  FROM told t
  JOIN rule v USING (oid, rule)
  JOIN pg_namespace n ON n.oid = v.namespace
 CROSS JOIN LATERAL (
       SELECT refobjid, refobjsubid
         FROM pg_depend
        WHERE classid = 'pg_rewrite'::regclass AND objid = v.rule
          AND refclassid = 'pg_class'::regclass AND refobjid <> v.oid AND deptype = 'n'
       OFFSET 0) d
  JOIN pg_class c ON c.oid = d.refobjid AND c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  JOIN pg_namespace m ON m.oid = c.relnamespace
  LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND d.refobjsubid <> 0
 GROUP BY v.oid, v.rule, v.event, v.kind, n.oid, n.nspname, v.name, v.owner, t.base, t.instead, t.action, d.refobjid, c.oid, c.relkind,
          m.oid, m.nspname, c.relname
