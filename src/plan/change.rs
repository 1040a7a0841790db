//! Everything `apply` can do, as one closed list.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::model::{
    DatabaseName, DefaultPrivilege, ExtensionName, Grantee, Login, Membership, Object, Privileges,
    RoleName, SchemaName, SecretName, Setting, Strategy,
};

/// What a change is about. Grants to many roles are about the same tens of thousands of tables: one list serves them all.
pub type Objects = Arc<[Object]>;

/// One intended change. It says what and why, never a password: it is safe to print and to serialise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// `CREATE ROLE`.
    CreateRole {
        /// The role.
        role: RoleName,
        /// LOGIN, without a password. A role that has a credential gets LOGIN together with its password.
        login: bool,
        /// INHERIT or NOINHERIT.
        inherit: bool,
        /// CONNECTION LIMIT.
        connection_limit: i32,
    },
    /// `ALTER ROLE … <attributes>`: only those that differ.
    AlterRole {
        /// The role.
        role: RoleName,
        /// The attributes as they are to be.
        attributes: Vec<Attribute>,
    },
    /// `ALTER ROLE … SET`.
    SetParameter {
        /// The login.
        role: RoleName,
        /// What is set.
        setting: Setting,
    },
    /// `ALTER ROLE … RESET`.
    ResetParameter {
        /// The login.
        role: RoleName,
        /// What was set.
        setting: Setting,
    },
    /// `GRANT role TO member`.
    GrantMembership {
        /// The edge with its options; the grantor is whoever executes.
        edge: Edge,
    },
    /// `REVOKE role FROM member`.
    RevokeMembership {
        /// The edge as it is.
        membership: Membership,
        /// To whom the member has granted it on: they lose it too.
        cascade: Vec<RoleName>,
    },
    /// `CREATE SCHEMA`.
    CreateSchema {
        /// In this database.
        database: DatabaseName,
        /// The schema.
        schema: SchemaName,
    },
    /// `CREATE EXTENSION`.
    CreateExtension {
        /// In this database.
        database: DatabaseName,
        /// The extension.
        extension: ExtensionName,
        /// The schema of its objects.
        schema: SchemaName,
        /// Its version; `None`: the server's default.
        version: Option<String>,
    },
    /// `ALTER EXTENSION … UPDATE TO`.
    UpdateExtension {
        /// In this database.
        database: DatabaseName,
        /// The extension.
        extension: ExtensionName,
        /// Its owner, who alone may.
        owner: RoleName,
        /// The version to have.
        version: String,
    },
    /// `ALTER … OWNER TO`.
    ChangeOwner {
        /// In this database.
        database: DatabaseName,
        /// The objects, all of one kind.
        objects: Objects,
        /// The owner now.
        from: RoleName,
        /// The owner to be.
        to: RoleName,
        /// The owner to be may create nothing in the schema: until COMMIT the schema's owner lets it.
        creates_by: Option<RoleName>,
    },
    /// `GRANT … ON … TO`, by the owner.
    Grant {
        /// In this database; of a shared object, the one it is granted from.
        database: DatabaseName,
        /// The objects, all of one kind.
        objects: Objects,
        /// The owner at that time.
        owner: RoleName,
        /// To whom.
        grantee: Grantee,
        /// What.
        privileges: Privileges,
        /// WITH GRANT OPTION.
        grantable: bool,
    },
    /// `REVOKE … ON … FROM`, in the name of the grantor.
    Revoke {
        /// In this database; of a shared object, the one it is revoked from.
        database: DatabaseName,
        /// The objects, all of one kind.
        objects: Objects,
        /// The owner at that time.
        owner: RoleName,
        /// Who granted.
        grantor: RoleName,
        /// From whom.
        grantee: Grantee,
        /// What.
        privileges: Privileges,
        /// All of it, or the grant option only.
        extent: Extent,
        /// To whom the grantee has granted it on: they lose it too.
        cascade: Vec<Grantee>,
        /// Nobody can act as the grantor: who gave it the grant option takes from it all that it granted on.
        via: Option<RoleName>,
    },
    /// `ALTER DEFAULT PRIVILEGES … GRANT`.
    GrantDefault {
        /// In this database.
        database: DatabaseName,
        /// What is granted on which future objects.
        default: DefaultPrivilege,
    },
    /// `ALTER DEFAULT PRIVILEGES … REVOKE`.
    RevokeDefault {
        /// In this database.
        database: DatabaseName,
        /// What is revoked on which future objects.
        default: DefaultPrivilege,
        /// All of it, or the grant option only.
        extent: Extent,
    },
    /// The sessions of a login that was closed are ended.
    EndSessions {
        /// The login.
        role: RoleName,
    },
    /// `REASSIGN OWNED`, once nothing is left that has an owner of its own: it alone moves extensions.
    ReassignOwned {
        /// In this database.
        database: DatabaseName,
        /// The owner now.
        from: RoleName,
        /// The owner to be.
        to: RoleName,
        /// What it moves, as the server describes it.
        moved: Vec<String>,
    },
    /// `DROP OWNED` by a role that owns nothing more: its default privileges, user mappings and places in policies.
    DropOwned {
        /// In this database.
        database: DatabaseName,
        /// The role.
        role: RoleName,
        /// What goes, as the server describes it.
        dropped: Vec<String>,
        /// Owners of tables whose policies name the role: only they change those.
        policies_of: Vec<RoleName>,
    },
    /// `DROP ROLE`.
    DropRole {
        /// The role.
        role: RoleName,
        /// Who is a member of it until then.
        members: Vec<RoleName>,
    },
    /// A secret is made in Secret Manager, without a version.
    CreateSecret {
        /// The secret.
        secret: SecretName,
        /// Whose credential it will hold.
        role: RoleName,
    },
    /// A credential comes to work: password, verifier, version, login, alias `current`.
    Credential {
        /// The role.
        role: RoleName,
        /// The login that gets it.
        login: Login,
        /// The secret.
        secret: SecretName,
        /// How.
        strategy: Strategy,
        /// Where it comes from.
        source: CredentialSource,
    },
    /// The labels of a secret.
    LabelSecret {
        /// The secret.
        secret: SecretName,
        /// Whose credential it holds.
        role: RoleName,
        /// Those that are added or get another value.
        labels: BTreeMap<String, String>,
    },
    /// Versions are destroyed, once `versionDestroyTtl` has passed.
    DestroyVersions {
        /// The secret.
        secret: SecretName,
        /// Whose credential it held.
        role: RoleName,
        /// Their numbers.
        versions: Vec<i64>,
    },
    /// `roles/secretmanager.secretAccessor` on the secret for a member.
    Bind {
        /// The secret.
        secret: SecretName,
        /// The IAM member.
        member: String,
    },
    /// That role taken from a member.
    Unbind {
        /// The secret.
        secret: SecretName,
        /// The IAM member.
        member: String,
    },
}

