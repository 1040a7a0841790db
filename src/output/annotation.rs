//! What formats for code review have in common: a remark at a place in a file.

use super::{Diagnostic, Validation};
use crate::model::Origin;
use crate::plan::{Finding, Severity, Verdict};

/// The rule of a problem in a policy file.
pub(super) const POLICY_RULE: &str = "policy.invalid";
/// The rule of what could not be looked at.
pub(super) const UNKNOWN_RULE: &str = "check.unknown";

/// A remark at a place in a file.
pub(super) struct Annotation<'a> {
    pub(super) rule: &'a str,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) origin: Option<Origin>,
    pub(super) finding: Option<&'a Finding>,
}

/// Everything of a verdict. What the policy does not speak of is shown at the head of its file, for code review shows
/// nothing that has no place.
pub(super) fn of_verdict(verdict: &Verdict) -> Vec<Annotation<'_>> {
    let mut all = Vec::new();
    for instance in &verdict.instances {
        let head = || {
            instance.file.clone().map(|file| Origin {
                file,
                line: 1,
                column: 1,
            })
        };
        all.extend(instance.errors.iter().map(|failure| Annotation {
            rule: UNKNOWN_RULE,
            severity: Severity::Error,
            message: failure.message(),
            hint: failure.hint.clone(),
            origin: head(),
            finding: None,
        }));
        all.extend(instance.findings.iter().map(|finding| Annotation {
            rule: finding.rule.id(),
            severity: finding.severity,
            message: finding.message.clone(),
            hint: finding.fix.clone(),
            origin: finding.origin.clone().or_else(head),
            finding: Some(finding),
        }));
    }
    all
}

/// Everything that is wrong with a policy.
pub(super) fn of_validation(validation: &Validation) -> Vec<Annotation<'_>> {
    let annotation = |diagnostic: &Diagnostic| Annotation {
        rule: POLICY_RULE,
        severity: diagnostic.severity,
        message: diagnostic.message.clone(),
        hint: diagnostic.hint.clone(),
        origin: Some(diagnostic.origin.clone()),
        finding: None,
    };
    validation.diagnostics.iter().map(annotation).collect()
}
