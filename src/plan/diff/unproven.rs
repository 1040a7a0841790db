//! Declared roles that others may act as: their password was set elsewhere, or undeclared roles are members of them. Until
//! that is decided they keep what they hold and get nothing more.

use std::collections::{BTreeMap, BTreeSet};

use super::Diff;
use super::emit::{Reason, step};
use super::heritage::Heritage;
use super::objects::Lot;
use super::owners::Judged;
use crate::model::{
    AclItem, DefaultPrivilege, Grantee, Group, Lifecycle, Membership, ObjectKind, Privilege,
    Privileges, RoleName, RolePolicy, Secret, Strategy, VersionState, quote_identifier,
};
use crate::plan::expected::Wanted;
use crate::plan::standing::Standing;
use crate::plan::{Attribute, Change, Extent, Finding, Grounds, Rule, Step, Withheld, findings};

/// The unproven roles by the declared role; its pair of logins is unproven with it.
#[derive(Default)]
pub(super) struct Unproven {
    roles: BTreeMap<RoleName, Waiting>,
    /// Inherited memberships before the plan.
    before: Heritage,
}

/// What waits until a role is proven.
struct Waiting {
    why: Why,
    changes: usize,
    findings: Vec<Finding>,
}

/// Why a role is unproven, and the ways out.
#[derive(Clone, Default)]
struct Why {
    reasons: Vec<String>,
    advice: Vec<String>,
}

impl Why {
    fn add(&mut self, reason: String, advice: String) {
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
            self.advice.push(advice);
        }
    }
}

