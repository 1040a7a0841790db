//! `plan`: what `apply` would do, in order; changes nothing.

use super::connection::{Connection, Dialer};
use super::{Exit, load, publish};
use crate::apply::{Edges, Guard, identify, observe};
use crate::cli::{Phase, PlanArgs, ScopeArgs, TakeOver};
use crate::model::{Policy, State};
use crate::output::progress::Progress;
use crate::output::{self, Planned, PlannedInstance};
use crate::plan::{self, Direction, Options, Plan, Refusal, RefusalCause, Transaction};
use crate::verify;

/// One instance as it is, and what is to become of it.
pub(super) struct Prepared {
    pub(super) policy: Policy,
    pub(super) connection: Connection,
    pub(super) state: State,
    pub(super) plan: Plan,
}

pub(super) async fn run(args: &PlanArgs) -> anyhow::Result<Exit> {
    let loaded = load::load(&args.policy)?;
    let policies = match loaded.policies {
        Ok(policies) => policies,
        Err(problems) => {
            load::say(&problems);
            let validation = load::validation(load::Loaded {
                files: loaded.files,
                policies: Err(problems),
            });
            publish::publish(&args.output, |format| output::no_plan(&validation, format))?;
            return Ok(Exit::Failed);
        }
    };
    let mut prepared = Vec::new();
    let dialer = Dialer::new(&args.connection, &policies, "plan")?;
    for policy in policies {
        let connection = dialer.connect(&policy).await?;
        let probing = if args.scope.probe {
            Probing::All
        } else {
            Probing::No
        };
        let mut one = prepare(policy, connection, &args.scope, probing, None).await?;
        if probing == Probing::No {
            one.plan
                .notes
                .extend(plan::untried(&one.policy, &one.state));
        }
        prepared.push(one);
    }
    let (scripts, digest) = (scripts(&prepared), digest(&prepared));
    publish::publish(&args.output, |format| {
        output::plan(&planned(&prepared, &scripts, &digest), format)
    })?;
    // A reviewer needs no right to apply.
    let of_instance = |one: &Refusal| one.cause == RefusalCause::Instance;
    let refused = prepared
        .iter()
        .any(|one| one.plan.refusals.iter().any(of_instance));
    Ok(if refused { Exit::Failed } else { Exit::Done })
}

/// Looks at an instance and compares.
pub(super) async fn prepare(
    policy: Policy,
    connection: Connection,
    scope: &ScopeArgs,
    probing: Probing,
    guard: Option<Guard<'_>>,
) -> anyhow::Result<Prepared> {
    let state = look(&policy, &connection, probing, guard).await?;
    let plan = plan::diff(&policy, &state, &options(scope, connection.today()));
    Ok(Prepared {
        policy,
        connection,
        state,
        plan,
    })
}

/// Whether stored credentials are tried before anything is planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probing {
    /// No payload is read.
    No,
    /// Those that can be.
    Possible,
    /// All of them.
    All,
}

impl Probing {
    /// What `apply` does: a plan that was reviewed is the one that `plan` made with the same arguments.
    pub(super) fn of_apply(asked: bool, is_reviewed: bool) -> Self {
        match (asked, is_reviewed) {
            (true, _) => Self::All,
            (false, true) => Self::No,
            (false, false) => Self::Possible,
        }
    }
}

async fn look(
    policy: &Policy,
    connection: &Connection,
    probing: Probing,
    guard: Option<Guard<'_>>,
) -> anyhow::Result<State> {
    let progress = Progress::start();
    let edges = Edges {
        guard,
        ..connection.edges(&progress)
    };
    let mut state = observe(&edges, policy).await?;
    state.server.identity = identify(&edges, policy, &state).await?;
    if probing != Probing::No && edges.google.is_some() {
        state.tried.refused =
            verify::refused(&edges, policy, &state, probing == Probing::Possible).await?;
    }
    Ok(state)
}

/// The statements for each instance, rendered only if they are printed: `apply` renders its own for each attempt.
pub(super) fn scripts(prepared: &[Prepared]) -> Vec<Vec<Transaction>> {
    prepared
        .iter()
        .map(|one| plan::script(&one.plan, &one.state))
        .collect()
}

pub(super) fn digest(prepared: &[Prepared]) -> String {
    plan::digest(prepared.iter().map(|one| &one.plan))
}

/// What is shown of the plans.
pub(super) fn planned<'a>(
    prepared: &'a [Prepared],
    scripts: &'a [Vec<Transaction>],
    digest: &'a str,
) -> Planned<'a> {
    let instances = prepared
        .iter()
        .zip(scripts)
        .map(|(one, script)| PlannedInstance {
            plan: &one.plan,
            script,
        });
    Planned {
        digest,
        instances: instances.collect(),
    }
}

/// What the arguments allow; `until` of accepted findings is a day in UTC.
pub(super) fn options(scope: &ScopeArgs, today: jiff::civil::Date) -> Options {
    Options {
        phase: match scope.phase {
            None => Direction::Both,
            Some(Phase::Expand) => Direction::Expand,
            Some(Phase::Contract) => Direction::Contract,
        },
        prune: scope.prune,
        reset_passwords: scope.reset_passwords,
        take_over: scope
            .take_over
            .iter()
            .map(|kind| take_over(*kind))
            .collect(),
        today,
    }
}

fn take_over(kind: TakeOver) -> plan::TakeOver {
    match kind {
        TakeOver::Views => plan::TakeOver::Views,
        TakeOver::Routines => plan::TakeOver::Routines,
        TakeOver::Rules => plan::TakeOver::Rules,
        TakeOver::Foreign => plan::TakeOver::Foreign,
    }
}
