//! One run at a time on an instance.

use std::fmt;
use std::time::Duration;

use backon::{BackoffBuilder as _, ConstantBuilder};
use tokio::sync::Mutex;
use tokio_postgres::types::Type;

use super::error::{Cause, PostgresError};
use super::names::{Catalog, Raw};
use super::pipeline::Statement;
use super::route::Route;
use super::session::{ApplicationName, Session};
use super::sql::{HOLDS_LOCK, TRY_LOCK};
use crate::model::{RoleName, quote_identifier, quote_literal};

/// The key of the advisory lock, `rolewrig` in ASCII. Advisory locks are per database: every run takes it in `postgres`.
/// <https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS>
pub const LOCK_KEY: i64 = i64::from_be_bytes(*b"rolewrig");

/// How often to ask again. Waiting inside the server would hold a snapshot and keep VACUUM and CREATE INDEX
/// CONCURRENTLY from finishing.
const INTERVAL: Duration = Duration::from_millis(250);

/// How long a session that was ended may take to be gone.
const UNNOTICED: Duration = Duration::from_secs(10);

/// The right to be the only run. It is the server's session that has it: given up with that, however it ends.
#[derive(Debug)]
pub struct Lock(Mutex<Session>);

/// What became of the lock since it was looked at last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was held all the time.
    Held,
    /// It was lost and taken again: another run may have been there between.
    Retaken,
}

impl Lock {
    /// Makes sure that this run, which is `purpose` on `route`, has the lock. A session that was lost is replaced; `evict` is
    /// as for [`lock`].
    ///
    /// # Errors
    /// [`LockError::Held`] by another session; the server is away.
    pub async fn assure(
        &self,
        route: &Route,
        purpose: &ApplicationName,
        evict: impl AsyncFnMut(&LockHolder) -> bool,
    ) -> Result<Standing, LockError> {
        let mut session = self.0.lock().await;
        match holds(&mut session).await {
            Ok(true) => return Ok(Standing::Held),
            Ok(false) => {}
            Err(error) if error.is_away() => {
                let database = session.database().clone();
                *session = Session::connect(route, &database, purpose).await?;
            }
            Err(error) => return Err(error.into()),
        }
        retake(&mut session, purpose, evict).await?;
        Ok(Standing::Retaken)
    }

    /// Gives the lock up, so that the next run has it at once: a session's end takes the server a moment.
    pub async fn release(self) {
        let mut session = self.0.into_inner();
        // It goes with the session at the latest.
        let _ = session
            .run(&[Statement::plain(format!(
                "SELECT pg_catalog.pg_advisory_unlock({LOCK_KEY})"
            ))])
            .await;
        session.close().await;
    }
}

/// What has the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockHolder {
    /// A session: of another run, or of any login that may connect to the database.
    Session {
        /// Its process on the server.
        pid: i32,
        /// Its login.
        login: RoleName,
        /// What it calls itself.
        application_name: String,
    },
    /// A session of a role that was dropped since it logged in.
    Orphan {
        /// Its process on the server.
        pid: i32,
        /// The number that the role had.
        role: i64,
        /// What it calls itself.
        application_name: String,
    },
    /// A prepared transaction, which outlives its session, the server and its role.
    Prepared {
        /// The login that prepared it; `None` where that was dropped.
        login: Option<RoleName>,
        /// Its identifier.
        gid: String,
    },
    /// The server shows no login.
    Unknown,
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session {
                pid,
                login,
                application_name,
            } if application_name.is_empty() => {
                write!(f, "process {pid} of `{login}`")
            }
            Self::Session {
                pid,
                login,
                application_name,
            } => {
                write!(f, "process {pid} of `{login}`, `{application_name}`")
            }
            Self::Orphan {
                pid,
                application_name,
                ..
            } => {
                write!(f, "process {pid} of a role that was dropped")?;
                if application_name.is_empty() {
                    Ok(())
                } else {
                    write!(f, ", `{application_name}`")
                }
            }
            Self::Prepared {
                login: Some(login),
                gid,
            } => {
                write!(
                    f,
                    "prepared transaction {} of `{login}`",
                    quote_literal(gid)
                )
            }
            Self::Prepared { login: None, gid } => {
                write!(
                    f,
                    "prepared transaction {} of a role that was dropped",
                    quote_literal(gid)
                )
            }
            Self::Unknown => f.write_str("a process without a login"),
        }
    }
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Something else has it.
    #[error("another run holds the lock: {0}")]
    Held(LockHolder),
    /// The server could not be asked.
    #[error(transparent)]
    Failed(#[from] PostgresError),
}

