//! What keeps roles that are to go from being dropped.

use std::collections::{BTreeMap, BTreeSet};

use super::{Database, DatabaseName, RoleName};

/// What still hangs on the roles that are to go; empty where none of them exists.
#[derive(Debug, Clone, Default)]
pub struct Retirement {
    /// Those of them that are logged in.
    pub sessions: BTreeSet<RoleName>,
    /// How many things depend on each, by database; without one, things of the instance. PostgreSQL keeps this account
    /// for every database in one place. <https://www.postgresql.org/docs/current/catalog-pg-shdepend.html>
    pub dependents: BTreeMap<(RoleName, Option<DatabaseName>), u64>,
    /// What depends on them and is no object of an inventory, in the databases that let us in.
    pub ties: BTreeMap<DatabaseName, Vec<Tie>>,
    /// Databases the policy does not manage in which something depends on them, as far as they let us in.
    pub elsewhere: BTreeMap<DatabaseName, Database>,
}

impl Retirement {
    /// Whether anything in `database` depends on `role`.
    pub fn reaches(&self, role: &RoleName, database: &DatabaseName) -> bool {
        self.dependents
            .contains_key(&(role.clone(), Some(database.clone())))
    }
}

/// Something that depends on a role and is no object with an ACL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tie {
    /// The role.
    pub role: RoleName,
    /// What becomes of it.
    pub kind: TieKind,
    /// As the server describes it: `policy p on table app.t`.
    pub object: String,
}

/// What becomes of something that depends on a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TieKind {
    /// An extension it owns, or a member of one: `REASSIGN OWNED` alone moves it.
    Extension,
    /// Something else it owns, of a kind that wants more than ownership.
    Owned,
    /// A row security policy of a table of this owner names it: `DROP OWNED` takes it out of the policy, and drops the
    /// policy if it is for no other role.
    Policy(RoleName),
    /// Its own default privileges and user mappings: they go with `DROP OWNED`.
    Own,
}
