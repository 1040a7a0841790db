//! Views, and rules of tables: what they lead to with the rights of their owners.

use std::sync::Arc;

use super::{Object, Privilege, Privileges, RoleName};

/// A view that reads with the rights of its owner, or a relation whose rules act with them.
/// <https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-NOTES>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Its owner.
    pub owner: RoleName,
    /// The relations it names.
    pub shows: Vec<Shown>,
}

/// One relation that a view or a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The table, or another view.
    pub relation: Object,
    /// The columns of it that are named; none where only rows are counted.
    pub columns: Vec<Arc<str>>,
    /// How one comes to it.
    pub by: By,
}

/// How a view or a rule leads to a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// It shows its rows, and passes these of INSERT, UPDATE and DELETE on to it.
    Showing(Privileges),
    /// A role that may do `on` makes a rule do `does`.
    /// <https://www.postgresql.org/docs/current/rules-privileges.html>
    Rule {
        /// INSERT, UPDATE or DELETE.
        on: Privilege,
        /// What its actions do with the relation.
        does: Privileges,
    },
}