impl LockError {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Held(LockHolder::Session { pid, login, .. }) => Some(format!(
                "wait for it; if that is no run that is at work, `{login}` or a member of pg_signal_backend runs: \
                 SELECT pg_terminate_backend({pid})"
            )),
            Self::Held(LockHolder::Orphan { pid, .. }) => Some(format!(
                "a member of pg_signal_backend, or a superuser, runs: SELECT pg_terminate_backend({pid})"
            )),
            Self::Held(LockHolder::Prepared { login: None, gid }) => Some(format!(
                "a superuser, in the database `postgres`: ROLLBACK PREPARED {}",
                quote_literal(gid)
            )),
            Self::Held(LockHolder::Prepared {
                login: Some(login),
                gid,
            }) => Some(format!(
                "in the database `postgres`: SET ROLE {}; ROLLBACK PREPARED {}",
                quote_identifier(login.as_str()),
                quote_literal(gid)
            )),
            Self::Held(LockHolder::Unknown) => Some("wait for it".into()),
            Self::Failed(error) => error.hint(),
        }
    }
}

/// Takes the lock in the database of `session`, asking again until `wait` is over. Where `evict` ended what holds it, it is
/// asked at once.
///
/// # Errors
/// Still held by another, or the server is gone.
pub async fn lock(
    mut session: Session,
    wait: Duration,
    evict: impl AsyncFnMut(&LockHolder) -> bool,
) -> Result<Lock, LockError> {
    take(&mut session, wait, evict).await?;
    Ok(Lock(Mutex::new(session)))
}

async fn take(
    session: &mut Session,
    wait: Duration,
    mut evict: impl AsyncFnMut(&LockHolder) -> bool,
) -> Result<(), LockError> {
    let mut left = wait;
    let mut pauses = ConstantBuilder::default()
        .with_delay(INTERVAL)
        .with_jitter()
        .without_max_times()
        .build();
    loop {
        let holder = match try_lock(session).await? {
            Answer::Taken => return Ok(()),
            Answer::JustReleased => continue,
            Answer::Held(holder) => holder,
        };
        if evict(&holder).await {
            continue;
        }
        if left.is_zero() {
            return Err(LockError::Held(holder));
        }
        let pause = pauses.next().unwrap_or(INTERVAL).min(left);
        tokio::time::sleep(pause).await;
        left -= pause;
    }
}

/// The server may not have noticed yet that a session of this very run is gone. A name alone shows nothing: any login can
/// call itself so.
async fn retake(
    session: &mut Session,
    purpose: &ApplicationName,
    mut evict: impl AsyncFnMut(&LockHolder) -> bool,
) -> Result<(), LockError> {
    let own = session.user().clone();
    match take(session, Duration::ZERO, &mut evict).await {
        Err(LockError::Held(LockHolder::Session {
            pid,
            login,
            application_name,
        })) if application_name == purpose.as_str() && login == own => {
            let end = format!("SELECT pg_catalog.pg_terminate_backend({pid})");
            session.run(&[Statement::plain(end)]).await?;
            take(session, UNNOTICED, evict).await
        }
        taken => taken,
    }
}

async fn holds(session: &mut Session) -> Result<bool, PostgresError> {
    session
        .read("the advisory lock", |client, _| async move {
            Ok(client
                .query_typed_one(HOLDS_LOCK, &[(&LOCK_KEY, Type::INT8)])
                .await?
                .try_get(0)?)
        })
        .await
}

enum Answer {
    Taken,
    /// Refused, and a moment later nobody had it.
    JustReleased,
    Held(LockHolder),
}

async fn try_lock(session: &mut Session) -> Result<Answer, PostgresError> {
    session
        .read("the advisory lock", |client, _| ask(client))
        .await
}

async fn ask(client: &Catalog) -> Result<Answer, Cause> {
    let row = client
        .query_typed_one(TRY_LOCK, &[(&LOCK_KEY, Type::INT8)])
        .await?;
    if row.try_get(0)? {
        return Ok(Answer::Taken);
    }
    let Some(true) = row.try_get(1)? else {
        return Ok(Answer::JustReleased);
    };
    let text =
        |at: usize| Ok::<_, Cause>(row.try_get::<_, Option<Raw<'_>>>(at)?.map(Raw::readable));
    let login: Option<Raw<'_>> = row.try_get(4)?;
    let login = login.map(|name| client.names().role(name)).transpose()?;
    Ok(Answer::Held(match (row.try_get(2)?, login, text(5)?) {
        (Some(pid), Some(login), _) => LockHolder::Session {
            pid,
            login,
            application_name: text(3)?.unwrap_or_default(),
        },
        (Some(pid), None, _) => match row.try_get(6)? {
            Some(role) => LockHolder::Orphan {
                pid,
                role,
                application_name: text(3)?.unwrap_or_default(),
            },
            None => LockHolder::Unknown,
        },
        (None, login, Some(gid)) => LockHolder::Prepared { login, gid },
        _ => LockHolder::Unknown,
    }))
}
