//! Views, and what they show.

use std::sync::Arc;

use super::{Object, Privileges, RoleName};

/// A view that reads with the rights of its owner, whoever reads it.
/// <https://www.postgresql.org/docs/current/sql-createview.html#SQL-CREATEVIEW-NOTES>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Its owner.
    pub owner: RoleName,
    /// What of INSERT, UPDATE and DELETE it passes on to a table behind it.
    pub passes_on: Privileges,
    /// The relations it names.
    pub shows: Vec<Shown>,
}

/// One relation that a view names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The table, or another view.
    pub relation: Object,
    /// The columns of it that are named; none where only rows are counted.
    pub columns: Vec<Arc<str>>,
}
