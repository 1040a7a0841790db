//! What did not go through is looked at again: whether it happened after all, whether others were in the way, whether
//! the server is back.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use super::database::of_aim;
use super::lock_holder::Contender;
use super::{ApplyError, Edges, Guard, LOCK_NOT_AVAILABLE, LOCK_TIMEOUT, Run, observe};
use crate::model::{Policy, State};
use crate::plan::{Aim, Plan, Transaction, script};
use crate::postgres::{LockError, LockHolder, LoginError, PostgresError, Standing};

/// Attempts at one step, when others change the same rows of the catalogs, hold what it needs locked, or the connection
/// is lost.
const ATTEMPTS: usize = 8;

/// As many again where the world moved on and there is nobody to wait for.
const AT_ONCE: usize = 8;

/// How long a statement of the first attempt waits for a lock, and twice as long after each that waited in vain.
const FIRST_WAIT: Duration = Duration::from_millis(150);

/// How long it waits at most for somebody's transaction. It gives up before the server looks for a deadlock
/// (`deadlock_timeout`, 1 s), which could end the other's transaction and not ours.
const LONGEST_WAIT: Duration = Duration::from_millis(600);

/// SQLSTATEs of what is no longer there: a column, a schema, a role or type, a table, a routine.
const GONE: [&str; 5] = ["42703", "3F000", "42704", "42P01", "42883"];

/// The attempts at one step that are left.
pub(super) struct Attempts {
    pauses: ExponentialBackoff,
    at_once: usize,
    lock_timeout: Duration,
    last: Option<String>,
    repeats: bool,
    silent: bool,
}

impl Attempts {
    pub(super) fn new() -> Self {
        let pauses = backoff().with_max_times(ATTEMPTS - 1).build();
        Self {
            pauses,
            at_once: AT_ONCE,
            lock_timeout: FIRST_WAIT,
            last: None,
            repeats: false,
            silent: false,
        }
    }

    /// How long a statement of this one waits for a lock.
    pub(super) fn lock_timeout(&self) -> Duration {
        self.lock_timeout
    }

    /// Whether this is not the first one.
    pub(super) fn have_begun(&self) -> bool {
        self.last.is_some()
    }

    /// How long to wait before the next one; `None` where it would do no better.
    fn pause_after(&mut self, error: &ApplyError) -> Option<Duration> {
        let why = cause(error);
        self.repeats = self.last.as_ref() == Some(&why);
        self.last = Some(why);
        // The same things left over twice will be left over for ever.
        let hopeless = matches!(error, ApplyError::NotConverged { .. }) && self.repeats;
        // One more look tells whether it was carried out; a server that hangs again is not waited for a third time.
        let hangs = error.is_silence() && std::mem::replace(&mut self.silent, true);
        if hopeless || hangs || !(passes(error) || error.is_refusal()) {
            return None;
        }
        self.wait_longer_for(error);
        if has_moved_on(error) && self.at_once > 0 {
            self.at_once -= 1;
            return Some(Duration::ZERO);
        }
        self.pauses.next()
    }

    /// An autovacuum goes away for whoever waits longer than `deadlock_timeout`, and for nobody else.
    /// <https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM>
    fn wait_longer_for(&mut self, error: &ApplyError) {
        match error {
            ApplyError::Blocked { blocker, .. } if blocker.is_autovacuum() => {
                self.lock_timeout = LOCK_TIMEOUT
            }
            _ if error.sqlstate() == Some(LOCK_NOT_AVAILABLE) => {
                self.lock_timeout = (self.lock_timeout * 2).min(LONGEST_WAIT);
            }
            _ => {}
        }
    }
}

/// Whether others made or dropped something meanwhile, and are done with it.
fn has_moved_on(error: &ApplyError) -> bool {
    matches!(error, ApplyError::Moved { .. }) || is_gone(error)
}

fn is_gone(error: &ApplyError) -> bool {
    error.sqlstate().is_some_and(|code| GONE.contains(&code))
}

