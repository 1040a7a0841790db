//! Code that runs as another role than the one that may change it.

use std::sync::Arc;

use super::{Object, RoleName, SchemaName};

/// Something that runs code of a role that neither makes the schema's objects nor is a superuser.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The function, domain or view; or the relation or domain with an expression that runs SQL text, or names what is not known;
    /// or a partition of the relation; or the relation itself, where `owner` may make triggers on it.
    pub code: Object,
    /// Who may change that, or make triggers on it.
    pub owner: RoleName,
    /// Where what runs it is; an event trigger is nowhere.
    pub schema: Option<SchemaName>,
    /// As whom it runs.
    pub runs: RunsAs,
    /// What runs it: one of those in this schema.
    pub by: Arc<str>,
    /// What makes it run as its owner: the table, statistics, materialized view or routine, or a sequence that goes with
    /// the table. A domain that runs SQL text is named itself.
    pub acting: Option<Acting>,
}

/// An object whose owner's rights code runs with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acting {
    /// The object.
    pub object: Object,
    /// The role that the code runs as.
    pub owner: RoleName,
}

impl Call {
    /// What runs it, as whom.
    pub fn line(&self) -> String {
        match &self.acting {
            Some(acting) => format!("{} runs it as {}, its owner", self.by, acting.owner),
            None => format!("{} runs it as {}", self.by, self.runs.whom()),
        }
    }
}

/// As whom code is run that does not say so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunsAs {
    /// Indexes, partition keys, extended statistics and materialized views: ANALYZE, REINDEX, autovacuum and REFRESH act as
    /// the owner. So do foreign keys with an action, and what that sets off; and SECURITY DEFINER routines.
    /// <https://www.postgresql.org/docs/current/sql-refreshmaterializedview.html>
    Owner,
    /// Triggers, defaults, generated columns, CHECK constraints, domains, indexes, partition keys, rules.
    Writer,
    /// Row security policies.
    ReaderOrWriter,
    /// Views.
    /// <https://www.postgresql.org/docs/current/rules-privileges.html>
    Reader,
    /// Routines and aggregates.
    Caller,
    /// Event triggers.
    Changer,
}

impl RunsAs {
    /// Whom, in words.
    pub fn whom(self) -> &'static str {
        match self {
            Self::Writer => "whoever writes there",
            Self::ReaderOrWriter => "whoever reads or writes there",
            Self::Reader => "whoever reads it",
            Self::Caller => "whoever calls it",
            Self::Owner => "its owner",
            Self::Changer => "whoever changes an object",
        }
    }
}
