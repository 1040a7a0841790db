//! Who is who: what the policy says of every role it may meet.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::model::{
    DatabaseName, Grantee, IamKind, IamPrincipal, Lifecycle, Logins, Membership, Policy, Preset,
    Role, RoleName, SchemaName, State, Strategy, pair,
};
use crate::rotation::{Reading, read};

/// What a role is to the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Declared: its privileges are exactly the policy's.
    Declared,
    /// One of the pair of logins of a declared role: holds nothing of its own.
    Login,
    /// The database user of an IAM principal the policy names.
    Iam,
    /// May reach everything: `admins`, the executing admin, the bootstrap superuser.
    Admin,
    /// PostgreSQL's or Cloud SQL's own.
    System,
    /// Other people's, by `ignore`.
    Ignored,
    /// To go, by `state: absent`, or one of the logins of such a role.
    Retiring,
    /// Anybody else, dropped roles that left an entry included.
    Undeclared,
}

impl Standing {
    /// Whether the policy says exactly what the role may do.
    pub fn is_managed(self) -> bool {
        matches!(self, Self::Declared | Self::Login | Self::Iam)
    }
}

/// The answer to "who is that" for every role.
pub struct Cast<'a> {
    policy: &'a Policy,
    admins: BTreeSet<RoleName>,
    logins: BTreeMap<RoleName, RoleName>,
    iam: BTreeSet<RoleName>,
    /// What is left of pairs whose role logs in itself by now: in use until rotation has moved on, closed after it.
    former: BTreeSet<RoleName>,
    /// Roles that are to go, each login with its role.
    retiring: BTreeMap<RoleName, &'a RoleName>,
    /// The roles with each preset on each schema, in order of name.
    presets: HashMap<(&'a DatabaseName, &'a SchemaName), Vec<(Preset, &'a RoleName)>>,
    /// The answer for every role there is: asked for every entry of every ACL.
    known: HashMap<RoleName, Standing>,
}

/// The roles there are that `policy` wants to be no more, logins of a pair before their role; each with the declared role.
/// A login is told by its `role` setting where the policy does not say that there was a pair.
pub fn retiring<'a>(
    policy: &'a Policy,
    roles: &BTreeMap<RoleName, Role>,
) -> Vec<(RoleName, &'a RoleName)> {
    let mut going = Vec::new();
    for (name, policy_of) in policy
        .roles
        .iter()
        .filter(|(_, role)| role.lifecycle != Lifecycle::Present)
    {
        let alternates = policy_of.rotation.strategy == Strategy::Alternate;
        let logins = pair(name).filter(|login| !policy.roles.contains_key(login));
        going.extend(
            logins
                .filter(|login| {
                    roles
                        .get(login)
                        .is_some_and(|role| alternates || role.becomes(name))
                })
                .map(|login| (login, name)),
        );
        going.extend(roles.contains_key(name).then(|| (name.clone(), name)));
    }
    going
}

/// The logins that were a pair of a role that logs in itself: told by their `role` setting, and either with the credential
/// that is in use or with none.
fn former(policy: &Policy, state: &State) -> BTreeSet<RoleName> {
    let mut former = BTreeSet::new();
    let present = policy
        .roles
        .iter()
        .filter(|(_, role)| role.lifecycle == Lifecycle::Present);
    for (name, role) in present.filter(|(_, role)| role.rotation.strategy == Strategy::Single) {
        let secret = role
            .secret
            .as_ref()
            .and_then(|secret| state.secrets.get(&secret.name));
        let logins = Logins::of(policy, name, &state.roles);
        let Reading { ledger, problems } = secret
            .map(|one| read(one, &logins, state.server.now))
            .unwrap_or_default();
        // What a malformed annotation keeps from being known is no reason to judge a login.
        let stored = |login: &RoleName| {
            !problems.is_empty()
                || ledger.login.as_ref().is_some_and(|one| one.name() == login)
                || ledger
                    .previous()
                    .is_some_and(|previous| previous.login.name() == login)
        };
        let is_former = |login: &RoleName| {
            let Some(found) = state.roles.get(login) else {
                return false;
            };
            found.becomes(name)
                && !policy.roles.contains_key(login)
                && (!found.login || stored(login))
        };
        former.extend(pair(name).filter(is_former));
    }
    former
}

/// The roles with each preset on each schema.
fn presets(policy: &Policy) -> HashMap<(&DatabaseName, &SchemaName), Vec<(Preset, &RoleName)>> {
    let mut presets = HashMap::<_, Vec<_>>::new();
    for (name, role) in policy
        .roles
        .iter()
        .filter(|(_, role)| role.lifecycle == Lifecycle::Present)
    {
        for (database, schema, preset) in role.presets.iter() {
            presets
                .entry((database, schema))
                .or_default()
                .push((preset, name));
        }
    }
    presets
}

