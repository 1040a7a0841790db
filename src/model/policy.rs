//! The resolved policy of one instance: names parsed, variables replaced, files merged; "all tables" still open, because
//! only the live inventory can say which.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    DatabaseName, ExtensionName, Given, IamPrincipal, InstanceName, Object, Presets,
    PrivilegeClass, Privileges, ProjectId, RoleName, RolePattern, SchemaName, SecretName,
};

/// Where something was declared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
pub struct Origin {
    /// The file, as named on the command line.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
}

/// Everything declared for one instance.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The connection name; absent if only an admin URL names the server.
    pub instance: Option<InstanceName>,
    /// Managed databases.
    pub databases: BTreeMap<DatabaseName, DatabasePolicy>,
    /// Declared roles.
    pub roles: BTreeMap<RoleName, RolePolicy>,
    /// Roles that may reach everything.
    pub admins: BTreeSet<RoleName>,
    /// Other people's roles.
    pub ignore: Vec<RolePattern>,
    /// Accepted findings.
    pub allow: Vec<Allow>,
    /// How a command was given it.
    pub given: Given,
}

/// One managed database.
#[derive(Debug, Clone)]
pub struct DatabasePolicy {
    /// Managed schemas.
    pub schemas: BTreeMap<SchemaName, SchemaPolicy>,
    /// Extensions; `None` leaves them unjudged.
    pub extensions: Option<BTreeMap<ExtensionName, ExtensionPolicy>>,
    /// What PUBLIC may have.
    pub public: PublicAccess,
    /// Where it was declared.
    pub origin: Origin,
}

/// One managed schema.
#[derive(Debug, Clone)]
pub struct SchemaPolicy {
    /// Made when missing.
    pub create: bool,
    /// Where it was declared.
    pub origin: Origin,
}

/// One declared extension.
#[derive(Debug, Clone)]
pub struct ExtensionPolicy {
    /// The schema it must be in; `None`: any, `public` when it is made.
    pub schema: Option<SchemaName>,
    /// The version it must have; `None`: any, the default one when it is made.
    pub version: Option<String>,
    /// Where it was declared.
    pub origin: Origin,
}

/// `public:` of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PublicAccess {
    /// PUBLIC has nothing on what is managed.
    #[default]
    None,
    /// PostgreSQL's own defaults stay.
    Keep,
}

/// `access:` of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Owns the objects, may create more.
    Ddl,
    /// Reads and writes rows.
    Dml,
    /// Reads rows.
    Read,
}

/// One declared role.
#[derive(Debug, Clone)]
pub struct RolePolicy {
    /// `access:`.
    pub presets: Presets,
    /// Further grants.
    pub grants: Vec<DeclaredGrant>,
    /// Roles it is a member of.
    pub member_of: Vec<DeclaredMembership>,
    /// Its credential.
    pub secret: Option<SecretPolicy>,
    /// `login:`, where its password is not in a secret of the policy.
    pub login: Option<LoginPolicy>,
    /// How the credential is rotated.
    pub rotation: Rotation,
    /// IAM principals whose database users are members of this role.
    pub iam: Vec<IamPrincipal>,
    /// `ALTER ROLE … SET`, on every login of the role.
    pub settings: BTreeMap<String, String>,
    /// CONNECTION LIMIT of every login of the role.
    pub connection_limit: Option<i32>,
    /// CREATE on every database it has access to.
    pub create_schemas: bool,
    /// Present, or to be retired.
    pub lifecycle: Lifecycle,
    /// Where it was declared.
    pub origin: Origin,
}

impl RolePolicy {
    /// Whether its password is kept elsewhere.
    pub fn has_external_login(&self) -> bool {
        self.login == Some(LoginPolicy::External)
    }

    /// Whether anything declares how the role logs in, by itself or through its members.
    pub fn declares_login(&self) -> bool {
        self.secret.is_some() || self.login.is_some() || !self.iam.is_empty()
    }

    /// The logins of the role called `name`: itself, or its pair.
    pub fn logins(&self, name: &RoleName) -> Vec<RoleName> {
        match self.rotation.strategy {
            Strategy::Alternate => super::pair(name).collect(),
            Strategy::Single => vec![name.clone()],
        }
    }
}

/// `login:` of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginPolicy {
    /// The role logs in with a password that is kept elsewhere, and is neither read nor changed.
    External,
}

/// `state:` of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifecycle {
    /// The role is to exist.
    Present,
    /// The role is retired; what it owns is given to the schema's only `ddl` role, else to the heir.
    Absent {
        /// The new owner of objects for which there is no other.
        heir: Option<RoleName>,
    },
}

/// One entry of `grants:`.
#[derive(Debug, Clone)]
pub struct DeclaredGrant {
    /// The database it is in.
    pub database: DatabaseName,
    /// What is granted.
    pub privileges: Privileges,
    /// On what.
    pub target: Target,
    /// WITH GRANT OPTION.
    pub grantable: bool,
    /// Where it was declared.
    pub origin: Origin,
}

