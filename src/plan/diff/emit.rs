//! Steps on their way into the plan: what the policy accepts is set aside, what another phase is for is left.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::heritage::Heritage;
use super::{Diff, Phase};
use crate::model::{Origin, Privilege, Privileges, RoleName};
use crate::plan::allow::allowance;
use crate::plan::phase::order;
use crate::plan::standing::Standing;
use crate::plan::{ApplyOption, Change, Finding, Grounds, Plan, Rule, Step, Withheld, findings};

/// Why a step is not taken.
pub(super) struct Reason {
    pub(super) grounds: Grounds,
    pub(super) reason: String,
    pub(super) advice: String,
}

impl Reason {
    pub(super) fn decision(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::on(Grounds::Decision, reason, advice)
    }

    /// `advice` followed by the option of `apply` that decides.
    pub(super) fn option(
        option: ApplyOption,
        reason: impl Into<String>,
        advice: impl fmt::Display,
    ) -> Self {
        let advice = format!("{advice}{option}");
        Self::on(Grounds::Option(option), reason, advice)
    }

    pub(super) fn impossible(reason: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::on(Grounds::Rights, reason, advice)
    }

    pub(super) fn on(
        grounds: Grounds,
        reason: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            grounds,
            reason: reason.into(),
            advice: advice.into(),
        }
    }
}

/// Which part of a deployment a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// That of its change: what takes something away contracts, everything else expands.
    ByChange,
    /// It gives back what another step of the same transaction takes, and so goes where that goes.
    Restores,
    /// The same where it gives no more than that, so that an unproven role gets it too.
    Keeps,
}

