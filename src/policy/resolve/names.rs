//! Names of roles to declare.

use super::Problems;
use crate::model::{Origin, RoleName};

/// Checks the name of a role that is to be made. Stricter than PostgreSQL, for the name comes to stand in connection
/// URLs, `.pgpass` lines and log prefixes.
pub(super) fn declared_role(
    name: &str,
    origin: &Origin,
    problems: &mut Problems,
) -> Option<RoleName> {
    let checked = problems.keep(origin, RoleName::new(name))?;
    let folded = name.to_lowercase();
    // CREATE ROLE refuses these: <https://www.postgresql.org/docs/current/sql-createrole.html>
    if folded == "public" || folded == "none" {
        problems.push_hint(
            origin,
            format!("`{name}` is a reserved word, no role can have it"),
            "choose another name",
        );
    } else if folded.starts_with("pg_") {
        problems.push_hint(
            origin,
            format!("`{name}` is a name that PostgreSQL keeps for itself"),
            "predefined roles are given with `member_of`",
        );
    } else if folded.starts_with("cloudsql") {
        problems.push(
            origin,
            format!("`{name}` is a name that Cloud SQL keeps for itself"),
        );
    } else if name.starts_with('-') {
        problems.push(
            origin,
            format!("the role name `{name}` begins with `-`: commands would take it for an option"),
        );
    } else if let Some(c) = name.chars().find(|c| !is_plain(*c)) {
        problems.push_hint(
            origin,
            format!("the role name `{}` contains {}", printable(name), shown(c)),
            "it will stand in URLs, .pgpass lines and log prefixes: use letters, digits, `_`, `-`, `.` and `@`",
        );
    }
    Some(checked)
}

/// The name without what would disturb a terminal.
fn printable(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_control() {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@')
}

fn shown(c: char) -> String {
    match c {
        ' ' => "a space".into(),
        '"' | '\'' | '`' => "a quote".into(),
        '\\' => "a backslash".into(),
        c if c.is_control() => format!("the control character U+{:04X}", u32::from(c)),
        c if c.is_whitespace() => format!("white space (U+{:04X})", u32::from(c)),
        c => format!("`{c}`"),
    }
}