impl Run<'_> {
    /// What is to be done now that what `tried` says of `aim` ended in `error`: after a pause, with the lock, as the world is
    /// then. It may have been planned before the last look.
    pub(super) async fn again(
        &mut self,
        aim: &Aim,
        tried: &Plan,
        error: ApplyError,
        attempts: &mut Attempts,
    ) -> Result<Plan, ApplyError> {
        let Some(pause) = attempts.pause_after(&error) else {
            return Err(error);
        };
        tracing::warn!(error = cause(&error), "looking again");
        self.pause(pause).await?;
        let refused = !passes(&error);
        let before = if refused {
            self.said(tried, aim)
        } else {
            Vec::new()
        };
        // Somebody changed the world meanwhile, or a COMMIT whose answer was lost did.
        let known = std::mem::take(&mut self.state.tried);
        self.state = match observe(self.edges, self.policy).await {
            Err(found) if found.is_away() => return Err(self.gone(&error, found)),
            found => State {
                tried: known,
                ..found?
            },
        };
        let plan = self.replan(&self.state);
        // What was missing may be there again, under the same name.
        let is_back = is_gone(&error) && !attempts.repeats;
        if refused && !is_back && self.said(&plan, aim) == before {
            // It was no misunderstanding: the same would be refused again.
            return Err(error);
        }
        let done = !plan.steps.iter().any(|step| step.change.target() == *aim);
        self.report.events.push(match (&error, done) {
            (ApplyError::Commit { place, .. }, true) => {
                format!("the connection was lost at COMMIT of {place}: it had been carried out")
            }
            (ApplyError::Commit { place, .. }, false) => {
                format!(
                    "the connection was lost at COMMIT of {place}: it had not been carried out, and was tried again"
                )
            }
            _ => format!("tried again: {}", cause(&error)),
        });
        Ok(plan)
    }

    /// The server was lost with `error`, and `found` is what the last attempt to reach it came to.
    pub(super) fn gone(&self, error: &ApplyError, found: ApplyError) -> ApplyError {
        let waited = self
            .edges
            .guard
            .as_ref()
            .map(|guard| guard.patience)
            .unwrap_or_default();
        ApplyError::Gone {
            lost: cause(error),
            waited,
            source: found.into(),
        }
    }

    /// Whole transactions and not steps: `ON ALL TABLES` is refused for a table of somebody else's, which makes no step.
    fn said(&self, plan: &Plan, aim: &Aim) -> Vec<Transaction> {
        script(
            &Plan {
                steps: of_aim(plan, aim),
                ..plan.clone()
            },
            &self.state,
        )
    }

    pub(super) async fn pause(&self, pause: Duration) -> Result<(), ApplyError> {
        let Some(guard) = &self.edges.guard else {
            tokio::time::sleep(pause).await;
            return Ok(());
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            signal = guard.interrupt.raised() => Err(ApplyError::Interrupted { signal }),
        }
    }

    /// Called before anything new is begun.
    pub(super) fn go_on(&self) -> Result<(), ApplyError> {
        let signal = self
            .edges
            .guard
            .as_ref()
            .and_then(|guard| guard.interrupt.signal());
        signal.map_or(Ok(()), |signal| Err(ApplyError::Interrupted { signal }))
    }

    /// Called before anything is made durable: no other run may be at work.
    pub(super) async fn assure_lock(&self) -> Result<(), ApplyError> {
        let Some(guard) = &self.edges.guard else {
            return Ok(());
        };
        match assure(self.edges, guard, self.policy).await? {
            Standing::Held => Ok(()),
            Standing::Retaken => Err(ApplyError::LockLost),
        }
    }
}

async fn assure(
    edges: &Edges<'_>,
    guard: &Guard<'_>,
    policy: &Policy,
) -> Result<Standing, LockError> {
    let mut contender = Contender::new(edges.route, edges.purpose, policy);
    let evict = async |holder: &LockHolder| contender.evict(holder).await;
    guard.lock.assure(edges.route, edges.purpose, evict).await
}

/// Does `look`, with the lock, once the server is there: while it is away, as long as the guard is patient.
pub(super) async fn patiently<T>(
    edges: &Edges<'_>,
    policy: &Policy,
    look: impl AsyncFn() -> Result<T, ApplyError>,
) -> Result<T, ApplyError> {
    let Some(guard) = &edges.guard else {
        return look().await;
    };
    let looking = async || {
        assure(edges, guard, policy).await?;
        look().await
    };
    let away = match looking().await {
        Err(error) if error.is_away() && !error.is_silence() => error,
        looked => return looked,
    };
    tracing::warn!(error = cause(&away), "waiting for the server");
    wait(guard, away, looking).await
}

async fn wait<T>(
    guard: &Guard<'_>,
    mut away: ApplyError,
    looking: impl AsyncFn() -> Result<T, ApplyError>,
) -> Result<T, ApplyError> {
    let pauses = backoff().without_max_times().build();
    let until_there = async {
        for pause in pauses {
            tokio::time::sleep(pause).await;
            match looking().await {
                Err(error) if error.is_away() => away = error,
                looked => return Some(looked),
            }
        }
        None
    };
    tokio::select! {
        looked = tokio::time::timeout(guard.patience, until_there) => match looked {
            Ok(Some(looked)) => looked,
            _ => Err(away),
        },
        signal = guard.interrupt.raised() => Err(ApplyError::Interrupted { signal }),
    }
}

fn backoff() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(3))
        .with_jitter()
}

/// Whether another attempt may do better: others were in the way, or the connection was lost.
fn passes(error: &ApplyError) -> bool {
    let in_the_way = |error: &PostgresError| {
        error.is_concurrent_update() || error.sqlstate() == Some(LOCK_NOT_AVAILABLE)
    };
    match error {
        ApplyError::NotConverged { .. }
        | ApplyError::Moved { .. }
        | ApplyError::Blocked { .. }
        | ApplyError::Commit { .. }
        | ApplyError::LockLost => true,
        ApplyError::Postgres(error) => error.is_away() || in_the_way(error),
        ApplyError::Google(error) => error.is_stale(),
        ApplyError::Login { source, .. } => {
            matches!(&**source, LoginError::Unreachable(error) if error.is_away())
        }
        _ => false,
    }
}

pub(super) fn cause(error: &ApplyError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(below) = source {
        text = format!("{text}: {below}");
        source = below.source();
    }
    text
}

#[cfg(test)]
mod tests;
