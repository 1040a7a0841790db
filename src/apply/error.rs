//! What can stop a run.

use std::time::Duration;

use crate::google::GoogleError;
use crate::model::{DatabaseName, Object, RoleName, SecretName, VerifierError};
use crate::plan::advice;
use crate::postgres::{Blocker, LockError, LoginError, PostgresError};

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
        /// What the catalogs know of the cause.
        advice: Option<String>,
        /// Why.
        source: Box<LoginError>,
    },
    /// The catalogs do not show what the statements should have made.
    #[error(
        "after the changes to {place} something was still not as planned, so they were rolled back: {left}"
    )]
    NotConverged {
        /// The database, or the roles.
        place: String,
        /// What is missing, at most a few of them.
        left: String,
    },
    /// Others keep making what then has to be granted or taken over.
    #[error("others changed {place} meanwhile, so that more is to be done there: {left}")]
    Moved {
        /// The database, or the roles.
        place: String,
        /// What is to be done, at most a few of them.
        left: String,
    },
    /// Somebody has locked what is to be changed.
    #[error("{} locked by {blocker}", relations(.blocker))]
    Blocked {
        /// Who.
        blocker: Box<Blocker>,
        /// The statement that waited.
        source: Box<PostgresError>,
    },
    /// Everybody who holds something on an object stands in one row of the catalog.
    #[error("{object} has {entries} entries in its access list, and no more fit into the catalog")]
    Crowded {
        /// The object with the most entries of those that were granted on.
        object: Object,
        /// How many.
        entries: usize,
        /// What the server said.
        source: Box<PostgresError>,
    },
    /// The session would not get in again.
    #[error(
        "after these changes `{admin}` could no longer connect to database `{database}`: rolled back"
    )]
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
    /// Sessions that were to end are still there, or this admin cannot end them.
    #[error("sessions of `{login}` could not be ended: {}", sessions.join("; "))]
    SessionsStay {
        /// Their login.
        login: RoleName,
        /// The sessions.
        sessions: Vec<String>,
    },
    /// Somebody let something lead to a version that was about to end.
    #[error("somebody refers to version {version} of {secret} since a moment ago")]
    Named {
        /// The secret.
        secret: SecretName,
        /// The version.
        version: i64,
    },
    /// What is read of a secret is older than what is in it.
    #[error("what is read of {secret} lags behind: there is a version {version} already")]
    Behind {
        /// The secret.
        secret: SecretName,
        /// The version that is not listed.
        version: i64,
    },
    /// Somebody removed what the plan was made for.
    #[error("{0} is no longer there")]
    Vanished(String),
    /// A COMMIT without an answer. The catalogs tell what became of it.
    #[error(
        "the connection was lost at COMMIT of {place}: whether it was carried out is not known"
    )]
    Commit {
        /// The database, or the roles.
        place: String,
        /// How it was lost.
        source: Box<PostgresError>,
    },
    /// The server went away and stayed away.
    #[error("the server went away and was not back within {waited:?}; before, {lost}")]
    Gone {
        /// What was not finished.
        lost: String,
        /// How long it was waited for.
        waited: Duration,
        /// What the last attempt to reach it came to.
        source: Box<Self>,
    },
    /// Another run has taken the lock, after the session that held it was lost.
    #[error("the lock of this run was lost")]
    Overtaken(#[source] LockError),
    /// The lock was lost and taken again: what the plan was made for may have changed between.
    #[error(
        "the lock of this run was lost for a moment, so that another one may have changed something"
    )]
    LockLost,
    /// Somebody wants an end.
    #[error("ended by {signal}, after the step at hand")]
    Interrupted {
        /// The signal.
        signal: &'static str,
    },
    /// Secrets without a way to Google.
    #[error("the policy has secrets and there is no connection to Google")]
    NoGoogle,
}

impl From<LockError> for ApplyError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Failed(error) => Self::Postgres(error),
            held => Self::Overtaken(held),
        }
    }
}

impl ApplyError {
    /// Whether the server was not there, or went away.
    pub(super) fn is_away(&self) -> bool {
        self.postgres().is_some_and(PostgresError::is_away)
    }

    /// Whether the server hangs.
    pub(super) fn is_silence(&self) -> bool {
        self.postgres().is_some_and(PostgresError::is_silence)
    }

    fn postgres(&self) -> Option<&PostgresError> {
        match self {
            Self::Postgres(error) => Some(error),
            Self::Commit { source, .. } | Self::Blocked { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The SQLSTATE, where the server said no.
    pub(super) fn sqlstate(&self) -> Option<&str> {
        self.postgres().and_then(PostgresError::sqlstate)
    }

    /// Whether somebody else is in the way, who will be gone some time.
    pub fn must_wait(&self) -> bool {
        match self {
            Self::Overtaken(_) | Self::Moved { .. } | Self::Blocked { .. } => true,
            Self::Named { .. } | Self::Behind { .. } => true,
            Self::Google(error) => error.is_stale(),
            _ => self.postgres().is_some_and(|error| {
                error.is_concurrent_update() || error.sqlstate() == Some(super::LOCK_NOT_AVAILABLE)
            }),
        }
    }

    /// Whether the server or Google refused what the plan was made for: the plan may be too old.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Vanished(_) => true,
            Self::Google(error) => error.is_already_exists() || error.is_not_found(),
            _ => self
                .postgres()
                .is_some_and(|error| error.server().is_some()),
        }
    }

    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Postgres(error) => error.hint(),
            Self::Google(error) => error.hint(),
            Self::Login { source, advice, .. } => advice.clone().or_else(|| source.hint()),
            Self::Extension { .. } => {
                Some("Cloud SQL's supported extensions: https://cloud.google.com/sql/docs/postgres/extensions".into())
            }
            Self::Blocked { blocker, .. } => Some(blocker.hint()),
            Self::Crowded { object, .. } => Some(format!(
                "grant to a group role and make the logins its members, and revoke what nobody needs on {object}"
            )),
            Self::NotConverged { .. } | Self::Moved { .. } => {
                Some("somebody may be changing the same objects: run it again".into())
            }
            Self::LockedOut { database, admin } => Some(advice::grant_connect(database, admin)),
            Self::ReadBack { .. } => Some("run it again: the version is found by its fingerprint or replaced".into()),
            Self::Vanished(_) | Self::LockLost | Self::Named { .. } | Self::Behind { .. } => {
                Some("run it again".into())
            }
            Self::Commit { .. } => Some("run it again: what was committed is found as done".into()),
            Self::Gone { .. } => Some(
                "run it again when the server is back: what was committed is found as done; --wait says how long to \
                 wait for it"
                    .into(),
            ),
            Self::SessionsStay { .. } => Some(
                "run it as an admin that has the login WITH ADMIN, or that is a member of pg_signal_backend".into(),
            ),
            Self::Overtaken(error) => error.hint(),
            Self::Interrupted { .. } => Some("run it again: it goes on where this one ended".into()),
            Self::Verifier { .. } | Self::NoGoogle => None,
        }
    }
}

fn relations(blocker: &Blocker) -> String {
    blocker.relations.as_ref().map_or_else(
        || "what is to be changed is".into(),
        |names| match names.contains(", ") {
            true => format!("`{names}` are"),
            false => format!("`{names}` is"),
        },
    )
}
