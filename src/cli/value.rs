//! Values of arguments, checked where they enter.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, ValueEnum};
use zeroize::Zeroizing;

use crate::google::{Endpoint, GoogleError};
use crate::model::{Privilege, ProjectId, RoleName, SecretId, SecretName};

/// Where the admin session goes, in a text that may hold a password: never shown, wiped when dropped.
#[derive(Clone)]
pub struct AdminUrl(Zeroizing<String>);

impl AdminUrl {
    /// Takes any text.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The text, for the connection; nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a password (of the login, or of a client key) stands in it. Errs towards yes.
    pub fn has_password(&self) -> bool {
        let Some((_, rest)) = self.0.split_once("://") else {
            return names_password(&self.0);
        };
        // An unescaped `/` or `?` may belong to the password, so neither alone ends the user's part.
        let user_part_has_colon = |end: char| {
            let head = rest.split(end).next().unwrap_or_default();
            head.rsplit_once('@')
                .is_some_and(|(user, _)| user.contains(':'))
        };
        user_part_has_colon('/') || user_part_has_colon('?') || names_password(rest)
    }
}

/// libpq decodes `%70assword=` to `password=`, in a URL's query.
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>
fn names_password(text: &str) -> bool {
    let decoded = Zeroizing::new(
        percent_encoding::percent_decode_str(text)
            .decode_utf8_lossy()
            .into_owned(),
    );
    decoded
        .match_indices("password")
        .any(|(at, word)| decoded[at + word.len()..].trim_start().starts_with('='))
}

impl FromStr for AdminUrl {
    type Err = std::convert::Infallible;

    /// Cannot fail: an error of clap would quote the text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text))
    }
}

impl std::fmt::Debug for AdminUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminUrl(…)")
    }
}

/// A secret, with the version to read; without, the latest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretReference {
    /// The secret.
    pub secret: SecretName,
    /// Number or alias of the version.
    pub version: Option<String>,
}

impl FromStr for SecretReference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            "expected projects/PROJECT/secrets/SECRET or projects/PROJECT/secrets/SECRET/versions/N"
                .to_owned()
        };
        let parts: Vec<_> = text.split('/').collect();
        let (project, id, version) = match parts[..] {
            ["projects", project, "secrets", id] => (project, id, None),
            ["projects", project, "secrets", id, "versions", version] if !version.is_empty() => {
                (project, id, Some(version.to_owned()))
            }
            _ => return Err(wrong()),
        };
        let project = ProjectId::new(project).map_err(|error| error.to_string())?;
        let id = SecretId::new(id).map_err(|error| error.to_string())?;
        Ok(Self {
            secret: SecretName { project, id },
            version,
        })
    }
}

/// One `FORMAT=FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile<F> {
    /// The format.
    pub format: F,
    /// The file.
    pub path: PathBuf,
}

/// Reads `FORMAT=FILE`.
pub(super) fn output_file<F: ValueEnum>(text: &str) -> Result<OutputFile<F>, String> {
    let names: Vec<_> = F::value_variants()
        .iter()
        .filter_map(F::to_possible_value)
        .map(|value| value.get_name().to_owned())
        .collect();
    let formats = names.join(", ");
    match text.split_once('=') {
        Some((format, path)) if !path.is_empty() => {
            let format = F::from_str(format, false)
                .map_err(|_| format!("`{format}` is none of {formats}"))?;
            Ok(OutputFile {
                format,
                path: path.into(),
            })
        }
        _ => Err(format!("expected FORMAT=FILE with one of {formats}")),
    }
}

/// Reads the base URL of Google's APIs. clap's own error would quote the text, which may hold a password.
#[derive(Clone)]
pub(super) struct EndpointParser;

impl TypedValueParser for EndpointParser {
    type Value = Endpoint;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        text: &OsStr,
    ) -> Result<Endpoint, clap::Error> {
        // What is not UTF-8 is no URL either.
        text.to_string_lossy()
            .parse()
            .map_err(|error: GoogleError| {
                let message = format!("{error}\n\nFor more information, try '--help'.\n");
                clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
            })
    }
}

/// Reads the name of a role.
pub(super) fn role(text: &str) -> Result<RoleName, String> {
    RoleName::new(text).map_err(|error| error.to_string())
}

/// Reads a span of time, for example `90s` or `5m`.
pub(super) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || "expected a span of time, for example 90s or 5m".to_owned();
    let duration: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
    duration.try_into().map_err(|_| wrong())
}

/// Reads a privilege.
pub(super) fn privilege(text: &str) -> Result<Privilege, String> {
    let known: Vec<_> = Privilege::every().map(Privilege::keyword).collect();
    text.parse()
        .map_err(|()| format!("expected one of {}", known.join(", ")))
}

/// A time that a server can measure: with zero it would measure none.
pub(super) fn timeout(text: &str) -> Result<std::time::Duration, String> {
    let timeout = duration(text)?;
    let possible = std::time::Duration::from_secs(1)..=std::time::Duration::from_secs(24 * 60 * 60);
    possible
        .contains(&timeout)
        .then_some(timeout)
        .ok_or_else(|| "expected from 1s to 24h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_password(text: &str) -> bool {
        AdminUrl::new(text).has_password()
    }

    #[test]
    fn a_password_is_seen_wherever_it_stands() {
        for with in [
            "postgres://admin:pw@db/postgres",
            "postgresql://admin:p@w@db/postgres",
            "postgresql://admin:p/w@db",
            "postgresql://admin:p?w@db/postgres",
            "postgresql://admin:@db",
            "postgresql://admin@db/postgres?password=pw",
            "postgresql://db/postgres?sslmode=require&%70assword=pw",
            "postgresql://db/postgres?sslpassword=pw",
            "host=db user=admin password=pw",
            "host=db password = 'p w'",
        ] {
            assert!(has_password(with), "{with}");
        }
    }

    #[test]
    fn a_url_without_a_password_passes() {
        for without in [
            "postgres://admin@db:5432/postgres",
            "postgres://db:5432/postgres",
            "postgres://admin@[::1]:5432/postgres",
            "postgresql:///postgres?host=/cloudsql/p:r:i",
            "postgresql://db:5432/postgres?user=deploy@p.iam",
            "host=/cloudsql/p:r:i user=admin dbname=postgres passfile=/etc/pgpass",
        ] {
            assert!(!has_password(without), "{without}");
        }
    }

    #[test]
    fn an_admin_url_is_not_shown() {
        assert!(!format!("{:?}", AdminUrl::new("postgres://admin:hunter2@db")).contains("hunter2"));
    }

    #[test]
    fn a_secret_is_named_with_or_without_a_version() {
        let parse = |text: &str| text.parse::<SecretReference>();
        let with = parse("projects/p/secrets/s/versions/3").unwrap();
        assert_eq!(
            (with.secret.to_string().as_str(), with.version.as_deref()),
            ("projects/p/secrets/s", Some("3"))
        );
        assert_eq!(parse("projects/p/secrets/s").unwrap().version, None);
        for wrong in [
            "s",
            "projects/p/secrets",
            "projects/p/secrets/s/versions/",
            "projects/p/secrets/a b",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_are_not_negative() {
        assert_eq!(duration("1m 30s"), Ok(std::time::Duration::from_secs(90)));
        assert_eq!(duration("0s"), Ok(std::time::Duration::ZERO));
        assert!(duration("-1s").is_err());
        assert!(duration("soon").is_err());
        assert_eq!(timeout("5m"), Ok(std::time::Duration::from_secs(300)));
        assert!(timeout("0s").is_err() && timeout("25h").is_err());
    }
}
