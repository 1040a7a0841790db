//! Logins that Cloud SQL lets in by IAM alone. Its `pg_hba.conf` has a rule for the members of each group of IAM users, and such a
//! rule counts a member by whatever path, with or without INHERIT and SET: one membership of a managed role in an IAM user shuts
//! out everybody who is a member of that role. <https://cloud.google.com/sql/docs/postgres/iam-authentication>

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Finding, Rule};
use crate::model::{Lifecycle, Membership, Policy, RoleName, State};

/// The groups that Cloud SQL puts every IAM user into.
const GROUPS: &str = "cloudsqliam";

/// The memberships of each role.
type Above<'a> = BTreeMap<&'a RoleName, Vec<&'a Membership>>;

/// Logins named in a message.
const NAMED: usize = 5;

/// A membership by which logins come to one of the groups that are no IAM users themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IamOnly {
    /// The membership.
    pub edge: Membership,
    /// The group it leads to.
    pub group: RoleName,
    /// How the first of the logins comes there.
    pub path: Vec<String>,
    /// The logins: none of them can log in by password.
    pub logins: BTreeSet<RoleName>,
}

/// Whether `role` is a group of IAM users.
pub(super) fn is_iam_group(role: &RoleName) -> bool {
    role.as_str().starts_with(GROUPS)
}

/// The database users of IAM principals: the API names them by their addresses.
fn iam_users(state: &State) -> BTreeSet<&RoleName> {
    let edges = state
        .memberships
        .iter()
        .filter(|edge| is_iam_group(&edge.role));
    edges
        .map(|edge| &edge.member)
        .filter(|member| member.as_str().contains('@'))
        .collect()
}

/// The memberships that keep logins from their passwords, where one of these logins is an admin or one of the policy's.
pub fn iam_only(policy: &Policy, state: &State) -> Vec<IamOnly> {
    if !state
        .memberships
        .iter()
        .any(|edge| is_iam_group(&edge.role))
    {
        return Vec::new();
    }
    let judged = judged(policy, state);
    let (above, users) = (above(state), iam_users(state));
    let mut found: BTreeMap<&Membership, IamOnly> = BTreeMap::new();
    for role in state
        .roles
        .values()
        .filter(|role| !role.superuser && (role.login || judged.contains(&role.name)))
    {
        if users.contains(&role.name) || role.name.is_system() {
            continue;
        }
        let Some(way) = way(&above, &role.name) else {
            continue;
        };
        let Some(edge) = way.iter().rfind(|edge| !users.contains(&edge.member)) else {
            continue;
        };
        let Some(group) = way.last().map(|last| last.role.clone()) else {
            continue;
        };
        let entry = found.entry(edge).or_insert_with(|| IamOnly {
            edge: (*edge).clone(),
            group,
            path: path(&role.name, &way),
            logins: BTreeSet::new(),
        });
        if role.login
            || policy
                .roles
                .get(&role.name)
                .is_some_and(|role| role.secret.is_some())
        {
            entry.logins.insert(role.name.clone());
        }
    }
    found
        .into_values()
        .filter(|one| one.logins.iter().any(|login| judged.contains(login)))
        .collect()
}

/// The logins of the policy, and the admins.
fn judged(policy: &Policy, state: &State) -> BTreeSet<RoleName> {
    let present = policy
        .roles
        .iter()
        .filter(|(_, role)| role.lifecycle == Lifecycle::Present);
    let logins = present.flat_map(|(name, role)| role.logins(name));
    logins
        .chain(policy.admins.iter().cloned())
        .chain(state.server.admin.clone())
        .collect()
}

/// The memberships of each role.
fn above(state: &State) -> Above<'_> {
    let mut above = Above::new();
    state
        .memberships
        .iter()
        .for_each(|edge| above.entry(&edge.member).or_default().push(edge));
    above
}

/// The shortest chain of memberships from `login` to one of the groups.
fn way<'a>(above: &Above<'a>, login: &'a RoleName) -> Option<Vec<&'a Membership>> {
    let mut seen = BTreeSet::from([login]);
    let mut ways = VecDeque::from([(login, Vec::new())]);
    while let Some((role, way)) = ways.pop_front() {
        if is_iam_group(role) {
            return Some(way);
        }
        for edge in above
            .get(role)
            .into_iter()
            .flatten()
            .filter(|edge| seen.insert(&edge.role))
        {
            ways.push_back((&edge.role, way.iter().copied().chain([*edge]).collect()));
        }
    }
    None
}

fn path(login: &RoleName, way: &[&Membership]) -> Vec<String> {
    let lines = way.iter().map(|edge| format!("member of {}", edge.role));
    std::iter::once(login.to_string()).chain(lines).collect()
}

impl IamOnly {
    /// Who is shut out, and why.
    pub fn consequence(&self) -> String {
        let mut names: Vec<_> = self
            .logins
            .iter()
            .take(NAMED)
            .map(ToString::to_string)
            .collect();
        names.extend(
            (self.logins.len() > NAMED).then(|| format!("{} more", self.logins.len() - NAMED)),
        );
        format!(
            "Cloud SQL lets members of {} in by IAM alone, so that {} cannot log in by password",
            self.group,
            names.join(", ")
        )
    }

    /// The finding, where no other one is about the membership.
    pub fn finding(&self) -> Finding {
        let Membership {
            role,
            member,
            grantor,
            ..
        } = &self.edge;
        let message = format!(
            "{member} is a member of {role}, granted by {grantor}: {}",
            self.consequence()
        );
        Finding {
            role: Some(member.to_string()),
            object: Some(format!("role {role}")),
            path: self.path.clone(),
            ..Finding::new(Rule::MembershipUnexpected, message)
        }
    }

    /// `findings` with the one about the membership in front, which says what follows from it.
    pub(super) fn brought_forward(&self, findings: &mut Vec<Finding>) {
        let own = self.finding();
        let is_it = |one: &Finding| {
            let rules = [
                Rule::MembershipUnexpected,
                Rule::MembershipOptions,
                Rule::RoleUndeclared,
            ];
            rules.contains(&one.rule) && one.role == own.role && one.object == own.object
        };
        let first = match findings.iter().position(is_it) {
            Some(at) => {
                let found = findings.remove(at);
                Finding {
                    message: format!("{}; {}", found.message, self.consequence()),
                    ..found
                }
            }
            None => own,
        };
        findings.insert(0, first);
    }
}
