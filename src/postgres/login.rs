//! Proof that a credential works: nothing but a login can tell.

use super::auth::{Question, UntrustedServer};
use super::error::{Cause, PostgresError, ServerError};
use super::route::Route;
use super::session::{ApplicationName, Session};
use crate::model::{DatabaseName, Password, RoleName};

/// SQLSTATEs that judge the login and not the moment: wrong password, not permitted to log in, connection limit,
/// no such database, no CONNECT.
const VERDICTS: [&str; 5] = ["28P01", "28000", "53300", "3D000", "42501"];

/// What speaks against a credential.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The server's words, with the SQLSTATE.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// The server keeps an MD5 verifier of the role, so that the credential was not sent.
    #[error(transparent)]
    Verifier(UntrustedServer),
}

impl Refusal {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Server(error) => error.hint.clone(),
            Self::Verifier(error) => error.hint(),
        }
    }
}

/// Why a login did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The server knows the credential and does not take it.
    #[error("the server refused `{user}` at database `{database}`")]
    Refused {
        /// The login.
        user: RoleName,
        /// The database.
        database: DatabaseName,
        /// Why.
        source: Refusal,
    },
    /// Nothing is known about the credential.
    #[error(transparent)]
    Unreachable(PostgresError),
}

impl LoginError {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable(error) => error.hint(),
            Self::Refused { source, .. } => source.hint(),
        }
    }
}

/// Logs in to `database` by the admin's route as `user`, and out again.
///
/// # Errors
/// Refused, or not reached: only the former says anything about the credential.
pub async fn login(
    route: &Route,
    database: &DatabaseName,
    user: &RoleName,
    password: &Password,
    purpose: &ApplicationName,
) -> Result<(), LoginError> {
    enter(route, database, user, password, purpose).await?.close().await;
    Ok(())
}

/// A session of `user` in `database` by the admin's route.
///
/// # Errors
/// As for [`login`].
pub async fn enter(
    route: &Route,
    database: &DatabaseName,
    user: &RoleName,
    password: &Password,
    purpose: &ApplicationName,
) -> Result<Session, LoginError> {
    match Session::connect_as(route, database, user, password, purpose).await {
        Ok(session) => Ok(session),
        Err(PostgresError::Connect { source: Cause::Server(source), database, user, .. })
            if VERDICTS.contains(&source.sqlstate.as_str()) =>
        {
            Err(LoginError::Refused { user, database, source: Refusal::Server(source) })
        }
        Err(PostgresError::Connect {
            source: Cause::Untrusted(source @ UntrustedServer::Asks(Question::Md5)),
            database,
            user,
            ..
        }) => Err(LoginError::Refused { user, database, source: Refusal::Verifier(source) }),
        Err(error) => Err(LoginError::Unreachable(error)),
    }
}
