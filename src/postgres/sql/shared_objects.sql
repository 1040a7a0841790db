-- Objects of the instance, grouped by owner and ACL. The columns are those of objects.sql.
SELECT g.kind,
       NULL::text,
       pg_get_userbyid(g.owner)::text,
       g.acl::text[],
       'free',
       false,
       g.names,
       NULL::text[]
  FROM (
    SELECT 'database' AS kind, datdba AS owner, datacl AS acl, array_agg(datname::text) AS names
      FROM pg_database
     GROUP BY datdba, datacl
    UNION ALL
    SELECT 'tablespace', spcowner, spcacl, array_agg(spcname::text)
      FROM pg_tablespace
     WHERE oid >= 16384
        OR spcowner >= 16384
        OR EXISTS (SELECT FROM aclexplode(spcacl) a WHERE a.grantee = 0 OR a.grantee >= 16384)
     GROUP BY spcowner, spcacl
-->=15 UNION ALL
-->=15 -- A parameter belongs to nobody; grants on it are recorded as the bootstrap superuser's.
-->=15 SELECT 'parameter', 10::oid, paracl, array_agg(parname)
-->=15   FROM pg_parameter_acl
-->=15  GROUP BY paracl
  ) g
