//! One block for each finding, then one line with the verdict.

use std::fmt::Write as _;

use super::alike::alike;
use crate::output::style::{
    ERROR, FAINT, GOOD, HEADING, WARNING, count, paint, plain, severity_style, severity_word,
};
use crate::plan::{Finding, InstanceVerdict, Severity, Status, Verdict};

/// Every finding, then the verdict.
pub(in crate::output) fn check(verdict: &Verdict) -> String {
    let blocks: String = alike(verdict.findings())
        .iter()
        .map(|finding| block(finding) + "\n")
        .collect();
    blocks + &standing(verdict)
}

/// How every instance stands, a line each.
pub(in crate::output) fn standing(verdict: &Verdict) -> String {
    let mut out = String::new();
    for instance in &verdict.instances {
        match &instance.instance {
            Some(name) if verdict.instances.len() > 1 => {
                let _ = writeln!(out, "{}: {}", paint(HEADING, name), summary(instance));
            }
            _ => {
                let _ = writeln!(out, "{}", summary(instance));
            }
        }
    }
    out
}

/// One finding: headline, then what it is about, a line each.
pub(super) fn block(finding: &Finding) -> String {
    let mut out = match &finding.allowed {
        None => paint(
            severity_style(finding.severity),
            severity_word(finding.severity),
        ),
        Some(_) => paint(FAINT, "allowed"),
    };
    let _ = writeln!(
        out,
        "[{}] {}",
        finding.rule,
        paint(HEADING, &finding.message)
    );
    let path = (!finding.path.is_empty()).then(|| finding.path.join(" → "));
    let place = finding
        .origin
        .as_ref()
        .map(|origin| format!("{}:{}:{}", origin.file, origin.line, origin.column));
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
            let _ = writeln!(
                out,
                "  {} {}",
                paint(FAINT, format_args!("{label:<9}")),
                plain(value)
            );
        }
    }
    out
}

fn summary(verdict: &InstanceVerdict) -> String {
    let of = |kind: fn(&Finding) -> bool| {
        verdict
            .findings
            .iter()
            .filter(|finding| kind(finding))
            .count()
    };
    let drift = count(of(Finding::is_drift), "finding");
    let mut line = match verdict.status() {
        Status::InSync => paint(GOOD, "in sync"),
        Status::Drift => paint(ERROR, format_args!("drift: {drift}")),
        Status::Unknown => paint(
            WARNING,
            format_args!("could not tell: {}", count(verdict.errors.len(), "error")),
        ),
    };
    if verdict.status() == Status::Unknown && of(Finding::is_drift) > 0 {
        let _ = write!(line, ", drift: {drift}");
    }
    let accepted = of(|finding| finding.allowed.is_some());
    if accepted > 0 {
        let _ = write!(line, ", {accepted} accepted");
    }
    let open = |severity| {
        verdict
            .findings
            .iter()
            .filter(move |one| one.allowed.is_none() && one.severity == severity)
    };
    for (severity, word) in [(Severity::Warning, "warning"), (Severity::Info, "remark")] {
        let number = open(severity).count();
        if number > 0 {
            let _ = write!(line, ", {}", count(number, word));
        }
    }
    line
}
