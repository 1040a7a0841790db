//! Names as a server sends them. In the shared catalogs they are bytes that were valid where the role or database was made,
//! and in a database with the encoding SQL_ASCII every name is: a name may be no UTF-8.
//!
//! A session in a SQL_ASCII database asks for bytes as they are (`client_encoding` SQL_ASCII), since the server refuses to send
//! others as UTF-8. There the statements send the OID behind each name, set apart by a byte that UTF-8 does not have.
//! <https://www.postgresql.org/docs/current/multibyte.html#MULTIBYTE-CHARSET-SUPPORTED>

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::ops::Deref;

use tokio_postgres::Client;
use tokio_postgres::types::{FromSql, Type, accepts};

use super::error::Cause;
use super::unreadable::Unreadable;
use crate::model::{
    AclError, AclItem, DatabaseName, Encoding, NameError, RoleName, SchemaName, marked,
    numbered_name,
};

/// Sets a name and its OID apart; `sql.rs` writes it into the statements.
const MARK: u8 = 0xff;

/// A client, and how its session reads names.
pub struct Catalog {
    client: Client,
    names: Names,
}

impl Catalog {
    /// A client whose session reads names so.
    pub fn new(client: Client, names: Names) -> Self {
        Self { client, names }
    }

    /// How names are read.
    pub fn names(&self) -> &Names {
        &self.names
    }
}

impl Deref for Catalog {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// The encoding of a session's database, and the OIDs of what cannot be named there.
#[derive(Debug, Clone, Default)]
pub struct Names {
    server_encoding: String,
    unnameable: HashMap<(char, Vec<u8>), u32>,
    unreadable: Vec<Unreadable>,
}

impl Names {
    /// `listed` holds what the session check found beyond ASCII: kind, OID and name in hexadecimal digits.
    pub fn new(server_encoding: &str, listed: &str) -> Self {
        let mut names = Self {
            server_encoding: server_encoding.to_owned(),
            unnameable: HashMap::new(),
            unreadable: Vec::new(),
        };
        let converted = names.encoding() != Encoding::Kept;
        for (kind, oid, name) in listed.split(' ').filter_map(listed_name) {
            let spelt = Raw(&name).spelling(names.is_unchecked()).is_some();
            if converted && kind == 'r' || !spelt {
                names.unnameable.insert((kind, name), oid);
            }
        }
        names
    }

    /// The same, with what has names that the session cannot be sent.
    pub fn without(self, unreadable: Vec<Unreadable>) -> Self {
        Self { unreadable, ..self }
    }

    /// What has names that the session cannot be sent.
    pub(super) fn unreadable(&self) -> &[Unreadable] {
        &self.unreadable
    }

    /// The encoding of the database.
    pub(super) fn server_encoding(&self) -> &str {
        &self.server_encoding
    }

    /// Whether the database keeps bytes of any encoding.
    pub fn is_unchecked(&self) -> bool {
        self.server_encoding == "SQL_ASCII"
    }

    /// What becomes of names between a statement and the database.
    pub fn encoding(&self) -> Encoding {
        match self.server_encoding.as_str() {
            "" | "UTF8" | "SQL_ASCII" => Encoding::Kept,
            other => Encoding::Converted(other.to_owned()),
        }
    }

    /// The OID of what has this name and cannot be named by it.
    fn oid(&self, kind: char, name: Raw<'_>) -> Option<u32> {
        if name.0.is_ascii() {
            None
        } else {
            self.unnameable.get(&(kind, name.0.to_vec())).copied()
        }
    }

    /// A role.
    pub fn role(&self, name: Raw<'_>) -> Result<RoleName, Cause> {
        self.oid('r', name).map_or_else(
            || name.parse(RoleName::new),
            |oid| Ok(RoleName::with_oid(oid)),
        )
    }

    /// A database.
    pub fn database(&self, name: Raw<'_>) -> Result<DatabaseName, Cause> {
        self.oid('d', name).map_or_else(
            || name.parse(DatabaseName::new),
            |oid| Ok(DatabaseName::with_oid(oid)),
        )
    }

    /// A tablespace.
    pub fn tablespace<'a>(&self, name: Raw<'a>) -> Result<Cow<'a, str>, Cause> {
        match self.oid('t', name) {
            Some(oid) => Ok(numbered_name("with OID", oid).into()),
            None => name.spelt("with OID"),
        }
    }

    /// An entry of an ACL: what is not a name in it is ASCII.
    pub fn acl_item(&self, text: Raw<'_>) -> Result<AclItem, Cause> {
        let unknown = |_: AclError| Cause::unknown("the ACL entry", text.readable());
        if let (Some(text), true) = (text.utf8(), text.0.is_ascii()) {
            return AclItem::parse(text).map_err(unknown);
        }
        // A character for each byte, so that names that are no UTF-8 are told apart.
        let letters: String = text.0.iter().copied().map(char::from).collect();
        let role = |letters: &str| {
            let bytes: Vec<u8> = letters
                .chars()
                .filter_map(|letter| u8::try_from(letter).ok())
                .collect();
            self.role(Raw(&bytes)).ok()
        };
        AclItem::parse_with(&letters, role).map_err(unknown)
    }
}

/// `r16390:e95f78`
pub(super) fn listed_name(line: &str) -> Option<(char, u32, Vec<u8>)> {
    let mut letters = line.chars();
    let kind = letters.next()?;
    let (oid, digits) = letters.as_str().split_once(':')?;
    Some((kind, oid.parse().ok()?, bytes(digits)?))
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// The bytes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Raw<'a>(pub &'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw))
    }

    accepts!(TEXT, NAME, VARCHAR, UNKNOWN);
}

