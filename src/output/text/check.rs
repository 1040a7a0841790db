//! A finding is a block; then one line that says how things stand.

use std::fmt::Write as _;

use crate::output::style::{ERROR, FAINT, GOOD, HEADING, WARNING, count, paint, plain, severity_style, severity_word};
use crate::plan::{Finding, InstanceVerdict, Severity, Status, Verdict};

/// Every finding, then the verdict.
pub(in crate::output) fn check(verdict: &Verdict) -> String {
    let mut out = String::new();
    for instance in &verdict.instances {
        for finding in &instance.findings {
            out.push_str(&block(finding));
            out.push('\n');
        }
    }
    let several = verdict.instances.len() > 1;
    for instance in &verdict.instances {
        if let (true, Some(name)) = (several, &instance.instance) {
            let _ = write!(out, "{}: ", paint(HEADING, name));
        }
        let _ = writeln!(out, "{}", summary(instance));
    }
    out
}

/// One finding: headline, then what it is about, a line each.
pub(super) fn block(finding: &Finding) -> String {
    let mut out = match &finding.allowed {
        None => paint(severity_style(finding.severity), severity_word(finding.severity)),
        Some(_) => paint(FAINT, "allowed"),
    };
    let _ = writeln!(out, "[{}] {}", finding.rule, paint(HEADING, &finding.message));
    let path = (!finding.path.is_empty()).then(|| finding.path.join(" → "));
    let place = finding.origin.as_ref().map(|origin| format!("{}:{}:{}", origin.file, origin.line, origin.column));
    let database = finding.database.as_ref().map(ToString::to_string);
    let instance = finding.instance.as_ref().map(ToString::to_string);
    for (label, value) in [
        ("instance", &instance),
        ("database", &database),
        ("role", &finding.role),
        ("object", &finding.object),
        ("privilege", &finding.privilege),
        ("path", &path),
        ("policy", &place),
        ("accepted", &finding.allowed),
        ("fix", &finding.fix),
    ] {
        if let Some(value) = value {
            let _ = writeln!(out, "  {} {}", paint(FAINT, format_args!("{label:<9}")), plain(value));
        }
    }
    out
}

fn summary(verdict: &InstanceVerdict) -> String {
    let of = |kind: fn(&Finding) -> bool| verdict.findings.iter().filter(|finding| kind(finding)).count();
    let drift = of(Finding::is_drift);
    let allowed = of(|finding| finding.allowed.is_some());
    let noted = of(|finding| finding.allowed.is_none() && finding.severity != Severity::Error);
    let mut line = match verdict.status() {
        Status::InSync => paint(GOOD, "in sync"),
        Status::Drift => paint(ERROR, format_args!("drift: {}", count(drift, "finding"))),
        Status::Unknown => paint(WARNING, format_args!("could not tell: {}", count(verdict.errors.len(), "error"))),
    };
    if verdict.status() == Status::Unknown && drift > 0 {
        let _ = write!(line, ", drift: {}", count(drift, "finding"));
    }
    for (number, word) in [(allowed, "accepted"), (noted, "noted, no drift")] {
        if number > 0 {
            let _ = write!(line, ", {number} {word}");
        }
    }
    line
}
