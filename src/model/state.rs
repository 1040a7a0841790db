//! What an instance is like. Objects that share kind, schema, owner and ACL are one group: ten thousand tables of a
//! migration tool are a handful of groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Acl, Belonging, Call, CloudRunReference, DatabaseName, ExtensionName, Grantee, Membership,
    Object, ObjectKind, PrivilegeClass, Privileges, Retirement, Role, RoleName, RoleUse,
    RowSecurity, SchemaName, Secret, SecretName, View, quote_identifier,
};

/// The whole instance, as far as the policy's databases and the shared catalogs show it.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Facts of the server and of the session that looked.
    pub server: Server,
    /// Every role.
    pub roles: BTreeMap<RoleName, Role>,
    /// Every membership.
    pub memberships: BTreeSet<Membership>,
    /// Open sessions of each login that has some.
    pub sessions: BTreeMap<RoleName, u64>,
    /// Subscriptions and prepared transactions of every role.
    pub uses: BTreeSet<RoleUse>,
    /// Databases, tablespaces and parameters: objects of the instance, with owner and ACL.
    pub shared: Vec<Group>,
    /// What is known of roles in databases that were not read.
    pub elsewhere: Elsewhere,
    /// The managed databases that exist and let this admin in.
    pub databases: BTreeMap<DatabaseName, Database>,
    /// The managed databases that do not: of these only what the shared catalogs show is known.
    pub closed: BTreeMap<DatabaseName, ClosedDatabase>,
    /// The database in which the shared catalogs were read.
    pub entrance: Option<DatabaseName>,
    /// The declared secrets that exist.
    pub secrets: BTreeMap<SecretName, Secret>,
    /// What was tried.
    pub tried: Tried,
    /// The Cloud Run jobs and services named as readers, by `projects/P/locations/R/jobs/J`; `None`: it does not exist.
    pub cloud_run: BTreeMap<String, Option<CloudRunReference>>,
    /// What hangs on the roles that the policy retires.
    pub retirement: Retirement,
}

/// The results of logins and of reading payloads; inspecting the instance again does not repeat them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tried {
    /// Declared roles whose stored password does not log in.
    pub rejected: BTreeSet<RoleName>,
    /// Logins whose published password the server does not take.
    pub refused: BTreeSet<RoleName>,
    /// Logins of pairs whose credential a version that can be read may hold, each with that version, whatever the secret says
    /// beside it.
    pub carried: BTreeMap<RoleName, i64>,
}

/// By role and database: how many objects the role owns, and how many ACLs name it.
/// <https://www.postgresql.org/docs/current/catalog-pg-shdepend.html>
pub type Elsewhere = BTreeMap<(RoleName, DatabaseName), (u64, u64)>;

/// Facts of the server and of the session that looked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server {
    /// `server_version_num`, for example 160014.
    pub version: u32,
    /// Locks that the server has room for, of all transactions together: `max_locks_per_transaction` times the number of
    /// sessions and prepared transactions.
    pub lock_slots: usize,
    /// The session's login; `None` before it was read.
    pub admin: Option<RoleName>,
    /// The role with OID 10.
    pub bootstrap: Option<RoleName>,
    /// When it was read, by its own clock; `None` before.
    pub now: Option<jiff::Timestamp>,
    /// The encoding of the database in which the shared catalogs were read.
    pub encoding: Encoding,
    /// A standby, or a session that cannot write.
    pub read_only: bool,
    /// A standby, which accepts no changes.
    pub replica: bool,
    /// Where `default_transaction_read_only` is set for sessions of this admin.
    pub read_only_settings: Vec<ReadOnlySetting>,
    /// What distinguishes this server from a copy of it, if a plan is made and it may be read.
    pub identity: Option<String>,
    /// The database in which pg_cron keeps its jobs, where it runs.
    pub scheduler: Option<DatabaseName>,
    /// Parameters that this admin may put into `ALTER ROLE … SET`, of those asked about.
    pub settable: BTreeSet<String>,
}

/// What becomes of a name between a statement, which is UTF-8, and a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF8, or SQL_ASCII, which takes every byte as it is.
    #[default]
    Kept,
    /// The encoding of this name: the server converts. Names of roles and databases are the same bytes in all databases, so
    /// that one beyond ASCII means another role here.
    Converted(String),
}

/// One place where `default_transaction_read_only` is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOnlySetting {
    /// In this database only.
    pub database: Option<DatabaseName>,
    /// For this admin alone.
    pub of_admin: bool,
    /// Its value.
    pub on: bool,
}

impl Server {
    /// What decides whether this admin's sessions in `database` are read-only: a role's setting there comes before the role's,
    /// and that before the database's. <https://www.postgresql.org/docs/current/sql-alterrole.html>
    pub fn read_only_setting(&self, database: &DatabaseName) -> Option<&ReadOnlySetting> {
        let here =
            |one: &&ReadOnlySetting| one.database.as_ref().is_none_or(|name| name == database);
        self.read_only_settings
            .iter()
            .filter(here)
            .max_by_key(|one| (one.of_admin, one.database.is_some()))
    }

    /// The major version, for example 16.
    pub fn major(&self) -> u32 {
        self.version / 10_000
    }
}

/// A database that the admin cannot enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedDatabase {
    /// The SQLSTATE of the refusal.
    pub sqlstate: String,
    /// The server's words.
    pub message: String,
}

