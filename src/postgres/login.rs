//! Proof that a credential works, which only a login gives.

use super::auth::{Question, UntrustedServer};
use super::error::{AWAY, Cause, HOST_RULE, PostgresError, ServerError};
use super::route::Route;
use super::session::{ApplicationName, Session};
use crate::model::{DatabaseName, Password, RoleName};

/// Why a server does not let a login in. It authenticates first: limits, LOGIN and CONNECT are looked at once the password is
/// accepted. <https://www.postgresql.org/docs/current/errcodes-appendix.html>
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The password is wrong, missing, or past VALID UNTIL: the server answers the same to all three.
    #[error(transparent)]
    Password(Box<ServerError>),
    /// The server keeps an MD5 verifier of the role, so that the credential was not sent.
    #[error(transparent)]
    Verifier(UntrustedServer),
    /// A rule of `pg_hba.conf` for the user, the database or the address, before any password was looked at.
    #[error(transparent)]
    Rule(Box<ServerError>),
    /// The password is right, and a CONNECTION LIMIT or the server leaves no room for another session.
    #[error(transparent)]
    Full(Box<ServerError>),
    /// The password is right, and the role is NOLOGIN.
    #[error(transparent)]
    NoLogin(Box<ServerError>),
    /// The password is right, and the role may not enter the database, or it does not exist or takes no connections.
    #[error(transparent)]
    Database(Box<ServerError>),
    /// The password is right, the role may log in and enter the database, and its session failed as it began: a setting of the
    /// role that the server cannot take on, or a login event trigger.
    #[error(transparent)]
    Session(Box<ServerError>),
}

/// The functions of the server that decide whether a role with the right password gets a session. What fails after them is
/// the session itself. <https://doxygen.postgresql.org/postinit_8c.html>
const ADMISSION: [&str; 3] = ["InitializeSessionUserId", "InitPostgres", "CheckMyDatabase"];

impl Refusal {
    /// What the answer of a server means that had accepted the password before, or had not; given back where that is
    /// nothing about the login. The stage decides: every answer to an accepted password proves it, whatever its code is,
    /// unless the server goes away.
    fn of(answer: Box<ServerError>, admitted: bool) -> Result<Self, Box<ServerError>> {
        let decides = || {
            let routine = answer.routine.as_deref();
            routine.is_none_or(|routine| ADMISSION.contains(&routine))
        };
        match (answer.sqlstate.as_str(), admitted) {
            ("28P01", false) => Ok(Self::Password(answer)),
            ("28000", false) => Ok(Self::Rule(answer)),
            (_, false) => Err(answer),
            (code, true) if AWAY.contains(&code) => Err(answer),
            ("53300", true) if decides() => Ok(Self::Full(answer)),
            ("28000", true) if decides() => Ok(Self::NoLogin(answer)),
            ("42501" | "3D000" | "55000", true) if decides() => Ok(Self::Database(answer)),
            (_, true) => Ok(Self::Session(answer)),
        }
    }

    /// The server's words, with the SQLSTATE.
    pub fn server(&self) -> Option<&ServerError> {
        match self {
            Self::Verifier(_) => None,
            Self::Password(error)
            | Self::Rule(error)
            | Self::Full(error)
            | Self::NoLogin(error)
            | Self::Database(error)
            | Self::Session(error) => Some(error),
        }
    }

    /// Whether the server accepted the password.
    pub fn proves_password(&self) -> bool {
        match self {
            Self::Full(_) | Self::NoLogin(_) | Self::Database(_) | Self::Session(_) => true,
            Self::Password(_) | Self::Verifier(_) | Self::Rule(_) => false,
        }
    }

    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Verifier(error) => error.hint(),
            // A HINT is not passed on: the server has not authenticated itself yet.
            Self::Full(_) => Some(FULL.into()),
            Self::Rule(_) => Some(HOST_RULE.into()),
            Self::Session(_) => Some(BEGINNING.into()),
            Self::Password(_) | Self::NoLogin(_) | Self::Database(_) => None,
        }
    }
}

/// What makes room.
const FULL: &str = "the password is right: end idle sessions, or raise the CONNECTION LIMIT of the role or the database";

/// Where to look for what a session begins with.
const BEGINNING: &str = "the password is right: a setting or a login event trigger keeps the session from beginning: SELECT \
                         setdatabase, setrole::regrole, setconfig FROM pg_db_role_setting; SELECT evtname FROM \
                         pg_event_trigger WHERE evtevent = 'login'";

/// Why a login did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The server does not let the login in.
    #[error("the server refused `{user}` at database `{database}`")]
    Refused {
        /// The login.
        user: RoleName,
        /// The database.
        database: DatabaseName,
        /// Why.
        source: Refusal,
    },
    /// The server was not reached, or has no time for any login: nothing is known about the credential.
    #[error(transparent)]
    Unreachable(PostgresError),
}

impl LoginError {
    /// Whether the password is right, and the session failed as it began.
    pub fn is_of_session(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                source: Refusal::Session(_),
                ..
            }
        )
    }

    /// Whether the server keeps another verifier of the password than one for SCRAM-SHA-256.
    pub fn asks_for_another_verifier(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                source: Refusal::Verifier(_),
                ..
            }
        )
    }

    /// Whether the server refuses the password, or was not there to say: what else keeps a login out is no matter of it.
    pub fn leaves_password_open(&self) -> bool {
        match self {
            Self::Refused { source, .. } => {
                matches!(source, Refusal::Password(_) | Refusal::Verifier(_))
            }
            Self::Unreachable(error) => error.is_away(),
        }
    }

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
/// Refused, or not reached.
pub async fn login(
    route: &Route,
    database: &DatabaseName,
    user: &RoleName,
    password: &Password,
    purpose: &ApplicationName,
) -> Result<(), LoginError> {
    enter(route, database, user, password, purpose)
        .await?
        .close()
        .await;
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
        Err(PostgresError::Connect {
            source: Cause::Server(answer),
            database,
            user,
            admitted,
            address,
        }) => Err(match Refusal::of(answer, admitted) {
            Ok(source) => LoginError::Refused {
                user,
                database,
                source,
            },
            Err(answer) => LoginError::Unreachable(PostgresError::Connect {
                source: Cause::Server(answer),
                database,
                user,
                admitted,
                address,
            }),
        }),
        Err(PostgresError::Connect {
            source: Cause::Untrusted(source @ UntrustedServer::Asks(Question::Md5)),
            database,
            user,
            ..
        }) => Err(LoginError::Refused {
            user,
            database,
            source: Refusal::Verifier(source),
        }),
        Err(error) => Err(LoginError::Unreachable(error)),
    }
}
