//! The statements of a plan, as a psql script to be read or run.

use std::fmt::Write as _;

use super::{Planned, PlannedInstance};
use crate::model::{DatabaseName, marked, quote_identifier};
use crate::plan::{Aim, Batch, Plan, Refusal, Transaction, Withheld};

/// How the script is encoded: in a pipe psql assumes the encoding of each database that it connects to.
/// <https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-META-COMMAND-ENCODING>
const ENCODING: &str = "\\encoding UTF8\n";

/// The script of every instance.
pub(super) fn plan(planned: &Planned<'_>) -> String {
    let mut out = String::new();
    comment(&mut out, &format!("plan {}", planned.digest));
    out.push_str("\\set ON_ERROR_STOP on\n");
    out.push_str(ENCODING);
    for instance in &planned.instances {
        one(&mut out, instance);
    }
    out
}

fn one(out: &mut String, planned: &PlannedInstance<'_>) {
    out.push('\n');
    if let Some(name) = &planned.plan.instance {
        comment(out, &format!("instance {name}"));
    }
    for line in missing(planned.plan) {
        comment(out, &line);
    }
    for batched in planned.batched() {
        comment(out, &batched.to_string());
    }
    for transaction in planned.script {
        out.push_str(&block(transaction));
    }
    let google = planned
        .plan
        .steps
        .iter()
        .filter(|step| matches!(step.change.target(), Aim::Secret(_)));
    for (index, step) in google.enumerate() {
        if index == 0 {
            let apply = planned.plan.given.command("apply", &[]);
            comment(
                out,
                &format!("not SQL, or not without a password; `{apply}` would:"),
            );
        }
        comment(out, &format!("  {}", step.change));
    }
}

/// What the script does not do, as a comment.
fn missing(plan: &Plan) -> Vec<String> {
    let Plan {
        refusals, withheld, ..
    } = plan;
    let mut lines = Vec::new();
    for Refusal {
        message,
        hint,
        cause: _,
    } in refusals
    {
        lines.push(format!("refused: {message}: {hint}"));
    }
    if !refusals.is_empty() {
        lines.push(
            "this script is not complete: apply would change nothing until that is put right"
                .into(),
        );
    }
    for one in withheld {
        let Withheld { reason, advice, .. } = one;
        lines.extend(
            one.messages()
                .map(|message| format!("withheld: {message}: {reason}; {advice}")),
        );
    }
    lines
}

/// One transaction, in its database.
fn block(transaction: &Transaction) -> String {
    let Transaction {
        database,
        changes: _,
        statements,
        batch: Batch { number, of },
    } = transaction;
    let mut out = String::new();
    match database {
        None => comment(&mut out, "roles and memberships"),
        Some(database) => {
            let batch = if *of > 1 {
                format!(" ({number} of {of})")
            } else {
                String::new()
            };
            comment(&mut out, &format!("database {database}{batch}"));
            connect(&mut out, database);
        }
    }
    for statement in statements {
        let _ = writeln!(out, "{statement};");
    }
    out + "\n"
}

/// The statements alone, for a page that shows them.
pub(super) fn excerpt(planned: &PlannedInstance<'_>) -> String {
    planned.script.iter().map(block).collect()
}

/// A name must not end the comment it stands in.
fn comment(out: &mut String, text: &str) {
    let _ = writeln!(out, "-- {}", super::style::plain(text));
}

/// Names that psql would take apart go in as a connection string: as an identifier, which `\connect` takes out of its double
/// quotes, between single quotes, where psql reads escapes and nothing else.
///  <https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-META-COMMANDS>
fn connect(out: &mut String, database: &DatabaseName) {
    let name = database.as_str();
    if name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
    {
        let _ = writeln!(out, "\\connect {}", quote_identifier(name));
    } else {
        let value = name
            .replace('\\', "\\\\")
            .replace('\'', "\\'")
            .replace('"', "\"\"");
        let _ = writeln!(
            out,
            "\\connect -reuse-previous=on {}",
            argument(&format!("\"dbname='{value}'\""))
        );
    }
    out.push_str(ENCODING);
}

/// An argument of a meta-command of psql: bytes of hidden characters are octal escapes.
fn argument(text: &str) -> String {
    let mut out = String::from("'");
    for (c, hidden) in marked(text) {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            c if hidden => {
                let _ = c
                    .encode_utf8(&mut [0; 4])
                    .bytes()
                    .try_for_each(|byte| write!(out, "\\{byte:03o}"));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect_to(name: &str) -> String {
        let mut out = String::new();
        connect(&mut out, &DatabaseName::new(name).unwrap());
        out
    }

    #[test]
    fn psql_connects_to_exactly_that_database() {
        for (name, line) in [
            ("payments", "payments"),
            ("Payments", "\"Payments\""),
            ("user", "\"user\""),
            (
                "a'b\"c\\",
                r#"-reuse-previous=on '"dbname=''a\\''b""c\\\\''"'"#,
            ),
            (
                "a\n\\! id",
                r#"-reuse-previous=on '"dbname=''a\012\\\\! id''"'"#,
            ),
            (
                "\u{9b}:x",
                r#"-reuse-previous=on '"dbname=''\302\233:x''"'"#,
            ),
        ] {
            assert_eq!(
                connect_to(name),
                format!("\\connect {line}\n\\encoding UTF8\n")
            );
        }
    }

    #[test]
    fn a_comment_stays_one() {
        let mut out = String::new();
        comment(&mut out, "a\nDROP TABLE t;");
        assert_eq!(out, "-- a\\nDROP TABLE t;\n");
    }
}