/// One database.
#[derive(Debug, Clone, Default)]
pub struct Database {
    /// Its encoding.
    pub encoding: Encoding,
    /// Everything in it that has an owner or an ACL; system objects only where they name a role of the users.
    pub groups: Vec<Group>,
    /// PostgreSQL's own objects, with an ACL of nothing but what PUBLIC holds there beyond what they came with.
    pub exposed: Vec<Group>,
    /// Default privileges of every role, without what owners keep for themselves.
    pub defaults: Vec<DefaultPrivilege>,
    /// Who has a row of global default privileges for which objects: only then is what PUBLIC gets by them among
    /// `defaults`; without a row it is the built-in default.
    pub global_defaults: BTreeSet<(RoleName, DefaultsFor)>,
    /// Installed extensions.
    pub extensions: BTreeMap<ExtensionName, Extension>,
    /// Publications, subscriptions and event triggers.
    pub belongings: Vec<Belonging>,
    /// User mappings of roles.
    pub mappings: BTreeSet<RoleUse>,
    /// What runs code of roles that are not trusted with it.
    pub calls: Vec<Call>,
    /// Views that read with the rights of their owners, and relations with rules, but for those that a schema's own `ddl`
    /// role made.
    pub views: BTreeMap<Object, View>,
    /// Tables with row security, and views that lead to them.
    pub row_security: RowSecurity,
    /// Policies, column defaults, triggers and routines that ask for `session_user`, by schema: described, and sorted.
    pub session_users: BTreeMap<SchemaName, Vec<String>>,
    /// Declared extensions that are not installed and that this server has, with their versions.
    pub available: BTreeMap<ExtensionName, Vec<String>>,
}

impl Database {
    /// The group of each schema, with its owner and ACL.
    pub fn schemas(&self) -> HashMap<&SchemaName, &Group> {
        let mut schemas = HashMap::new();
        for group in self
            .groups
            .iter()
            .filter(|group| group.kind == ObjectKind::Schema)
        {
            schemas.extend(
                group
                    .members
                    .iter()
                    .filter_map(Object::schema)
                    .map(|schema| (schema, group)),
            );
        }
        schemas
    }
}

/// Objects of one kind in one schema that share owner and ACL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Their kind.
    pub kind: ObjectKind,
    /// Their owner.
    pub owner: RoleName,
    /// What others may do; a NULL ACL is already replaced by the default.
    pub acl: Acl,
    /// What the owner holds by its own entries: everything, unless it took something from itself.
    pub owner_holds: Privileges,
    /// What they hang on.
    pub dependence: Dependence,
    /// SECURITY DEFINER routines.
    pub security_definer: bool,
    /// The objects, sorted.
    pub members: Vec<Object>,
}

/// What an object hangs on (`pg_depend.deptype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependence {
    /// On nothing: it has an owner of its own.
    Free,
    /// A sequence of a serial or identity column, or a column: its owner is the table's.
    Table,
    /// A member of an extension, or an internal part of another object.
    Extension,
    /// On PostgreSQL itself, which came with it.
    Initial,
}

/// Default privileges one role has set: one entry per grantee.
/// <https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct DefaultPrivilege {
    /// Whose new objects.
    pub owner: RoleName,
    /// In which schema; `None`: everywhere.
    pub schema: Option<SchemaName>,
    /// Which objects.
    pub objects: DefaultsFor,
    /// Who gets them.
    pub grantee: Grantee,
    /// What they get.
    pub privileges: Privileges,
    /// What of it with grant option.
    pub grantable: Privileges,
}

impl DefaultPrivilege {
    /// What it is about, in words: `future tables of migration_user in schema public`.
    pub fn describe(&self) -> String {
        let schema = self
            .schema
            .as_ref()
            .map(|schema| quote_identifier(schema.as_str()));
        let place = schema
            .map(|schema| format!(" in schema {schema}"))
            .unwrap_or_default();
        format!(
            "future {} of {}{place}",
            self.objects.keyword().to_lowercase(),
            quote_identifier(self.owner.as_str())
        )
    }
}

/// The kinds of object default privileges speak of (`pg_default_acl.defaclobjtype`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultsFor {
    /// `r`
    Tables,
    /// `S`
    Sequences,
    /// `f`, procedures too
    Routines,
    /// `T`
    Types,
    /// `n`
    Schemas,
    /// `L` (18 and later)
    LargeObjects,
}

impl DefaultsFor {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Tables,
        Self::Sequences,
        Self::Routines,
        Self::Types,
        Self::Schemas,
        Self::LargeObjects,
    ];

    /// The keyword of ALTER DEFAULT PRIVILEGES.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Tables => "TABLES",
            Self::Sequences => "SEQUENCES",
            Self::Routines => "ROUTINES",
            Self::Types => "TYPES",
            Self::Schemas => "SCHEMAS",
            Self::LargeObjects => "LARGE OBJECTS",
        }
    }

    /// The class of the objects it speaks of.
    pub fn class(self) -> PrivilegeClass {
        match self {
            Self::Tables => PrivilegeClass::Relation,
            Self::Sequences => PrivilegeClass::Sequence,
            Self::Routines => PrivilegeClass::Routine,
            Self::Types => PrivilegeClass::Type,
            Self::Schemas => PrivilegeClass::Schema,
            Self::LargeObjects => PrivilegeClass::LargeObject,
        }
    }
}

/// An installed extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Its owner.
    pub owner: RoleName,
    /// The schema of its objects.
    pub schema: SchemaName,
    /// Its version.
    pub version: String,
    /// Versions it can be updated to.
    pub updates: BTreeSet<String>,
}
