//! The lock of an instance: one run at a time changes it.

use std::time::Duration;

use super::connection::Connection;
use crate::apply::{Guard, Interrupt, take_lock};
use crate::model::Policy;
use crate::output::Stop;
use crate::plan::Failure;
use crate::postgres::{Lock, LockError};

/// Takes the lock, waiting for another run as long as `wait`.
pub(super) async fn take(
    wait: Duration,
    connection: &Connection,
    policy: &Policy,
) -> Result<Lock, Stop> {
    let taken = take_lock(&connection.route, &connection.purpose, policy, wait).await;
    taken.map_err(|error| {
        let failure = Failure::new(&error, error.hint());
        match error {
            LockError::Held(_) => Stop::Held(failure),
            _ => Stop::Failed(failure),
        }
    })
}

/// What watches over a run that has the lock.
pub(super) fn guard<'a>(wait: Duration, lock: &'a Lock, interrupt: &Interrupt) -> Guard<'a> {
    Guard {
        lock,
        patience: wait,
        interrupt: interrupt.clone(),
    }
}
