//! Who can hold the lock of the instance, and so keep every run from starting.

use super::Diff;
use crate::model::{DatabaseName, Grantee, Group, Object, Privilege, Privileges, RoleName};
use crate::plan::lock_holder::{LOCK_DATABASE, may_run};
use crate::plan::standing::Standing;
use crate::plan::{Finding, Rule, Severity, advice, fix};

/// So many logins are named; the rest are counted.
const NAMED: usize = 5;

impl Diff<'_> {
    /// Undeclared logins that may connect to the database of the lock, by the entry that lets them in. Sessions of declared
    /// ones are ended by the run that needs the lock.
    pub(super) fn lock_database(&mut self) {
        let Ok(name) = DatabaseName::new(LOCK_DATABASE) else {
            return;
        };
        let Some(group) = self.reach.database(&name) else {
            return;
        };
        let state = self.state;
        let is_undeclared = |role: &RoleName| self.cast.standing(role) == Standing::Undeclared;
        let logins = state
            .roles
            .values()
            .filter(|role| role.login && is_undeclared(&role.name))
            .map(|role| &role.name);
        let logins: Vec<_> = logins
            .filter(|login| !may_run(&self.cast, &self.reach, state, login))
            .collect();
        let connect = Privileges::of(&[Privilege::Connect]);
        let mut grantees: Vec<_> = group
            .acl
            .items()
            .iter()
            .filter(|item| item.privileges.contains(Privilege::Connect))
            .collect();
        grantees.dedup_by(|a, b| a.grantee == b.grantee);
        for grantee in grantees.into_iter().map(|item| &item.grantee) {
            let let_in = |login: &&&RoleName| {
                grantee
                    .role()
                    .is_none_or(|role| self.reach.inherits(login, role))
            };
            let let_in: Vec<_> = logins
                .iter()
                .filter(let_in)
                .map(|login| login.to_string())
                .collect();
            if !let_in.is_empty() {
                let fix = self.keep_out(&name, group, grantee, connect);
                let losers = if fix.is_some() {
                    self.kept_out(group, grantee)
                } else {
                    Vec::new()
                };
                self.note_lock(&name, grantee, (&let_in, &losers), fix);
            }
        }
    }

    /// The statements that take CONNECT from `grantee`, and leave it to this admin.
    fn keep_out(
        &self,
        name: &DatabaseName,
        group: &Group,
        grantee: &Grantee,
        connect: Privileges,
    ) -> Option<String> {
        let objects = [Object::Database(name.clone())];
        let revokes = fix::revokes(name, group, &objects, (grantee, connect), &self.reach)?;
        let grant = (!self.reach.keeps_connect(group))
            .then(|| advice::grant_connect(name, self.reach.admin()));
        Some(
            grant
                .into_iter()
                .chain(revokes)
                .collect::<Vec<_>>()
                .join("; "),
        )
    }

    /// The logins that lose CONNECT with the entry of `grantee`: declared ones, too. This admin keeps it.
    fn kept_out(&self, group: &Group, grantee: &Grantee) -> Vec<String> {
        let lets_in = |login: &RoleName, to: &Grantee| {
            to.role()
                .is_none_or(|role| self.reach.inherits(login, role))
        };
        let entries = group
            .acl
            .items()
            .iter()
            .filter(|item| item.privileges.contains(Privilege::Connect));
        let others: Vec<_> = entries
            .map(|item| &item.grantee)
            .filter(|other| *other != grantee)
            .collect();
        let stays = |login: &RoleName| {
            login == self.reach.admin()
                || self.reach.inherits(login, &group.owner)
                || others.iter().any(|other| lets_in(login, other))
        };
        let logins = self
            .state
            .roles
            .values()
            .filter(|role| role.login && !role.superuser)
            .map(|role| &role.name);
        logins
            .filter(|login| lets_in(login, grantee) && !stays(login))
            .map(|login| format!("`{login}`"))
            .collect()
    }

    fn note_lock(
        &mut self,
        name: &DatabaseName,
        grantee: &Grantee,
        (let_in, losers): (&[String], &[String]),
        fix: Option<String>,
    ) {
        let object = Object::Database(name.clone()).to_string();
        let entry = format!("CONNECT on {object} granted to {grantee}");
        let who = some_of(let_in);
        let loss = match losers {
            [] => String::new(),
            losers => format!(
                "; the fix takes CONNECT on {object} from {}",
                losers.join(", ")
            ),
        };
        let message = format!(
            "{who} can keep every run from starting: {entry}, where the lock of a run is held{loss}"
        );
        self.note(Finding {
            severity: Severity::Warning,
            database: Some(name.clone()),
            role: Some(grantee.to_string()),
            object: Some(object),
            privilege: Some(Privilege::Connect.keyword().to_owned()),
            path: vec![who, entry],
            fix,
            ..Finding::new(Rule::LockExposed, message)
        });
    }
}

/// The first of them by name, the others by number.
fn some_of(logins: &[String]) -> String {
    let (named, others) = logins.split_at(logins.len().min(NAMED));
    match others.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
