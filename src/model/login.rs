//! The logins of a declared role: the only names that a credential can be for.

use std::collections::BTreeMap;

use super::{Policy, Role, RoleName};

/// What the names of a pair of logins end with.
const PAIR: [&str; 2] = ["_a", "_b"];

/// A login of a declared role. Only [`Logins`] makes one, from the policy and the catalogs: a name in an annotation or in a
/// payload is a text until it turns out to be one of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Login(RoleName);

impl Login {
    /// Its name.
    pub fn name(&self) -> &RoleName {
        &self.0
    }
}

impl std::ops::Deref for Login {
    type Target = RoleName;

    fn deref(&self) -> &RoleName {
        &self.0
    }
}

impl AsRef<RoleName> for Login {
    fn as_ref(&self) -> &RoleName {
        &self.0
    }
}

impl std::fmt::Display for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// The logins that the credential of one role can be for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logins {
    declared: Vec<Login>,
    every: Vec<Login>,
}

impl Logins {
    /// The logins of `role` on a server with the roles `found`; none where the policy does not declare it.
    ///
    /// The pair of a role that does not alternate is a former one: it counts as long as nothing else in the policy has the
    /// name, and a role of that name turns into `role`. An admin can make such a role by hand, so that being one of these is no
    /// proof: rotation changes it only with a seal.
    pub fn of(policy: &Policy, role: &RoleName, found: &BTreeMap<RoleName, Role>) -> Self {
        let Some(of_policy) = policy.roles.get(role) else {
            return Self::default();
        };
        let declared: Vec<_> = of_policy.logins(role).into_iter().map(Login).collect();
        let is_former = |login: &RoleName| {
            !is_taken(policy, login) && found.get(login).is_none_or(|found| found.becomes(role))
        };
        let mut every: Vec<_> = pair(role)
            .filter(is_former)
            .map(Login)
            .chain([Login(role.clone())])
            .collect();
        every.extend(declared.iter().cloned());
        every.sort();
        every.dedup();
        Self { declared, every }
    }

    /// The login that `text` names.
    pub fn parse(&self, text: &str) -> Option<Login> {
        self.every
            .iter()
            .find(|login| login.as_str() == text)
            .cloned()
    }

    /// Those that the policy declares: the role itself, or its pair.
    pub fn declared(&self) -> &[Login] {
        &self.declared
    }

    /// Those that have, had or may get the credential.
    pub fn every_login(&self) -> &[Login] {
        &self.every
    }
}

/// The names of the pair of logins of `role`, as far as they fit.
pub fn pair(role: &RoleName) -> impl Iterator<Item = RoleName> {
    PAIR.iter()
        .filter_map(|suffix| role.with_suffix(suffix).ok())
}

/// Whether the policy has another use for the name.
fn is_taken(policy: &Policy, name: &RoleName) -> bool {
    name.is_system()
        || policy.roles.contains_key(name)
        || policy.admins.contains(name)
        || policy
            .roles
            .values()
            .any(|role| role.iam.iter().any(|principal| principal.user() == name))
        || policy
            .ignore
            .iter()
            .any(|pattern| pattern.matches(name.as_str()))
}
