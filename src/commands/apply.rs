//! `apply`: bootstrap or converge.

use std::io::IsTerminal as _;

use super::connection::Dialer;
use super::plan::{Prepared, Probing, digest, options, planned, prepare, scripts};
use super::{Exit, Usage, interrupt, load, lock, publish};
use crate::apply::{self, ApplyError, Edges, Guard, Interrupt};
use crate::cli::{ApplyArgs, PlanFormat};
use crate::model::Policy;
use crate::output::progress::Progress;
use crate::output::{self, Applied, Outcome, Stop, stream};
use crate::plan::{Failure, Report};
use crate::postgres::Lock;

pub(super) async fn run(args: &ApplyArgs) -> anyhow::Result<Exit> {
    let somebody_answers = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !args.yes && !somebody_answers {
        return Err(nobody_to_ask(args).into());
    }
    let policies = load::policies(&args.policy)?;
    let expected = match agreement(args, &policies).await? {
        Agreement::To(digest) => Some(digest),
        Agreement::ToAnything => None,
        Agreement::No => {
            stream::say("nothing was changed");
            return Ok(Exit::Held);
        }
    };
    let applied = all(args, policies, expected.as_deref()).await?;
    publish::publish(&args.output, |format| output::apply(&applied, format))?;
    applied
        .instances
        .iter()
        .filter_map(|one| one.stop.as_ref())
        .for_each(|stop| stream::failure(stop.failure()));
    Ok(Exit::from(applied.status()))
}

fn nobody_to_ask(args: &ApplyArgs) -> Usage {
    Usage::NobodyToAsk(load::given(&args.policy))
}

/// What may be done.
enum Agreement {
    /// The plan with this digest.
    To(String),
    /// Any plan.
    ToAnything,
    /// Nothing.
    No,
}

/// The plan that the arguments, or an answer at the terminal, confirm.
async fn agreement(args: &ApplyArgs, policies: &[Policy]) -> anyhow::Result<Agreement> {
    if args.yes {
        return Ok(args
            .expect
            .clone()
            .map_or(Agreement::ToAnything, Agreement::To));
    }
    let mut prepared = Vec::new();
    let dialer = Dialer::new(&args.connection, policies, "apply")?;
    for policy in policies {
        let connection = dialer.connect(policy).await?;
        prepared.push(prepare(policy.clone(), connection, &args.scope, probing(args), None).await?);
    }
    let digest = digest(&prepared);
    let unexpected = args.expect.as_ref().filter(|expected| **expected != digest);
    if let Some(expected) = unexpected {
        return Ok(Agreement::To(expected.clone()));
    }
    if prepared.iter().all(|one| one.plan.is_empty()) {
        return Ok(Agreement::To(digest));
    }
    stream::show(&output::plan(
        &planned(&prepared, &scripts(&prepared), &digest),
        PlanFormat::Text,
    ));
    // Nothing is locked while the question is open: the answer confirms the plan with this digest.
    let yes = stream::confirm("Make these changes?")?.ok_or_else(|| nobody_to_ask(args))?;
    Ok(if yes {
        Agreement::To(digest)
    } else {
        Agreement::No
    })
}

async fn all(
    args: &ApplyArgs,
    policies: Vec<Policy>,
    expected: Option<&str>,
) -> anyhow::Result<Applied> {
    let interrupt = interrupt::listen()?;
    // Nothing has been changed yet that would have to be finished.
    let begun = tokio::select! {
        begun = begin(args, policies, &interrupt) => begun?,
        signal = interrupt.raised() => Err(stopped(None, stop(ApplyError::Interrupted { signal }))),
    };
    let (prepared, locks): (Vec<_>, Vec<_>) = match begun {
        Ok(begun) => begun.into_iter().unzip(),
        Err(stopped) => return Ok(stopped),
    };
    let other = expected
        .map(|expected| (expected, digest(&prepared)))
        .filter(|(expected, digest)| expected != digest);
    if let Some((expected, digest)) = other {
        let failure = Failure {
            causes: vec![format!(
                "the plan is no longer the one with digest {expected}: it is {digest}"
            )],
            hint: Some(format!(
                "review `{}` again",
                load::given(&args.policy).command("plan", &[])
            )),
        };
        return Ok(stopped(None, Stop::Held(failure)));
    }
    let mut instances = Vec::new();
    for (one, lock) in prepared.into_iter().zip(&locks) {
        instances.push(carry_out(args, one, lock::guard(args.wait, lock, &interrupt)).await);
    }
    for lock in locks {
        lock.release().await;
    }
    Ok(Applied { instances })
}

fn probing(args: &ApplyArgs) -> Probing {
    Probing::of_apply(args.scope.probe, args.expect.is_some())
}

/// The lock and the plan of each instance, or why there is none.
async fn begin(
    args: &ApplyArgs,
    policies: Vec<Policy>,
    interrupt: &Interrupt,
) -> anyhow::Result<Result<Vec<(Prepared, Lock)>, Applied>> {
    let mut begun = Vec::new();
    let dialer = Dialer::new(&args.connection, &policies, "apply")?;
    for policy in policies {
        let connection = dialer.connect(&policy).await?;
        let lock = match lock::take(args.wait, &connection, &policy).await {
            Ok(lock) => lock,
            Err(held) => return Ok(Err(stopped(policy.instance, held))),
        };
        let guard = lock::guard(args.wait, &lock, interrupt);
        let prepared = prepare(policy, connection, &args.scope, probing(args), Some(guard)).await?;
        begun.push((prepared, lock));
    }
    Ok(Ok(begun))
}

#[allow(clippy::disallowed_methods, reason = "commands hand in the randomness")]
async fn carry_out(args: &ApplyArgs, prepared: Prepared, guard: Guard<'_>) -> Outcome {
    let Prepared {
        policy,
        connection,
        state,
        plan,
    } = prepared;
    let instance = policy.instance.clone();
    if let Some(refusal) = plan.refusals.first() {
        let failure = Failure {
            causes: vec![refusal.message.clone()],
            hint: Some(refusal.hint.clone()),
        };
        return Outcome {
            instance,
            report: Some(Report::begin(plan)),
            stop: Some(Stop::Failed(failure)),
        };
    }
    let options = options(&args.scope, connection.today());
    let progress = Progress::start();
    let edges = Edges {
        guard: Some(guard),
        ..connection.edges(&progress)
    };
    let outcome = apply::apply(&edges, &policy, state, plan, &options, &mut rand::rng()).await;
    Outcome {
        instance,
        report: Some(outcome.report),
        stop: outcome.error.map(stop),
    }
}

fn stop(error: ApplyError) -> Stop {
    let failure = Failure::new(&error, error.hint());
    if error.must_wait() {
        Stop::Held(failure)
    } else {
        Stop::Failed(failure)
    }
}

fn stopped(instance: Option<crate::model::InstanceName>, stop: Stop) -> Applied {
    Applied {
        instances: vec![Outcome {
            instance,
            report: None,
            stop: Some(stop),
        }],
    }
}
