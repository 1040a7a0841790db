//! Roles, databases and tablespaces whose names cannot be sent. All databases share the names, as the bytes that they were made
//! with: where the server converts what it sends, a name that is nothing in the encoding of the database fails each statement
//! that shows it. <https://www.postgresql.org/docs/current/multibyte.html#MULTIBYTE-AUTOMATIC-CONVERSION>

use std::fmt;

use super::error::Cause;
use super::names::{Names, listed_name};
use crate::model::quote_literal;

/// SQLSTATEs of bytes that are no character of an encoding, and of a character that another one lacks.
const OF_ENCODING: [&str; 2] = ["22021", "22P05"];

/// Whether a statement failed by a text that could not be converted.
pub fn is_of_encoding(sqlstate: &str) -> bool {
    OF_ENCODING.contains(&sqlstate)
}

/// What has a name that the session cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable {
    kind: Kind,
    oid: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Role,
    Database,
    Tablespace,
}

impl Kind {
    fn parse(letter: char) -> Option<Self> {
        match letter {
            'r' => Some(Self::Role),
            'd' => Some(Self::Database),
            't' => Some(Self::Tablespace),
            _ => None,
        }
    }

    /// The word for it, its catalog, and the column of its name.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Role => ["role", "pg_roles", "rolname"],
            Self::Database => ["database", "pg_database", "datname"],
            Self::Tablespace => ["tablespace", "pg_tablespace", "spcname"],
        }
    }
}

impl Unreadable {
    /// Whose names the session check lists.
    pub fn listed(listed: &str) -> impl Iterator<Item = Self> {
        let entries = listed.split(' ').filter_map(listed_name);
        entries.filter_map(|(kind, oid, _)| Kind::parse(kind).map(|kind| Self { kind, oid }))
    }

    /// Fails where the name cannot be sent.
    pub fn question(self) -> String {
        let [_, catalog, column] = self.kind.words();
        format!(
            "SELECT {column} FROM pg_catalog.{catalog} WHERE oid OPERATOR(pg_catalog.=) {}",
            self.oid
        )
    }

    /// As the session check lists one whose name is `bytes`.
    pub fn with_bytes(self, bytes: &[u8]) -> String {
        let [word, ..] = self.kind.words();
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}{}:{digits}", &word[..1], self.oid)
    }

    /// What gives it a name in ASCII. The server writes the old one itself.
    fn rename(self) -> String {
        let [word, catalog, column] = self.kind.words();
        let oid = self.oid;
        let statement = format!("ALTER {} %I RENAME TO renamed_{oid}", word.to_uppercase());
        format!(
            "DO $$ BEGIN EXECUTE format({}, (SELECT {column} FROM {catalog} WHERE oid = {oid})); END $$",
            quote_literal(&statement)
        )
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [word, ..] = self.kind.words();
        write!(f, "{word} with OID {}", self.oid)
    }
}

/// Names that a statement could not show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the encoding of the database is {encoding}, in which the name of {} cannot be read",
    list(names)
)]
pub struct UnreadableNames {
    encoding: String,
    names: Vec<Unreadable>,
}

impl UnreadableNames {
    /// One line of advice.
    pub fn hint(&self) -> String {
        let renames: Vec<_> = self.names.iter().map(|name| name.rename()).collect();
        format!(
            "rename it, in a database with the encoding UTF8: {}",
            renames.join("; ")
        )
    }
}

fn list(names: &[Unreadable]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

impl Names {
    /// Why a statement failed: where its answer has a name that cannot be sent, by that name.
    pub(super) fn explain(&self, cause: Cause) -> Cause {
        let of_names =
            cause.sqlstate().is_some_and(is_of_encoding) && !self.unreadable().is_empty();
        if !of_names {
            return cause;
        }
        Cause::Names(Box::new(UnreadableNames {
            encoding: self.server_encoding().to_owned(),
            names: self.unreadable().to_vec(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_by_its_oid_and_renamed_by_the_server() {
        let listed: Vec<_> = Unreadable::listed("r16390:e95f78 d5:e9 x7:ff").collect();
        assert_eq!(listed.len(), 2);
        let names = UnreadableNames {
            encoding: "EUC_JP".into(),
            names: listed,
        };
        assert!(
            names
                .to_string()
                .ends_with("`role with OID 16390`, `database with OID 5` cannot be read"),
            "{names}"
        );
        assert!(
            names
                .hint()
                .contains("format('ALTER ROLE %I RENAME TO renamed_16390'"),
            "{}",
            names.hint()
        );
    }
}
