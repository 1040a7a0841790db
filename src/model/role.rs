//! Roles with their attributes and settings.

use std::collections::BTreeSet;

use super::{DatabaseName, RoleName};

/// A role: a login or a group. <https://www.postgresql.org/docs/current/role-attributes.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: RoleName,
    /// LOGIN
    pub login: bool,
    /// SUPERUSER
    pub superuser: bool,
    /// CREATEDB
    pub create_db: bool,
    /// CREATEROLE
    pub create_role: bool,
    /// REPLICATION
    pub replication: bool,
    /// BYPASSRLS
    pub bypass_rls: bool,
    /// INHERIT
    pub inherit: bool,
    /// CONNECTION LIMIT; −1 is none.
    pub connection_limit: i32,
    /// VALID UNTIL, as the server prints it; `None`: for ever.
    pub valid_until: Option<String>,
    /// `ALTER ROLE … SET`, cluster-wide and per database.
    pub settings: BTreeSet<Setting>,
}

impl Role {
    /// Whether its sessions turn into `role`, as those of a pair of logins do.
    pub fn becomes(&self, role: &RoleName) -> bool {
        self.settings
            .iter()
            .any(|one| one.parameter == "role" && one.value == role.as_str())
    }
}

/// One `ALTER ROLE … [IN DATABASE …] SET parameter = value`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Setting {
    /// Only for sessions in this database.
    pub database: Option<DatabaseName>,
    /// The configuration parameter.
    pub parameter: String,
    /// Its value as the catalog keeps it (`pg_db_role_setting.setconfig`).
    pub value: String,
}
