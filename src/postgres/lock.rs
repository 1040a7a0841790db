//! One run at a time on an instance.

use std::time::Duration;

use backon::{BackoffBuilder as _, ConstantBuilder};
use tokio_postgres::types::Type;

use super::error::PostgresError;
use super::pipeline::Statement;
use super::session::Session;
use super::sql::TRY_LOCK;

/// The key of the advisory lock, `rolewrig` in ASCII. Advisory locks are per database: every run takes it in `postgres`.
/// <https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS>
const KEY: i64 = i64::from_be_bytes(*b"rolewrig");

/// How often to ask again. Waiting inside the server would hold a snapshot and keep VACUUM and CREATE INDEX
/// CONCURRENTLY from finishing.
const INTERVAL: Duration = Duration::from_millis(250);

/// The right to be the only run. Given up with the session.
#[derive(Debug)]
pub struct Lock(Session);

impl Lock {
    /// Gives the lock up, so that the next run has it at once: a session's end takes the server a moment.
    pub async fn release(self) {
        let Self(mut session) = self;
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
    #[error("another run holds the lock: process {pid}, `{application_name}`")]
    Held {
        /// Its process on the server.
        pid: i32,
        /// What it calls itself.
        application_name: String,
    },
    /// The server could not be asked.
    #[error(transparent)]
    Failed(#[from] PostgresError),
}

impl LockError {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Held { pid, .. } => Some(format!(
                "wait for it; if that run is dead, a superuser or the same login ends its session: SELECT \
                 pg_terminate_backend({pid})"
            )),
            Self::Failed(error) => error.hint(),
        }
    }
}

/// Takes the lock in the database of `session`, asking again until `wait` is over.
///
/// # Errors
/// Still held by another, or the server is gone.
pub async fn lock(mut session: Session, wait: Duration) -> Result<Lock, LockError> {
    let mut left = wait;
    let mut pauses = ConstantBuilder::default().with_delay(INTERVAL).with_jitter().without_max_times().build();
    loop {
        let held = match try_lock(&mut session).await? {
            Answer::Taken => return Ok(Lock(session)),
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
                }),
            })
        })
        .await
}
