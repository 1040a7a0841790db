//! `allow:`: accepted findings.

use super::super::file::{self, List};
use super::super::problem::suggestion;
use super::super::read::{Located, given};
use super::Problems;
use crate::model::{Allow, Privilege};
use crate::plan::Rule;

/// The accepted findings, in the order of the files.
pub(super) fn allow(
    field: &Option<Located<List<file::Allow>>>,
    problems: &mut Problems,
) -> Vec<Allow> {
    given(field)
        .into_iter()
        .flatten()
        .filter_map(|entry| accepted(entry, problems))
        .collect()
}

fn accepted(entry: &Located<file::Allow>, problems: &mut Problems) -> Option<Allow> {
    let file::Allow {
        rule,
        role,
        object,
        privilege,
        reason,
        until,
    } = entry.get()?;
    let rules: Vec<_> = Rule::every().map(Rule::id).collect();
    if let Some(name) = rule.get().filter(|name| !rules.contains(&name.as_str())) {
        problems.push_hint(
            &rule.origin,
            format!("unknown rule `{name}`"),
            suggestion(name, &rules),
        );
    }
    if reason.get().is_some_and(|text| text.trim().is_empty()) {
        problems.push_hint(
            &reason.origin,
            "the reason is empty",
            "say why the finding is accepted, and where that was decided",
        );
    }
    for field in [role, object].into_iter().flatten() {
        if field.get().is_some_and(String::is_empty) {
            problems.push(
                &field.origin,
                "expected text, found nothing between the quotes",
            );
        }
    }
    if let Some(field) = privilege
        && let Some(text) = field.get()
        && text.parse::<Privilege>().is_err()
    {
        let names: Vec<_> = Privilege::every().map(Privilege::keyword).collect();
        problems.push_hint(
            &field.origin,
            format!("unknown privilege `{text}`"),
            suggestion(text, &names),
        );
    }
    let until = until.as_ref().and_then(|field| {
        let text = field.get()?;
        let date = text
            .parse()
            .ok()
            .filter(|_| text.len() == "2027-01-31".len());
        if date.is_none() {
            problems.push_hint(
                &field.origin,
                format!("`{text}` is not a date"),
                "write it as YYYY-MM-DD",
            );
        }
        date
    });
    Some(Allow {
        rule: rule.get()?.clone(),
        role: given(role).cloned(),
        object: given(object).cloned(),
        privilege: given(privilege).cloned(),
        reason: reason.get()?.clone(),
        until,
        origin: entry.origin.clone(),
    })
}
