//! One run at a time on an instance.

use std::time::Duration;

use backon::{BackoffBuilder as _, ConstantBuilder};
use tokio::sync::Mutex;
use tokio_postgres::types::Type;

use super::error::PostgresError;
use super::pipeline::Statement;
use super::route::Route;
use super::session::{ApplicationName, Session};
use super::sql::{HOLDS_LOCK, TRY_LOCK};

/// The key of the advisory lock, `rolewrig` in ASCII. Advisory locks are per database: every run takes it in `postgres`.
/// <https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS>
const KEY: i64 = i64::from_be_bytes(*b"rolewrig");

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
    /// Makes sure that this run, which is `purpose` on `route`, has the lock. A session that was lost is replaced.
    ///
    /// # Errors
    /// [`LockError::Held`] by another run; the server is away.
    pub async fn assure(&self, route: &Route, purpose: &ApplicationName) -> Result<Standing, LockError> {
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
        retake(&mut session, purpose).await?;
        Ok(Standing::Retaken)
    }

    /// Gives the lock up, so that the next run has it at once: a session's end takes the server a moment.
    pub async fn release(self) {
        let mut session = self.0.into_inner();
        // It goes with the session at the latest.
        let _ = session.run(&[Statement::plain(format!("SELECT pg_catalog.pg_advisory_unlock({KEY})"))]).await;
        session.close().await;
    }
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another run has it.
    #[error("another run holds the lock: process {pid} of `{user}`, `{application_name}`")]
    Held {
        /// Its process on the server.
        pid: i32,
        /// What it calls itself.
        application_name: String,
        /// Its login.
        user: String,
    },
    /// The server could not be asked.
    #[error(transparent)]
    Failed(#[from] PostgresError),
}

impl LockError {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Held { pid, user, .. } => {
                Some(format!("wait for it; if that run is dead, `{user}` runs: SELECT pg_terminate_backend({pid})"))
            }
            Self::Failed(error) => error.hint(),
        }
    }
}

/// Takes the lock in the database of `session`, asking again until `wait` is over.
///
/// # Errors
/// Still held by another, or the server is gone.
pub async fn lock(mut session: Session, wait: Duration) -> Result<Lock, LockError> {
    take(&mut session, wait).await?;
    Ok(Lock(Mutex::new(session)))
}

async fn take(session: &mut Session, wait: Duration) -> Result<(), LockError> {
    let mut left = wait;
    let mut pauses = ConstantBuilder::default().with_delay(INTERVAL).with_jitter().without_max_times().build();
    loop {
        let held = match try_lock(session).await? {
            Answer::Taken => return Ok(()),
            Answer::JustReleased => continue,
            Answer::Held(held) => held,
        };
        if left.is_zero() {
            return Err(held);
        }
        let pause = pauses.next().unwrap_or(INTERVAL).min(left);
        tokio::time::sleep(pause).await;
        left -= pause;
    }
}

/// The server may not have noticed yet that a session of this very run is gone.
async fn retake(session: &mut Session, purpose: &ApplicationName) -> Result<(), LockError> {
    match take(session, Duration::ZERO).await {
        Err(LockError::Held { pid, application_name, .. }) if application_name == purpose.as_str() => {
            let end = format!("SELECT pg_catalog.pg_terminate_backend({pid})");
            session.run(&[Statement::plain(end)]).await?;
            take(session, UNNOTICED).await
        }
        taken => taken,
    }
}

async fn holds(session: &mut Session) -> Result<bool, PostgresError> {
    session
        .read("the advisory lock", |client, _| async move {
            Ok(client.query_typed_one(HOLDS_LOCK, &[(&KEY, Type::INT8)]).await?.try_get(0)?)
        })
        .await
}

enum Answer {
    Taken,
    /// Refused, and a moment later nobody had it.
    JustReleased,
    Held(LockError),
}

async fn try_lock(session: &mut Session) -> Result<Answer, PostgresError> {
    session
        .read("the advisory lock", |client, _| async move {
            let row = client.query_typed_one(TRY_LOCK, &[(&KEY, Type::INT8)]).await?;
            Ok(match (row.try_get(0)?, row.try_get(1)?) {
                (true, _) => Answer::Taken,
                (false, None) => Answer::JustReleased,
                (false, Some(pid)) => Answer::Held(LockError::Held {
                    pid,
                    application_name: row.try_get::<_, Option<String>>(2)?.unwrap_or_default(),
                    user: row.try_get::<_, Option<String>>(3)?.unwrap_or_default(),
                }),
            })
        })
        .await
}
