//! Annotations on GitHub: workflow commands, one a line.
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>

use std::fmt::Write as _;

use super::annotation::{Annotation, of_validation, of_verdict};
use super::style::plain;
use super::{Rendered, Validation, text};
use crate::plan::{Severity, Verdict};

/// Every finding, then the verdict for the log.
pub(super) fn check(verdict: &Verdict) -> String {
    let commands: String = of_verdict(verdict).iter().map(command).collect();
    commands + &Rendered::text(&text::standing(verdict)).unstyled()
}

/// Every problem, then how many there are for the log.
pub(super) fn validate(validation: &Validation) -> String {
    let commands: String = of_validation(validation).iter().map(command).collect();
    commands + &Rendered::text(&text::totals(validation)).unstyled() + "\n"
}

fn command(annotation: &Annotation<'_>) -> String {
    let accepted = annotation
        .finding
        .is_some_and(|finding| finding.allowed.is_some());
    let name = match annotation.severity {
        _ if accepted => "notice",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let mut out = format!("::{name} ");
    if let Some(origin) = &annotation.origin {
        let _ = write!(
            out,
            "file={},line={},col={},",
            property(&origin.file),
            origin.line,
            origin.column
        );
    }
    let mut message = plain(&annotation.message).into_owned();
    if let Some(hint) = &annotation.hint {
        let label = if annotation.finding.is_some() {
            "fix"
        } else {
            "hint"
        };
        let _ = write!(message, "\n{label}: {}", plain(hint));
    }
    let _ = writeln!(
        out,
        "title={}::{}",
        property(annotation.rule),
        data(&message)
    );
    out
}

/// As `escapeData` of the runner's toolkit.
/// <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// As its `escapeProperty`.
fn property(text: &str) -> String {
    data(&plain(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_starts_a_command_of_its_own() {
        assert_eq!(data("100%\n::error::x"), "100%25%0A::error::x");
        assert_eq!(property("a,line=1:b\n%"), "a%2Cline=1%3Ab\\n%25");
    }
}
