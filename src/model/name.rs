//! Names, checked once where they enter.

use std::fmt;
use std::sync::Arc;

/// Why a text cannot be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing between the quotes.
    #[error("a name cannot be empty")]
    Empty,
    /// PostgreSQL cuts longer identifiers silently (`NAMEDATALEN` − 1 bytes).
    #[error("`{name}` is {bytes} bytes long, PostgreSQL keeps 63")]
    TooLong {
        /// The name as written.
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// A NUL byte ends a C string.
    #[error("`{0}` contains a NUL byte")]
    Nul(String),
    /// A name that does not follow its grammar.
    #[error("`{name}` is not {expected}")]
    Grammar {
        /// The name as written.
        name: String,
        /// What it should have been.
        expected: &'static str,
    },
}

/// The longest identifier PostgreSQL keeps, in bytes.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
const MAX_IDENTIFIER: usize = 63;

fn identifier(text: &str) -> Result<Arc<str>, NameError> {
    match text {
        "" => Err(NameError::Empty),
        _ if text.contains('\0') => Err(NameError::Nul(text.escape_default().to_string())),
        _ if text.len() > MAX_IDENTIFIER => Err(NameError::TooLong { name: text.into(), bytes: text.len() }),
        _ => Ok(text.into()),
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks that `text` can be an identifier; case is kept.
            ///
            /// # Errors
            /// Empty, over 63 bytes, or with a NUL byte.
            pub fn new(text: &str) -> Result<Self, NameError> {
                identifier(text).map(Self)
            }

            /// The name itself, unquoted.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

identifier!(
    /// A role of the instance: a login or a group.
    RoleName
);
identifier!(
    /// A database of the instance.
    DatabaseName
);
identifier!(
    /// A schema of one database.
    SchemaName
);
identifier!(
    /// An extension of one database.
    ExtensionName
);

impl AsRef<RoleName> for RoleName {
    fn as_ref(&self) -> &RoleName {
        self
    }
}

impl RoleName {
    /// The name with `suffix` appended: `app_user` and `_a` make `app_user_a`.
    ///
    /// # Errors
    /// Over 63 bytes.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self, NameError> {
        Self::new(&format!("{}{suffix}", self.0))
    }

    /// Whether PostgreSQL or Cloud SQL keeps this name for itself: predefined `pg_*` roles and the service's own `cloudsql*`.
    /// <https://www.postgresql.org/docs/current/predefined-roles.html>, <https://cloud.google.com/sql/docs/postgres/users>
    pub fn is_system(&self) -> bool {
        self.0.starts_with("pg_") || self.0.starts_with("cloudsql")
    }
}

/// A role name in which `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct RolePattern(String);

impl RolePattern {
    /// A pattern as written in the policy.
    ///
    /// # Errors
    /// Empty.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() { Err(NameError::Empty) } else { Ok(Self(text.to_owned())) }
    }

    /// Whether the pattern covers `name`.
    pub fn matches(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let pieces: Vec<_> = pieces.collect();
        let Some((last, middle)) = pieces.split_last() else {
            return rest.is_empty();
        };
        for piece in middle {
            match rest.find(piece) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

/// A Cloud SQL instance connection name, `project:region:instance`; the project may be domain-scoped (`example.com:project`).
/// <https://cloud.google.com/sql/docs/postgres/instance-info>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceName {
    project: String,
    region: String,
    instance: String,
}

impl InstanceName {
    /// Parses `project:region:instance`.
    ///
    /// # Errors
    /// Not of that form.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::Grammar {
            name: text.into(),
            expected: "an instance connection name, `project:region:instance`",
        };
        let plain = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        };
        let mut parts = text.rsplitn(3, ':');
        let (instance, region, project) = (parts.next(), parts.next(), parts.next());
        match (project, region, instance) {
            (Some(project), Some(region), Some(instance))
                if plain(region)
                    && plain(instance)
                    && project.split(':').count() <= 2
                    && project.split(':').all(plain) =>
            {
                Ok(Self { project: project.into(), region: region.into(), instance: instance.into() })
            }
            _ => Err(wrong()),
        }
    }

    /// The project part.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The instance part, without project and region.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The directory of the unix socket that Cloud Run mounts for this instance.
    /// <https://cloud.google.com/sql/docs/postgres/connect-run>
    pub fn socket_directory(&self) -> String {
        format!("/cloudsql/{self}")
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.project, self.region, self.instance)
    }
}

impl serde::Serialize for InstanceName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

macro_rules! google_name {
    ($(#[$doc:meta])* $name:ident, $max:literal, $expected:literal, $legal:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(String);

        impl $name {
            /// Checks the grammar of the name.
            ///
            /// # Errors
            /// Not of that grammar.
            pub fn new(text: &str) -> Result<Self, NameError> {
                let legal: fn(char) -> bool = $legal;
                if (1..=$max).contains(&text.len()) && text.chars().all(legal) {
                    Ok(Self(text.into()))
                } else {
                    Err(NameError::Grammar { name: text.into(), expected: $expected })
                }
            }

            /// The name itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

google_name!(
    /// A Google Cloud project, by id or number; domain-scoped ids contain a colon.
    ProjectId, 100, "a project id", |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':')
);
google_name!(
    /// The id of a secret within its project.
    /// <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create>
    SecretId, 255, "a secret id (letters, digits, `-` and `_`, at most 255)",
    |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
);

/// A secret with its project: `projects/PROJECT/secrets/ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName {
    /// The project that holds the secret.
    pub project: ProjectId,
    /// The secret's id there.
    pub id: SecretId,
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}/secrets/{}", self.project, self.id)
    }
}

impl serde::Serialize for SecretName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_three_bytes_are_a_name_and_sixty_four_are_not() {
        assert!(RoleName::new(&"é".repeat(31)).is_ok());
        assert!(matches!(RoleName::new(&"é".repeat(32)), Err(NameError::TooLong { bytes: 64, .. })));
    }

    #[test]
    fn patterns_cover_what_stands_for_the_star() {
        let matches = |pattern: &str, name: &str| RolePattern::new(pattern).unwrap().matches(name);
        assert!(matches("datastream_*", "datastream_eu"));
        assert!(!matches("datastream_*", "datastream"));
        assert!(matches("*", "anything"));
        assert!(matches("a*b*c", "axxbyyc"));
        assert!(!matches("a*b*c", "axxc"));
        assert!(matches("exact", "exact"));
        assert!(!matches("exact", "exactly"));
        assert!(!matches("a*a", "a"));
    }

    #[test]
    fn an_instance_name_may_be_domain_scoped() {
        let name = InstanceName::new("example.com:proj:europe-west1:db").unwrap();
        assert_eq!((name.project(), name.instance()), ("example.com:proj", "db"));
        assert_eq!(name.socket_directory(), "/cloudsql/example.com:proj:europe-west1:db");
        for wrong in ["proj:db", "a:b:c:d:e", ":r:i", "p::i", "p:r:", "p:r:i x"] {
            assert!(InstanceName::new(wrong).is_err(), "{wrong}");
        }
    }
}
