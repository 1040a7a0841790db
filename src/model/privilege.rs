//! Privileges of PostgreSQL and the classes of object they apply to.

use std::fmt;
use std::str::FromStr;

/// One privilege. <https://www.postgresql.org/docs/current/ddl-priv.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// Read a relation, column, large object or sequence value.
    Select,
    /// Add rows.
    Insert,
    /// Change rows, large objects or a sequence.
    Update,
    /// Remove rows.
    Delete,
    /// Empty a table, past row triggers and row security.
    Truncate,
    /// Point a foreign key at a table.
    References,
    /// Attach a trigger.
    Trigger,
    /// VACUUM, ANALYZE, REFRESH, CLUSTER, REINDEX, LOCK (17 and later).
    Maintain,
    /// Use a schema, sequence, type, language, server or wrapper.
    Usage,
    /// Create within a database, schema or tablespace.
    Create,
    /// Connect to a database.
    Connect,
    /// Create temporary tables in a database.
    Temporary,
    /// Call a routine.
    Execute,
    /// Set a configuration parameter (15 and later).
    Set,
    /// ALTER SYSTEM SET a configuration parameter (15 and later).
    AlterSystem,
}

/// Letter of the aclitem text, keyword and variant of each privilege, in bit order.
const TABLE: [(char, &str, Privilege); 15] = [
    ('r', "SELECT", Privilege::Select),
    ('a', "INSERT", Privilege::Insert),
    ('w', "UPDATE", Privilege::Update),
    ('d', "DELETE", Privilege::Delete),
    ('D', "TRUNCATE", Privilege::Truncate),
    ('x', "REFERENCES", Privilege::References),
    ('t', "TRIGGER", Privilege::Trigger),
    ('m', "MAINTAIN", Privilege::Maintain),
    ('U', "USAGE", Privilege::Usage),
    ('C', "CREATE", Privilege::Create),
    ('c', "CONNECT", Privilege::Connect),
    ('T', "TEMPORARY", Privilege::Temporary),
    ('X', "EXECUTE", Privilege::Execute),
    ('s', "SET", Privilege::Set),
    ('A', "ALTER SYSTEM", Privilege::AlterSystem),
];

impl Privilege {
    /// The keyword of GRANT.
    pub fn keyword(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The privilege an aclitem letter stands for.
    pub fn from_letter(letter: char) -> Option<Self> {
        TABLE.iter().find(|row| row.0 == letter).map(|row| row.2)
    }

    /// Every privilege.
    pub fn every() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.2)
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

impl FromStr for Privilege {
    type Err = ();

    /// Reads a keyword in any case; `TEMP` is `TEMPORARY`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text
            .split_ascii_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_ascii_uppercase();
        let text = if text == "TEMP" { "TEMPORARY" } else { &text };
        TABLE
            .iter()
            .find(|row| row.1 == text)
            .map(|row| row.2)
            .ok_or(())
    }
}

/// A set of privileges.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Privileges(u16);

impl Privileges {
    /// No privilege.
    pub const NONE: Self = Self(0);

    /// The set of `privileges`.
    pub const fn of(privileges: &[Privilege]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < privileges.len() {
            bits |= 1 << privileges[i] as u16;
            i += 1;
        }
        Self(bits)
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `privilege` is in the set.
    pub fn contains(self, privilege: Privilege) -> bool {
        self.0 & 1 << privilege as u16 != 0
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both sets have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What this set has and `other` has not.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The privileges in the set, in the order of the documentation.
    pub fn iter(self) -> impl Iterator<Item = Privilege> {
        Privilege::every().filter(move |privilege| self.contains(*privilege))
    }
}

impl FromIterator<Privilege> for Privileges {
    fn from_iter<I: IntoIterator<Item = Privilege>>(privileges: I) -> Self {
        privileges
            .into_iter()
            .fold(Self::NONE, |set, one| set.union(Self::of(&[one])))
    }
}

impl fmt::Display for Privileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &self
                .iter()
                .map(Privilege::keyword)
                .collect::<Vec<_>>()
                .join(", "),
        )
    }
}

