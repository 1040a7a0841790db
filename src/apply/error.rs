//! What can stop a run.

use crate::google::GoogleError;
use crate::model::{DatabaseName, RoleName, SecretName, VerifierError};
use crate::postgres::{LoginError, PostgresError};

/// Why a run stopped. What was done before stays done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The server.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// Google.
    #[error(transparent)]
    Google(#[from] GoogleError),
    /// A login with a credential that is about to be published.
    #[error("`{login}` does not log in with the credential of {secret}")]
    Login {
        /// The secret.
        secret: SecretName,
        /// The login.
        login: RoleName,
        /// Why.
        source: Box<LoginError>,
    },
    /// The catalogs do not show what the statements should have made.
    #[error("after the changes to {place} something was still not as planned, so they were rolled back: {left}")]
    NotConverged {
        /// The database, or the roles.
        place: String,
        /// What is missing, at most a few of them.
        left: String,
    },
    /// The session would not get in again.
    #[error("after these changes `{admin}` could no longer connect to database `{database}`: rolled back")]
    LockedOut {
        /// The admin.
        admin: RoleName,
        /// The database.
        database: DatabaseName,
    },
    /// An extension that this server or this admin may not install.
    #[error("an extension cannot be installed in database `{database}`; nothing was changed")]
    Extension {
        /// The database.
        database: DatabaseName,
        /// Why.
        source: PostgresError,
    },
    /// What Secret Manager gave back is not what it was given.
    #[error("version {version} of {secret} does not hold what was stored")]
    ReadBack {
        /// The secret.
        secret: SecretName,
        /// The version.
        version: i64,
    },
    /// The verifier is not one.
    #[error("the password of `{login}` cannot be set")]
    Verifier {
        /// The login.
        login: RoleName,
        /// Why.
        source: VerifierError,
    },
    /// Somebody removed what the plan was made for.
    #[error("{0} is no longer there")]
    Vanished(String),
    /// Secrets without a way to Google.
    #[error("the policy has secrets and there is no connection to Google")]
    NoGoogle,
}

impl ApplyError {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Postgres(error) => error.hint(),
            Self::Google(error) => error.hint(),
            Self::Login { source, .. } => source.hint(),
            Self::Extension { .. } => Some(
                "Cloud SQL's supported extensions: https://cloud.google.com/sql/docs/postgres/extensions; \
                 elsewhere a superuser runs CREATE EXTENSION first"
                    .into(),
            ),
            Self::NotConverged { .. } => Some("somebody may be changing the same objects: run apply again".into()),
            Self::LockedOut { database, admin } => Some(format!("GRANT CONNECT ON DATABASE {database} TO {admin}")),
            Self::ReadBack { .. } => {
                Some("run apply again: the version is found by its fingerprint or replaced".into())
            }
            Self::Vanished(_) => Some("run apply again".into()),
            Self::Verifier { .. } | Self::NoGoogle => None,
        }
    }
}
