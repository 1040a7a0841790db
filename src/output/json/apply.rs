//! What was done.

use serde::Serialize;

use super::check::ErrorEntry;
use super::plan::{ChangeEntry, PendingEntry, WithheldEntry};
use super::{VERSION, document};
use crate::model::InstanceName;
use crate::output::{Applied, ApplyStatus, Outcome};
use crate::plan::{Report, Step};

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
    let steps = |range: fn(&Report) -> &[Step]| {
        let entries = |report| {
            range(report)
                .iter()
                .map(|step| ChangeEntry::of(&report.plan, step))
                .collect()
        };
        report.map_or_else(Vec::new, entries)
    };
    InstanceEntry {
        instance: outcome.instance.as_ref(),
        status: outcome.status(),
        changes: steps(|report| &report.plan.steps[..report.done]),
        remaining: steps(|report| &report.plan.steps[report.done..]),
        withheld: outcome.withheld().map(WithheldEntry::of).collect(),
        pending: report
            .iter()
            .flat_map(|report| &report.plan.pending)
            .map(PendingEntry::of)
            .collect(),
        events: report.map_or(&[], |report| &report.events),
        errors: outcome
            .stop
            .iter()
            .map(|stop| ErrorEntry::of(outcome.instance.as_ref(), stop.failure()))
            .collect(),
    }
}
