//! What works as a role without being a session of it.

use std::fmt;

use super::{DatabaseName, RoleName, quote_literal};

/// Something that works as a role, or waits for it, whether or not that is logged in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleUse {
    /// The role.
    pub role: RoleName,
    /// Where it works.
    pub database: DatabaseName,
    /// What it is.
    pub kind: RoleUseKind,
    /// Its name; of a user mapping, the foreign server.
    pub name: String,
}

/// What works as a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleUseKind {
    /// A subscription, whose workers run as its owner.
    /// <https://www.postgresql.org/docs/current/logical-replication-security.html>
    Subscription,
    /// A prepared transaction: the role that prepared it, or a superuser, finishes it.
    /// <https://www.postgresql.org/docs/current/sql-commit-prepared.html>
    Prepared,
    /// The same, where it keeps a lock on the table of roles: each row that it has changed is locked until it ends.
    /// <https://www.postgresql.org/docs/current/sql-prepare-transaction.html>
    PreparedOnRoles,
    /// The credential by which the role logs in to another server.
    /// <https://www.postgresql.org/docs/current/sql-createusermapping.html>
    Mapping,
}

impl fmt::Display for RoleUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { database, name, .. } = self;
        match self.kind {
            RoleUseKind::Subscription => write!(f, "subscription {name} in database {database}"),
            RoleUseKind::Prepared | RoleUseKind::PreparedOnRoles => {
                write!(
                    f,
                    "prepared transaction {} in database {database}",
                    quote_literal(name)
                )
            }
            RoleUseKind::Mapping => {
                write!(f, "user mapping for server {name} in database {database}")
            }
        }
    }
}
