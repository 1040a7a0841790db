//! Who is a member of what: of managed roles, and what managed roles are members of.

use std::collections::{BTreeMap, BTreeSet};

use super::emit::{Part, Reason, step};
use super::fence::IAM_GROUPS;
use super::{Diff, Phase};
use crate::model::{IamPrincipal, Lifecycle, Membership, Origin, RoleName};
use crate::plan::expected::is_ddl;
use crate::plan::standing::{Standing, of_iam_groups};
use crate::plan::{ApplyOption, Change, Edge, Rule, statement};

/// What is declared, by role and member.
type Wanted = BTreeMap<(RoleName, RoleName), (Edge, Origin)>;

impl Diff<'_> {
    pub(super) fn memberships(&mut self) {
        let wanted = self.wanted_edges();
        let mut left = self.state.memberships.clone();
        let by_google: BTreeSet<_> = of_iam_groups(self.policy, self.state).collect();
        let (own, granted_on): (Vec<_>, Vec<_>) = self
            .state
            .memberships
            .iter()
            .partition(|edge| self.reach.revoker(edge).is_some());
        for edge in own
            .into_iter()
            .chain(granted_on)
            .filter(|edge| !by_google.contains(edge))
        {
            self.actual_edge(edge, &wanted, &mut left);
        }
        self.find_unproven(&left);
        for (edge, origin) in wanted.values() {
            self.missing_edge(edge, origin, &left);
        }
    }

    fn wanted_edges(&self) -> Wanted {
        let mut wanted = BTreeMap::new();
        let mut want = |edge: Edge, origin: &Origin| {
            wanted.insert(
                (edge.role.clone(), edge.member.clone()),
                (edge, origin.clone()),
            );
        };
        let present = self
            .policy
            .roles
            .iter()
            .filter(|(_, role)| role.lifecycle == Lifecycle::Present);
        for (name, role) in present {
            let plain = |member: &RoleName, inherit: bool| Edge {
                role: name.clone(),
                member: member.clone(),
                admin: false,
                inherit,
                set: true,
            };
            for login in role.logins(name).iter().filter(|login| *login != name) {
                want(plain(login, !is_ddl(role)), &role.origin);
            }
            // A user that does not exist yet is a finding of its own.
            let users = role.iam.iter().map(IamPrincipal::user);
            for user in users.filter(|user| self.state.roles.contains_key(*user)) {
                want(plain(user, true), &role.origin);
            }
            for membership in &role.member_of {
                let edge = Edge {
                    role: membership.role.clone(),
                    member: name.clone(),
                    admin: membership.admin,
                    inherit: membership.inherit,
                    set: membership.set,
                };
                want(edge, &membership.origin);
            }
        }
        wanted
    }

    fn actual_edge(&mut self, edge: &Membership, wanted: &Wanted, left: &mut BTreeSet<Membership>) {
        if self
            .cast
            .going(&edge.role)
            .or_else(|| self.cast.going(&edge.member))
            .is_some()
        {
            // DROP ROLE ends it, whoever granted it.
            return;
        }
        if self.state.server.major() >= 16
            && let Some(declared) = self.cast.going(&edge.grantor)
        {
            // It would keep its grantor from being dropped; where it is declared, it is granted anew.
            let origin = self.origin(declared);
            return self.revoke_membership(edge, Rule::RoleUndeclared, origin.as_ref(), None, left);
        }
        if let Some((want, origin)) = wanted.get(&(edge.role.clone(), edge.member.clone())) {
            if self.exceeds(edge, want) {
                self.revoke_membership(edge, Rule::MembershipOptions, Some(origin), None, left);
            }
            return;
        }
        let (role, member) = (
            self.cast.standing(&edge.role),
            self.cast.standing(&edge.member),
        );
        let left_by_create_role = edge.admin
            && !edge.inherit
            && !edge.set
            && Some(&edge.grantor) == self.state.server.bootstrap.as_ref();
        if member == Standing::Iam && edge.role.as_str().starts_with(IAM_GROUPS) {
            return;
        }
        if member.is_managed() {
            let origin = self.origin(&edge.member);
            self.revoke_membership(
                edge,
                Rule::MembershipUnexpected,
                origin.as_ref(),
                None,
                left,
            );
        } else if role.is_managed() && member == Standing::Undeclared && !left_by_create_role {
            let blocked = (!self.options.prune).then(|| not_declared(&edge.member));
            let origin = self.origin(&edge.role);
            self.revoke_membership(edge, Rule::RoleUndeclared, origin.as_ref(), blocked, left);
        }
    }

    /// Before 16 an edge has no options of its own but ADMIN.
    fn exceeds(&self, edge: &Membership, want: &Edge) -> bool {
        let options = self.state.server.major() >= 16;
        edge.admin && !want.admin
            || options && (edge.inherit && !want.inherit || edge.set && !want.set)
    }

    fn revoke_membership(
        &mut self,
        edge: &Membership,
        rule: Rule,
        origin: Option<&Origin>,
        blocked: Option<Reason>,
        left: &mut BTreeSet<Membership>,
    ) {
        if !left.contains(edge) {
            // It went with the ADMIN option of whoever granted it.
            return;
        }
        let lost = self.granted_on(edge, left);
        let change = Change::RevokeMembership {
            membership: edge.clone(),
            cascade: lost.iter().map(|one| one.member.clone()).collect(),
        };
        let mut taken = step(change, rule, origin);
        taken.path = vec![
            edge.member.to_string(),
            format!("member of {} granted by {}", edge.role, edge.grantor),
        ];
        let blocked = self
            .irrevocable(edge)
            .or(blocked)
            .or_else(|| self.blocked_by_members(&lost));
        self.note_unfinished(&edge.grantor, None, blocked.as_ref());
        if self.push_or(taken, blocked) {
            left.remove(edge);
            left.retain(|one| !lost.contains(one));
        }
    }

    /// The memberships that end with the ADMIN option of this one. Before 16 nobody keeps account of who granted what.
    fn granted_on(&self, edge: &Membership, left: &BTreeSet<Membership>) -> BTreeSet<Membership> {
        let mut lost = BTreeSet::new();
        let mut frontier = vec![edge];
        while let Some(ended) = frontier.pop().filter(|_| self.state.server.major() >= 16) {
            let by_others = |one: &&Membership| {
                one.role == ended.role
                    && one.member == ended.member
                    && one.admin
                    && *one != ended
                    && !lost.contains(*one)
            };
            if ended.admin && !left.iter().any(|one| by_others(&one)) {
                let hanging = left
                    .iter()
                    .filter(|one| one.role == ended.role && one.grantor == ended.member);
                frontier.extend(hanging.filter(|one| lost.insert((*one).clone())));
            }
        }
        lost
    }

    /// Nobody the policy leaves alone loses a membership with somebody else's.
    fn blocked_by_members(&self, lost: &BTreeSet<Membership>) -> Option<Reason> {
        let spared = |edge: &&Membership| match self.cast.standing(&edge.member) {
            // Granted anew in the same transaction where it is declared.
            Standing::Declared | Standing::Login | Standing::Iam => false,
            Standing::Undeclared => !self.options.prune,
            Standing::Retiring => false,
            Standing::Admin | Standing::System | Standing::Ignored => true,
        };
        let edge = lost.iter().find(spared)?;
        Some(Reason::option(
            ApplyOption::Prune,
            format!(
                "`{}` would lose its membership in `{}`, which was granted on to it",
                edge.member, edge.role
            ),
            "grant it to them as the admin first, or use ",
        ))
    }

    /// From 16 on a membership ends in the name of its grantor, or with the grantor's ADMIN option.
    pub(super) fn irrevocable(&self, edge: &Membership) -> Option<Reason> {
        if self.reach.revoker(edge).is_some() {
            return None;
        }
        let ours = |one: &Membership| {
            one.role == edge.role
                && one.member == edge.grantor
                && one.admin
                && self.reach.revoker(one).is_some()
        };
        if self.cast.standing(&edge.grantor) == Standing::Undeclared
            && self.state.memberships.iter().any(ours)
        {
            return Some(not_declared(&edge.grantor));
        }
        let (way, member) = (self.way_to_end(edge), &edge.member);
        Some(Reason::impossible(
            format!(
                "it was granted by `{}`, and only its grantor takes it back",
                edge.grantor
            ),
            match self.holds_nothing(member) {
                true => {
                    let member = statement::name(member.as_str());
                    format!("DROP ROLE {member}, and apply makes it anew; or {way}")
                }
                false => way,
            },
        ))
    }

    /// One of the pair of logins of a role that is ours to drop: all of its memberships go with it, whoever granted them.
    fn holds_nothing(&self, login: &RoleName) -> bool {
        self.cast.standing(login) == Standing::Login && self.reach.administrator(login).is_some()
    }

    fn missing_edge(&mut self, edge: &Edge, origin: &Origin, left: &BTreeSet<Membership>) {
        let major = self.state.server.major();
        let rows: Vec<_> = left
            .iter()
            .filter(|one| one.role == edge.role && one.member == edge.member)
            .collect();
        let any = |option: fn(&Membership) -> bool| rows.iter().any(|row| option(row));
        let has = !rows.is_empty()
            && (!edge.admin || any(|row| row.admin))
            && (major < 16
                || ((!edge.inherit || any(|row| row.inherit))
                    && (!edge.set || any(|row| row.set))));
        if has {
            return;
        }
        let existed = self
            .state
            .memberships
            .iter()
            .any(|one| one.role == edge.role && one.member == edge.member);
        let rule = if existed {
            Rule::MembershipOptions
        } else {
            Rule::MembershipMissing
        };
        let Some((edge, part)) = self.of_phase(edge, left) else {
            return;
        };
        let blocked = self
            .not_administered(&edge.role)
            .or_else(|| self.options_wanted(&edge));
        self.push_part_or(
            step(Change::GrantMembership { edge }, rule, Some(origin)),
            part,
            blocked,
        );
    }

    /// What a run gives: one that only takes away gives no more than what it took too much of, and an unproven role gets no
    /// more in any.
    fn of_phase(&self, edge: &Edge, left: &BTreeSet<Membership>) -> Option<(Edge, Part)> {
        let ended = |row: &Membership| !left.contains(row);
        let rows = || {
            self.state
                .memberships
                .iter()
                .filter(|one| one.role == edge.role && one.member == edge.member)
        };
        let cut_back = self.unproven(&edge.member).is_some() && rows().any(ended);
        if self.options.phase != Phase::Contract && !cut_back {
            return Some((edge.clone(), Part::ByChange));
        }
        let held = |option: fn(&Membership) -> bool| rows().any(option);
        let restored = Edge {
            admin: edge.admin && held(|row| row.admin),
            inherit: edge.inherit && held(|row| row.inherit),
            set: edge.set && held(|row| row.set),
            ..edge.clone()
        };
        rows().any(ended).then_some((restored, Part::Keeps))
    }

    fn options_wanted(&self, edge: &Edge) -> Option<Reason> {
        let inherits = self
            .state
            .roles
            .get(&edge.member)
            .is_none_or(|member| member.inherit);
        let expressible = self.state.server.major() >= 16
            || (edge.set && (edge.inherit == inherits || self.is_login(edge)));
        (!expressible).then(|| {
            Reason::impossible(
                "before PostgreSQL 16 a membership has no INHERIT or SET option of its own",
                "leave the options out, or upgrade the instance",
            )
        })
    }

    /// The logins we lay out get INHERIT as their attribute in the same plan.
    fn is_login(&self, edge: &Edge) -> bool {
        matches!(
            self.cast.standing(&edge.member),
            Standing::Login | Standing::Iam
        )
    }
}

fn not_declared(role: &RoleName) -> Reason {
    Reason::option(
        ApplyOption::Prune,
        format!("`{role}` is not declared"),
        "declare it, put it under `ignore` or `admins`, or use ",
    )
}
