//! Any login that may connect to the database `postgres` can hold the lock of the instance there. A session of a login that no
//! run has is ended.

use crate::model::{DatabaseName, Policy, State};
use crate::plan::{LOCK_DATABASE, end_lock_holder, end_orphaned_lock_holder};
use crate::postgres::{
    ApplicationName, Asked, LOCK_KEY, Lock, LockError, LockHolder, PostgresError, Route, Session,
    Statement, inspect_shared, lock,
};
use std::time::Duration;

/// How often sessions are ended before the lock counts as held: who comes back each time cannot keep a run for ever.
const ROUNDS: usize = 20;

/// A run that is about to take the lock, or has it.
pub(super) struct Contender<'a> {
    pub(super) route: &'a Route,
    pub(super) purpose: &'a ApplicationName,
    pub(super) policy: &'a Policy,
    pub(super) rounds: usize,
}

/// Takes the lock of an instance, waiting for another run as long as `wait`.
///
/// # Errors
/// Held by another run, or by a session that this admin cannot end; the server cannot be asked.
pub async fn take_lock(
    route: &Route,
    purpose: &ApplicationName,
    policy: &Policy,
    wait: Duration,
) -> Result<Lock, LockError> {
    let mut contender = Contender::new(route, purpose, policy);
    let session = contender.enter().await?;
    lock(session, wait, async |holder: &LockHolder| {
        contender.evict(holder).await
    })
    .await
}

impl<'a> Contender<'a> {
    pub(super) fn new(route: &'a Route, purpose: &'a ApplicationName, policy: &'a Policy) -> Self {
        Self {
            route,
            purpose,
            policy,
            rounds: ROUNDS,
        }
    }

    async fn enter(&self) -> Result<Session, PostgresError> {
        let database = DatabaseName::new(LOCK_DATABASE).expect("a name");
        Session::connect(self.route, &database, self.purpose).await
    }

    /// Ends the sessions of the login that holds the lock, and says so; `false` where it may be a run, or cannot be ended.
    pub(super) async fn evict(&mut self, holder: &LockHolder) -> bool {
        if matches!(holder, LockHolder::Prepared { .. } | LockHolder::Unknown) {
            return false;
        }
        self.rounds = match self.rounds.checked_sub(1) {
            Some(left) => left,
            None => return false,
        };
        match self.end(holder).await {
            Ok(false) => false,
            Ok(true) => {
                tracing::warn!("ended {holder}, which held the lock of the instance");
                true
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    error,
                    "{holder} holds the lock of the instance and could not be ended"
                );
                false
            }
        }
    }

    async fn end(&self, holder: &LockHolder) -> Result<bool, PostgresError> {
        let mut session = self.enter().await?;
        let state = State::from(inspect_shared(&mut session, &Asked::default()).await?);
        let statements = match holder {
            LockHolder::Session { login, .. } => {
                end_lock_holder(self.policy, &state, login, LOCK_KEY)
            }
            LockHolder::Orphan { role, .. } => end_orphaned_lock_holder(&state, *role, LOCK_KEY),
            LockHolder::Prepared { .. } | LockHolder::Unknown => None,
        };
        let Some(statements) = statements else {
            return Ok(false);
        };
        let statements: Vec<_> = statements.into_iter().map(Statement::plain).collect();
        session.run(&statements).await?;
        session.close().await;
        Ok(true)
    }
}
