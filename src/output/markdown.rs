//! A comment on a pull request.

mod inline;

use std::fmt::Write as _;

use self::inline::{cell, code, fence, text};
use super::style::{Sign, count, severity_word};
use super::{Planned, PlannedInstance, Validation, sql};
use crate::model::InstanceName;
use crate::plan::{Finding, InstanceVerdict, Status, Step, Verdict};

/// A comment on GitHub holds 65,536 characters: what does not fit is counted.
const ROWS: usize = 100;
/// Characters of SQL that are shown.
const SQL: usize = 20_000;

/// The changes, who loses something, what waits and what is left, with the statements folded away.
pub(super) fn plan(planned: &Planned<'_>) -> String {
    let mut out = String::new();
    for instance in &planned.instances {
        out.push_str(&plan_of(instance));
    }
    let _ = writeln!(out, "Digest: {}", code(planned.digest));
    out
}

fn plan_of(planned: &PlannedInstance<'_>) -> String {
    let plan = planned.plan;
    let changes = match plan.steps.len() {
        _ if !plan.refusals.is_empty() => "❌ cannot be applied".into(),
        0 => "nothing to do".into(),
        number => count(number, "change"),
    };
    let mut out = format!(
        "### Rolewright plan: {changes}{}\n\n",
        on(plan.instance.as_ref())
    );
    let refusals = plan
        .refusals
        .iter()
        .map(|one| [text(&one.message), text(&one.hint)]);
    section(
        &mut out,
        "Cannot be applied",
        &table(["Because", "Advice"], refusals),
    );
    out.push_str(&table(
        ["", "Change", "Rule"],
        plan.steps.iter().map(change),
    ));
    for batched in planned.batched() {
        let _ = writeln!(out, "{}\n", text(&batched.to_string()));
    }
    let losses = plan.steps.iter().flat_map(|step| {
        plan.losses(step)
            .into_iter()
            .enumerate()
            .map(move |one| (step, one))
    });
    let losses = losses.map(|(step, (index, loss))| {
        // The path is that of the direct grantee; the others depend on it.
        let path = if index == 0 {
            step.path.join(" → ")
        } else {
            String::new()
        };
        [code(&loss.who), text(&loss.what), text(&path)]
    });
    section(
        &mut out,
        "Who loses something",
        &table(["Who", "What", "How they came to it"], losses),
    );
    let pending = plan.pending.iter();
    let pending = pending.map(|one| {
        [
            code(one.role.as_str()),
            code(&one.grant),
            code(one.database.as_str()),
        ]
    });
    section(
        &mut out,
        "Pending until the object exists",
        &table(["Role", "Grant", "Database"], pending),
    );
    let withheld = plan
        .withheld
        .iter()
        .flat_map(|one| one.messages().map(move |message| (one, message)));
    let withheld =
        withheld.map(|(one, message)| [text(message), text(&one.reason), text(&one.advice)]);
    section(
        &mut out,
        "Withheld",
        &table(["Finding", "Because", "Mended by"], withheld),
    );
    let notes = plan
        .notes
        .iter()
        .map(|note| [code(note.rule.id()), text(&note.message), standing(note)]);
    section(&mut out, "Notes", &table(["Rule", "Finding", ""], notes));
    out.push_str(&statements(planned));
    out
}

fn change(step: &Step) -> [String; 3] {
    let sign = match Sign::of(&step.change) {
        Sign::Add => "➕",
        Sign::Change => "✏️",
        Sign::Remove => "➖",
    };
    [
        sign.into(),
        text(&step.change.to_string()),
        code(step.rule.id()),
    ]
}

fn statements(planned: &PlannedInstance<'_>) -> String {
    let mut sql = sql::excerpt(planned);
    if sql.is_empty() {
        return sql;
    }
    if let Some((cut, _)) = sql.char_indices().nth(SQL) {
        sql.truncate(cut);
        sql.push_str("\n-- … the rest is left out here\n");
    }
    let fence = fence(&sql, 3);
    format!(
        "<details><summary>SQL</summary>\n\n{fence}sql\n{}\n{fence}\n\n</details>\n\n",
        sql.trim_end()
    )
}

/// The verdict, and every finding with what mends it.
pub(super) fn check(verdict: &Verdict) -> String {
    verdict.instances.iter().map(check_of).collect()
}

fn check_of(verdict: &InstanceVerdict) -> String {
    let status = match verdict.status() {
        Status::InSync => "✅ in sync",
        Status::Drift => "❌ drift",
        Status::Unknown => "⚠️ could not tell",
    };
    let mut out = format!(
        "### Rolewright check: {status}{}\n\n",
        on(verdict.instance.as_ref())
    );
    for error in &verdict.errors {
        let hint = error
            .hint
            .as_deref()
            .map_or_else(String::new, |hint| format!("  \n> Hint: {}", text(hint)));
        let _ = writeln!(out, "> {}{hint}\n", text(&error.message()));
    }
    let row = |finding: &Finding| {
        [
            standing(finding),
            code(finding.rule.id()),
            text(&finding.message),
            fix(finding),
        ]
    };
    out.push_str(&table(
        ["", "Rule", "Finding", "Mended by"],
        verdict.findings.iter().map(row),
    ));
    out
}

fn standing(finding: &Finding) -> String {
    match &finding.allowed {
        Some(reason) => format!("accepted: {}", text(reason)),
        None => severity_word(finding.severity).into(),
    }
}

fn fix(finding: &Finding) -> String {
    finding.fix.as_deref().map_or_else(String::new, code)
}

/// Every problem of a policy.
pub(super) fn validate(validation: &Validation) -> String {
    let (files, problems) = (
        count(validation.files.len(), "file"),
        validation.diagnostics.len(),
    );
    if problems == 0 {
        return format!("### Rolewright validate: ✅ {files} ok\n");
    }
    let mark = if validation.is_valid() {
        "⚠️"
    } else {
        "❌"
    };
    let row = |one: &super::Diagnostic| {
        let place = format!(
            "{}:{}:{}",
            one.origin.file, one.origin.line, one.origin.column
        );
        let hint = one.hint.as_deref().map_or_else(String::new, text);
        [code(&place), text(&one.message), hint]
    };
    let rows = table(
        ["Where", "Problem", "Hint"],
        validation.diagnostics.iter().map(row),
    );
    format!(
        "### Rolewright validate: {mark} {} in {files}\n\n{rows}",
        count(problems, "problem")
    )
}

fn on(instance: Option<&InstanceName>) -> String {
    instance.map_or_else(String::new, |name| {
        format!(" on {}", code(&name.to_string()))
    })
}

fn section(out: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        let _ = writeln!(out, "**{title}**\n\n{}\n", body.trim_end());
    }
}

/// A table, or nothing where there are no rows.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut lines = Vec::new();
    let mut left_out = 0;
    for row in rows {
        if lines.len() == ROWS {
            left_out += 1;
        } else {
            lines.push(format!("| {} |\n", row.map(|one| cell(&one)).join(" | ")));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "| {} |\n|{}\n{}",
        head.join(" | "),
        " --- |".repeat(N),
        lines.concat()
    );
    if left_out > 0 {
        let _ = write!(out, "\n… and {left_out} more\n");
    }
    out + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_do_not_fit_are_counted() {
        let long = table(["n"], (0..ROWS + 2).map(|n| [n.to_string()]));
        assert!(long.contains("| 99 |\n") && !long.contains("| 100 |"));
        assert!(long.ends_with("\n… and 2 more\n\n"));
    }
}
