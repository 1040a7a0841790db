//! What was done.

use serde::Serialize;

use super::check::ErrorEntry;
use super::plan::{ChangeEntry, PendingEntry, WithheldEntry};
use super::{VERSION, document};
use crate::model::InstanceName;
use crate::output::{Applied, ApplyStatus, Outcome};

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    status: ApplyStatus,
    instances: Vec<InstanceEntry<'a>>,
}

#[derive(Serialize)]
struct InstanceEntry<'a> {
    instance: Option<&'a InstanceName>,
    status: ApplyStatus,
    changes: Vec<ChangeEntry<'a>>,
    remaining: Vec<ChangeEntry<'a>>,
    withheld: Vec<WithheldEntry<'a>>,
    pending: Vec<PendingEntry<'a>>,
    events: &'a [String],
    errors: Vec<ErrorEntry<'a>>,
}

/// What was done to all instances, in one document.
pub(in crate::output) fn apply(applied: &Applied) -> String {
    document(&Document {
        version: VERSION,
        status: applied.status(),
        instances: applied.instances.iter().map(instance).collect(),
    })
}

fn instance(outcome: &Outcome) -> InstanceEntry<'_> {
    let report = outcome.report.as_ref();
    let (done, remaining) = report.map_or((&[][..], &[][..]), |report| report.plan.steps.split_at(report.done));
    InstanceEntry {
        instance: outcome.instance.as_ref(),
        status: outcome.status(),
        changes: done.iter().map(ChangeEntry::of).collect(),
        remaining: remaining.iter().map(ChangeEntry::of).collect(),
        withheld: outcome.withheld().map(WithheldEntry::of).collect(),
        pending: report.iter().flat_map(|report| &report.plan.pending).map(PendingEntry::of).collect(),
        events: report.map_or(&[], |report| &report.events),
        errors: outcome.stop.iter().map(|stop| ErrorEntry::of(outcome.instance.as_ref(), stop.failure())).collect(),
    }
}
