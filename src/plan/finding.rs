//! What `check` reports: one value for every output format.

use std::fmt;

use serde::Serialize;
use sha2::Digest as _;

use crate::model::{DatabaseName, InstanceName, Origin};

/// What kind of drift it is. The names are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is explained by its description")]
pub enum Rule {
    RoleMissing,
    RoleAttribute,
    RoleSetting,
    RoleUndeclared,
    MembershipMissing,
    MembershipUnexpected,
    MembershipOptions,
    GrantMissing,
    GrantUnexpected,
    GrantGrantable,
    ColumnUnexpected,
    DefaultMissing,
    DefaultUnexpected,
    OwnerUnexpected,
    PublicUnexpected,
    SchemaMissing,
    ExtensionMissing,
    ExtensionUndeclared,
    ExtensionVersion,
    ExtensionSchema,
    PrivilegeEffective,
    SecretMissing,
    SecretVersion,
    SecretAge,
    SecretSprawl,
    SecretForeign,
    CredentialRejected,
    BindingMissing,
    BindingUnexpected,
    JobReference,
    SecretLabel,
    RowSecurity,
    DatabaseClosed,
    LockExposed,
    SecretReplication,
    SecretExpiry,
    RoleSessionUser,
}

/// Identifier and description of each rule.
const RULES: [(Rule, &str, &str); 37] = [
    (
        Rule::RoleMissing,
        "role.missing",
        "a declared role does not exist",
    ),
    (
        Rule::RoleAttribute,
        "role.attribute",
        "a managed login has an attribute it must not have, or lacks one",
    ),
    (
        Rule::RoleSetting,
        "role.setting",
        "a managed login has another setting than declared",
    ),
    (
        Rule::RoleUndeclared,
        "role.undeclared",
        "a role the policy does not declare can reach managed objects",
    ),
    (
        Rule::MembershipMissing,
        "membership.missing",
        "a declared membership does not exist",
    ),
    (
        Rule::MembershipUnexpected,
        "membership.unexpected",
        "a managed role is a member of something undeclared",
    ),
    (
        Rule::MembershipOptions,
        "membership.options",
        "a membership has other options than declared",
    ),
    (
        Rule::GrantMissing,
        "grant.missing",
        "a declared privilege is not granted",
    ),
    (
        Rule::GrantUnexpected,
        "grant.unexpected",
        "a managed role holds a privilege the policy does not give it",
    ),
    (
        Rule::GrantGrantable,
        "grant.grantable",
        "a privilege is held with another grant option than declared",
    ),
    (
        Rule::ColumnUnexpected,
        "column.unexpected",
        "a managed role holds a column privilege the policy does not give it",
    ),
    (
        Rule::DefaultMissing,
        "default.missing",
        "a default privilege for future objects is not set",
    ),
    (
        Rule::DefaultUnexpected,
        "default.unexpected",
        "a default privilege gives more than declared",
    ),
    (
        Rule::OwnerUnexpected,
        "owner.unexpected",
        "a managed object has another owner than declared",
    ),
    (
        Rule::PublicUnexpected,
        "public.unexpected",
        "PUBLIC holds a privilege on something managed",
    ),
    (
        Rule::SchemaMissing,
        "schema.missing",
        "a declared schema does not exist",
    ),
    (
        Rule::ExtensionMissing,
        "extension.missing",
        "a declared extension is not installed",
    ),
    (
        Rule::ExtensionUndeclared,
        "extension.undeclared",
        "an installed extension is not declared",
    ),
    (
        Rule::ExtensionVersion,
        "extension.version",
        "an extension has another version than declared",
    ),
    (
        Rule::ExtensionSchema,
        "extension.schema",
        "an extension is in another schema than declared",
    ),
    (
        Rule::PrivilegeEffective,
        "privilege.effective",
        "a role can do something though no grant names it",
    ),
    (
        Rule::SecretMissing,
        "secret.missing",
        "a declared secret, or a version of it, does not exist",
    ),
    (
        Rule::SecretVersion,
        "secret.version",
        "the version in use cannot be accessed, or is of another form than declared",
    ),
    (
        Rule::SecretAge,
        "secret.age",
        "a credential is older than its rotation period allows",
    ),
    (
        Rule::SecretSprawl,
        "secret.sprawl",
        "a secret has more billed versions than declared",
    ),
    (
        Rule::SecretForeign,
        "secret.foreign",
        "others keep this secret, or wrote into it",
    ),
    (
        Rule::CredentialRejected,
        "credential.rejected",
        "the server refuses the stored credential",
    ),
    (
        Rule::BindingMissing,
        "binding.missing",
        "a declared reader may not access the secret",
    ),
    (
        Rule::BindingUnexpected,
        "binding.unexpected",
        "an undeclared member may access the secret",
    ),
    (
        Rule::JobReference,
        "job.reference",
        "a Cloud Run job or service differs from the policy",
    ),
    (
        Rule::SecretLabel,
        "secret.label",
        "a secret lacks a declared label",
    ),
    (
        Rule::RowSecurity,
        "row.security",
        "row security leaves a role without the rows that it has a privilege on",
    ),
    (
        Rule::DatabaseClosed,
        "database.closed",
        "a managed database does not let the admin in",
    ),
    (
        Rule::LockExposed,
        "lock.exposed",
        "an undeclared login can hold the lock that every run needs",
    ),
    (
        Rule::SecretReplication,
        "secret.replication",
        "a secret is stored elsewhere than declared",
    ),
    (
        Rule::SecretExpiry,
        "secret.expiry",
        "Google is to delete a secret with all its versions",
    ),
    (
        Rule::RoleSessionUser,
        "role.session_user",
        "something asks for session_user, which changes with each rotation",
    ),
];

