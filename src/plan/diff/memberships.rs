//! Who is a member of what: of managed roles, and what managed roles are members of.

use std::collections::BTreeMap;

use super::Diff;
use super::emit::{Reason, step};
use crate::model::{Lifecycle, Membership, Origin, RoleName};
use crate::plan::expected::is_ddl;
use crate::plan::standing::Standing;
use crate::plan::{Change, Edge, Rule};

/// The groups Cloud SQL puts every IAM user into.
/// <https://cloud.google.com/sql/docs/postgres/iam-authentication>
const IAM_GROUPS: &str = "cloudsqliam";

impl Diff<'_> {
    pub(super) fn memberships(&mut self) {
        let wanted = self.wanted_edges();
        let state = self.state;
        for edge in &state.memberships {
            self.actual_edge(edge, &wanted);
        }
        for (edge, origin) in wanted.values() {
            self.missing_edge(edge, origin);
        }
    }

    fn wanted_edges(&self) -> BTreeMap<(RoleName, RoleName), (Edge, Origin)> {
        let mut wanted = BTreeMap::new();
        let mut want = |edge: Edge, origin: &Origin| {
            wanted.insert((edge.role.clone(), edge.member.clone()), (edge, origin.clone()));
        };
        let present = self.policy.roles.iter().filter(|(_, role)| role.lifecycle == Lifecycle::Present);
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
            for login in role.iam.iter().filter(|login| self.state.roles.contains_key(*login)) {
                want(plain(login, true), &role.origin);
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

    fn actual_edge(&mut self, edge: &Membership, wanted: &BTreeMap<(RoleName, RoleName), (Edge, Origin)>) {
        if let Some((want, origin)) = wanted.get(&(edge.role.clone(), edge.member.clone())) {
            if self.exceeds(edge, want) {
                self.revoke_membership(edge, Rule::MembershipOptions, Some(origin), None);
            }
            return;
        }
        let (role, member) = (self.cast.standing(&edge.role), self.cast.standing(&edge.member));
        let left_by_create_role =
            edge.admin && !edge.inherit && !edge.set && Some(&edge.grantor) == self.state.server.bootstrap.as_ref();
        if member == Standing::Iam && edge.role.as_str().starts_with(IAM_GROUPS) {
            return;
        }
        if member.is_managed() {
            let origin = self.origin(&edge.member);
            self.revoke_membership(edge, Rule::MembershipUnexpected, origin.as_ref(), None);
        } else if role.is_managed() && member == Standing::Undeclared && !left_by_create_role {
            let blocked = (!self.options.prune).then(|| {
                Reason::decision(
                    format!("`{}` is not declared", edge.member),
                    "declare it, put it under `ignore` or `admins`, or use --prune",
                )
            });
            let origin = self.origin(&edge.role);
            self.revoke_membership(edge, Rule::RoleUndeclared, origin.as_ref(), blocked);
        }
    }

    /// Before 16 an edge has no options of its own but ADMIN.
    fn exceeds(&self, edge: &Membership, want: &Edge) -> bool {
        let options = self.state.server.major() >= 16;
        edge.admin && !want.admin || options && (edge.inherit && !want.inherit || edge.set && !want.set)
    }

    fn revoke_membership(&mut self, edge: &Membership, rule: Rule, origin: Option<&Origin>, blocked: Option<Reason>) {
        let change = Change::RevokeMembership { membership: edge.clone() };
        let mut taken = step(change, rule, origin);
        taken.path = vec![edge.member.to_string(), format!("member of {} granted by {}", edge.role, edge.grantor)];
        let blocked = self.irrevocable(edge).or(blocked);
        self.push_or(taken, blocked);
    }

    fn irrevocable(&self, edge: &Membership) -> Option<Reason> {
        if self.reach.revoker(edge).is_some() {
            return None;
        }
        let quote = crate::model::quote_identifier;
        let statement = format!(
            "REVOKE {} FROM {} GRANTED BY {}",
            quote(edge.role.as_str()),
            quote(edge.member.as_str()),
            quote(edge.grantor.as_str())
        );
        let who = format!("`{}`", edge.grantor);
        Some(Reason::impossible(
            format!("it was granted by {who}, and only its grantor or a superuser takes it back"),
            format!("{who} or a superuser runs: {statement}"),
        ))
    }

    fn missing_edge(&mut self, edge: &Edge, origin: &Origin) {
        let major = self.state.server.major();
        let rows = self.state.memberships.iter().filter(|one| one.role == edge.role && one.member == edge.member);
        // Rows that give too much are revoked as a whole, so they no longer count.
        let rows: Vec<_> = rows.filter(|row| !self.exceeds(row, edge) || self.reach.revoker(row).is_none()).collect();
        let any = |option: fn(&Membership) -> bool| rows.iter().any(|row| option(row));
        let has = !rows.is_empty()
            && (!edge.admin || any(|row| row.admin))
            && (major < 16 || ((!edge.inherit || any(|row| row.inherit)) && (!edge.set || any(|row| row.set))));
        if has {
            return;
        }
        let existed = self.state.memberships.iter().any(|one| one.role == edge.role && one.member == edge.member);
        let rule = if existed { Rule::MembershipOptions } else { Rule::MembershipMissing };
        let change = Change::GrantMembership { edge: edge.clone() };
        let blocked = self.not_administered(&edge.role).or_else(|| self.options_wanted(edge));
        self.push_or(step(change, rule, Some(origin)), blocked);
    }

    fn options_wanted(&self, edge: &Edge) -> Option<Reason> {
        let inherits = self.state.roles.get(&edge.member).is_none_or(|member| member.inherit);
        let expressible =
            self.state.server.major() >= 16 || (edge.set && (edge.inherit == inherits || self.is_login(edge)));
        (!expressible).then(|| {
            Reason::impossible(
                "before PostgreSQL 16 a membership has no INHERIT or SET option of its own",
                "leave the options out, or upgrade the instance",
            )
        })
    }

    /// The logins we lay out get INHERIT as their attribute in the same plan.
    fn is_login(&self, edge: &Edge) -> bool {
        matches!(self.cast.standing(&edge.member), Standing::Login | Standing::Iam)
    }
}
