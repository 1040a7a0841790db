//! The plan.

use serde::Serialize;

use super::check::FindingEntry;
use super::{Place, VERSION, document};
use crate::model::{DatabaseName, InstanceName, RoleName};
use crate::output::{Batched, Planned, PlannedInstance};
use crate::plan::{
    Change, Loss, Pending, Plan, Refusal, Rule, Step, Transaction, Withheld, WithheldKind,
};

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    digest: &'a str,
    instances: Vec<InstanceEntry<'a>>,
}

#[derive(Serialize)]
struct InstanceEntry<'a> {
    instance: Option<&'a InstanceName>,
    changes: Vec<ChangeEntry<'a>>,
    withheld: Vec<WithheldEntry<'a>>,
    pending: Vec<PendingEntry<'a>>,
    notes: Vec<FindingEntry<'a>>,
    refusals: &'a [Refusal],
    batched: Vec<Batched<'a>>,
    transactions: Vec<TransactionEntry<'a>>,
}

#[derive(Serialize)]
struct TransactionEntry<'a> {
    database: Option<&'a DatabaseName>,
    batch: usize,
    batches: usize,
    statements: &'a [String],
}

/// One change with all its parts.
#[derive(Serialize)]
pub(super) struct ChangeEntry<'a> {
    #[serde(flatten)]
    change: &'a Change,
    rule: Rule,
    text: String,
    loss: Option<Loss>,
    #[serde(rename = "further_losses")]
    losses: Vec<Loss>,
    path: Option<&'a [String]>,
    #[serde(flatten)]
    place: Place<'a>,
}

impl<'a> ChangeEntry<'a> {
    pub(super) fn of(plan: &Plan, step: &'a Step) -> Self {
        let Step {
            change,
            rule,
            path,
            asked: _,
            origin,
            by_run: _,
        } = step;
        let mut losses = plan.losses(step);
        let loss = change.loss().map(|_| losses.remove(0));
        Self {
            change,
            rule: *rule,
            text: change.to_string(),
            loss,
            losses,
            path: (!path.is_empty()).then_some(path.as_slice()),
            place: Place::of(origin.as_ref()),
        }
    }
}

/// Drift that is left.
#[derive(Serialize)]
pub(super) struct WithheldEntry<'a> {
    findings: Vec<FindingEntry<'a>>,
    reason: &'a str,
    advice: &'a str,
    kind: WithheldKind,
}

impl<'a> WithheldEntry<'a> {
    pub(super) fn of(withheld: &'a Withheld) -> Self {
        let Withheld {
            findings,
            summary: _,
            reason,
            advice,
            grounds,
        } = withheld;
        Self {
            findings: findings.iter().map(FindingEntry::of).collect(),
            reason,
            advice,
            kind: grounds.kind(),
        }
    }
}

/// A grant that waits for its object.
#[derive(Serialize)]
pub(super) struct PendingEntry<'a> {
    role: &'a RoleName,
    database: &'a DatabaseName,
    grant: &'a str,
    #[serde(flatten)]
    place: Place<'a>,
}

impl<'a> PendingEntry<'a> {
    pub(super) fn of(pending: &'a Pending) -> Self {
        let Pending {
            role,
            database,
            grant,
            origin,
        } = pending;
        Self {
            role,
            database,
            grant,
            place: Place::of(Some(origin)),
        }
    }
}

/// The plans of all instances, in one document.
pub(in crate::output) fn plan(planned: &Planned<'_>) -> String {
    document(&Document {
        version: VERSION,
        digest: planned.digest,
        instances: planned.instances.iter().map(instance).collect(),
    })
}

fn instance<'a>(planned: &'a PlannedInstance<'a>) -> InstanceEntry<'a> {
    InstanceEntry {
        instance: planned.plan.instance.as_ref(),
        changes: planned
            .plan
            .steps
            .iter()
            .map(|step| ChangeEntry::of(planned.plan, step))
            .collect(),
        withheld: planned
            .plan
            .withheld
            .iter()
            .map(WithheldEntry::of)
            .collect(),
        pending: planned.plan.pending.iter().map(PendingEntry::of).collect(),
        notes: planned.plan.notes.iter().map(FindingEntry::of).collect(),
        refusals: &planned.plan.refusals,
        batched: planned.batched().collect(),
        transactions: planned.script.iter().map(transaction).collect(),
    }
}

fn transaction(transaction: &Transaction) -> TransactionEntry<'_> {
    let Transaction {
        database,
        changes: _,
        statements,
        batch,
    } = transaction;
    TransactionEntry {
        database: database.as_ref(),
        batch: batch.number,
        batches: batch.of,
        statements,
    }
}
