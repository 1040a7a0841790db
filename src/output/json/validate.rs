//! What is wrong with a policy.

use serde::Serialize;

use super::{Place, VERSION, document};
use crate::output::{Diagnostic, Validation};
use crate::plan::Severity;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    status: &'static str,
    files: &'a [String],
    problems: Vec<ProblemEntry<'a>>,
}

#[derive(Serialize)]
struct ProblemEntry<'a> {
    severity: Severity,
    message: &'a str,
    hint: Option<&'a str>,
    #[serde(flatten)]
    place: Place<'a>,
}

/// Every problem, in one document.
pub(in crate::output) fn validate(validation: &Validation) -> String {
    document(&Document {
        version: VERSION,
        status: if validation.is_valid() {
            "valid"
        } else {
            "invalid"
        },
        files: &validation.files,
        problems: validation.diagnostics.iter().map(problem).collect(),
    })
}

/// No plan, and every problem.
pub(in crate::output) fn no_plan(validation: &Validation) -> String {
    let nothing: [(); 0] = [];
    document(&serde_json::json!({
        "version": VERSION,
        "digest": null,
        "instances": nothing,
        "problems": validation.diagnostics.iter().map(problem).collect::<Vec<_>>(),
    }))
}

fn problem(diagnostic: &Diagnostic) -> ProblemEntry<'_> {
    let Diagnostic {
        severity,
        origin,
        message,
        hint,
    } = diagnostic;
    ProblemEntry {
        severity: *severity,
        message,
        hint: hint.as_deref(),
        place: Place::of(Some(origin)),
    }
}
