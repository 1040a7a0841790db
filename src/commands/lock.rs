//! The lock of an instance: one run at a time changes it.

use std::time::Duration;

use super::connection::Connection;
use crate::apply::{Guard, Interrupt};
use crate::model::DatabaseName;
use crate::output::Stop;
use crate::plan::Failure;
use crate::postgres::{Lock, LockError, Session, lock};

/// Where the lock of the instance is: every instance has this database.
const LOCK_DATABASE: &str = "postgres";

/// Takes the lock, waiting for another run as long as `wait`.
pub(super) async fn take(wait: Duration, connection: &Connection) -> Result<Lock, Stop> {
    let database = DatabaseName::new(LOCK_DATABASE).expect("a name");
    let session = Session::connect(&connection.route, &database, &connection.purpose).await;
    let session = session.map_err(|error| Stop::Failed(Failure::new(&error, error.hint())))?;
    lock(session, wait).await.map_err(|error| {
        let failure = Failure::new(&error, error.hint());
        match error {
            LockError::Held { .. } => Stop::Held(failure),
            _ => Stop::Failed(failure),
        }
    })
}

/// What watches over a run that has the lock.
pub(super) fn guard<'a>(wait: Duration, lock: &'a Lock, interrupt: &Interrupt) -> Guard<'a> {
    Guard { lock, patience: wait, interrupt: interrupt.clone() }
}
