//! Rotations carried out: what `rotation` says is next is done, one effect at a time, each found as done by whoever comes
//! after. A run that was overtaken notices at its next write: every one of them is on the etag it has read.

mod act;
mod identify;
mod look;
mod permit;
mod readers;
mod server;
mod sessions;
mod version;

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use rand::CryptoRng;

use look::look_idle;
pub use look::{Seen, look};

use super::again::patiently;
use super::{ApplyError, Edges, Run};
use crate::model::{Annotations, Payload, Policy, RoleName, SecretName, Shape, Strategy};
use crate::plan::{Options, Report, diff};
use crate::postgres::{LoginError, Session};
use crate::rotation::{Held, Leave, Order, State, Step, Wait, next};

/// No credential takes more steps than this.
const STEPS: usize = 64;

/// What was seen longer ago is looked at again: the run may have been paused.
const FRESH: Duration = Duration::from_secs(30);

/// What is asked of a credential, and what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// What is asked for.
    pub order: Order,
    /// What is allowed.
    pub leave: Leave,
}

/// How far a credential came.
pub struct Turned {
    /// The role.
    pub role: RoleName,
    /// Its secret.
    pub secret: SecretName,
    /// What was done, a line each.
    pub events: Vec<String>,
    /// How it stands, as far as it was seen.
    pub seen: Seen,
    /// How it ended.
    pub end: Result<End, ApplyError>,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Nothing is left to do; due at this moment.
    Rest(Option<jiff::Timestamp>),
    /// The rest is for a later run.
    Wait(Wait),
    /// Something has to happen first.
    Held(Held),
}

/// Those of `roles` whose credentials nothing is to be done with: looked at all at once, as most are on most days.
pub async fn idle(edges: &Edges<'_>, policy: &Policy, roles: &[RoleName], ask: Ask) -> Vec<Turned> {
    if ask.order != Order::Due || roles.is_empty() {
        return Vec::new();
    }
    // What keeps this look from being taken is found, and told, by the one that follows.
    let looked = patiently(edges, policy, async || {
        look_idle(edges, policy, roles, ask).await
    })
    .await;
    let rests = |seen: Seen| {
        let Step::Rest(due) = next(&seen.state) else {
            return None;
        };
        let (role, secret, end) = (
            seen.role.clone(),
            seen.state.secret.clone(),
            Ok(End::Rest(due)),
        );
        Some(Turned {
            role,
            secret,
            events: Vec::new(),
            seen,
            end,
        })
    };
    looked
        .unwrap_or_default()
        .into_iter()
        .filter_map(rests)
        .collect()
}

/// Rotates the credential of `role`, as far as it goes now.
pub async fn rotate(
    edges: &Edges<'_>,
    policy: &Policy,
    role: &RoleName,
    ask: Ask,
    random: &mut impl CryptoRng,
) -> Result<Turned, ApplyError> {
    let seen = patiently(edges, policy, async || look(edges, policy, role, ask).await).await?;
    let options = Options::default();
    let run = Run {
        edges,
        policy,
        options: &options,
        state: seen.server.clone(),
        report: Report::begin(diff(policy, &seen.server, &options)),
    };
    let secret = run.wanted(role)?.name.clone();
    let mut turn = Turn {
        run,
        role,
        secret: &secret,
        ask,
        seen,
        hand: None,
        made: false,
        current: None,
        open: None,
    };
    let end = turn.all(random).await;
    let Turn { run, seen, .. } = turn;
    Ok(Turned {
        role: role.clone(),
        events: run.report.events,
        seen,
        end,
        secret,
    })
}

/// One credential on its way.
struct Turn<'a> {
    run: Run<'a>,
    role: &'a RoleName,
    secret: &'a SecretName,
    ask: Ask,
    seen: Seen,
    /// The payload of the attempt under way.
    hand: Option<Payload>,
    /// This run has made it.
    made: bool,
    /// The version in use, where it was read.
    current: Option<(i64, Payload)>,
    /// The transaction that holds its password.
    open: Option<Session>,
}

