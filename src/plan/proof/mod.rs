//! What a credential is to prove: that its login can do what the policy says, and is refused what it does not say. Pure:
//! the statements are made here, and tried elsewhere.
//!
//! A statement that is to be refused is tried only where the catalogs call it refused too; where they do not, that alone is
//! the finding. What is tried takes no lock that a reader or writer would notice, fires no trigger and is rolled back.

mod commands;
mod judge;
mod relations;
mod rights;
mod trust;
mod ways;

use std::collections::{BTreeMap, BTreeSet};

pub use trust::untrusted_owners;
pub use ways::{Found, Way};

use super::Finding;
use crate::model::{DatabaseName, Given, Object, Policy, Privilege, Privileges, RoleName, State};

/// What one role is to be able to do in one database, and what it must not.
#[derive(Debug, Clone)]
pub struct Charter {
    /// The role.
    pub role: RoleName,
    /// The database.
    pub database: DatabaseName,
    /// What it is to hold on each object.
    pub rights: Vec<Right>,
    /// Relations that are not planned, since planning would run the code of others as the role: the catalogs answer.
    pub unplanned: BTreeSet<Object>,
    commands: Vec<Trial>,
    policy_origin: crate::model::Origin,
    given: Given,
    major: u32,
}

/// What a role is to hold on an object, and what it must not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// The object.
    pub object: Object,
    /// Whose it is.
    pub owner: RoleName,
    /// What must work.
    pub must: Privileges,
    /// What must be refused.
    pub must_not: Privileges,
    /// What of `must` row security leaves without rows: it is held, and every row is refused.
    pub without_rows: Privileges,
    /// The first of the objects that share owner and ACL: what is true of it is true of the others, and a refusal is a line
    /// in the server's log.
    pub representative: bool,
}

/// What the server says that a session holds on an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// The privileges, by whatever path.
    pub privileges: Privileges,
    /// A column that UPDATE can name.
    pub column: Option<String>,
}

/// What a session holds on each object that is still there.
pub type Holdings = BTreeMap<Object, Held>;

/// A statement that shows what a login can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// In words, to be put behind `can` or `cannot`: `create tables in schema app`.
    pub what: String,
    /// The object concerned, as printed.
    pub object: Option<String>,
    /// The privilege concerned.
    pub privilege: Option<Privilege>,
    /// An SQL expression by which the catalogs say whether it can.
    pub question: Option<String>,
    /// The statement; `None` where asking is all that can be done without harm.
    pub statement: Option<String>,
    /// What is to come of it.
    pub expected: Expected,
}

/// What is to come of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It works.
    Works,
    /// It is refused for want of a privilege.
    Refused,
}

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The server did it.
    Done,
    /// The server refused for want of a privilege, in these words.
    Denied(String),
    /// It could not be tried, or failed for another reason: the catalogs' word stands.
    Open,
}

/// What came of a charter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof {
    /// How many things that must work do.
    pub works: usize,
    /// How many things that must be refused are.
    pub refused: usize,
    /// How many privileges are held and reach no row, for row security.
    pub without_rows: usize,
    /// What is not as it is to be.
    pub findings: Vec<Finding>,
}

/// What one login has shown in one database.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Proven {
    /// The role.
    pub role: RoleName,
    /// The login.
    pub login: RoleName,
    /// The database.
    pub database: DatabaseName,
    /// How many things that must work do.
    pub works: usize,
    /// How many things that must be refused are.
    pub refused: usize,
    /// How many privileges are held and reach no row, for row security: they are not among what works.
    pub without_rows: usize,
    /// Relations for which the catalogs alone answered: planning a statement would have run the code of others.
    pub not_planned: Vec<Object>,
}

/// What `role` is to prove, database by database. Databases that it may not enter are not among them.
pub fn charters(policy: &Policy, state: &State, role: &RoleName) -> Vec<Charter> {
    let Some(declared) = policy.roles.get(role) else {
        return Vec::new();
    };
    let entered = |name: &&DatabaseName| {
        let access = declared.presets.cover(name);
        access || declared.grants.iter().any(|grant| grant.database == **name)
    };
    let names = policy
        .databases
        .keys()
        .filter(entered)
        .filter(|name| state.databases.contains_key(*name));
    names
        .map(|name| Charter {
            role: role.clone(),
            database: name.clone(),
            rights: rights::of(policy, state, role, name),
            unplanned: BTreeSet::new(),
            commands: commands::of(policy, state, role, name),
            policy_origin: declared.origin.clone(),
            given: policy.given.clone(),
            major: state.server.major(),
        })
        .collect()
}

impl Charter {
    /// What the session may do something with, and is not planned.
    pub fn not_planned(&self) -> Vec<Object> {
        let objects = self.rights.iter().map(|right| &right.object);
        objects
            .filter(|object| self.unplanned.contains(*object))
            .cloned()
            .collect()
    }

    /// Every statement to try, once it is known what the session holds.
    pub fn trials(&self, holdings: &Holdings) -> Vec<Trial> {
        let of_right = |right: &Right| {
            let planned = !self.unplanned.contains(&right.object);
            relations::trials(right, holdings.get(&right.object), planned, self.major)
        };
        self.rights
            .iter()
            .flat_map(of_right)
            .chain(self.commands.iter().cloned())
            .collect()
    }
}
