//! Findings that the policy accepts.

use jiff::civil::Date;

use super::Finding;
use crate::model::{Allow, Policy};

/// The entry of `allow:` by which the policy accepts `finding` today, if there is one.
pub(super) fn allowance<'p>(
    policy: &'p Policy,
    today: Date,
    finding: &Finding,
) -> Option<&'p Allow> {
    let fits =
        |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
    policy.allow.iter().find(|allow| {
        allow.rule == finding.rule.id()
            && allow.until.is_none_or(|until| today <= until)
            && fits(&allow.role, &finding.role)
            && fits(&allow.object, &finding.object)
            && fits(&allow.privilege, &finding.privilege)
    })
}

/// Findings of `policy`'s instance that did not come out of a plan, those that it accepts marked as such.
pub fn accept(policy: &Policy, today: Date, findings: Vec<Finding>) -> Vec<Finding> {
    let judged = |finding: Finding| {
        let finding = Finding {
            instance: policy.instance.clone(),
            ..finding
        };
        Finding {
            allowed: allowance(policy, today, &finding).map(|allow| allow.reason.clone()),
            ..finding
        }
    };
    findings.into_iter().map(judged).collect()
}
