//! Row security: which rows of a table a role sees and writes, beside its privileges.
//! <https://www.postgresql.org/docs/current/ddl-rowsecurity.html>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Grantee, Object, Privilege, RoleName};

/// The tables of a database with row security, and the views that read them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowSecurity {
    /// Tables on which it is enabled.
    pub tables: BTreeMap<Object, SecuredTable>,
    /// Views that lead to such a table.
    pub views: BTreeMap<Object, SecuredView>,
}

/// A table with row security.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecuredTable {
    /// Its owner.
    pub owner: RoleName,
    /// FORCE ROW LEVEL SECURITY: the owner is subject to it, too.
    pub forced: bool,
    /// Its policies.
    pub policies: Vec<RowPolicy>,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPolicy {
    /// Its name.
    pub name: Arc<str>,
    /// The command it is for; `None`: all.
    pub command: Option<Privilege>,
    /// PERMISSIVE; otherwise RESTRICTIVE.
    pub permissive: bool,
    /// The roles it is for.
    pub roles: BTreeSet<Grantee>,
    /// USING is `false`: it shows no row.
    pub shows_nothing: bool,
    /// WITH CHECK, or USING where it has none, is `false`: it lets no row in.
    pub admits_nothing: bool,
}

/// A view that leads to tables with row security.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecuredView {
    /// Its owner.
    pub owner: RoleName,
    /// `security_invoker`: it reads as the role that reads it.
    pub invoker: bool,
    /// The relations that it names.
    pub relations: BTreeSet<Object>,
}
