//! Roles that are to lose LOGIN, or to go, and what works as them.

use std::collections::BTreeMap;

use super::Diff;
use crate::model::{Lifecycle, RoleName, Strategy};
use crate::plan::{Attribute, Change, Finding, Rule, Severity, possible_jobs, role_uses};

/// What becomes of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It lost LOGIN, or is to, and is to go.
    Goes,
    /// It is to lose LOGIN.
    Closes,
    /// A login of a pair: each rotation closes one, and jobs belong to the role.
    Alternates,
}

impl Diff<'_> {
    /// One warning for each.
    pub(super) fn role_uses(&mut self) {
        let state = self.state;
        for (role, fate) in self.fates() {
            let mut uses = role_uses(state, &role);
            if fate != Fate::Alternates {
                uses.extend(possible_jobs(state, &role));
            }
            for (object, clause) in uses {
                self.note_use(&role, fate, object, &clause);
            }
        }
    }

    fn fates(&self) -> BTreeMap<RoleName, Fate> {
        let mut fates = BTreeMap::new();
        for (name, declared) in &self.policy.roles {
            let alternates =
                declared.secret.is_some() && declared.rotation.strategy == Strategy::Alternate;
            if declared.lifecycle == Lifecycle::Present
                && (alternates || !declared.declares_login())
            {
                let pair = declared
                    .logins(name)
                    .into_iter()
                    .map(|login| (login, Fate::Alternates));
                fates.extend(pair.filter(|_| alternates));
                fates.insert(name.clone(), Fate::Closes);
            }
        }
        for step in &self.plan.steps {
            if let Change::AlterRole { role, attributes } = &step.change
                && attributes.contains(&Attribute::Login(false))
            {
                fates.entry(role.clone()).or_insert(Fate::Closes);
            }
        }
        fates.retain(|role, _| self.state.roles.get(role).is_some_and(|role| role.login));
        fates.extend(
            self.cast
                .all_going()
                .into_iter()
                .map(|(role, _)| (role, Fate::Goes)),
        );
        fates
    }

    fn note_use(&mut self, role: &RoleName, fate: Fate, object: String, clause: &str) {
        let (rule, what) = match fate {
            Fate::Goes => (Rule::RoleUndeclared, "is declared absent"),
            Fate::Closes => (Rule::RoleAttribute, "is to lose LOGIN"),
            Fate::Alternates => (Rule::RoleAttribute, "loses LOGIN in turn"),
        };
        self.note(Finding {
            severity: Severity::Warning,
            role: Some(role.to_string()),
            path: vec![role.to_string(), what.into(), object.clone()],
            object: Some(object),
            ..Finding::new(rule, format!("{role} {what}, and {clause}"))
        });
    }
}
