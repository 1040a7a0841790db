//! What row security leaves of a privilege. The server decides by the role that reads or writes: for a view that is its owner,
//! unless the view is one with `security_invoker`.
//! <https://www.postgresql.org/docs/current/sql-createpolicy.html>

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::Access;
use crate::model::{
    DatabaseName, Grantee, Object, Privilege, Privileges, RoleName, RowPolicy, RowSecurity,
    SecuredTable, State,
};

/// Privileges that are about rows.
pub const ON_ROWS: [Privilege; 4] = [
    Privilege::Select,
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
];

/// The rows that a privilege is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Row security does not apply.
    All,
    /// Those that these policies let through.
    SubjectTo(BTreeSet<Arc<str>>),
    /// None.
    None(NoRows),
}

/// Why a privilege is good for no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRows {
    /// The table whose row security it is.
    pub table: Object,
    /// The role whose policies count there: the role that holds the privilege, or the owner of a view.
    pub role: RoleName,
    command: Privilege,
    why: &'static str,
}

impl fmt::Display for NoRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            table,
            role,
            command,
            why,
        } = self;
        write!(f, "row security of {table}: {why} to {role} for {command}")
    }
}

/// The row security of one database, as one role meets it.
pub struct RowAccess<'a> {
    state: &'a State,
    database: &'a DatabaseName,
    security: &'a RowSecurity,
    /// What roles can act as, as far as it was asked.
    accesses: RefCell<BTreeMap<RoleName, Rc<Access<'a>>>>,
}

impl<'a> RowAccess<'a> {
    /// That of `database`; `None` where there is no row security in it.
    pub fn new(state: &'a State, database: &'a DatabaseName) -> Option<Self> {
        let security = &state.databases.get(database)?.row_security;
        (!security.tables.is_empty()).then(|| Self {
            state,
            database,
            security,
            accesses: RefCell::default(),
        })
    }

    /// The relations it is about.
    pub fn relations(&self) -> impl Iterator<Item = &'a Object> {
        self.security
            .tables
            .keys()
            .chain(self.security.views.keys())
    }

    /// The rows of `object` that `privilege` is good for as `role`; `held` is all that it holds there.
    pub fn rows(
        &self,
        role: &RoleName,
        object: &Object,
        privilege: Privilege,
        held: Privileges,
    ) -> Rows {
        self.follow((role, role), object, privilege, held, &mut BTreeSet::new())
    }

    /// Whether `role` has the privileges of `other` without SET ROLE.
    fn inherits(&self, role: &RoleName, other: &RoleName) -> bool {
        let mut known = self.accesses.borrow_mut();
        let access = known
            .entry(role.clone())
            .or_insert_with(|| Rc::new(Access::new(self.state, role, Some(self.database))));
        role == other || access.ways(other).inherits()
    }

    /// `reader` is the role that began, `role` the one whose rights count here: the owner of the view before, if any. A view
    /// with `security_invoker` reads as the first, wherever it is read from.
    fn follow<'o>(
        &'o self,
        (reader, role): (&RoleName, &RoleName),
        object: &'o Object,
        privilege: Privilege,
        held: Privileges,
        seen: &mut BTreeSet<&'o Object>,
    ) -> Rows {
        if let Some(table) = self.security.tables.get(object) {
            return self.of_table(role, object, table, privilege, held);
        }
        let Some(view) = self
            .security
            .views
            .get(object)
            .filter(|_| seen.insert(object))
        else {
            return Rows::All;
        };
        let writes = privilege != Privilege::Select;
        // What is written through a view of several relations goes to one of them: which, the server decides.
        if writes && view.relations.len() > 1 {
            return Rows::All;
        }
        let role = if view.invoker { reader } else { &view.owner };
        let below = view
            .relations
            .iter()
            .map(|one| self.follow((reader, role), one, privilege, held, seen))
            .collect();
        seen.remove(object);
        all_of(below)
    }

    fn of_table(
        &self,
        role: &RoleName,
        object: &Object,
        table: &SecuredTable,
        privilege: Privilege,
        held: Privileges,
    ) -> Rows {
        let exempt = self
            .state
            .roles
            .get(role)
            .is_some_and(|role| role.superuser || role.bypass_rls);
        let owns = self.inherits(role, &table.owner);
        if exempt || owns && !table.forced {
            return Rows::All;
        }
        // A statement that reads columns, in WHERE or RETURNING, is subject to the policies for SELECT as well.
        let reads = matches!(privilege, Privilege::Update | Privilege::Delete)
            && held.contains(Privilege::Select);
        let commands = [Some(privilege), reads.then_some(Privilege::Select)];
        let mut named = BTreeSet::new();
        for command in commands.into_iter().flatten() {
            match self.policies_for(role, table, command) {
                Ok(found) => named.extend(found),
                Err(why) => {
                    return Rows::None(NoRows {
                        table: object.clone(),
                        role: role.clone(),
                        command,
                        why,
                    });
                }
            }
        }
        Rows::SubjectTo(named)
    }

    /// The policies that apply to a command, or why no row passes them.
    fn policies_for(
        &self,
        role: &RoleName,
        table: &SecuredTable,
        command: Privilege,
    ) -> Result<Vec<Arc<str>>, &'static str> {
        let applies = |grantee: &Grantee| {
            grantee
                .role()
                .is_none_or(|named| self.inherits(role, named))
        };
        let is_for = |policy: &&RowPolicy| {
            let of_command = policy.command.is_none_or(|one| one == command);
            of_command && policy.roles.iter().any(applies)
        };
        let applying: Vec<_> = table.policies.iter().filter(is_for).collect();
        let (shows, admits) = (
            command != Privilege::Insert,
            matches!(command, Privilege::Insert | Privilege::Update),
        );
        if !applying.iter().any(|policy| policy.permissive) {
            let why = if applying.is_empty() {
                "no policy applies"
            } else {
                "only restrictive policies apply"
            };
            return Err(why);
        }
        let open = |closed: fn(&RowPolicy) -> bool| {
            let permits = applying
                .iter()
                .any(|policy| policy.permissive && !closed(policy));
            permits
                && !applying
                    .iter()
                    .any(|policy| !policy.permissive && closed(policy))
        };
        if shows && !open(|policy| policy.shows_nothing)
            || admits && !open(|policy| policy.admits_nothing)
        {
            return Err("the policies that apply let no row through");
        }
        Ok(applying.iter().map(|policy| policy.name.clone()).collect())
    }
}

/// What several relations together leave: nothing where none leaves anything.
fn all_of(rows: Vec<Rows>) -> Rows {
    let mut why = None;
    let (mut none, mut named) = (true, BTreeSet::new());
    for one in rows {
        match one {
            Rows::None(reason) => why = why.or(Some(reason)),
            Rows::SubjectTo(policies) => {
                none = false;
                named.extend(policies);
            }
            Rows::All => none = false,
        }
    }
    match why {
        Some(reason) if none => Rows::None(reason),
        // Some of what is joined has no row to show.
        Some(_) => Rows::SubjectTo(named),
        None if named.is_empty() => Rows::All,
        None => Rows::SubjectTo(named),
    }
}