impl Rule {
    /// Every rule.
    pub fn every() -> impl Iterator<Item = Self> {
        RULES.iter().map(|row| row.0)
    }

    /// The identifier, for example `grant.missing`.
    pub fn id(self) -> &'static str {
        RULES[self as usize].1
    }

    /// One sentence on what it means.
    pub fn description(self) -> &'static str {
        RULES[self as usize].2
    }

    /// Where it was looked for.
    pub fn plane(self) -> Plane {
        match self {
            Self::SecretMissing
            | Self::SecretVersion
            | Self::SecretAge
            | Self::SecretSprawl
            | Self::SecretForeign
            | Self::SecretLabel
            | Self::SecretReplication
            | Self::SecretExpiry
            | Self::CredentialRejected => Plane::Secret,
            Self::BindingMissing | Self::BindingUnexpected => Plane::Iam,
            Self::JobReference => Plane::Run,
            _ => Plane::Database,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

/// Where a finding was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// PostgreSQL.
    Database,
    /// Secret Manager.
    Secret,
    /// IAM policies of secrets.
    Iam,
    /// Cloud Run.
    Run,
}

/// How much a finding weighs: only an error is drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Drift.
    Error,
    /// Worth a look, no drift.
    Warning,
    /// Worth knowing.
    Info,
}

/// One finding. What does not apply is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of drift.
    pub rule: Rule,
    /// How much it weighs.
    pub severity: Severity,
    /// The instance; absent when only an admin URL says where.
    pub instance: Option<InstanceName>,
    /// The database it was found in.
    pub database: Option<DatabaseName>,
    /// The role concerned; `PUBLIC` for everybody.
    pub role: Option<String>,
    /// The object concerned, as printed: `table public.orders`.
    pub object: Option<String>,
    /// The privilege concerned.
    pub privilege: Option<String>,
    /// How the role comes to it.
    pub path: Vec<String>,
    /// One sentence.
    pub message: String,
    /// The statement that mends it.
    pub fix: Option<String>,
    /// Where the policy speaks of it.
    pub origin: Option<Origin>,
    /// Accepted by the policy, and why.
    pub allowed: Option<String>,
}

impl Finding {
    /// A finding that is drift, with nothing but its rule and sentence.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self {
            rule,
            severity: Severity::Error,
            instance: None,
            database: None,
            role: None,
            object: None,
            privilege: None,
            path: Vec::new(),
            message: message.into(),
            fix: None,
            origin: None,
            allowed: None,
        }
    }

    /// The same with a path: whom it is about, and what, where nothing more is known.
    pub fn with_path(mut self) -> Self {
        if self.path.is_empty() {
            self.path = super::path::plain(&self);
        }
        self
    }

    /// Whether it makes `check` exit 2.
    pub fn is_drift(&self) -> bool {
        self.severity == Severity::Error && self.allowed.is_none()
    }

    /// The same drift has the same fingerprint in every run: 128 bits of SHA-256 over what it is about, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let mut digest = sha2::Sha256::new();
        let instance = self.instance.as_ref().map(ToString::to_string);
        let database = self.database.as_ref().map(ToString::to_string);
        for part in [
            Some(self.rule.id().to_owned()),
            instance,
            database,
            self.role.clone(),
            self.object.clone(),
            self.privilege.clone(),
        ] {
            digest.update(part.unwrap_or_default());
            digest.update([0]);
        }
        digest
            .finalize()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_rules_is_in_order() {
        for (index, row) in RULES.iter().enumerate() {
            assert_eq!(row.0 as usize, index, "{}", row.1);
        }
    }

    #[test]
    fn a_fingerprint_tells_drift_from_drift_and_not_run_from_run() {
        let one = Finding {
            role: Some("app".into()),
            ..Finding::new(Rule::GrantUnexpected, "a")
        };
        let same = Finding {
            message: "b".into(),
            ..one.clone()
        };
        let other = Finding {
            object: Some("app".into()),
            role: None,
            ..one.clone()
        };
        assert_eq!(one.fingerprint(), same.fingerprint());
        assert_ne!(one.fingerprint(), other.fingerprint());
    }
}
