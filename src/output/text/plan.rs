//! What is to be done, in order; what waits; what is left, and why; who loses something.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use super::alike::alike;
use crate::model::InstanceName;
use crate::output::Planned;
use crate::output::style::{ERROR, FAINT, HEADING, Sign, WARNING, count, paint, plain};
use crate::plan::{Aim, Finding, Pending, Plan, Refusal, Step, Withheld, WithheldKind};

/// The plan of every instance, then the digest.
pub(in crate::output) fn plan(planned: &Planned<'_>) -> String {
    let mut out = String::new();
    for instance in &planned.instances {
        let Plan {
            instance: name,
            server: _,
            steps,
            withheld,
            pending,
            refusals: refused,
            notes,
            iam_only: _,
            given: _,
            members: _,
        } = instance.plan;
        out.push_str(&heading(name.as_ref()));
        out.push_str(&refusals(refused));
        out.push_str(&changes(steps));
        out.push_str(&losses(instance.plan));
        out.push_str(&waiting(pending));
        out.push_str(&left(withheld.iter()));
        for note in notes {
            let _ = writeln!(out, "{}", super::check::block(note));
        }
        for batched in instance.batched() {
            let _ = writeln!(out, "  {}\n", plain(&batched.to_string()));
        }
        let _ = writeln!(out, "{}", totals(instance.plan));
    }
    let _ = writeln!(out, "{} {}", paint(FAINT, "digest"), planned.digest);
    out
}

/// Which instance it is about.
pub(super) fn heading(instance: Option<&InstanceName>) -> String {
    instance.map_or_else(String::new, |name| format!("{}\n\n", paint(HEADING, name)))
}

/// The changes in the order they are made, under what they are aimed at.
pub(super) fn changes(steps: &[Step]) -> String {
    let mut out = String::new();
    let mut above = None;
    for step in steps {
        let place = place(&step.change.target());
        if above.as_ref() != Some(&place) {
            let _ = writeln!(out, "  {}", paint(HEADING, &place));
            above = Some(place);
        }
        let sign = Sign::of(&step.change);
        let rule = paint(FAINT, format_args!("[{}]", step.rule));
        let _ = writeln!(
            out,
            "    {} {} {rule}",
            paint(sign.style(), sign.symbol()),
            plain(&step.change.to_string())
        );
    }
    if !steps.is_empty() {
        out.push('\n');
    }
    out
}

fn place(aim: &Aim) -> String {
    match aim {
        Aim::Instance => "roles and memberships".into(),
        Aim::Sessions => "sessions of closed logins".into(),
        Aim::Departures => "roles that go".into(),
        Aim::Database(database) => format!("database {database}"),
        Aim::Secret(_) => "credentials and their readers".into(),
    }
}

/// Everyone who can do less afterwards, with how they came to it.
fn losses(plan: &Plan) -> String {
    let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for step in &plan.steps {
        for (index, loss) in plan.losses(step).into_iter().enumerate() {
            // The path is that of the direct grantee; the others depend on it.
            let path = if step.path.is_empty() || index > 0 {
                String::new()
            } else {
                format!(" ({})", step.path.join(" → "))
            };
            of.entry(loss.who).or_default().push(loss.what + &path);
        }
    }
    if of.is_empty() {
        return String::new();
    }
    let mut out = format!("  {}\n", paint(HEADING, "who loses something"));
    for (who, what) in of {
        for what in what {
            let _ = writeln!(out, "    {}: {}", paint(HEADING, &who), plain(&what));
        }
    }
    out + "\n"
}

/// What is granted as soon as its object exists.
pub(super) fn waiting(pending: &[Pending]) -> String {
    if pending.is_empty() {
        return String::new();
    }
    let mut out = format!("  {}\n", paint(HEADING, "pending until the object exists"));
    for Pending {
        role,
        database,
        grant,
        origin,
    } in pending
    {
        let line = format!(
            "{role}: {grant} in database {database} ({}:{}:{})",
            origin.file, origin.line, origin.column
        );
        let _ = writeln!(out, "    {}", plain(&line));
    }
    out + "\n"
}

/// What must be put right before anything is touched.
pub(super) fn refusals(refusals: &[Refusal]) -> String {
    if refusals.is_empty() {
        return String::new();
    }
    let mut out = format!("  {}\n", paint(HEADING, "cannot be applied"));
    for Refusal {
        message,
        hint,
        cause: _,
    } in refusals
    {
        let _ = writeln!(out, "    {} {}", paint(ERROR, "✗"), plain(message));
        let _ = writeln!(out, "      {} {}", paint(FAINT, "advice"), plain(hint));
    }
    out + "\n"
}

/// What is left, why, and what would mend it.
pub(super) fn left<'a>(withheld: impl Iterator<Item = &'a Withheld>) -> String {
    let mut withheld = withheld.peekable();
    if withheld.peek().is_none() {
        return String::new();
    }
    let mut out = format!("  {}\n", paint(HEADING, "withheld"));
    // What is left for one reason is said of all of it once.
    let (mut reasons, mut known) = (
        Vec::<(&Withheld, Vec<&Finding>, Vec<&str>)>::new(),
        HashMap::new(),
    );
    for one in withheld {
        let at = *known
            .entry((one.grounds.kind(), &one.reason, &one.advice))
            .or_insert(reasons.len());
        if at == reasons.len() {
            reasons.push((one, Vec::new(), Vec::new()));
        }
        let (_, findings, summaries) = &mut reasons[at];
        match &one.summary {
            Some(summary) => summaries.push(summary),
            None => findings.extend(&one.findings),
        }
    }
    for (one, findings, summaries) in reasons {
        let Withheld {
            reason,
            advice,
            grounds,
            ..
        } = one;
        let mark = match grounds.kind() {
            WithheldKind::Decision => paint(WARNING, "!"),
            WithheldKind::Impossible => paint(ERROR, "✗"),
        };
        for summary in summaries {
            let _ = writeln!(out, "    {mark} {}", plain(summary));
        }
        for finding in alike(findings) {
            let rule = paint(FAINT, format_args!("[{}]", finding.rule));
            let _ = writeln!(out, "    {mark} {} {rule}", plain(&finding.message));
        }
        let _ = writeln!(out, "      {} {}", paint(FAINT, "because"), plain(reason));
        let _ = writeln!(out, "      {} {}", paint(FAINT, "advice "), plain(advice));
    }
    out + "\n"
}

fn totals(plan: &Plan) -> String {
    let of = |sign| {
        plan.steps
            .iter()
            .filter(|step| Sign::of(&step.change) == sign)
            .count()
    };
    let mut line = if !plan.refusals.is_empty() {
        paint(ERROR, "cannot be applied")
    } else if plan.is_empty() {
        "nothing to do".to_owned()
    } else {
        let [add, change, remove] = [Sign::Add, Sign::Change, Sign::Remove].map(of);
        format!(
            "{}: {add} to add, {change} to change, {remove} to take away",
            count(plan.steps.len(), "change")
        )
    };
    line.push_str(&rest(plan.pending.len(), plan.withheld.len()));
    line
}

/// What is counted besides changes.
pub(super) fn rest(pending: usize, withheld: usize) -> String {
    [(pending, "pending"), (withheld, "withheld")]
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!(", {number} {word}"))
        .collect()
}