/// How much of a grant is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Extent {
    /// The privileges.
    Privileges,
    /// Only the right to grant them on.
    GrantOption,
}

/// Where a credential comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialSource {
    /// A new password is generated.
    Generate,
    /// A version this program stored before it was interrupted is put to work.
    Resume,
    /// A version somebody else stored is tried, and taken over if it logs in.
    Adopt,
    /// The password in use is stored once more, in the form that is declared by now.
    Reshape,
    /// The stored password of the credential before, which the server does not take any more, is set again.
    Restore,
}

/// A membership to be: the grantor is whoever executes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// The role that is granted.
    pub role: RoleName,
    /// Who becomes a member.
    pub member: RoleName,
    /// ADMIN option.
    pub admin: bool,
    /// INHERIT option (16 and later; before, the member's attribute).
    pub inherit: bool,
    /// SET option (16 and later).
    pub set: bool,
}

/// A role attribute as it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// LOGIN or NOLOGIN
    Login(bool),
    /// SUPERUSER or NOSUPERUSER
    Superuser(bool),
    /// CREATEDB or NOCREATEDB
    CreateDb(bool),
    /// CREATEROLE or NOCREATEROLE
    CreateRole(bool),
    /// REPLICATION or NOREPLICATION
    Replication(bool),
    /// BYPASSRLS or NOBYPASSRLS
    BypassRls(bool),
    /// INHERIT or NOINHERIT
    Inherit(bool),
    /// CONNECTION LIMIT n
    ConnectionLimit(i32),
    /// VALID UNTIL 'infinity'
    ValidForEver,
}

impl std::fmt::Display for Attribute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (keyword, on) = match *self {
            Self::Login(on) => ("LOGIN", on),
            Self::Superuser(on) => ("SUPERUSER", on),
            Self::CreateDb(on) => ("CREATEDB", on),
            Self::CreateRole(on) => ("CREATEROLE", on),
            Self::Replication(on) => ("REPLICATION", on),
            Self::BypassRls(on) => ("BYPASSRLS", on),
            Self::Inherit(on) => ("INHERIT", on),
            Self::ConnectionLimit(limit) => return write!(f, "CONNECTION LIMIT {limit}"),
            Self::ValidForEver => return f.write_str("VALID UNTIL 'infinity'"),
        };
        write!(f, "{}{keyword}", if on { "" } else { "NO" })
    }
}

/// What a change is aimed at: decides the transaction it runs in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aim {
    /// Roles and memberships: the instance.
    Instance,
    /// Sessions of logins that are closed.
    Sessions,
    /// One database.
    Database(DatabaseName),
    /// Roles that go, once no database needs them.
    Departures,
    /// A secret.
    Secret(SecretName),
}

