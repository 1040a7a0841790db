//! Credentials: what was done to each, or a table of how they stand.

use std::fmt::Write as _;

use super::plan::heading;
use crate::output::credential::{
    Credentials, CredentialsOf, Ended, PhaseSeen, Standing, Turn, User,
};
use crate::output::style::{ERROR, FAINT, GOOD, HEADING, WARNING, paint, plain};
use crate::rotation::Phase;

/// What was done to each credential. Why one failed is said on standard error.
pub(in crate::output) fn turned(credentials: &Credentials) -> String {
    credentials
        .instances
        .iter()
        .map(|one| heading(one.instance.as_ref()) + &turns(one))
        .collect()
}

fn turns(of: &CredentialsOf) -> String {
    if of.turns.is_empty() && of.stop.is_none() {
        return "no credential to rotate\n".into();
    }
    of.turns.iter().map(turn).collect()
}

fn turn(turn: &Turn) -> String {
    let Turn {
        standing,
        events,
        ended,
    } = turn;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{} {}",
        paint(HEADING, &standing.role),
        paint(FAINT, &standing.secret)
    );
    for event in events {
        let _ = writeln!(out, "  {}", plain(event));
    }
    match ended {
        Ended::Done if events.is_empty() => {
            let _ = writeln!(out, "  nothing to do now; next: {}", plain(&standing.next));
        }
        Ended::Done => {
            let _ = writeln!(
                out,
                "  {}; next: {}",
                paint(GOOD, "done"),
                plain(&standing.next)
            );
        }
        Ended::Held { reason, advice, by } => {
            let _ = writeln!(out, "  {} {}", paint(WARNING, "held back:"), plain(reason));
            users(&mut out, by);
            let _ = writeln!(out, "  {} {}", paint(FAINT, "advice:"), plain(advice));
        }
        Ended::Failed(_) => {
            let _ = writeln!(out, "  {}", paint(ERROR, "failed"));
        }
    }
    if matches!(ended, Ended::Done) {
        still_used(&mut out, standing);
    }
    out
}

/// Who will be waited for, once the old credential may go.
fn still_used(out: &mut String, standing: &Standing) {
    if !standing.still_used_by.is_empty() {
        let _ = writeln!(out, "  the credential before is still used by");
        users(out, &standing.still_used_by);
    }
}

fn users(out: &mut String, users: &[User]) {
    for user in users {
        let _ = writeln!(out, "    {}", plain(&user.text));
    }
}

const COLUMNS: [&str; 7] = ["ROLE", "LOGIN", "VERSION", "AGE", "DUE", "PHASE", "NEXT"];

/// How every credential stands, a line each, and below it who still uses the one before.
pub(in crate::output) fn status(credentials: &Credentials) -> String {
    credentials
        .instances
        .iter()
        .map(|one| heading(one.instance.as_ref()) + &table(one))
        .collect()
}

fn table(of: &CredentialsOf) -> String {
    if of.turns.is_empty() {
        return "no credentials\n".into();
    }
    let rows: Vec<_> = of.turns.iter().map(|turn| cells(&turn.standing)).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .chain([COLUMNS[column].len()])
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
    let mut out = line(&COLUMNS.map(String::from), &widths);
    for (row, turn) in rows.iter().zip(&of.turns) {
        out.push_str(&line(row, &widths));
        still_used(&mut out, &turn.standing);
    }
    out
}

fn line(cells: &[String; 7], widths: &[usize]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:<width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
}

fn cells(standing: &Standing) -> [String; 7] {
    let unknown = || {
        if standing.phase == PhaseSeen::Unknown {
            "unknown".to_owned()
        } else {
            "-".to_owned()
        }
    };
    let due = standing.due.map(|due| match standing.published {
        Some(_) => format!("{}", due.strftime("%Y-%m-%d %H:%MZ")),
        None => "now".into(),
    });
    [
        plain(standing.role.as_str()).into_owned(),
        standing
            .login
            .as_ref()
            .map_or_else(unknown, |login| plain(login.as_str()).into_owned()),
        standing
            .version
            .map_or_else(unknown, |version| version.to_string()),
        standing.age.map_or_else(unknown, age),
        due.unwrap_or_else(|| {
            if standing.phase == PhaseSeen::Unknown {
                "unknown".into()
            } else {
                "never".into()
            }
        }),
        phase(standing.phase).into(),
        plain(&standing.next).into_owned(),
    ]
}

fn phase(phase: PhaseSeen) -> &'static str {
    match phase {
        PhaseSeen::Unknown => "unknown",
        PhaseSeen::Known(Phase::Unpublished) => "unpublished",
        PhaseSeen::Known(Phase::Settled) => "settled",
        PhaseSeen::Known(Phase::Beginning) => "beginning",
        PhaseSeen::Known(Phase::Grace) => "grace",
        PhaseSeen::Known(Phase::Draining) => "draining",
    }
}

/// The largest two units of a span of time.
fn age(seconds: i64) -> String {
    const UNITS: [(&str, i64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut rest = seconds.max(0);
    let mut parts = Vec::new();
    for (unit, size) in UNITS {
        if rest >= size && parts.len() < 2 {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if parts.is_empty() {
        "0s".into()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_two_units_at_most() {
        assert_eq!(
            [0, 59, 3_661, 90_000].map(age),
            ["0s", "59s", "1h 1m", "1d 1h"]
        );
    }
}
