//! Names, checked once where they enter.

use std::fmt;
use std::sync::Arc;

use super::{number_of, numbered_name, shown_name};

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
    /// A name that follows its grammar in lower case only.
    #[error("`{name}` is not {expected}: it has upper-case letters")]
    UpperCase {
        /// The name as written.
        name: String,
        /// What it should have been.
        expected: &'static str,
    },
}

impl NameError {
    /// How to mend it, in one line.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UpperCase { name, .. } => {
                Some(format!("did you mean `{}`?", name.to_ascii_lowercase()))
            }
            Self::Empty | Self::TooLong { .. } | Self::Nul(_) | Self::Grammar { .. } => None,
        }
    }

    /// Why `name` is not `expected`, of which `fits` decides.
    fn grammar(name: &str, expected: &'static str, fits: impl Fn(&str) -> bool) -> Self {
        match fits(&name.to_ascii_lowercase()) {
            true => Self::UpperCase {
                name: name.into(),
                expected,
            },
            false => Self::Grammar {
                name: name.into(),
                expected,
            },
        }
    }
}

/// The longest identifier PostgreSQL keeps, in bytes.
/// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
const MAX_IDENTIFIER: usize = 63;

fn identifier(text: &str) -> Result<Arc<str>, NameError> {
    match text {
        "" => Err(NameError::Empty),
        _ if text.contains('\0') => Err(NameError::Nul(text.escape_default().to_string())),
        _ if text.len() > MAX_IDENTIFIER => Err(NameError::TooLong {
            name: text.into(),
            bytes: text.len(),
        }),
        _ => Ok(text.into()),
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $words:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(shown_name(&self.0))
            }
        }

        impl $name {
            /// Checks that `text` can be an identifier; case is kept.
            ///
            /// # Errors
            /// Empty, over 63 bytes, or with a NUL byte.
            pub fn new(text: &str) -> Result<Self, NameError> {
                identifier(text).map(Self)
            }

            /// The place of a name that is not UTF-8: no policy names it, and no statement can.
            pub fn with_oid(oid: u32) -> Self {
                Self(numbered_name(concat!($words, " with OID"), oid).into())
            }

            /// The OID where the name is not UTF-8.
            pub fn oid(&self) -> Option<u32> {
                number_of(&self.0)
            }

            /// The name itself, unquoted.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(shown_name(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", shown_name(&self.0))
            }
        }
    };
}

identifier!(
    /// A role of the instance: a login or a group.
    RoleName, "role"
);
identifier!(
    /// A database of the instance.
    DatabaseName, "database"
);
identifier!(
    /// A schema of one database.
    SchemaName, "schema"
);
identifier!(
    /// An extension of one database.
    ExtensionName, "extension"
);

impl AsRef<RoleName> for RoleName {
    fn as_ref(&self) -> &RoleName {
        self
    }
}

impl RoleName {
    /// The most bytes of a name that PostgreSQL keeps.
    pub const LONGEST: usize = MAX_IDENTIFIER;

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
        if text.is_empty() {
            Err(NameError::Empty)
        } else {
            Ok(Self(text.to_owned()))
        }
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
    project: ProjectId,
    region: String,
    instance: String,
}

