//! `file: ok`, or what is wrong and where.

use std::fmt::Write as _;

use crate::output::style::{FAINT, GOOD, count, paint, plain, severity_style, severity_word};
use crate::output::{Diagnostic, Validation};
use crate::plan::Severity;

/// Clean files, then everything that is wrong, then how much that is.
pub(in crate::output) fn validate(validation: &Validation) -> String {
    let mut out = String::new();
    for file in validation.clean_files() {
        let _ = writeln!(out, "{}: {}", plain(file), paint(GOOD, "ok"));
    }
    for diagnostic in &validation.diagnostics {
        out.push_str(&problem(diagnostic));
    }
    if !validation.diagnostics.is_empty() {
        let _ = writeln!(out, "{}", totals(validation));
    }
    out
}

/// How many files are good, or how much is wrong.
pub(in crate::output) fn totals(validation: &Validation) -> String {
    let of = |severity| {
        validation
            .diagnostics
            .iter()
            .filter(|one| one.severity == severity)
            .count()
    };
    let parts: Vec<_> = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Info, "remark"),
    ]
    .into_iter()
    .map(|(severity, word)| (of(severity), word))
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| count(number, word))
    .collect();
    if parts.is_empty() {
        format!("{} ok", count(validation.files.len(), "file"))
    } else {
        parts.join(", ")
    }
}

/// `file:line:col: message`, the form editors jump to. Errors have no label; warnings do.
pub(in crate::output) fn problem(diagnostic: &Diagnostic) -> String {
    let Diagnostic {
        severity,
        origin,
        message,
        hint,
    } = diagnostic;
    let place = format!("{}:{}:{}:", origin.file, origin.line, origin.column);
    let mut out = paint(severity_style(*severity), place);
    if *severity != Severity::Error {
        let _ = write!(out, " {}:", severity_word(*severity));
    }
    let _ = writeln!(out, " {}", plain(message));
    if let Some(hint) = hint {
        let _ = writeln!(out, "  {} {}", paint(FAINT, "hint:"), plain(hint));
    }
    out
}
