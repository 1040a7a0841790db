//! What was done.

use std::fmt::Write as _;

use super::plan::{changes, heading, left, refusals, rest, waiting};
use crate::output::style::{ERROR, GOOD, WARNING, count, paint, plain};
use crate::output::{Applied, ApplyStatus, Outcome};
use crate::plan::Report;

/// What was done to every instance. Why it stopped is said on standard error.
pub(in crate::output) fn apply(applied: &Applied) -> String {
    applied.instances.iter().map(one).collect()
}

fn one(outcome: &Outcome) -> String {
    let mut out = heading(outcome.instance.as_ref());
    if let Some(Report { plan, done, events }) = &outcome.report {
        out.push_str(&changes(&plan.steps[..*done]));
        for event in events {
            let _ = writeln!(out, "  {}", plain(event));
        }
        if !events.is_empty() {
            out.push('\n');
        }
        out.push_str(&waiting(&plan.pending));
        out.push_str(&left(outcome.withheld()));
        out.push_str(&refusals(&plan.refusals));
    }
    let _ = writeln!(out, "{}", verdict(outcome));
    out
}

fn verdict(outcome: &Outcome) -> String {
    let Some(Report { plan, done, .. }) = &outcome.report else {
        return match outcome.status() {
            ApplyStatus::Held => paint(WARNING, "held back: nothing was changed"),
            _ => paint(ERROR, "failed: nothing was changed"),
        };
    };
    let all = plan.steps.len();
    let made = match (outcome.stop.is_some(), all) {
        (true, _) => format!("{done} of {} made", count(all, "change")),
        (false, 0) => "nothing to do".into(),
        (false, _) => format!("{} made", count(all, "change")),
    };
    let line = made + &rest(plan.pending.len(), outcome.withheld().count());
    match outcome.status() {
        ApplyStatus::NothingToDo | ApplyStatus::Applied => paint(GOOD, line),
        ApplyStatus::Held => paint(WARNING, format_args!("held back: {line}")),
        ApplyStatus::Failed => paint(ERROR, format_args!("failed: {line}")),
    }
}