impl<'a> Raw<'a> {
    /// The text, where it is UTF-8.
    pub fn utf8(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// The text, where a statement can spell it: it is UTF-8, and in a database that keeps bytes of any encoding it hides no
    /// character, since the server takes no escape beyond ASCII there.
    /// <https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS>
    fn spelling(self, unchecked: bool) -> Option<&'a str> {
        let hides = |text: &str| marked(text).any(|(c, hidden)| hidden && !c.is_ascii());
        self.utf8().filter(|text| !unchecked || !hides(text))
    }

    /// The text to be read by people: what is no UTF-8 as `\xE9`.
    pub fn readable(self) -> String {
        let mut text = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}")));
        }
        text
    }

    /// The name, and the number that the statement sent behind it.
    pub fn numbered(self) -> (Self, Option<u32>) {
        let Some(at) = self.0.iter().rposition(|byte| *byte == MARK) else {
            return (self, None);
        };
        let number = Raw(&self.0[at + 1..])
            .utf8()
            .and_then(|digits| digits.parse().ok());
        if number.is_some() {
            (Self(&self.0[..at]), number)
        } else {
            (self, None)
        }
    }

    /// The name, or in its place `words` and the number.
    pub fn spelt(self, words: &str) -> Result<Cow<'a, str>, Cause> {
        let (name, number) = self.numbered();
        match (name.spelling(number.is_some()), number) {
            (Some(name), _) => Ok(name.into()),
            (None, Some(number)) => Ok(numbered_name(words, number).into()),
            (None, None) => Err(Cause::unknown("the name", self.readable())),
        }
    }

    /// The name of a schema.
    pub fn schema(self) -> Result<SchemaName, Cause> {
        let (name, number) = self.numbered();
        match (name.spelling(number.is_some()), number) {
            (None, Some(oid)) => Ok(SchemaName::with_oid(oid)),
            _ => name.parse(SchemaName::new),
        }
    }

    fn parse<T>(self, parse: impl FnOnce(&str) -> Result<T, NameError>) -> Result<T, Cause> {
        let parsed = self.utf8().and_then(|text| parse(text).ok());
        parsed.ok_or_else(|| Cause::unknown("the name", self.readable()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LISTED: &str = "r16390:e95f78 r16391:c3a9 d16392:e9 t1:ff x";

    #[test]
    fn what_is_no_utf8_is_named_by_its_oid() {
        let names = Names::new("UTF8", LISTED);
        assert_eq!(
            names.role(Raw(b"\xe9_x")).unwrap(),
            RoleName::with_oid(16390)
        );
        assert_eq!(names.role(Raw("é".as_bytes())).unwrap().as_str(), "é");
        assert_eq!(
            names.database(Raw(b"\xe9")).unwrap().to_string(),
            "database with OID 16392"
        );
        assert!(names.role(Raw(b"\xe9")).is_err(), "made since");
    }

    #[test]
    fn a_role_beyond_ascii_has_no_name_where_the_server_converts() {
        let names = Names::new("LATIN1", LISTED);
        assert_eq!(
            names.role(Raw("é".as_bytes())).unwrap(),
            RoleName::with_oid(16391)
        );
        assert_eq!(names.encoding(), Encoding::Converted("LATIN1".into()));
    }

    #[test]
    fn acl_entries_keep_the_roles_apart() {
        let names = Names::new("SQL_ASCII", LISTED);
        let item = names.acl_item(Raw(b"\"\xe9_x\"=r*w/\xc3\xa9")).unwrap();
        assert_eq!(item.grantee.to_string(), "role with OID 16390");
        assert_eq!(
            (item.grantor.as_str(), item.privileges.to_string().as_str()),
            ("é", "SELECT, UPDATE")
        );
    }

    #[test]
    fn the_oid_behind_a_name_counts_where_the_name_is_no_utf8() {
        let spelt = |bytes| Raw(bytes).spelt("with OID").unwrap().into_owned();
        assert_eq!(spelt(b"orders\xff16412"), "orders");
        assert_eq!(spelt(b"\xe9\xff7\xff16412"), "\0with OID 16412");
        assert!(Raw(b"\xe9").spelt("with OID").is_err());
        assert_eq!(Raw(b"\xe9\xff5").schema().unwrap().oid(), Some(5));
        assert_eq!(Raw(b"a\xe9\\").readable(), "a\\xE9\\");
        // A soft hyphen.
        assert_eq!(spelt(b"a\xc2\xadb\xff16412"), "\0with OID 16412");
        assert_eq!(spelt("größe\u{1}".as_bytes()), "größe\u{1}");
        assert_eq!(Raw(b"a\xc2\xadb").spelt("with OID").unwrap(), "a\u{ad}b");
    }

    proptest! {
        #[test]
        fn no_name_is_taken_for_another(name in prop::collection::vec(1u8.., 1..20), oid in any::<u32>()) {
            let sent = [&name, &b"\xff"[..], oid.to_string().as_bytes()].concat();
            let spelt = Raw(&sent).spelt("with OID").unwrap().into_owned();
            match Raw(&name).spelling(true) {
                Some(name) => prop_assert_eq!(spelt, name),
                None => prop_assert_eq!(crate::model::number_of(&spelt), Some(oid)),
            }
        }
    }
}
