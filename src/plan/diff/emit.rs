//! Steps on their way into the plan: what the policy accepts is set aside, what another phase is for is left.

use super::{Diff, Phase};
use crate::model::{Allow, Object, Origin, Privileges, RoleName};
use crate::plan::phase::order;
use crate::plan::{Change, Finding, Plan, Rule, Step, Withheld, WithheldKind, findings};

/// Why a step is not taken.
pub(super) struct Reason {
    pub(super) kind: WithheldKind,
    pub(super) reason: String,
    pub(super) advice: String,
}

impl Reason {
    pub(super) fn decision(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { kind: WithheldKind::Decision, reason: reason.into(), advice: advice.into() }
    }

    pub(super) fn impossible(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { kind: WithheldKind::Impossible, reason: reason.into(), advice: advice.into() }
    }

    /// This admin cannot act as `role`.
    pub(super) fn unreachable(role: &RoleName, admin: &RoleName, major: u32) -> Self {
        let advice = if major < 16 {
            format!("a superuser, or `{role}` itself, has to do it")
        } else {
            format!(
                "a superuser, or whoever has ADMIN on it, runs: GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
                crate::model::quote_identifier(role.as_str()),
                crate::model::quote_identifier(admin.as_str()),
            )
        };
        Self::impossible(format!("`{admin}` cannot act as `{role}`"), advice)
    }
}

impl Diff<'_> {
    /// Takes a step, unless `blocked` says why not.
    pub(super) fn push_or(&mut self, step: Step, blocked: Option<Reason>) {
        match blocked {
            None => self.push(step),
            Some(reason) => self.withhold(step, reason),
        }
    }

    /// Takes a step.
    pub(super) fn push(&mut self, step: Step) {
        if let Some(step) = self.set_allowed_aside(step) {
            let wanted = match self.options.phase {
                Phase::Both => true,
                Phase::Expand => !step.change.removes_access(),
                Phase::Contract => step.change.removes_access(),
            };
            if wanted {
                self.plan.steps.push(step);
            }
        }
    }

    /// Leaves a step, and says why.
    pub(super) fn withhold(&mut self, step: Step, reason: Reason) {
        if let Some(step) = self.set_allowed_aside(step) {
            let found = findings::of_step(&self.plan, &step);
            self.withhold_findings(found, reason);
        }
    }

    /// Leaves drift that no statement of ours would mend, and says why.
    pub(super) fn withhold_findings(&mut self, found: Vec<Finding>, reason: Reason) {
        let found: Vec<_> = found.into_iter().filter_map(|one| self.unless_allowed(one)).collect();
        if !found.is_empty() {
            let Reason { kind, reason, advice } = reason;
            self.plan.withheld.push(Withheld { findings: found, reason, advice, kind });
        }
    }

    /// A finding that is no drift.
    pub(super) fn note(&mut self, finding: Finding) {
        if let Some(finding) = self.unless_allowed(finding) {
            self.plan.notes.push(finding);
        }
    }

    fn unless_allowed(&mut self, mut finding: Finding) -> Option<Finding> {
        finding.instance.clone_from(&self.plan.instance);
        match self.allowance(&finding) {
            None => Some(finding),
            Some(allow) => {
                finding.allowed = Some(allow.reason.clone());
                self.plan.notes.push(finding);
                None
            }
        }
    }

    fn allowance(&self, finding: &Finding) -> Option<&Allow> {
        let today = self.options.today;
        let fits = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        self.policy.allow.iter().find(|allow| {
            allow.rule == finding.rule.id()
                && allow.until.is_none_or(|until| today <= until)
                && fits(&allow.role, &finding.role)
                && fits(&allow.object, &finding.object)
                && fits(&allow.privilege, &finding.privilege)
        })
    }

    /// The step without what the policy accepts; `None` when nothing is left of it.
    fn set_allowed_aside(&mut self, step: Step) -> Option<Step> {
        if !self.policy.allow.iter().any(|allow| allow.rule == step.rule.id()) {
            return Some(step);
        }
        let found = findings::of_step(&self.plan, &step);
        let total = found.len();
        let left: Vec<_> = found.into_iter().filter_map(|one| self.unless_allowed(one)).collect();
        match left.len() {
            0 => None,
            rest if rest == total => Some(step),
            _ => self.narrow(step, &left),
        }
    }

    /// Some of the objects or privileges of a grant are accepted: what is left goes into steps of its own.
    fn narrow(&mut self, step: Step, left: &[Finding]) -> Option<Step> {
        let Some((objects, privileges)) = step.change.objects_and_privileges() else { return Some(step) };
        for object in objects {
            let text = object.to_string();
            let keep: Privileges = privileges
                .iter()
                .filter(|one| {
                    left.iter()
                        .any(|f| f.object.as_ref() == Some(&text) && f.privilege.as_deref() == Some(one.keyword()))
                })
                .collect();
            if !keep.is_empty() {
                let mut narrowed = step.clone();
                narrowed.change.restrict(vec![object.clone()], keep);
                self.plan.steps.push(narrowed);
            }
        }
        None
    }

    /// The finished plan, its steps in the order they are to be taken.
    pub(super) fn finish(self) -> Plan {
        let mut plan = self.plan;
        plan.steps = order(plan.steps);
        plan
    }
}

/// A step without a path.
pub(super) fn step(change: Change, rule: Rule, origin: Option<&Origin>) -> Step {
    Step { change, rule, path: Vec::new(), origin: origin.cloned() }
}

impl Change {
    /// The objects and privileges of a grant or revoke.
    fn objects_and_privileges(&self) -> Option<(&Vec<Object>, Privileges)> {
        match self {
            Self::Grant { objects, privileges, .. } | Self::Revoke { objects, privileges, .. } => {
                Some((objects, *privileges))
            }
            _ => None,
        }
    }

    fn restrict(&mut self, to: Vec<Object>, only: Privileges) {
        if let Self::Grant { objects, privileges, .. } | Self::Revoke { objects, privileges, .. } = self {
            *objects = to;
            *privileges = only;
        }
    }
}
