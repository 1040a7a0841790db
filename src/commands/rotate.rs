//! `rotate` and `rollback`: credentials change, and what changed is finished.

use std::collections::BTreeMap;
use std::time::Duration;

use super::connection::{Connection, Dialer};
use super::{Exit, Usage, described, interrupt, load, lock, publish};
use crate::apply::{self, ApplyError, Ask, Edges, End, Interrupt, Seen, Turned};
use crate::cli::{ConnectionArgs, RollbackArgs, RotateArgs};
use crate::model::{Lifecycle, Policy, RoleName};
use crate::output::credential::{Credentials, CredentialsOf, Ended, Standing, Turn, User};
use crate::output::progress::Progress;
use crate::output::{self, Stop, stream};
use crate::plan::Failure;
use crate::postgres::Lock;
use crate::rotation::{Held, Leave, Order, next};

pub(super) async fn run(args: &RotateArgs) -> anyhow::Result<Exit> {
    let leave = Leave {
        roll: args.roll,
        outage: args.accept_outage,
        end_sessions: args.end_sessions,
    };
    let ask = Ask {
        order: if args.now { Order::Now } else { Order::Due },
        leave,
    };
    let policies = load::policies(&args.policy)?;
    let roles = chosen(&policies, args.role.as_ref())?;
    let done = Job {
        connection: &args.connection,
        wait: args.wait,
        ask,
        command: "rotate",
    }
    .all(policies, roles)
    .await?;
    publish::publish(&args.output, |format| output::rotate(&done, format))?;
    done.failures().for_each(stream::failure);
    Ok(Exit::from(done.status()))
}

pub(super) async fn back(args: &RollbackArgs) -> anyhow::Result<Exit> {
    let ask = Ask {
        order: Order::Back,
        leave: Leave {
            roll: args.roll,
            outage: true,
            end_sessions: false,
        },
    };
    let policies = load::policies(&args.policy)?;
    let roles = chosen(&policies, Some(&args.role))?;
    let done = Job {
        connection: &args.connection,
        wait: args.wait,
        ask,
        command: "rollback",
    }
    .all(policies, roles)
    .await?;
    publish::publish(&args.output, |format| output::rotate(&done, format))?;
    done.failures().for_each(stream::failure);
    Ok(Exit::from(done.status()))
}

/// The roles with a credential, of each policy.
pub(super) fn chosen(
    policies: &[Policy],
    only: Option<&RoleName>,
) -> Result<Vec<Vec<RoleName>>, Usage> {
    let with_secret = |policy: &Policy| {
        let present = policy
            .roles
            .iter()
            .filter(|(_, role)| role.lifecycle == Lifecycle::Present);
        let wanted = present
            .filter(|(name, role)| role.secret.is_some() && only.is_none_or(|only| only == *name));
        wanted.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    let roles: Vec<_> = policies.iter().map(with_secret).collect();
    match only {
        Some(role) if roles.iter().all(Vec::is_empty) => Err(Usage::NoSuchCredential(role.clone())),
        _ => Ok(roles),
    }
}

/// What is to be done on every instance.
struct Job<'a> {
    connection: &'a ConnectionArgs,
    wait: Duration,
    ask: Ask,
    command: &'static str,
}