/// The groups of the users that Cloud SQL makes when a member of an IAM group logs in for the first time.
const MADE_FOR_GROUPS: [&str; 2] = ["cloudsqliamgroupserviceaccount", "cloudsqliamgroupuser"];

/// The memberships by which such users are members of the role of a declared IAM group.
/// <https://cloud.google.com/sql/docs/postgres/iam-authentication#iam-group-auth>
pub fn of_iam_groups<'a>(
    policy: &'a Policy,
    state: &'a State,
) -> impl Iterator<Item = &'a Membership> {
    let present = policy
        .roles
        .values()
        .filter(|role| role.lifecycle == Lifecycle::Present);
    let principals = present
        .flat_map(|role| &role.iam)
        .filter(|principal| principal.kind() == IamKind::Group);
    let groups: BTreeSet<&RoleName> = principals.map(IamPrincipal::user).collect();
    let made = |edge: &&Membership| MADE_FOR_GROUPS.contains(&edge.role.as_str());
    let made: BTreeSet<&RoleName> = match groups.is_empty() {
        true => BTreeSet::new(),
        false => state
            .memberships
            .iter()
            .filter(made)
            .map(|edge| &edge.member)
            .collect(),
    };
    let is_its =
        move |edge: &&Membership| groups.contains(&edge.role) && made.contains(&edge.member);
    let known = |role: &RoleName| policy.roles.contains_key(role) || policy.admins.contains(role);
    state
        .memberships
        .iter()
        .filter(is_its)
        .filter(move |edge| !edge.admin && !known(&edge.member))
}

impl<'a> Cast<'a> {
    /// The cast of one instance.
    pub fn new(policy: &'a Policy, state: &State) -> Self {
        let mut admins = policy.admins.clone();
        admins.extend(state.server.admin.clone());
        admins.extend(state.server.bootstrap.clone());
        let mut logins = BTreeMap::new();
        let mut iam = BTreeSet::new();
        let retiring = retiring(policy, &state.roles).into_iter().collect();
        for (name, role) in policy
            .roles
            .iter()
            .filter(|(_, role)| role.lifecycle == Lifecycle::Present)
        {
            logins.extend(
                role.logins(name)
                    .into_iter()
                    .filter(|login| login != name)
                    .map(|login| (login, name.clone())),
            );
            iam.extend(role.iam.iter().map(|principal| principal.user().clone()));
        }
        iam.extend(of_iam_groups(policy, state).map(|edge| edge.member.clone()));
        let (former, presets) = (former(policy, state), presets(policy));
        let mut cast = Self {
            policy,
            admins,
            logins,
            iam,
            former,
            retiring,
            presets,
            known: HashMap::new(),
        };
        cast.known = state
            .roles
            .keys()
            .map(|role| (role.clone(), cast.judge(role)))
            .collect();
        cast
    }

    /// What `role` is.
    pub fn standing(&self, role: &RoleName) -> Standing {
        self.known
            .get(role)
            .copied()
            .unwrap_or_else(|| self.judge(role))
    }

    fn judge(&self, role: &RoleName) -> Standing {
        if self.retiring.contains_key(role) {
            Standing::Retiring
        } else if self.policy.roles.contains_key(role) {
            Standing::Declared
        } else if self.former.contains(role) {
            Standing::Ignored
        } else if self.logins.contains_key(role) {
            Standing::Login
        } else if self.iam.contains(role) {
            Standing::Iam
        } else if self.admins.contains(role) {
            Standing::Admin
        } else if role.is_system() {
            Standing::System
        } else if self
            .policy
            .ignore
            .iter()
            .any(|pattern| pattern.matches(role.as_str()))
        {
            Standing::Ignored
        } else {
            Standing::Undeclared
        }
    }

    /// The declared role that `role` is a login of; else itself.
    pub fn declared<'r>(&'r self, role: &'r RoleName) -> &'r RoleName {
        self.logins.get(role).unwrap_or(role)
    }

    /// The declared role that goes with `role`, where it goes.
    pub fn going(&self, role: &RoleName) -> Option<&'a RoleName> {
        self.retiring.get(role).copied()
    }

    /// Every role that goes, with the declared role it goes with.
    pub fn all_going(&self) -> Vec<(RoleName, &'a RoleName)> {
        self.retiring
            .iter()
            .map(|(role, declared)| (role.clone(), *declared))
            .collect()
    }

    /// What `grantee` is; `None` for PUBLIC.
    pub fn standing_of(&self, grantee: &Grantee) -> Option<Standing> {
        grantee.role().map(|role| self.standing(role))
    }

    /// The roles with `preset` on a schema, in order of name.
    pub fn with_preset(
        &self,
        preset: Preset,
        database: &DatabaseName,
        schema: &SchemaName,
    ) -> Vec<&'a RoleName> {
        let all = self.presets.get(&(database, schema)).into_iter().flatten();
        all.filter(|(one, _)| *one == preset)
            .map(|(_, role)| *role)
            .collect()
    }
}
