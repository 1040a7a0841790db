//! An application and a migration tool at work while something happens to the roles they use.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::scene::Scene;

const APPLICATION: &str =
    "INSERT INTO app.t VALUES (1, 'a'); UPDATE app.t SET note = 'b' WHERE id = 1;
SELECT count(*), app.f(1) FROM app.t; DELETE FROM app.t WHERE id = 1";

const MIGRATION: &str =
    "SELECT count(*) FROM app.t; INSERT INTO app.t VALUES (2, 'm'); DELETE FROM app.t WHERE id = 2";

/// Sessions that were there before, and stay.
pub struct Clients {
    ended: Arc<AtomicBool>,
    sessions: Vec<JoinHandle<usize>>,
}

impl Clients {
    pub async fn connect(scene: &Scene<'_>) -> Self {
        let ended = Arc::<AtomicBool>::default();
        let mut sessions = Vec::new();
        for (kind, statements) in [("app", APPLICATION), ("mig", MIGRATION)] {
            sessions.push(tokio::spawn(work(
                scene.log_in(kind).await,
                statements,
                ended.clone(),
            )));
        }
        Self { ended, sessions }
    }

    /// How often they did their work. Panics if a statement failed.
    pub async fn end(self) -> usize {
        self.ended.store(true, Ordering::Relaxed);
        let mut rounds = 0;
        for session in self.sessions {
            let done = session.await.expect("no statement of a client fails");
            assert!(done > 0, "a client did nothing");
            rounds += done;
        }
        rounds
    }
}

async fn work(client: Client, statements: &'static str, ended: Arc<AtomicBool>) -> usize {
    let mut rounds = 0;
    while rounds == 0 || !ended.load(Ordering::Relaxed) {
        for statement in statements.split(';') {
            client
                .batch_execute(statement)
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
        }
        rounds += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    rounds
}