impl Job<'_> {
    async fn all(
        &self,
        policies: Vec<Policy>,
        roles: Vec<Vec<RoleName>>,
    ) -> anyhow::Result<Credentials> {
        let interrupt = interrupt::listen()?;
        let dialer = Dialer::new(self.connection, &policies, self.command)?;
        let mut instances = Vec::new();
        for (policy, roles) in policies.iter().zip(roles) {
            instances.push(match self.one(&dialer, policy, &roles, &interrupt).await {
                Ok(one) => one,
                Err(stop) => CredentialsOf {
                    instance: policy.instance.clone(),
                    turns: Vec::new(),
                    stop: Some(stop),
                },
            });
        }
        Ok(Credentials { instances })
    }

    async fn one(
        &self,
        dialer: &Dialer<'_>,
        policy: &Policy,
        roles: &[RoleName],
        interrupt: &Interrupt,
    ) -> Result<CredentialsOf, Stop> {
        let connection = dialer
            .connect(policy)
            .await
            .map_err(|error| Stop::Failed(described(&error)))?;
        let lock = lock::take(self.wait, &connection, policy).await?;
        let guard = Some(lock::guard(self.wait, &lock, interrupt));
        let idle = apply::idle(
            &Edges {
                guard,
                ..connection.edges(&Progress::start())
            },
            policy,
            roles,
            self.ask,
        )
        .await;
        let mut idle: BTreeMap<_, _> = idle
            .into_iter()
            .map(|turned| (turned.role.clone(), turned))
            .collect();
        let mut turns = Vec::new();
        for role in roles {
            turns.push(match idle.remove(role) {
                Some(turned) => told(turned, policy),
                None => self.turn(policy, &connection, role, &lock, interrupt).await,
            });
        }
        lock.release().await;
        Ok(CredentialsOf {
            instance: policy.instance.clone(),
            turns,
            stop: None,
        })
    }

    #[allow(clippy::disallowed_methods, reason = "commands hand in the randomness")]
    async fn turn(
        &self,
        policy: &Policy,
        connection: &Connection,
        role: &RoleName,
        lock: &Lock,
        interrupt: &Interrupt,
    ) -> Turn {
        let progress = Progress::start();
        let guard = lock::guard(self.wait, lock, interrupt);
        let edges = Edges {
            guard: Some(guard),
            ..connection.edges(&progress)
        };
        match apply::rotate(&edges, policy, role, self.ask, &mut rand::rng()).await {
            Ok(turned) => told(turned, policy),
            Err(error) => Turn {
                standing: unknown(policy, role),
                events: Vec::new(),
                ended: stopped(&error),
            },
        }
    }
}

/// What is said of a turn.
fn told(turned: Turned, policy: &Policy) -> Turn {
    let Turned {
        role,
        seen,
        events,
        end,
        ..
    } = turned;
    let ended = match end {
        Ok(End::Rest(_) | End::Wait(_)) => Ended::Done,
        Ok(End::Held(held @ Held::NothingBefore { .. })) => Ended::Failed(Failure {
            causes: vec![held.to_string()],
            hint: Some(held.advice(&policy.given).into()),
        }),
        Ok(End::Held(held)) => Ended::Held {
            reason: held.to_string(),
            advice: held.advice(&policy.given).into(),
            by: held.blockers().iter().map(User::of).collect(),
        },
        Err(error) => stopped(&error),
    };
    Turn {
        standing: standing(&role, &seen),
        events,
        ended,
    }
}

/// A temporary blocker: another run with the lock, or a session that has locked the login's row.
fn stopped(error: &ApplyError) -> Ended {
    let failure = Failure::new(error, error.hint());
    if !error.must_wait() {
        return Ended::Failed(failure);
    }
    let advice = failure
        .hint
        .unwrap_or_else(|| "run it again when that is over".into());
    Ended::Held {
        reason: failure.causes.join(": "),
        advice,
        by: Vec::new(),
    }
}

/// How a credential stands, and what a run without options would do next.
pub(super) fn standing(role: &RoleName, seen: &Seen) -> Standing {
    let mut state = crate::rotation::State {
        order: Order::Due,
        leave: Leave::default(),
        ..seen.state.clone()
    };
    // Whether a run is at work changes nothing about what is next, nor does what a run would note of this look.
    state.ledger = state.with_look().released();
    Standing::of(role, &state, &next(&state))
}

pub(super) fn unknown(policy: &Policy, role: &RoleName) -> Standing {
    let declared = &policy.roles[role];
    let secret = declared
        .secret
        .as_ref()
        .expect("it was chosen for its secret");
    Standing::unknown(role, declared.rotation.strategy, &secret.name)
}
