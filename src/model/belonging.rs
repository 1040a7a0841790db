//! Objects with an owner and without an ACL or schema.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::{RoleName, SchemaName, quote_identifier};

/// A publication, a subscription or an event trigger.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Belonging {
    /// Which of them.
    pub kind: BelongingKind,
    /// Its name.
    pub name: Arc<str>,
    /// Its owner.
    pub owner: RoleName,
    /// The schemas whose tables it publishes or writes, as far as it names any.
    pub schemas: BTreeSet<SchemaName>,
}

/// What kind of belonging it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BelongingKind {
    /// A publication.
    /// <https://www.postgresql.org/docs/current/sql-createpublication.html>
    Publication(PublicationExtent),
    /// A subscription of this database: it writes what another server sends.
    /// <https://www.postgresql.org/docs/current/logical-replication-security.html>
    Subscription,
    /// An event trigger.
    EventTrigger,
}

/// How much a publication shows. Only a superuser makes one that is not of named tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PublicationExtent {
    /// Tables it names.
    Tables,
    /// Whatever is in some schemas (15 and later).
    Schemas,
    /// Every table.
    Everything,
}

impl Belonging {
    /// The words of `ALTER <words> name OWNER TO`, in lower case.
    pub fn words(&self) -> &'static str {
        match self.kind {
            BelongingKind::Publication(_) => "publication",
            BelongingKind::Subscription => "subscription",
            BelongingKind::EventTrigger => "event trigger",
        }
    }
}

impl fmt::Display for Belonging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.words(), quote_identifier(&self.name))
    }
}
