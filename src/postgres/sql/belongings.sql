-- What belongs to somebody and has neither an ACL nor, but for extensions, a schema.
-- $1: who makes objects by the policy; triggers that run code of theirs, or of a superuser's, are left out.
-- Publications and subscriptions with the schemas whose tables they name; event triggers with the function that each runs
-- as whoever changes an object, and its owner; functions that triggers run as whoever writes, with an example.
SELECT 'extension',
       e.extname::text,
       pg_get_userbyid(e.extowner)::text,
       n.nspname::text,
       e.extversion,
       NULL::text[],
       NULL::text,
       NULL::text
  FROM pg_extension e
  JOIN pg_namespace n ON n.oid = e.extnamespace
UNION ALL
SELECT CASE WHEN p.puballtables THEN 'publication of everything'
--≥15       WHEN EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid) THEN 'publication of schemas'
            ELSE 'publication' END,
       p.pubname::text,
       pg_get_userbyid(p.pubowner)::text,
       NULL,
       NULL,
       ARRAY(SELECT n.nspname::text
               FROM pg_namespace n
              WHERE n.oid IN (SELECT c.relnamespace
                                FROM pg_publication_rel r
                                JOIN pg_class c ON c.oid = r.prrelid
                               WHERE r.prpubid = p.oid
--≥15                           UNION
--≥15                          SELECT s.pnnspid FROM pg_publication_namespace s WHERE s.pnpubid = p.oid
                             )),
       NULL,
       NULL
  FROM pg_publication p
UNION ALL
SELECT 'subscription',
       s.subname::text,
       pg_get_userbyid(s.subowner)::text,
       NULL,
       NULL,
       ARRAY(SELECT n.nspname::text
               FROM pg_namespace n
              WHERE n.oid IN (SELECT c.relnamespace
                                FROM pg_subscription_rel r
                                JOIN pg_class c ON c.oid = r.srrelid
                               WHERE r.srsubid = s.oid)),
       NULL,
       NULL
  FROM pg_subscription s
 WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
SELECT 'event trigger',
       t.evtname::text,
       pg_get_userbyid(t.evtowner)::text,
       NULL,
       NULL,
       NULL,
       format('%I.%I()', n.nspname, f.proname),
       pg_get_userbyid(f.proowner)::text
  FROM pg_event_trigger t
  JOIN pg_proc f ON f.oid = t.evtfoid
  JOIN pg_namespace n ON n.oid = f.pronamespace
UNION ALL
SELECT 'trigger',
       min(format('%I on %I.%I', t.tgname, s.nspname, c.relname)),
       pg_get_userbyid(min(c.relowner::int8)::oid)::text,
       NULL,
       NULL,
       array_agg(DISTINCT s.nspname::text),
       format('%I.%I()', f.namespace, f.name),
       f.owner
  FROM (
    SELECT p.oid, n.nspname AS namespace, p.proname AS name, o.rolname::text AS owner
      FROM pg_proc p
      JOIN pg_namespace n ON n.oid = p.pronamespace
      JOIN pg_roles o ON o.oid = p.proowner
     WHERE p.oid >= 16384
       AND p.prorettype = 'trigger'::regtype
       AND NOT o.rolsuper
       AND o.rolname::text <> ALL ($1::text[])
  ) f
  JOIN pg_trigger t ON t.tgfoid = f.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
  JOIN pg_class c ON c.oid = t.tgrelid
  JOIN pg_namespace s ON s.oid = c.relnamespace
 GROUP BY f.oid, f.namespace, f.name, f.owner
