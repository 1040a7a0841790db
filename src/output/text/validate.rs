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
        out.push_str(&one(diagnostic));
    }
    let of = |severity| validation.diagnostics.iter().filter(|d| d.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    if errors + warnings > 0 {
        let _ = writeln!(out, "{}, {}", count(errors, "error"), count(warnings, "warning"));
    }
    out
}

/// `file:line:col: message`, the form editors jump to. An error is not called one: everything here is, unless it says so.
pub(in crate::output) fn one(diagnostic: &Diagnostic) -> String {
    let Diagnostic { severity, origin, message, hint } = diagnostic;
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
