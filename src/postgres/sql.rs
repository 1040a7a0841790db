//! The statements, in files of their own, and what differs between major versions in them.

use std::borrow::Cow;

pub const SERVER: &str = include_str!("sql/server.sql");
pub const ROLES: &str = include_str!("sql/roles.sql");
pub const MEMBERSHIPS: &str = include_str!("sql/memberships.sql");
pub const SHARED_OBJECTS: &str = include_str!("sql/shared_objects.sql");
pub const OBJECTS: &str = concat!(
    include_str!("sql/objects.sql"),
    include_str!("sql/exposed.sql")
);
pub const DEFAULTS: &str = include_str!("sql/defaults.sql");
pub const BELONGINGS: &str = concat!(
    include_str!("sql/belongings.sql"),
    include_str!("sql/row_security.sql"),
    include_str!("sql/session_user.sql")
);
pub const CALLS: &str = concat!(
    include_str!("sql/code.sql"),
    include_str!("sql/unknown.sql"),
    include_str!("sql/calls.sql")
);
pub const UNPLANNABLE: &str = concat!(
    include_str!("sql/code.sql"),
    include_str!("sql/unplannable.sql")
);
pub const EXTENSION_VERSIONS: &str = include_str!("sql/extension_versions.sql");
pub const VIEWS: &str = include_str!("sql/views.sql");
pub const BLOCKER: &str = include_str!("sql/blocker.sql");
pub const DEPENDENTS: &str = include_str!("sql/dependents.sql");
pub const HELD: &str = include_str!("sql/held.sql");
pub const SESSION_CHECK: &str = include_str!("sql/session_check.sql");
pub const SESSIONS: &str = include_str!("sql/sessions.sql");
pub const ACTIVITY: &str = include_str!("sql/activity.sql");
pub const IDENTITY: &str = include_str!("sql/identity.sql");
pub const TIES: &str = include_str!("sql/ties.sql");
pub const TRY_LOCK: &str = include_str!("sql/try_lock.sql");
pub const HOLDS_LOCK: &str = include_str!("sql/holds_lock.sql");

/// The statement for a server of `major`: a line that starts with `-->=16 ` counts from 16 on, one that starts with
/// `--<16 ` below. All of it is ASCII: the server converts a whole statement, comments too, into the encoding of its
/// database, and refuses one with a character that the encoding lacks.
/// <https://www.postgresql.org/docs/current/multibyte.html#MULTIBYTE-AUTOMATIC-CONVERSION>
pub fn for_major(statement: &str, major: u32) -> Cow<'_, str> {
    if !statement.contains("-->=") && !statement.contains("--<") {
        return Cow::Borrowed(statement);
    }
    statement
        .lines()
        .map(|line| line_for(line, major))
        .flat_map(|line| [line, "\n"])
        .collect::<String>()
        .into()
}

/// The statement for a database that keeps bytes of any encoding: a column of a name, which ends with its number in a comment,
/// gets that number behind a byte that no UTF-8 has. `names.rs` takes them apart.
pub fn with_numbers(statement: &str) -> String {
    statement
        .split("::text/*")
        .enumerate()
        .map(|(index, part)| match part.split_once("*/") {
            Some((number, rest)) if index > 0 => format!("::text || E'\\xff' || {number}{rest}"),
            _ => part.to_owned(),
        })
        .collect()
}

fn line_for(line: &str, major: u32) -> &str {
    let (rest, from) = match (line.strip_prefix("-->="), line.strip_prefix("--<")) {
        (Some(rest), _) => (rest, true),
        (_, Some(rest)) => (rest, false),
        _ => return line,
    };
    match rest
        .split_once(' ')
        .and_then(|(bound, text)| Some((bound.parse::<u32>().ok()?, text)))
    {
        Some((bound, text)) if (major >= bound) == from => text,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_lines_count_for_their_versions_only() {
        let statement = "SELECT\n--<16  a\n-->=16  b\n";
        assert_eq!(for_major(statement, 15), "SELECT\n a\n-->=16  b\n");
        assert_eq!(for_major(statement, 16), "SELECT\n--<16  a\n b\n");
    }

    #[test]
    fn names_have_their_numbers_behind_them() {
        let statement = "SELECT a::text/*b.oid*/, c::text /* d */";
        assert_eq!(
            with_numbers(statement),
            "SELECT a::text || E'\\xff' || b.oid, c::text /* d */"
        );
    }

    #[test]
    fn no_mark_stands_where_it_would_stay_a_comment() {
        for statement in [
            SERVER,
            ROLES,
            MEMBERSHIPS,
            SHARED_OBJECTS,
            OBJECTS,
            DEFAULTS,
            BELONGINGS,
            VIEWS,
            HELD,
        ] {
            for line in statement
                .lines()
                .filter(|line| line.contains("-->=") || line.contains("--<"))
            {
                assert!(
                    line_for(line, 0) != line || line_for(line, 99) != line,
                    "{line}"
                );
            }
        }
    }
}