impl Change {
    /// What it is aimed at.
    pub fn target(&self) -> Aim {
        match self {
            Self::CreateRole { .. }
            | Self::AlterRole { .. }
            | Self::SetParameter { .. }
            | Self::ResetParameter { .. }
            | Self::GrantMembership { .. }
            | Self::RevokeMembership { .. } => Aim::Instance,
            Self::EndSessions { .. } => Aim::Sessions,
            Self::DropRole { .. } => Aim::Departures,
            Self::CreateSchema { database, .. }
            | Self::CreateExtension { database, .. }
            | Self::UpdateExtension { database, .. }
            | Self::ChangeOwner { database, .. }
            | Self::Grant { database, .. }
            | Self::Revoke { database, .. }
            | Self::GrantDefault { database, .. }
            | Self::RevokeDefault { database, .. }
            | Self::ReassignOwned { database, .. }
            | Self::DropOwned { database, .. } => Aim::Database(database.clone()),
            Self::CreateSecret { secret, .. }
            | Self::LabelSecret { secret, .. }
            | Self::DestroyVersions { secret, .. }
            | Self::Credential { secret, .. }
            | Self::Bind { secret, .. }
            | Self::Unbind { secret, .. } => Aim::Secret(secret.clone()),
        }
    }

    /// The role that can do more afterwards.
    pub(super) fn in_favor_of(&self) -> Option<&RoleName> {
        match self {
            Self::Grant { grantee, .. } => grantee.role(),
            Self::GrantDefault { default, .. } => default.grantee.role(),
            Self::GrantMembership { edge } => Some(&edge.member),
            Self::ChangeOwner { to, .. } | Self::ReassignOwned { to, .. } => Some(to),
            Self::CreateRole { .. }
            | Self::AlterRole { .. }
            | Self::SetParameter { .. }
            | Self::ResetParameter { .. }
            | Self::RevokeMembership { .. }
            | Self::CreateSchema { .. }
            | Self::CreateExtension { .. }
            | Self::UpdateExtension { .. }
            | Self::Revoke { .. }
            | Self::RevokeDefault { .. }
            | Self::EndSessions { .. }
            | Self::DropOwned { .. }
            | Self::DropRole { .. }
            | Self::CreateSecret { .. }
            | Self::Credential { .. }
            | Self::LabelSecret { .. }
            | Self::DestroyVersions { .. }
            | Self::Bind { .. }
            | Self::Unbind { .. } => None,
        }
    }

    /// Whether somebody can do less afterwards: such changes belong to `--phase contract`.
    pub fn removes_access(&self) -> bool {
        match self {
            Self::AlterRole { attributes, .. } => !attributes.iter().all(Attribute::widens),
            Self::ResetParameter { .. }
            | Self::RevokeMembership { .. }
            | Self::ChangeOwner { .. }
            | Self::Revoke { .. }
            | Self::RevokeDefault { .. }
            | Self::EndSessions { .. }
            | Self::ReassignOwned { .. }
            | Self::DropOwned { .. }
            | Self::DropRole { .. }
            | Self::DestroyVersions { .. }
            | Self::Unbind { .. } => true,
            Self::CreateRole { .. }
            | Self::SetParameter { .. }
            | Self::GrantMembership { .. }
            | Self::CreateSchema { .. }
            | Self::CreateExtension { .. }
            | Self::UpdateExtension { .. }
            | Self::Grant { .. }
            | Self::GrantDefault { .. }
            | Self::CreateSecret { .. }
            | Self::LabelSecret { .. }
            | Self::Credential { .. }
            | Self::Bind { .. } => false,
        }
    }
}

impl Attribute {
    /// What the role has while it is not so, where that is something it should not have.
    pub(super) fn taken(&self) -> Option<&'static str> {
        match *self {
            Self::Login(false) => Some("LOGIN"),
            Self::Superuser(false) => Some("SUPERUSER"),
            Self::CreateDb(false) => Some("CREATEDB"),
            Self::CreateRole(false) => Some("CREATEROLE"),
            Self::Replication(false) => Some("REPLICATION"),
            Self::BypassRls(false) => Some("BYPASSRLS"),
            Self::Inherit(false) => Some("INHERIT"),
            Self::ConnectionLimit(_) => Some("CONNECTION LIMIT"),
            Self::ValidForEver => Some("VALID UNTIL"),
            _ => None,
        }
    }

    /// What is wrong while it is not so.
    pub(super) fn wrong(&self) -> String {
        match self {
            Self::ConnectionLimit(limit) => format!("has another connection limit than {limit}"),
            Self::ValidForEver => "has a password that expires".into(),
            on => on
                .taken()
                .map_or_else(|| format!("has not {on}"), |had| format!("has {had}")),
        }
    }

    /// Whether nobody can do less with it.
    pub(super) fn widens(&self) -> bool {
        match *self {
            Self::Login(on)
            | Self::Superuser(on)
            | Self::CreateDb(on)
            | Self::CreateRole(on)
            | Self::Replication(on)
            | Self::BypassRls(on)
            | Self::Inherit(on) => on,
            Self::ConnectionLimit(limit) => limit < 0,
            Self::ValidForEver => true,
        }
    }
}
