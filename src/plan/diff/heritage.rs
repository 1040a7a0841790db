//! Whose privileges a role has once the memberships of the plan are made: what a database's transaction finds.

use std::collections::{BTreeMap, BTreeSet};

use super::Diff;
use crate::model::{Membership, RoleName};
use crate::plan::{Attribute, Change};

/// Inherited memberships as they will be.
#[derive(Default)]
pub(super) struct Heritage(BTreeMap<RoleName, BTreeSet<RoleName>>);

impl Heritage {
    /// That of these memberships.
    pub(super) fn of(memberships: &BTreeSet<Membership>) -> Self {
        let mut heritage = Self::default();
        for edge in memberships.iter().filter(|edge| edge.inherit) {
            heritage
                .0
                .entry(edge.member.clone())
                .or_default()
                .insert(edge.role.clone());
        }
        heritage
    }

    /// Whether `member` has the privileges of `role`.
    pub(super) fn includes(&self, member: &RoleName, role: &RoleName) -> bool {
        self.all(member).contains(role)
    }

    /// Every role whose privileges `member` has, itself included.
    pub(super) fn all<'h>(&'h self, member: &'h RoleName) -> BTreeSet<&'h RoleName> {
        let mut reached = BTreeSet::from([member]);
        let mut frontier = vec![member];
        while let Some(next) = frontier.pop() {
            let above = self.0.get(next).into_iter().flatten();
            frontier.extend(above.filter(|role| reached.insert(role)));
        }
        reached
    }
}

impl Diff<'_> {
    /// The heritage after the memberships planned so far.
    pub(super) fn heritage(&self) -> Heritage {
        let steps = || self.plan.steps.iter().map(|step| &step.change);
        let ended = |edge: &Membership| {
            steps().any(|change| matches!(change, Change::RevokeMembership { membership, .. } if membership == edge))
        };
        // Before 16 it is the member's attribute, which the plan may set.
        let will_inherit = |member: &RoleName| {
            self.state.server.major() < 16
                && steps().any(|change| {
                    matches!(change, Change::AlterRole { role, attributes }
                        if role == member && attributes.contains(&Attribute::Inherit(true)))
                })
        };
        let mut heritage = Heritage::default();
        let mut add = |member: &RoleName, role: &RoleName| {
            heritage
                .0
                .entry(member.clone())
                .or_default()
                .insert(role.clone());
        };
        for edge in self.state.memberships.iter().filter(|edge| !ended(edge)) {
            if edge.inherit || will_inherit(&edge.member) {
                add(&edge.member, &edge.role);
            }
        }
        for change in steps() {
            match change {
                Change::GrantMembership { edge } if edge.inherit => add(&edge.member, &edge.role),
                _ => {}
            }
        }
        heritage
    }
}