/// What a declared grant names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One object. Its kind is as written: `table` covers every relation, `routine` every routine; see [`Target::covers`].
    Object(Object),
    /// All objects of a class in a schema, future ones too.
    AllInSchema(PrivilegeClass, SchemaName),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(object) => object.fmt(f),
            Self::AllInSchema(class, schema) => {
                let words = match class {
                    PrivilegeClass::Sequence => "sequences",
                    PrivilegeClass::Routine => "routines",
                    _ => "tables",
                };
                write!(
                    f,
                    "all {words} in schema {}",
                    super::quote_identifier(schema.as_str())
                )
            }
        }
    }
}

impl Target {
    /// The class of what it names.
    pub fn class(&self) -> PrivilegeClass {
        match self {
            Self::Object(object) => object.kind().class(),
            Self::AllInSchema(class, _) => *class,
        }
    }

    /// The schema that a role needs USAGE on to use what it is granted.
    pub fn needs_usage_on(&self) -> Option<&SchemaName> {
        match self {
            Self::Object(Object::Schema(_)) => None,
            Self::Object(object) => object.schema(),
            Self::AllInSchema(_, schema) => Some(schema),
        }
    }

    /// Whether the target names `object`: the same name and the same class of object, whatever its exact kind.
    pub fn covers(&self, object: &Object) -> bool {
        match self {
            Self::AllInSchema(class, schema) => {
                object.kind().class() == *class && object.schema() == Some(schema)
            }
            Self::Object(wanted) => wanted.naming() == object.naming(),
        }
    }
}

/// One entry of `member_of:`. An option that is not named is PostgreSQL's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredMembership {
    /// The role to be a member of.
    pub role: RoleName,
    /// INHERIT; default true.
    pub inherit: bool,
    /// SET; default true.
    pub set: bool,
    /// ADMIN; default false.
    pub admin: bool,
    /// Where it was declared.
    pub origin: Origin,
}

/// `secret:` of a role.
#[derive(Debug, Clone)]
pub struct SecretPolicy {
    /// The secret with its project.
    pub name: SecretName,
    /// What a version holds.
    pub payload: PayloadFormat,
    /// Host the payload names: a host, or the directory of a unix socket.
    pub host: String,
    /// Port the payload names.
    pub port: u16,
    /// Database the payload names.
    pub database: DatabaseName,
    /// Who may read it.
    pub readers: Vec<Reader>,
    /// Where Secret Manager keeps it, where that is declared.
    pub replication: Option<Replication>,
    /// Versions kept.
    pub keep: u32,
    /// Labels of the secret.
    pub labels: BTreeMap<String, String>,
    /// Where it was declared.
    pub origin: Origin,
}

/// `payload:` of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PayloadFormat {
    /// The password alone.
    Password,
    /// A `postgresql://` URL.
    Url,
    /// `{"engine","host","port","username","password","dbname"}`.
    Json,
    /// A text with `{user} {password} {host} {port} {database}`.
    Template(String),
}

impl PayloadFormat {
    /// Whether the payload contains its login.
    pub fn carries_user(&self) -> bool {
        match self {
            Self::Password => false,
            Self::Url | Self::Json => true,
            Self::Template(text) => text.contains("{user}"),
        }
    }
}

/// One reader of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// An IAM member, verbatim.
    Member(String),
    /// The service account of a Cloud Run job or service.
    CloudRun {
        /// Job or service.
        kind: CloudRunKind,
        /// Project it runs in.
        project: ProjectId,
        /// Region it runs in.
        region: String,
        /// Its name.
        name: String,
        /// E-mail of the account it is to run as; bound even before it exists.
        service_account: Option<String>,
    },
}

impl Reader {
    /// The full resource name of the Cloud Run job or service.
    pub fn resource(&self) -> Option<String> {
        match self {
            Self::Member(_) => None,
            Self::CloudRun {
                kind,
                project,
                region,
                name,
                ..
            } => {
                let collection = match kind {
                    CloudRunKind::Job => "jobs",
                    CloudRunKind::Service => "services",
                };
                Some(format!(
                    "projects/{project}/locations/{region}/{collection}/{name}"
                ))
            }
        }
    }
}

/// What runs on Cloud Run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CloudRunKind {
    /// Runs to completion.
    Job,
    /// Serves requests.
    Service,
}

/// `replication:` of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replication {
    /// Wherever Google likes.
    Automatic,
    /// In these regions.
    Regions(Vec<String>),
}

/// `rotate:` of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// One login, or a pair in turn.
    pub strategy: Strategy,
    /// Seconds between rotations; `None`: never due.
    pub every: Option<i64>,
    /// Least seconds the old credential stays valid.
    pub grace: i64,
    /// Seconds after which the server refuses the old credential, even if it is in use.
    pub deadline: Option<i64>,
}

/// How a credential is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// The role itself logs in; its password is replaced.
    #[default]
    Single,
    /// Two logins, `_a` and `_b`, take turns.
    Alternate,
}

/// One entry of `allow:`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// The rule of the finding.
    pub rule: String,
    /// The role it names, if the entry names one.
    pub role: Option<String>,
    /// The object it names, as printed, if the entry names one.
    pub object: Option<String>,
    /// The privilege it names, if the entry names one.
    pub privilege: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// The last day it holds.
    pub until: Option<jiff::civil::Date>,
    /// Where it was declared.
    pub origin: Origin,
}
