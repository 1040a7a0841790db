//! What a role can do without any grant: its attributes, and what PostgreSQL and Cloud SQL give to certain roles.

use crate::model::{
    Object, ObjectKind, Privilege, PrivilegeClass, Privileges, RelationKind, Role, RoleName,
};

/// A role that carries rights no ACL shows. <https://www.postgresql.org/docs/current/predefined-roles.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predefined {
    /// Its name.
    pub name: &'static str,
    /// The first major version that knows it.
    pub since: u32,
    /// What its members can do.
    pub allows: &'static str,
    /// Whether its members come to the rows or the definition of other people's objects.
    pub opens_objects: bool,
}

const fn predefined(
    name: &'static str,
    since: u32,
    opens_objects: bool,
    allows: &'static str,
) -> Predefined {
    Predefined {
        name,
        since,
        allows,
        opens_objects,
    }
}

/// PostgreSQL's own, and the group of Cloud SQL's admins.
const PREDEFINED: [Predefined; 17] = [
    predefined(
        "cloudsqlsuperuser",
        14,
        true,
        "administers the instance: it owns databases and schemas and makes roles",
    ),
    predefined(
        "pg_read_all_data",
        14,
        true,
        "reads every table, view and sequence",
    ),
    predefined(
        "pg_write_all_data",
        14,
        true,
        "writes every table, view and sequence",
    ),
    predefined(
        "pg_maintain",
        17,
        true,
        "runs VACUUM, REINDEX, REFRESH and LOCK TABLE on every table",
    ),
    predefined(
        "pg_execute_server_program",
        14,
        true,
        "runs programs on the server",
    ),
    predefined(
        "pg_read_server_files",
        14,
        true,
        "reads every file of the server",
    ),
    predefined(
        "pg_write_server_files",
        14,
        true,
        "writes every file of the server",
    ),
    predefined(
        "pg_database_owner",
        14,
        true,
        "is whoever owns the database",
    ),
    predefined(
        "pg_monitor",
        14,
        false,
        "reads statistics, settings and other sessions' queries",
    ),
    predefined("pg_read_all_settings", 14, false, "reads every setting"),
    predefined(
        "pg_read_all_stats",
        14,
        false,
        "reads every statistic and other sessions' queries",
    ),
    predefined(
        "pg_stat_scan_tables",
        14,
        false,
        "runs monitoring functions that lock tables",
    ),
    predefined("pg_signal_backend", 14, false, "ends other sessions"),
    predefined(
        "pg_signal_autovacuum_worker",
        18,
        false,
        "ends autovacuum workers",
    ),
    predefined("pg_checkpoint", 15, false, "runs CHECKPOINT"),
    predefined(
        "pg_use_reserved_connections",
        16,
        false,
        "uses reserved connections",
    ),
    predefined("pg_create_subscription", 16, false, "creates subscriptions"),
];

impl Predefined {
    /// The role called `name` on a server of `major`.
    pub fn find(name: &RoleName, major: u32) -> Option<Self> {
        PREDEFINED
            .into_iter()
            .find(|one| one.name == name.as_str() && one.since <= major)
    }

    /// What its members hold on an object whatever its ACL says. Mirrors `pg_class_aclmask_ext()` and
    /// `object_aclmask_ext()`.
    pub fn on(self, object: &Object) -> Privileges {
        use Privilege as P;
        let held = match (self.name, object.kind().class()) {
            ("pg_read_all_data", PrivilegeClass::Relation | PrivilegeClass::Sequence) => {
                Privileges::of(&[P::Select])
            }
            ("pg_write_all_data", PrivilegeClass::Relation) => {
                Privileges::of(&[P::Insert, P::Update, P::Delete])
            }
            ("pg_write_all_data", PrivilegeClass::Sequence) => Privileges::of(&[P::Update]),
            ("pg_maintain", PrivilegeClass::Relation) => Privileges::of(&[P::Maintain]),
            ("pg_read_all_data" | "pg_write_all_data", PrivilegeClass::Schema) => {
                Privileges::of(&[P::Usage])
            }
            _ => Privileges::NONE,
        };
        held.minus(refused_on(object))
    }
}

/// What only a superuser may do with PostgreSQL's own tables, whatever their ACLs contain.
pub(super) fn refused_on(object: &Object) -> Privileges {
    use Privilege as P;
    let is_table =
        matches!(object.kind(), ObjectKind::Relation(kind) if kind != RelationKind::View);
    let in_catalog = object
        .schema()
        .is_some_and(|schema| schema.as_str() == "pg_catalog");
    match is_table && in_catalog {
        true => Privileges::of(&[P::Insert, P::Update, P::Delete, P::Truncate, P::Usage]),
        false => Privileges::NONE,
    }
}

/// An attribute that reaches further than any grant. None is inherited: they count for the role itself, or after SET ROLE.
/// <https://www.postgresql.org/docs/current/role-attributes.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// SUPERUSER
    Superuser,
    /// CREATEROLE
    CreateRole,
    /// REPLICATION
    Replication,
    /// BYPASSRLS
    BypassRls,
    /// CREATEDB
    CreateDb,
}

impl Power {
    /// The attributes of `role`.
    pub fn of(role: &Role) -> impl Iterator<Item = Self> + use<> {
        [
            (role.superuser, Self::Superuser),
            (role.create_role, Self::CreateRole),
            (role.replication, Self::Replication),
            (role.bypass_rls, Self::BypassRls),
            (role.create_db, Self::CreateDb),
        ]
        .into_iter()
        .filter(|(held, _)| *held)
        .map(|(_, power)| power)
    }

    /// The keyword of ALTER ROLE.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Superuser => "SUPERUSER",
            Self::CreateRole => "CREATEROLE",
            Self::Replication => "REPLICATION",
            Self::BypassRls => "BYPASSRLS",
            Self::CreateDb => "CREATEDB",
        }
    }

    /// What it allows on a server of `major`.
    pub fn allows(self, major: u32) -> &'static str {
        match self {
            Self::Superuser => "does everything",
            Self::CreateRole if major < 16 => "makes itself a member of any role but superusers",
            Self::CreateRole => "makes roles",
            Self::Replication => "reads every change of every table",
            Self::BypassRls => "reads and writes past row security",
            Self::CreateDb => "makes databases",
        }
    }

    /// Whether it leads to other people's objects by itself.
    pub fn opens_objects(self, major: u32) -> bool {
        match self {
            Self::Superuser | Self::Replication => true,
            // <https://www.postgresql.org/docs/16/release-16.html> (CREATEROLE)
            Self::CreateRole => major < 16,
            Self::BypassRls | Self::CreateDb => false,
        }
    }
}