impl fmt::Debug for Privileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl serde::Serialize for Privileges {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Privilege::keyword))
    }
}

/// Objects that share one set of applicable privileges and one hard-wired default ACL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrivilegeClass {
    /// A database.
    Database,
    /// A schema.
    Schema,
    /// A table or anything like one.
    Relation,
    /// A column of a relation.
    Column,
    /// A sequence.
    Sequence,
    /// A function, procedure, aggregate or window function.
    Routine,
    /// A type or domain.
    Type,
    /// A procedural language.
    Language,
    /// A foreign data wrapper.
    ForeignDataWrapper,
    /// A foreign server.
    ForeignServer,
    /// A large object.
    LargeObject,
    /// A configuration parameter.
    Parameter,
    /// A tablespace.
    Tablespace,
    /// An object that has an owner and no ACL.
    Owned,
}

impl PrivilegeClass {
    /// The privileges that exist for the class on a server of `major`.
    pub fn applicable(self, major: u32) -> Privileges {
        use Privilege as P;
        let all = match self {
            Self::Database => Privileges::of(&[P::Create, P::Connect, P::Temporary]),
            Self::Schema => Privileges::of(&[P::Usage, P::Create]),
            Self::Relation => Privileges::of(&[
                P::Select,
                P::Insert,
                P::Update,
                P::Delete,
                P::Truncate,
                P::References,
                P::Trigger,
                P::Maintain,
            ]),
            Self::Column => Privileges::of(&[P::Select, P::Insert, P::Update, P::References]),
            Self::Sequence => Privileges::of(&[P::Usage, P::Select, P::Update]),
            Self::Routine => Privileges::of(&[P::Execute]),
            Self::Type | Self::Language | Self::ForeignDataWrapper | Self::ForeignServer => {
                Privileges::of(&[P::Usage])
            }
            Self::LargeObject => Privileges::of(&[P::Select, P::Update]),
            Self::Parameter => Privileges::of(&[P::Set, P::AlterSystem]),
            Self::Tablespace => Privileges::of(&[P::Create]),
            Self::Owned => Privileges::NONE,
        };
        if major < 17 {
            all.minus(Privileges::of(&[P::Maintain]))
        } else {
            all
        }
    }

    /// What the owner has on a new object of the class, on whatever version: columns have no ACL of their own at first, and
    /// parameters have no owner.
    pub fn owner_default(self) -> Privileges {
        match self {
            Self::Column | Self::Parameter => Privileges::NONE,
            class => class.applicable(u32::MAX),
        }
    }

    /// What PUBLIC has on a new object of the class: the privileges of `acldefault()`.
    /// <https://www.postgresql.org/docs/current/ddl-priv.html#PRIVILEGES-SUMMARY-TABLE>
    pub fn public_default(self) -> Privileges {
        match self {
            Self::Database => Privileges::of(&[Privilege::Connect, Privilege::Temporary]),
            Self::Routine => Privileges::of(&[Privilege::Execute]),
            Self::Type | Self::Language => Privileges::of(&[Privilege::Usage]),
            _ => Privileges::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_bit_order() {
        for (bit, row) in TABLE.iter().enumerate() {
            assert_eq!(row.2 as usize, bit);
            assert_eq!(Privilege::from_letter(row.0), Some(row.2));
            assert_eq!(row.1.parse(), Ok(row.2));
        }
    }

    #[test]
    fn maintain_exists_from_17() {
        assert!(
            !PrivilegeClass::Relation
                .applicable(16)
                .contains(Privilege::Maintain)
        );
        assert!(
            PrivilegeClass::Relation
                .applicable(17)
                .contains(Privilege::Maintain)
        );
    }

    #[test]
    fn keywords_are_read_in_any_case_and_spacing() {
        assert_eq!("alter   system".parse(), Ok(Privilege::AlterSystem));
        assert_eq!("temp".parse(), Ok(Privilege::Temporary));
        assert_eq!("SELCT".parse::<Privilege>(), Err(()));
    }
}