impl Diff<'_> {
    /// Finds them once it is known which of the memberships stay: `left`.
    pub(super) fn find_unproven(&mut self, left: &BTreeSet<Membership>) {
        let policy = self.policy;
        let present = || {
            policy
                .roles
                .iter()
                .filter(|(_, role)| role.lifecycle == Lifecycle::Present)
        };
        let passwords: BTreeMap<&RoleName, Reason> = present()
            .filter_map(|(name, role)| Some((name, self.unknown_password(name, role)?)))
            .collect();
        let roles = present().filter_map(|(name, role)| {
            let why = self.why_unproven(name, role, left, &passwords)?;
            Some((
                name.clone(),
                Waiting {
                    why,
                    changes: 0,
                    findings: Vec::new(),
                },
            ))
        });
        let roles: BTreeMap<_, _> = roles.collect();
        let before = if roles.is_empty() {
            Heritage::default()
        } else {
            Heritage::of(&self.state.memberships)
        };
        self.unproven = Unproven { roles, before };
    }

    /// Goes through the role, its logins and all their members that the policy declares: each gets what the role gets.
    fn why_unproven(
        &self,
        name: &RoleName,
        role: &RolePolicy,
        left: &BTreeSet<Membership>,
        passwords: &BTreeMap<&RoleName, Reason>,
    ) -> Option<Why> {
        let mut why = Why::default();
        let mut frontier: Vec<RoleName> = std::iter::once(name.clone())
            .chain(role.logins(name))
            .collect();
        let mut seen: BTreeSet<RoleName> = frontier.iter().cloned().collect();
        while let Some(next) = frontier.pop() {
            if let Some(reason) = passwords.get(self.cast.declared(&next)) {
                why.add(reason.reason.clone(), reason.advice.clone());
            }
            for edge in left.iter().filter(|edge| edge.role == next) {
                let standing = self.cast.standing(&edge.member);
                if standing.is_managed() && seen.insert(edge.member.clone()) {
                    frontier.push(edge.member.clone());
                } else if standing == Standing::Undeclared && self.is_foreign(edge) {
                    let (reason, advice) = self.foreign_member(edge);
                    why.add(reason, advice);
                }
            }
        }
        (!why.reasons.is_empty()).then_some(why)
    }

    /// Not what CREATE ROLE leaves with its caller from 16 on, nor what the policy accepts.
    fn is_foreign(&self, edge: &Membership) -> bool {
        let left_by_create_role = edge.admin
            && !edge.inherit
            && !edge.set
            && Some(&edge.grantor) == self.state.server.bootstrap.as_ref();
        let ended = Change::RevokeMembership {
            membership: edge.clone(),
            cascade: Vec::new(),
        };
        !left_by_create_role && !self.is_accepted_step(&step(ended, Rule::RoleUndeclared, None))
    }

    fn foreign_member(&self, edge: &Membership) -> (String, String) {
        let quoted = |role: &RoleName| quote_identifier(role.as_str());
        let advice = match self.irrevocable(edge) {
            Some(reason) => reason.advice,
            None => {
                let (role, member) = (quoted(&edge.role), quoted(&edge.member));
                format!(
                    "REVOKE {role} FROM {member}, or use --prune, or declare `{}`",
                    edge.member
                )
            }
        };
        (
            format!(
                "undeclared `{}` is a member of `{}`",
                edge.member, edge.role
            ),
            advice,
        )
    }

    /// A password of a login of the role that is in no secret of ours, and that this plan does not replace or close.
    fn unknown_password(&self, name: &RoleName, role: &RolePolicy) -> Option<Reason> {
        if role.secret.is_some() {
            let unknown =
                self.nothing_stored(name, role) || self.state.tried.rejected.contains(name);
            return if unknown {
                self.live_login(name, role)
            } else {
                None
            };
        }
        let login = self.state.roles.get(name).is_some_and(|role| role.login);
        let closing = |step: &Step| closes(&step.change, name);
        let closed = Change::AlterRole {
            role: name.clone(),
            attributes: vec![Attribute::Login(false)],
        };
        let stays = login
            && !role.declares_login()
            && !self.plan.steps.iter().any(closing)
            && !self.is_accepted_step(&step(closed, Rule::RoleAttribute, None));
        stays.then(|| self.undeclared_login(name))
    }

    /// Whether the secret of the role holds no password of it.
    pub(super) fn nothing_stored(&self, name: &RoleName, role: &RolePolicy) -> bool {
        let secret = role
            .secret
            .as_ref()
            .and_then(|wanted| self.state.secrets.get(&wanted.name));
        secret.is_none_or(|secret| {
            self.kept_by_others(name, secret).is_some()
                || !is_stored(role.rotation.strategy, secret)
        })
    }

    /// Whether the policy accepts the finding that the step mends.
    fn is_accepted_step(&self, step: &Step) -> bool {
        let found: BTreeSet<_> = findings::of_withheld(&self.plan, step)
            .iter()
            .map(Finding::fingerprint)
            .collect();
        self.plan
            .notes
            .iter()
            .any(|note| note.allowed.is_some() && found.contains(&note.fingerprint()))
    }

    /// The unproven declared role that `role` is, or is a login of.
    pub(super) fn unproven(&self, role: &RoleName) -> Option<&RoleName> {
        self.unproven
            .roles
            .get_key_value(self.cast.declared(role))
            .map(|(declared, _)| declared)
    }

    /// Why `role` is not to get anything in this run.
    pub(super) fn waits(&self, role: &RoleName) -> Option<Reason> {
        let declared = self.unproven(role)?;
        Some(reason(declared, &self.unproven.roles.get(declared)?.why))
    }

    /// Adds a step to what waits for the role to be proven: together they are withheld once. No statement is given for it: that
    /// would do what is withheld.
    pub(super) fn hold_back(&mut self, declared: &RoleName, step: &Step) {
        let found: Vec<_> = findings::of_withheld(&self.plan, step)
            .into_iter()
            .filter_map(|one| self.unless_allowed(one))
            .collect();
        if let Some(waiting) = self
            .unproven
            .roles
            .get_mut(declared)
            .filter(|_| !found.is_empty())
        {
            waiting.changes += 1;
            waiting.findings.extend(found);
        }
    }

    /// One entry for each role with everything that waits for it.
    pub(super) fn withhold_from_unproven(&mut self) {
        for (role, waiting) in std::mem::take(&mut self.unproven.roles) {
            let Waiting {
                why,
                changes,
                findings,
            } = waiting;
            if findings.is_empty() {
                continue;
            }
            let Reason {
                reason,
                advice,
                grounds,
            } = reason(&role, &why);
            let plural = if changes == 1 { "" } else { "s" };
            let summary = Some(format!(
                "{changes} change{plural} for {}",
                quote_identifier(role.as_str())
            ));
            self.plan.withheld.push(Withheld {
                findings,
                summary,
                reason,
                advice,
                grounds,
            });
        }
    }

    /// What an unproven role would lose by other changes of the plan if nothing were granted: that much it is given.
    /// `None` where the role is proven.
    pub(super) fn would_lose(
        &self,
        lot: &Lot<'_>,
        judged: &Judged,
        role: &RoleName,
        left: &[std::sync::Arc<AclItem>],
    ) -> Option<Wanted> {
        self.unproven(role)?;
        let before = held(
            lot.group.kind,
            &lot.group.owner,
            lot.group.acl.items(),
            &self.unproven.before.all(role),
        );
        let after = held(
            lot.group.kind,
            &judged.owner,
            left,
            &self.heritage.all(role),
        );
        Some(Wanted {
            privileges: before.privileges.minus(after.privileges),
            grantable: before.grantable.minus(after.grantable),
        })
    }

    /// Whether `role` is given a privilege by a plan that gives it: where it is unproven, only what it had before.
    pub(super) fn is_given(&self, group: &Group, role: &RoleName, privilege: Privilege) -> bool {
        let had = || {
            held(
                group.kind,
                &group.owner,
                group.acl.items(),
                &self.unproven.before.all(role),
            )
        };
        self.unproven(role).is_none() || had().privileges.contains(privilege)
    }

    /// The same for future objects.
    pub(super) fn would_lose_by_default(&self, want: &DefaultPrivilege) -> Privileges {
        let Some(role) = want
            .grantee
            .role()
            .filter(|role| self.unproven(role).is_some())
        else {
            return Privileges::NONE;
        };
        let roles = self.unproven.before.all(role);
        // What PostgreSQL gives PUBLIC on objects that are still to be made costs nobody anything today.
        let built_in = |default: &DefaultPrivilege| {
            default.schema.is_none()
                && default
                    .privileges
                    .minus(default.objects.class().public_default())
                    .is_empty()
        };
        let lost = self
            .plan
            .steps
            .iter()
            .filter_map(|step| match &step.change {
                Change::RevokeDefault {
                    default,
                    extent: Extent::Privileges,
                    ..
                } if default.owner == want.owner
                    && default.objects == want.objects
                    && (default.schema.is_none() || default.schema == want.schema)
                    && !built_in(default)
                    && default
                        .grantee
                        .role()
                        .is_none_or(|grantee| roles.contains(grantee)) =>
                {
                    Some(default.privileges)
                }
                _ => None,
            });
        lost.fold(Privileges::NONE, Privileges::union)
    }
}

