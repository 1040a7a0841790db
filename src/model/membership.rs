//! Memberships of roles in roles.

use super::RoleName;

/// One row of `pg_auth_members`. From 16 on a pair may have several rows, one per grantor, and the effective options are
/// those of any of them; before, there is one row, INHERIT is the member's attribute and SET always given.
/// <https://www.postgresql.org/docs/current/catalog-pg-auth-members.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Membership {
    /// The role that is granted.
    pub role: RoleName,
    /// Who is a member of it.
    pub member: RoleName,
    /// In whose name it was granted.
    pub grantor: RoleName,
    /// May grant it on.
    pub admin: bool,
    /// Has its privileges without SET ROLE.
    pub inherit: bool,
    /// May SET ROLE to it.
    pub set: bool,
}
