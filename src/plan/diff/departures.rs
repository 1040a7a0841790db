//! Roles that are to go (`state: absent`): closed first, then relieved of what they own and hold in every database, and
//! dropped last. Where something they own stays, they keep what they hold there: what stays runs with it.

use std::collections::{BTreeMap, BTreeSet};

use super::Diff;
use super::emit::{Reason, step};
use super::objects::Lot;
use super::owners::Verdict;
use crate::model::{
    Database, DatabaseName, Dependence, Lifecycle, Object, ObjectKind, Preset, PrivilegeClass,
    RoleName, Tie, TieKind,
};
use crate::plan::expected::Expectations;
use crate::plan::standing::Standing;
use crate::plan::{Attribute, Change, Finding, Grounds, Rule, WithheldKind, statement};

/// What is known of departures while the plan is made.
#[derive(Default)]
pub(super) struct Departures {
    /// Who goes on owning something in which database.
    stuck: BTreeSet<(RoleName, DatabaseName)>,
    /// What keeps declared roles from being dropped, at its worst.
    unfinished: BTreeMap<RoleName, WithheldKind>,
    /// The same by role and database.
    unfinished_in: BTreeSet<(RoleName, DatabaseName)>,
}

impl Diff<'_> {
    /// Nobody logs in anew, and whoever is logged in is logged out.
    pub(super) fn closings(&mut self) {
        let state = self.state;
        for (role, declared) in self.cast.all_going() {
            let origin = self.origin(declared);
            if state.roles.get(&role).is_some_and(|role| role.login) {
                let change = Change::AlterRole {
                    role: role.clone(),
                    attributes: vec![Attribute::Login(false)],
                };
                let blocked = self.not_administered(&role);
                self.depart(
                    &role,
                    None,
                    step(change, Rule::RoleUndeclared, origin.as_ref()),
                    blocked,
                );
            }
            if state.retirement.sessions.contains(&role) {
                let change = Change::EndSessions { role: role.clone() };
                let blocked = self.out_of_reach(&role);
                self.depart(
                    &role,
                    None,
                    step(change, Rule::RoleUndeclared, origin.as_ref()),
                    blocked,
                );
            }
        }
    }

    /// Takes a step of a departure, or notes that the role cannot go.
    pub(super) fn depart(
        &mut self,
        role: &RoleName,
        database: Option<&DatabaseName>,
        step: crate::plan::Step,
        blocked: Option<Reason>,
    ) -> bool {
        self.note_unfinished(role, database, blocked.as_ref());
        self.push_or(step, blocked)
    }

    /// Whatever keeps a step of a departure from being taken keeps the role.
    pub(super) fn note_unfinished(
        &mut self,
        role: &RoleName,
        database: Option<&DatabaseName>,
        why: Option<&Reason>,
    ) {
        let (Some(reason), Some(declared)) = (why, self.cast.going(role)) else {
            return;
        };
        let worst = self
            .departures
            .unfinished
            .entry(declared.clone())
            .or_insert(reason.grounds.kind());
        *worst = (*worst).max(reason.grounds.kind());
        self.departures
            .unfinished_in
            .extend(database.map(|database| (role.clone(), database.clone())));
    }

    /// How bad what keeps a declared role is.
    pub(super) fn why_unfinished(&self, declared: &RoleName) -> WithheldKind {
        self.departures
            .unfinished
            .get(declared)
            .copied()
            .unwrap_or(WithheldKind::Decision)
    }

    /// Whether `role` goes, but goes on owning something in `database`.
    pub(super) fn is_stuck(&self, role: &RoleName, database: &DatabaseName) -> bool {
        self.departures
            .stuck
            .contains(&(role.clone(), database.clone()))
    }

    /// Who gets what a departing role owns: the only `ddl` role of the schema, else the heir.
    pub(super) fn next_owner(&self, lot: &Lot<'_>, declared: &RoleName) -> Verdict {
        if lot.group.dependence == Dependence::Extension {
            return Verdict::Left;
        }
        let owner = &lot.group.owner;
        let Some(to) = self.inheritor(lot, declared) else {
            let advice =
                format!("name an `heir` of `{declared}`, or give it to somebody: ALTER … OWNER TO");
            return Verdict::Wrong {
                to: None,
                blocked: Some(Reason::decision("nobody is to have it", advice)),
            };
        };
        let by = self.reach.transferrer([owner, &to]);
        let blocked = self
            .out_of_reach(owner)
            .or_else(|| self.out_of_reach(&to))
            .or_else(|| self.wants_more(lot, &to))
            .or_else(|| self.cannot_hand_over(lot, owner, &to))
            .or_else(|| self.container_blocked(lot, self.reach.name(&by)))
            .or_else(|| self.create_blocked(lot, &to))
            // What is declared there is granted by the new owner.
            .or_else(|| self.lacks_usage(lot, &to).filter(|_| self.is_managed(lot)))
            .or_else(|| self.waits(&to))
            .or_else(|| self.needs_a_word(lot, Standing::Retiring, &to));
        Verdict::Wrong {
            to: Some(to),
            blocked,
        }
    }

    fn inheritor(&self, lot: &Lot<'_>, declared: &RoleName) -> Option<RoleName> {
        let managed = self.policy.databases.get(lot.database);
        let object = &lot.members[0];
        let maker = || Some(self.reach.maker_name().clone());
        match (object, object.schema()) {
            (Object::Database(name), _) if self.policy.databases.contains_key(name) => {
                return maker();
            }
            (Object::Schema(schema), _)
                if managed.is_some_and(|one| one.schemas.contains_key(schema)) =>
            {
                return maker();
            }
            (_, Some(schema)) => {
                if let [ddl] = self.cast.with_preset(Preset::Ddl, lot.database, schema)[..] {
                    return Some(ddl.clone());
                }
            }
            _ => {}
        }
        self.heir_of(declared)
    }

    fn heir_of(&self, declared: &RoleName) -> Option<RoleName> {
        match &self.policy.roles.get(declared)?.lifecycle {
            Lifecycle::Absent { heir } => heir.clone(),
            Lifecycle::Present => None,
        }
    }

    /// Kinds of object whose new owner must be a superuser, or have rights on something else.
    fn wants_more(&self, lot: &Lot<'_>, to: &RoleName) -> Option<Reason> {
        let object = &lot.members[0];
        let more = matches!(
            object.kind(),
            ObjectKind::ForeignServer
                | ObjectKind::ForeignDataWrapper
                | ObjectKind::Language
                | ObjectKind::Tablespace
        );
        more.then(|| {
            let (kind, to) = (
                object.kind().words().to_uppercase(),
                statement::name(to.as_str()),
            );
            Reason::decision(
                "its new owner needs more than the old one's rights",
                format!("drop it, or whoever may runs: ALTER {kind} … OWNER TO {to}"),
            )
        })
    }

    /// First of all in a database: who goes on owning something there.
    pub(super) fn find_stuck(&mut self, name: &DatabaseName, lots: &[Lot<'_>]) {
        for lot in lots {
            let owner = &lot.group.owner;
            let free = lot.group.dependence == Dependence::Free;
            if free
                && self.cast.going(owner).is_some()
                && matches!(
                    self.heir(lot),
                    Verdict::Wrong {
                        blocked: Some(_),
                        ..
                    }
                )
            {
                self.departures.stuck.insert((owner.clone(), name.clone()));
            }
        }
        let state = self.state;
        for tie in state.retirement.ties.get(name).into_iter().flatten() {
            if self.tie_blocked(tie).is_some()
                && matches!(tie.kind, TieKind::Extension | TieKind::Owned)
            {
                self.departures
                    .stuck
                    .insert((tie.role.clone(), name.clone()));
            }
        }
    }

    fn tie_blocked(&self, tie: &Tie) -> Option<Reason> {
        let declared = self.cast.going(&tie.role)?;
        match &tie.kind {
            TieKind::Extension => match self.heir_of(declared) {
                Some(heir) => self
                    .out_of_reach(&tie.role)
                    .or_else(|| self.out_of_reach(&heir))
                    .or_else(|| self.waits(&heir)),
                None => Some(Reason::decision(
                    "nobody is to have it",
                    format!("name an `heir` of `{declared}`"),
                )),
            },
            TieKind::Owned => Some(Reason::decision(
                "its new owner needs more than the old one's rights",
                "drop it, or give it away",
            )),
            TieKind::Policy(owner) => self.out_of_reach(owner),
            TieKind::Own => None,
        }
    }

    /// What is left of departing roles in a database when they own and hold nothing more there.
    pub(super) fn remains(&mut self, name: &DatabaseName) {
        let state = self.state;
        let ties = state
            .retirement
            .ties
            .get(name)
            .map_or(&[][..], Vec::as_slice);
        for tie in ties {
            if let Some(reason) = self.tie_blocked(tie) {
                self.note_unfinished(&tie.role, Some(name), Some(&reason));
                let message = format!(
                    "{} is declared absent and {} depends on it",
                    tie.role, tie.object
                );
                let finding =
                    self.departure_finding(&tie.role, Some(name), tie.object.clone(), message);
                self.withhold_findings(vec![finding], reason);
            }
        }
        let going = self.cast.all_going();
        for (role, declared) in going
            .into_iter()
            .filter(|(role, _)| state.retirement.reaches(role, name))
        {
            let unfinished = self
                .departures
                .unfinished_in
                .contains(&(role.clone(), name.clone()));
            if !unfinished && !self.is_stuck(&role, name) {
                self.last_of(name, &role, declared, ties);
            }
        }
    }

    fn last_of(&mut self, name: &DatabaseName, role: &RoleName, declared: &RoleName, ties: &[Tie]) {
        let origin = self.origin(declared);
        let of_kind = |wanted: fn(&TieKind) -> bool| -> Vec<String> {
            let mine = ties
                .iter()
                .filter(|tie| tie.role == *role && wanted(&tie.kind));
            mine.map(|tie| tie.object.clone()).collect()
        };
        let moved = of_kind(|kind| matches!(kind, TieKind::Extension));
        if let (false, Some(to)) = (moved.is_empty(), self.heir_of(declared)) {
            let change = Change::ReassignOwned {
                database: name.clone(),
                from: role.clone(),
                to,
                moved,
            };
            self.push(step(change, Rule::RoleUndeclared, origin.as_ref()));
        }
        let owners: BTreeSet<RoleName> = ties
            .iter()
            .filter(|tie| tie.role == *role)
            .filter_map(|tie| match &tie.kind {
                TieKind::Policy(owner) => Some(self.owner_after(owner, name)),
                TieKind::Extension | TieKind::Owned | TieKind::Own => None,
            })
            .collect();
        let change = Change::DropOwned {
            database: name.clone(),
            role: role.clone(),
            dropped: of_kind(|kind| matches!(kind, TieKind::Policy(_) | TieKind::Own)),
            policies_of: owners.into_iter().filter(|owner| owner != role).collect(),
        };
        let blocked = self.out_of_reach(role);
        self.depart(
            role,
            Some(name),
            step(change, Rule::RoleUndeclared, origin.as_ref()),
            blocked,
        );
    }

    /// Roles that nothing depends on any more.
    pub(super) fn departures(&mut self) {
        self.closed_databases();
        for (role, declared) in self.cast.all_going() {
            let members = self.members_of(&role);
            let change = Change::DropRole {
                role: role.clone(),
                members,
            };
            let origin = self.origin(declared);
            let kept = self.departures.unfinished.get(declared).map(|kind| {
                Reason::on(
                    Grounds::after(*kind),
                    "something still depends on it",
                    "mend what is named above; the next run goes on from there",
                )
            });
            let blocked = self.not_administered(&role).or(kept);
            self.depart(
                &role,
                None,
                step(change, Rule::RoleUndeclared, origin.as_ref()),
                blocked,
            );
        }
    }

    /// Databases that let nobody in are named, with how much depends on whom there.
    fn closed_databases(&mut self) {
        let state = self.state;
        for ((role, database), count) in &state.retirement.dependents {
            let Some(database) = database else { continue };
            let entered = state.databases.contains_key(database)
                || state.retirement.elsewhere.contains_key(database);
            if entered || self.cast.going(role).is_none() {
                continue;
            }
            let what = if *count == 1 {
                "1 object".to_owned()
            } else {
                format!("{count} objects")
            };
            let quoted = statement::name(role.as_str());
            let reason = Reason::impossible(
                format!(
                    "`{}` does not get into database `{database}`",
                    self.reach.admin()
                ),
                format!(
                    "whoever gets in runs: REASSIGN OWNED BY {quoted} TO …; DROP OWNED BY {quoted}"
                ),
            );
            self.note_unfinished(role, Some(database), Some(&reason));
            let message =
                format!("{role} is declared absent and {what} of database {database} depend on it");
            let finding = self.departure_finding(role, Some(database), what, message);
            self.withhold_findings(vec![finding], reason);
        }
    }

    fn members_of(&self, role: &RoleName) -> Vec<RoleName> {
        let mine = self
            .state
            .memberships
            .iter()
            .filter(|edge| edge.role == *role && self.cast.going(&edge.member).is_none());
        let others = mine.map(|edge| &edge.member).filter(|member| {
            !matches!(
                self.cast.standing(member),
                Standing::Admin | Standing::System
            )
        });
        others
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Databases the policy does not manage: nothing is judged there but what belongs to roles that go.
    pub(super) fn elsewhere(&mut self) {
        let state = self.state;
        for (name, database) in &state.retirement.elsewhere {
            let expectations = Expectations::new(self.policy, name, database, state.server.major());
            self.lots(name, database, &[], None, &expectations);
            self.departing_defaults(name, database);
            self.remains(name);
        }
    }

    fn departing_defaults(&mut self, name: &DatabaseName, database: &Database) {
        let makers = self.ddl_roles(name);
        for actual in &database.defaults {
            if self.cast.standing_of(&actual.grantee) == Some(Standing::Retiring) {
                self.excess_default(name, actual, None, makers.contains(&actual.owner));
            }
        }
    }

    /// Who owns what `owner` owns now when the database's objects have been given away.
    fn owner_after(&self, owner: &RoleName, database: &DatabaseName) -> RoleName {
        let moves = |step: &crate::plan::Step| match &step.change {
            Change::ChangeOwner {
                database: place,
                objects,
                from,
                to,
                ..
            } if place == database
                && from == owner
                && objects
                    .iter()
                    .any(|object| object.kind().class() == PrivilegeClass::Relation) =>
            {
                Some(to.clone())
            }
            _ => None,
        };
        self.plan
            .steps
            .iter()
            .find_map(moves)
            .unwrap_or_else(|| owner.clone())
    }

    fn departure_finding(
        &self,
        role: &RoleName,
        database: Option<&DatabaseName>,
        what: String,
        message: String,
    ) -> Finding {
        Finding {
            path: vec![role.to_string(), "declared absent".into(), what],
            database: database.cloned(),
            role: Some(role.to_string()),
            origin: self
                .cast
                .going(role)
                .and_then(|declared| self.origin(declared)),
            ..Finding::new(Rule::RoleUndeclared, message)
        }
    }
}