fn reason(role: &RoleName, why: &Why) -> Reason {
    Reason::on(
        Grounds::Unproven(role.clone()),
        why.reasons.join("; "),
        why.advice.join("; "),
    )
}

/// What the privileges of `roles` allow on objects of a kind that belong to `owner`.
fn held(
    kind: ObjectKind,
    owner: &RoleName,
    items: &[std::sync::Arc<AclItem>],
    roles: &BTreeSet<&RoleName>,
) -> Wanted {
    if roles.contains(owner) {
        let all = kind.class().applicable(u32::MAX);
        return Wanted {
            privileges: all,
            grantable: all,
        };
    }
    let theirs = |item: &&std::sync::Arc<AclItem>| match &item.grantee {
        Grantee::Public => true,
        Grantee::Role(role) => roles.contains(role),
    };
    let none = Wanted {
        privileges: Privileges::NONE,
        grantable: Privileges::NONE,
    };
    items.iter().filter(theirs).fold(none, |sum, item| Wanted {
        privileges: sum.privileges.union(item.privileges),
        grantable: sum.grantable.union(item.grantable),
    })
}

/// Whether a secret holds a password for the role, or one of a pair is being given one that nobody else has.
fn is_stored(strategy: Strategy, secret: &Secret) -> bool {
    let announced = secret
        .annotations
        .contains_key(crate::model::Annotations::PENDING);
    match (secret.current(), secret.latest()) {
        (None, _) if announced => {
            strategy == Strategy::Alternate
                || secret
                    .versions
                    .iter()
                    .any(|version| version.state == VersionState::Enabled)
        }
        (None, None) => false,
        _ => true,
    }
}

fn closes(change: &Change, login: &RoleName) -> bool {
    matches!(change, Change::AlterRole { role, attributes }
        if role == login && attributes.contains(&Attribute::Login(false)))
}
