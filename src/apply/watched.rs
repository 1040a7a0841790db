//! Whoever keeps a transaction waiting is looked at while it waits: afterwards the server can no longer tell.

use std::time::Duration;

use super::{ApplyError, LOCK_NOT_AVAILABLE, Run};
use crate::model::DatabaseName;
use crate::postgres::{Blocker, Notice, PostgresError, Session, Statement};

/// How often to look. What is done before the first look has waited for nobody, or not for long.
const INTERVAL: Duration = Duration::from_millis(500);

impl Run<'_> {
    /// Runs `statements`. Where one of them waits too long, the error says for whom.
    pub(super) async fn run(
        &self,
        session: &mut Session,
        statements: &[Statement],
    ) -> Result<Vec<Notice>, ApplyError> {
        let (database, pid) = (session.database().clone(), session.pid().await?);
        let mut watch = Watch {
            database,
            pid,
            session: None,
            seen: None,
        };
        let work = session.run(statements);
        tokio::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                () = watch.look(self) => {}
            }
        };
        done.map_err(|error| blocked(error, watch.seen))
    }
}

struct Watch {
    database: DatabaseName,
    pid: i32,
    /// A second session, from the first look on.
    session: Option<Session>,
    seen: Option<Blocker>,
}

impl Watch {
    /// Looks once, after a while. That it cannot is no reason to stop the work.
    async fn look(&mut self, run: &Run<'_>) {
        tokio::time::sleep(INTERVAL).await;
        if self.session.is_none() {
            self.session = run.session(Some(&self.database)).await.ok();
        }
        let Some(session) = &mut self.session else {
            return;
        };
        match session.blocker(self.pid).await {
            Ok(Some(blocker)) => self.seen = Some(blocker),
            Ok(None) => {}
            Err(_) => self.session = None,
        }
    }
}

fn blocked(error: PostgresError, seen: Option<Blocker>) -> ApplyError {
    match seen {
        Some(blocker) if error.sqlstate() == Some(LOCK_NOT_AVAILABLE) => ApplyError::Blocked {
            blocker: Box::new(blocker),
            source: Box::new(error),
        },
        _ => error.into(),
    }
}
