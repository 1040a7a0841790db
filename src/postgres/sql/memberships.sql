-- Up to 15 there are no options: INHERIT is the member's attribute, SET always given, and a grantor may be gone.
SELECT granted.rolname::text,
       member.rolname::text,
       pg_get_userbyid(m.grantor)::text,
       m.admin_option,
--<16  member.rolinherit,
--<16  true
-->=16  m.inherit_option,
-->=16  m.set_option
  FROM pg_auth_members m
  JOIN pg_roles granted ON granted.oid = m.roleid
  JOIN pg_roles member ON member.oid = m.member