impl InstanceName {
    /// Parses `project:region:instance`.
    ///
    /// # Errors
    /// Not of that form.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let expected = "an instance connection name, `project:region:instance`";
        Self::parts(text)
            .ok_or_else(|| NameError::grammar(text, expected, |text| Self::parts(text).is_some()))
    }

    fn parts(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, ':');
        let (instance, region, project) = (parts.next()?, parts.next()?, parts.next()?);
        let project = ProjectId::new(project).ok()?;
        let fits = is_label(region, 63) && is_label(instance, 98);
        fits.then(|| Self {
            project,
            region: region.into(),
            instance: instance.into(),
        })
    }

    /// The project part.
    pub fn project(&self) -> &ProjectId {
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
    ($(#[$doc:meta])* $name:ident, $expected:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub struct $name(String);

        impl $name {
            /// Checks the grammar of the name.
            ///
            /// # Errors
            /// Not of that grammar.
            pub fn new(text: &str) -> Result<Self, NameError> {
                let fits: fn(&str) -> bool = $fits;
                if fits(text) { Ok(Self(text.into())) } else { Err(NameError::grammar(text, $expected, fits)) }
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
    /// A Google Cloud project, by id or number; a domain-scoped id is `example.com:project`.
    /// <https://cloud.google.com/resource-manager/docs/creating-managing-projects>
    ProjectId, "a project id", |text| match text.rsplit_once(':') {
        Some((domain, id)) => domain.split('.').all(is_domain_label) && is_label(id, 30),
        None => is_label(text, 30) || (text.len() <= 20 && text.chars().all(|c| c.is_ascii_digit()) && !text.is_empty()),
    }
);
google_name!(
    /// The id of a secret within its project.
    /// <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets/create>
    SecretId, "a secret id (letters, digits, `-` and `_`, at most 255)",
    |text| (1..=255).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
);

/// Whether `text` follows the grammar that projects, regions, instances, jobs and services share: lower-case letters, digits and
/// hyphens, a letter first and no hyphen last.
pub fn is_label(text: &str, longest: usize) -> bool {
    is_domain_label(text)
        && text.len() <= longest
        && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_domain_label(text: &str) -> bool {
    let hyphen = text.starts_with('-') || text.ends_with('-');
    !text.is_empty()
        && !hyphen
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// A secret with its project: `projects/PROJECT/secrets/ID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName {
    /// The project that holds the secret.
    pub project: ProjectId,
    /// The secret's id there.
    pub id: SecretId,
}

impl SecretName {
    /// Whether a job or service of `project` may mean this secret by `reference`. A bare id is one of its own project; a
    /// project that is named by its number may be any.
    /// <https://cloud.google.com/run/docs/reference/rest/v2/Container#SecretKeySelector>
    pub fn may_be_meant(&self, reference: &str, project: &str) -> bool {
        let (place, id) = reference.rsplit_once('/').unwrap_or(("", reference));
        let named = place
            .strip_prefix("projects/")
            .and_then(|rest| rest.strip_suffix("/secrets"));
        let of = match place {
            "" => Some(project),
            _ => named,
        };
        let is_number = |of: &str| of.bytes().all(|byte| byte.is_ascii_digit());
        let own = self.project.as_str();
        let may_be_own = of.is_none_or(|of| of == own || is_number(of) || is_number(own));
        id == self.id.as_str() && may_be_own
    }
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
    fn a_reference_means_a_secret_of_the_project_that_it_names() {
        let secret = SecretName {
            project: ProjectId::new("shop-prod").unwrap(),
            id: SecretId::new("app").unwrap(),
        };
        for (reference, project, may_be) in [
            ("app", "shop-prod", true),
            ("app", "elsewhere", false),
            ("app", "4711", true),
            ("other", "shop-prod", false),
            ("projects/shop-prod/secrets/app", "elsewhere", true),
            ("projects/elsewhere/secrets/app", "shop-prod", false),
            ("projects/shop-prod/secrets/other", "shop-prod", false),
            ("projects/4711/secrets/app", "elsewhere", true),
            ("projects/4711/secrets/other", "shop-prod", false),
            ("another/form/app", "elsewhere", true),
        ] {
            assert_eq!(
                secret.may_be_meant(reference, project),
                may_be,
                "{reference} in {project}"
            );
        }
    }

    #[test]
    fn sixty_three_bytes_are_a_name_and_sixty_four_are_not() {
        assert!(RoleName::new(&"é".repeat(31)).is_ok());
        assert!(matches!(
            RoleName::new(&"é".repeat(32)),
            Err(NameError::TooLong { bytes: 64, .. })
        ));
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
        assert_eq!(
            (name.project().as_str(), name.instance()),
            ("example.com:proj", "db")
        );
        assert_eq!(
            name.socket_directory(),
            "/cloudsql/example.com:proj:europe-west1:db"
        );
        for wrong in ["proj:db", "a:b:c:d:e", ":r:i", "p::i", "p:r:", "p:r:i x"] {
            assert!(InstanceName::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_of_google_follow_its_grammar() {
        let long = format!("a{}", "b".repeat(29));
        for fine in [
            "p",
            "demo-project",
            "123456789012",
            "example.com:proj",
            "a1",
            &long,
        ] {
            assert!(ProjectId::new(fine).is_ok(), "{fine}");
        }
        let odd = [
            "",
            "..",
            ".",
            "a/b",
            "../x",
            "-a",
            "a-",
            "1a",
            "a b",
            "a.b",
            ":p",
            "example.com:",
            "a..b:p",
            "a%2fb",
            "ä",
        ];
        for wrong in odd.into_iter().chain([format!("{long}c").as_str()]) {
            let error = ProjectId::new(wrong).unwrap_err();
            assert!(
                matches!(error, NameError::Grammar { .. }) && error.hint().is_none(),
                "{wrong}"
            );
        }
        for odd in [
            "", "..", ".", "a/b", "-a", "a-", "1a", "a b", "a.b", "a_b", "ä",
        ] {
            for wrong in [
                format!("{odd}:us-central1:db"),
                format!("p:{odd}:db"),
                format!("p:us-central1:{odd}"),
            ] {
                assert!(
                    matches!(InstanceName::new(&wrong), Err(NameError::Grammar { .. })),
                    "{wrong}"
                );
            }
        }
    }

    #[test]
    fn in_lower_case_they_are_hinted_at() {
        let hint = |error: NameError| error.hint().unwrap();
        assert_eq!(
            hint(ProjectId::new("Demo-Project").unwrap_err()),
            "did you mean `demo-project`?"
        );
        let error = InstanceName::new("demo:US-central1:Db").unwrap_err();
        let text = "`demo:US-central1:Db` is not an instance connection name, `project:region:instance`: it has upper-case letters";
        assert_eq!(
            (error.to_string().as_str(), hint(error).as_str()),
            (text, "did you mean `demo:us-central1:db`?")
        );
        assert!(SecretId::new("Db_App").is_ok());
    }
}
