-- What belongs to somebody and has neither an ACL nor, but for extensions, a schema.
-- Publications and subscriptions with the schemas whose tables they name.
SELECT 'extension',
       e.extname::text,
       pg_get_userbyid(e.extowner)::text,
       n.nspname::text/*n.oid*/,
       e.extversion,
       NULL::text[]
  FROM pg_extension e
  JOIN pg_namespace n ON n.oid = e.extnamespace
UNION ALL
SELECT CASE WHEN p.puballtables THEN 'publication of everything'
-->=15       WHEN EXISTS (SELECT FROM pg_publication_namespace s WHERE s.pnpubid = p.oid) THEN 'publication of schemas'
            ELSE 'publication' END,
       p.pubname::text/*p.oid*/,
       pg_get_userbyid(p.pubowner)::text,
       NULL,
       NULL,
       ARRAY(SELECT n.nspname::text/*n.oid*/
               FROM pg_namespace n
              WHERE n.oid IN (SELECT c.relnamespace
                                FROM pg_publication_rel r
                                JOIN pg_class c ON c.oid = r.prrelid
                               WHERE r.prpubid = p.oid
-->=15                           UNION
-->=15                          SELECT s.pnnspid FROM pg_publication_namespace s WHERE s.pnpubid = p.oid
                             ))
  FROM pg_publication p
UNION ALL
SELECT 'subscription',
       s.subname::text/*s.oid*/,
       pg_get_userbyid(s.subowner)::text,
       NULL,
       NULL,
       ARRAY(SELECT n.nspname::text/*n.oid*/
               FROM pg_namespace n
              WHERE n.oid IN (SELECT c.relnamespace
                                FROM pg_subscription_rel r
                                JOIN pg_class c ON c.oid = r.srrelid
                               WHERE r.srsubid = s.oid))
  FROM pg_subscription s
 WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL
-- The credential in it is for superusers, and who owns the server; of whom and for which server is for everybody.
SELECT 'user mapping',
       m.srvname::text,
       m.usename::text,
       NULL,
       current_database()::text,
       NULL
  FROM pg_user_mappings m
 WHERE m.umuser <> 0
UNION ALL
SELECT 'event trigger',
       evtname::text/*oid*/,
       pg_get_userbyid(evtowner)::text,
       NULL,
       NULL,
       NULL
  FROM pg_event_trigger
