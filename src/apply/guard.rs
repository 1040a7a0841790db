//! What watches over a run that changes something.

use std::time::Duration;

use tokio::sync::watch;

use crate::postgres::Lock;

/// What keeps others out, how long to wait for a server that went away, and who may want an end.
#[derive(Clone)]
pub struct Guard<'a> {
    /// The lock of the instance.
    pub lock: &'a Lock,
    /// How long to wait for the server to come back.
    pub patience: Duration,
    /// Whether somebody wants the run to end.
    pub interrupt: Interrupt,
}

/// Whether somebody wants the run to end: what has begun is finished, nothing else is begun.
#[derive(Debug, Clone)]
pub struct Interrupt(watch::Receiver<Option<&'static str>>);

impl Interrupt {
    /// An interrupt, and what raises it with the name of the signal.
    pub fn new() -> (watch::Sender<Option<&'static str>>, Self) {
        let (raise, raised) = watch::channel(None);
        (raise, Self(raised))
    }

    /// The signal, where it has been raised.
    pub fn signal(&self) -> Option<&'static str> {
        *self.0.borrow()
    }

    /// Waits until it is raised: for ever where nobody can any more.
    pub async fn raised(&self) -> &'static str {
        let mut raised = self.0.clone();
        match raised
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|signal| *signal)
        {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}
