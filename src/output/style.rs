//! How text looks, and how foreign text is kept from looking like ours.

use std::borrow::Cow;
use std::fmt;

use anstyle::{AnsiColor, Style};

use crate::model::{is_visible, marked};
use crate::plan::{Change, Severity};

pub(super) const ADD: Style = AnsiColor::Green.on_default();
pub(super) const CHANGE: Style = AnsiColor::Yellow.on_default();
pub(super) const REMOVE: Style = AnsiColor::Red.on_default();
pub(super) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const INFO: Style = AnsiColor::Blue.on_default().bold();
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const HEADING: Style = Style::new().bold();
pub(super) const FAINT: Style = Style::new().dimmed();

/// `text` in `style`, control characters made visible: names come from files and servers, and an escape sequence in one
/// must not reach the terminal.
pub(super) fn paint(style: Style, text: impl fmt::Display) -> String {
    format!("{style}{}{style:#}", plain(&text.to_string()))
}

/// `text` with everything made visible that a terminal obeys or does not show, or that GitHub's runner takes for a command.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if is_visible(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for (c, hidden) in marked(text) {
        match c {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            c if hidden => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Whether a change adds, changes or takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    Add,
    Change,
    Remove,
}

impl Sign {
    pub(super) fn of(change: &Change) -> Self {
        match change {
            Change::CreateRole { .. }
            | Change::GrantMembership { .. }
            | Change::CreateSchema { .. }
            | Change::CreateExtension { .. }
            | Change::Grant { .. }
            | Change::GrantDefault { .. }
            | Change::CreateSecret { .. }
            | Change::Credential { .. }
            | Change::Bind { .. } => Self::Add,
            Change::AlterRole { .. }
            | Change::SetParameter { .. }
            | Change::UpdateExtension { .. }
            | Change::LabelSecret { .. }
            | Change::ReassignOwned { .. }
            | Change::ChangeOwner { .. } => Self::Change,
            Change::ResetParameter { .. }
            | Change::RevokeMembership { .. }
            | Change::Revoke { .. }
            | Change::RevokeDefault { .. }
            | Change::EndSessions { .. }
            | Change::DropOwned { .. }
            | Change::DropRole { .. }
            | Change::DestroyVersions { .. }
            | Change::Unbind { .. } => Self::Remove,
        }
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Change => "~",
            Self::Remove => "-",
        }
    }

    pub(super) fn style(self) -> Style {
        match self {
            Self::Add => ADD,
            Self::Change => CHANGE,
            Self::Remove => REMOVE,
        }
    }
}

pub(super) fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

pub(super) fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
        Severity::Info => INFO,
    }
}

/// `1 change`, `2 changes`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_is_shown_and_not_obeyed() {
        assert_eq!(plain("a\u{1b}[2Jb\n\u{202e}c"), "a\\u{1b}[2Jb\\n\\u{202e}c");
        assert_eq!(
            plain("\u{9b}\u{7f}\u{feff}##[error]"),
            "\\u{9b}\\u{7f}\\u{feff}##\\u{5b}error]"
        );
        assert!(matches!(plain("tabl\u{e9}"), Cow::Borrowed(_)));
    }
}
