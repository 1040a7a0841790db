//! Others at work on the same instance at the same time: neither side fails, nothing of either is lost, and in the end
//! everything is in sync.

mod autovacuum;
mod by_hand;
mod foreign;
mod migrations;
mod secrets;
mod sheltered;
mod together;
mod vanishing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;
use tokio_postgres::Client;

/// Somebody else's work, in a loop until it is told to stop.
struct Beside {
    stop: Arc<AtomicBool>,
    work: JoinHandle<usize>,
}

impl Beside {
    /// Does `work` again and again, each time with the number of the round.
    fn start<F>(mut work: impl FnMut(usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send,
    {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = tokio::spawn(async move {
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                work(rounds).await;
                rounds += 1;
            }
            rounds
        });
        Self { stop, work }
    }

    /// Lets the round at hand end, and returns how many there were. Panics if one of them did.
    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.work.await.expect("the others' work succeeds")
    }
}

/// Runs statements that must succeed.
async fn done(client: &Client, statements: &str) {
    client
        .batch_execute(statements)
        .await
        .unwrap_or_else(|error| panic!("{statements}: {error:?}"));
}

/// Runs statements as somebody who is told of a conflict and tries again; returns how often that was.
async fn insist(client: &Client, statements: &str) -> usize {
    for conflicts in 0.. {
        let Err(error) = client.batch_execute(statements).await else {
            return conflicts;
        };
        let refused = error
            .as_db_error()
            .unwrap_or_else(|| panic!("{statements}: {error:?}"));
        let passes = matches!(refused.code().code(), "40P01" | "55P03")
            || refused.message().starts_with("tuple concurrently");
        assert!(passes, "{statements}: {error:?}");
        // A transaction block that failed is still open.
        client
            .batch_execute("ROLLBACK")
            .await
            .expect("the server is there");
    }
    unreachable!()
}