impl Diff<'_> {
    /// Takes a step, unless `blocked` says why not. Returns whether it is taken.
    pub(super) fn push_or(&mut self, step: Step, blocked: Option<Reason>) -> bool {
        self.push_part_or(step, Part::ByChange, blocked)
    }

    /// Takes a step of a part, unless `blocked` says why not. Returns whether it is taken.
    pub(super) fn push_part_or(&mut self, step: Step, part: Part, blocked: Option<Reason>) -> bool {
        match blocked {
            None => self.push_part(step, part),
            Some(reason) => {
                self.withhold(step, reason);
                false
            }
        }
    }

    /// Takes a step. Returns whether it is taken: not what the policy accepts, nor what another phase is for, nor what is in
    /// favor of an unproven role.
    pub(super) fn push(&mut self, step: Step) -> bool {
        self.push_part(step, Part::ByChange)
    }

    fn push_part(&mut self, step: Step, part: Part) -> bool {
        let Some(step) = self.set_unspelt_aside(step) else {
            return false;
        };
        let Some(step) = self.set_allowed_aside(step) else {
            return false;
        };
        let step = match self.seen_from_outside(step) {
            Ok(step) => step,
            Err((step, reason)) => {
                self.withhold(*step, reason);
                return false;
            }
        };
        let wanted = match self.options.phase {
            Phase::Both => true,
            Phase::Expand => !step.change.removes_access(),
            Phase::Contract => part != Part::ByChange || step.change.removes_access(),
        };
        let waits = step
            .change
            .in_favor_of()
            .filter(|_| wanted && part != Part::Keeps);
        if let Some(declared) = waits.and_then(|role| self.unproven(role)).cloned() {
            self.hold_back(&declared, &step);
            return false;
        }
        if wanted {
            self.merging.add(&mut self.plan.steps, step);
        }
        wanted
    }

    /// Leaves a step, and says why.
    pub(super) fn withhold(&mut self, step: Step, reason: Reason) {
        let Some(step) = self.set_unspelt_aside(step) else {
            return;
        };
        if let Grounds::Unproven(declared) = &reason.grounds {
            return self.hold_back(declared, &step);
        }
        if let Some(step) = self.set_allowed_aside(step) {
            self.withhold_findings(findings::of_withheld(&self.plan, &step), reason);
        }
    }

    /// Leaves a step about a name that cannot be written.
    pub(super) fn withhold_unspelt(&mut self, step: &Step, reason: Reason) {
        self.withhold_findings(findings::of_withheld(&self.plan, step), reason);
    }

    /// Leaves drift that no step of a plan mends, and says why. A finding has a statement of its own where it says what people
    /// may decide to do; else the grounds decide what is typed.
    pub(super) fn withhold_findings(&mut self, found: Vec<Finding>, reason: Reason) {
        let mended = |one: Finding| Finding {
            fix: one
                .fix
                .clone()
                .or_else(|| reason.grounds.fix(one.rule.plane(), &reason.advice)),
            ..one
        };
        let found = found.into_iter().map(mended).collect();
        self.leave(found, reason);
    }

    fn leave(&mut self, found: Vec<Finding>, reason: Reason) {
        let found: Vec<_> = found
            .into_iter()
            .filter_map(|one| self.unless_allowed(one))
            .collect();
        if !found.is_empty() {
            let Reason {
                grounds,
                reason,
                advice,
            } = reason;
            self.plan.withheld.push(Withheld {
                findings: found,
                summary: None,
                reason,
                advice,
                grounds,
            });
        }
    }

    /// A finding that is no drift.
    pub(super) fn note(&mut self, finding: Finding) {
        if let Some(finding) = self.unless_allowed(finding) {
            self.plan.notes.push(finding);
        }
    }

    pub(super) fn unless_allowed(&mut self, finding: Finding) -> Option<Finding> {
        let mut finding = finding.with_path();
        finding.instance.clone_from(&self.plan.instance);
        match allowance(self.policy, self.options.today, &finding) {
            None => Some(finding),
            Some(allow) => {
                finding.allowed = Some(allow.reason.clone());
                self.plan.notes.push(finding);
                None
            }
        }
    }

    /// The step without what the policy accepts; `None` when nothing is left of it. An object that the policy names in
    /// `allow` is a step of its own, so that only privileges are left to tell apart.
    fn set_allowed_aside(&mut self, mut step: Step) -> Option<Step> {
        if !self
            .policy
            .allow
            .iter()
            .any(|allow| allow.rule == step.rule.id())
        {
            return Some(step);
        }
        let found = findings::of_withheld(&self.plan, &step);
        let left: Vec<_> = found
            .into_iter()
            .filter_map(|one| self.unless_allowed(one))
            .collect();
        let is_left = |privilege: &Privilege| {
            left.iter()
                .any(|f| f.privilege.as_deref() == Some(privilege.keyword()))
        };
        step.change
            .restrict(Privilege::every().filter(is_left).collect());
        (!left.is_empty()).then_some(step)
    }

    /// The finished plan, its steps in the order they are to be taken.
    pub(super) fn finish(self) -> Plan {
        let members = self.members();
        let mut plan = self.plan;
        self.merging.finish(&mut plan.steps);
        plan.steps = order(plan.steps);
        plan.members = members;
        plan
    }

    /// Who has the privileges of roles that lose something: not the logins of the role itself, nor superusers and Cloud SQL's own.
    fn members(&self) -> BTreeMap<RoleName, BTreeSet<RoleName>> {
        let losers = self
            .plan
            .steps
            .iter()
            .filter_map(|step| match &step.change {
                Change::ChangeOwner { from, .. } | Change::ReassignOwned { from, .. } => Some(from),
                Change::Revoke { grantee, .. } => grantee.role(),
                Change::RevokeMembership { membership, .. } => Some(&membership.member),
                _ => None,
            });
        let losers: BTreeSet<&RoleName> = losers.collect();
        let mut members: BTreeMap<RoleName, BTreeSet<RoleName>> = BTreeMap::new();
        let before = Heritage::of(&self.state.memberships);
        for role in self
            .state
            .roles
            .values()
            .filter(|role| !role.superuser && !losers.is_empty())
        {
            let is_told = |other: &&RoleName| {
                losers.contains(*other) && self.cast.declared(&role.name) != *other
            };
            let held = before.all(&role.name);
            for other in held
                .into_iter()
                .filter(|other| **other != role.name)
                .filter(is_told)
            {
                if self.cast.standing(&role.name) != Standing::System {
                    members
                        .entry(other.clone())
                        .or_default()
                        .insert(role.name.clone());
                }
            }
        }
        members
    }
}

/// A step without a path.
pub(super) fn step(change: Change, rule: Rule, origin: Option<&Origin>) -> Step {
    Step {
        change,
        rule,
        path: Vec::new(),
        asked: None,
        origin: origin.cloned(),
        by_run: false,
    }
}

impl Change {
    /// The same change for no more than these privileges, where it is about privileges.
    fn restrict(&mut self, to: Privileges) {
        match self {
            Self::Grant { privileges, .. } | Self::Revoke { privileges, .. } => {
                *privileges = privileges.intersection(to)
            }
            Self::GrantDefault { default, .. } | Self::RevokeDefault { default, .. } => {
                default.privileges = default.privileges.intersection(to);
                default.grantable = default.grantable.intersection(to);
            }
            _ => {}
        }
    }
}