impl Turn<'_> {
    async fn all(&mut self, random: &mut impl CryptoRng) -> Result<End, ApplyError> {
        let mut attempts = Attempts(pauses());
        self.find().await?;
        for _ in 0..STEPS {
            if self.seen.at.elapsed() > FRESH {
                self.look_again().await?;
            }
            let step = self.next();
            tracing::debug!(role = %self.role, ?step, "next");
            if !self.seen.knows_consumers && !matches!(step, Step::Rest(_)) {
                self.look_at_consumers().await?;
                continue;
            }
            match step {
                Step::Rest(due) => return Ok(End::Rest(due)),
                Step::Wait(wait) => return Ok(End::Wait(wait)),
                Step::Hold(held) if !held.may_be_over() => return Ok(End::Held(held)),
                Step::Hold(held) => match self.behind().await? {
                    Some(error) => self.again(error, &mut attempts).await?,
                    None => return Ok(End::Held(self.with_statements(held))),
                },
                step => {
                    self.run.go_on()?;
                    if let Some(end) = self.unready(&step) {
                        return Ok(end);
                    }
                    if let Some(end) = self.read_by_others(&step).await? {
                        return Ok(end);
                    }
                    self.assure_roll(&step).await?;
                    if let Err(error) = self.act(step, random).await {
                        self.again(error, &mut attempts).await?;
                    }
                }
            }
        }
        Err(ApplyError::Vanished(format!(
            "the end of the rotation of `{}`",
            self.role
        )))
    }

    fn next(&self) -> Step {
        let (now, in_hand) = (self.seen.now(), self.hand.is_some());
        next(&State {
            now,
            in_hand,
            made: self.made,
            ..self.seen.state.clone()
        })
    }

    /// What did not go through is looked at again: somebody else may have written the secret, a lost answer may have been
    /// a yes, the server may be back.
    async fn again(
        &mut self,
        error: ApplyError,
        attempts: &mut Attempts,
    ) -> Result<(), ApplyError> {
        let Some(pause) = attempts.0.next().filter(|_| passes(&error)) else {
            return Err(error);
        };
        tracing::warn!(%error, "looking again");
        self.run.pause(pause).await?;
        match self.look_again().await {
            Err(found) if found.is_away() => Err(self.run.gone(&error, found)),
            looked => looked,
        }
    }

    /// With the lock, and once the server is there.
    async fn look_again(&mut self) -> Result<(), ApplyError> {
        // Its transaction would keep the next one waiting.
        self.open = None;
        let (order, Run { edges, policy, .. }) = (self.seen.state.order, &self.run);
        let identities = std::mem::take(&mut self.seen.state.identities);
        self.seen = patiently(edges, policy, async || {
            look(edges, policy, self.role, self.ask).await
        })
        .await?;
        // What was begun in this run is not begun a second time. A version never holds anything else.
        self.seen.state.order = order;
        self.seen.state.identities = identities;
        self.run.state = self.seen.server.clone();
        self.find().await
    }
}

impl Turn<'_> {
    /// How the version in use was written, as far as its secret remembers.
    fn shape(&self) -> Option<Shape> {
        let text = self
            .seen
            .secret
            .as_ref()?
            .annotations
            .get(Annotations::SHAPE)?;
        Shape::parse(text)
    }
}

struct Attempts(ExponentialBackoff);

fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::default()
        .with_jitter()
        .with_min_delay(Duration::from_millis(200))
        .with_max_times(5)
        .build()
}

/// Whether another look may do better.
fn passes(error: &ApplyError) -> bool {
    match error {
        ApplyError::Google(error) => error.is_stale(),
        ApplyError::Postgres(error) => error.is_away() || error.is_concurrent_update(),
        ApplyError::Commit { .. }
        | ApplyError::LockLost
        | ApplyError::Named { .. }
        | ApplyError::Behind { .. } => true,
        ApplyError::Login { source, .. } => {
            matches!(&**source, LoginError::Unreachable(error) if error.is_away())
        }
        _ => false,
    }
}

/// How the logins of a strategy take turns.
fn strategy_of(in_place: bool) -> Strategy {
    if in_place {
        Strategy::Single
    } else {
        Strategy::Alternate
    }
}
