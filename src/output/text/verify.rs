//! What each login has shown, a line each; then findings and verdict as of `check`.

use std::fmt::Write as _;

use super::check;
use crate::output::Verification;
use crate::output::style::{GOOD, HEADING, WARNING, count, paint, plain};
use crate::plan::Proven;

/// Every login, then every finding, then the verdict.
pub(in crate::output) fn verify(verification: &Verification) -> String {
    let several = verification.instances.len() > 1;
    let mut out = String::new();
    for instance in &verification.instances {
        if let Some(name) = instance.verdict.instance.as_ref().filter(|_| several) {
            let _ = writeln!(out, "{}", paint(HEADING, name));
        }
        instance
            .proven
            .iter()
            .for_each(|proven| out += &line(proven));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out + &check(&verification.verdict())
}

fn line(proven: &Proven) -> String {
    let Proven {
        role,
        login,
        database,
        works,
        refused,
        without_rows,
        not_planned,
    } = proven;
    let style = if *works > 0 { GOOD } else { WARNING };
    let who = if role == login {
        role.to_string()
    } else {
        format!("{role} as {login}")
    };
    let works = paint(
        style,
        format_args!("{} it must do work", count(*works, "thing")),
    );
    let mut line = format!(
        "{} in database {}: {works}, {refused} it must not do are refused",
        plain(&who),
        plain(database.as_str())
    );
    if *without_rows > 0 {
        let held = count(*without_rows, "privilege");
        line += &paint(
            WARNING,
            format_args!(", {held} granted and without rows: row security"),
        );
    }
    if !not_planned.is_empty() {
        let relations = count(not_planned.len(), "relation");
        line += &paint(
            WARNING,
            format_args!(
                ", {relations} by the catalogs alone: planning could run the code of others"
            ),
        );
    }
    line + "\n"
}
