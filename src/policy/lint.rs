//! Checks that need more than one place of the policy: small, and all in one table.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::place;
use super::{Problem, Problems};
use crate::model::{
    DeclaredMembership, IamPrincipal, Lifecycle, Object, Origin, Policy, Preset, RoleName,
    RolePolicy, SchemaName, SecretName, Strategy, Target,
};

type Check = fn(&Policy, &mut Problems);

const CHECKS: [Check; 7] = [
    logins_fit,
    logins_are_apart,
    principals_are_apart,
    admins_are_apart,
    ignored_are_apart,
    members_are_present,
    memberships_end,
];

/// Judges resolved policies.
pub(super) fn check(policies: &[Policy], problems: &mut Problems) {
    for policy in policies {
        CHECKS.iter().for_each(|check| check(policy, problems));
    }
    secrets_have_one_role(policies, problems);
}

/// The pair of logins of roles whose credential alternates.
fn pairs(policy: &Policy) -> impl Iterator<Item = (&RoleName, &RolePolicy, Vec<RoleName>)> {
    let alternating = |role: &RolePolicy| role.rotation.strategy == Strategy::Alternate;
    policy
        .roles
        .iter()
        .filter(move |(_, role)| alternating(role))
        .map(|(name, role)| (name, role, role.logins(name)))
}

fn logins_fit(policy: &Policy, problems: &mut Problems) {
    for (name, role, logins) in pairs(policy) {
        if logins.len() < 2 {
            let length = name.as_str().len();
            problems.push_hint(
                &role.origin,
                format!("`{name}` is {length} bytes long, with `_a` and `_b` more than the 63 that PostgreSQL keeps"),
                "61 bytes are left for the name of a role that alternates",
            );
        }
    }
}

/// A login must not be anyone else: neither a role nor a database user.
fn logins_are_apart(policy: &Policy, problems: &mut Problems) {
    let users: BTreeSet<_> = principals(policy).map(IamPrincipal::user).collect();
    for (name, role, logins) in pairs(policy) {
        for login in &logins {
            if let Some(other) = policy.roles.get(login) {
                let message = format!(
                    "`{login}` is a login of `{name}`, and a role at {}",
                    place(&other.origin)
                );
                problems.push(&role.origin, message);
            }
        }
    }
    let logins: BTreeSet<_> = pairs(policy).flat_map(|(_, _, logins)| logins).collect();
    for (name, role) in &policy.roles {
        if users.contains(name) {
            problems.push(
                &role.origin,
                format!("`{name}` is also the database user of an IAM principal"),
            );
        }
        for user in role
            .iam
            .iter()
            .map(IamPrincipal::user)
            .filter(|user| logins.contains(user))
        {
            problems.push(
                &role.origin,
                format!("the IAM user `{user}` is also a login that takes turns"),
            );
        }
    }
}

fn principals(policy: &Policy) -> impl Iterator<Item = &IamPrincipal> {
    policy.roles.values().flat_map(|role| &role.iam)
}

/// One database user cannot be two principals.
fn principals_are_apart(policy: &Policy, problems: &mut Problems) {
    let mut users: BTreeMap<&RoleName, &IamPrincipal> = BTreeMap::new();
    for principal in principals(policy) {
        let first = *users.entry(principal.user()).or_insert(principal);
        if first.is(principal) {
            continue;
        }
        let (account, at) = (principal.account(), place(&first.origin));
        if first.account() == account {
            problems.push(
                &principal.origin,
                format!("`{account}` is declared as a principal of another kind at {at}"),
            );
        } else {
            problems.push(
                &principal.origin,
                format!(
                    "the database users `{account}` and `{}` ({at}) are one: PostgreSQL keeps 63 bytes of a name",
                    first.account()
                ),
            );
        }
    }
}

/// Every role a policy makes for a declared one: itself and its logins.
fn made(policy: &Policy) -> impl Iterator<Item = (RoleName, &RolePolicy)> {
    let own = policy.roles.iter().map(|(name, role)| (name.clone(), role));
    own.chain(
        pairs(policy)
            .flat_map(|(_, role, logins)| logins.into_iter().map(move |login| (login, role))),
    )
}

fn admins_are_apart(policy: &Policy, problems: &mut Problems) {
    for (name, role) in made(policy).filter(|(name, _)| policy.admins.contains(name)) {
        problems.push_hint(
            &role.origin,
            format!("`{name}` is an admin, who may reach everything"),
            "a role is either declared or in `admins`; `postgres` always is an admin",
        );
    }
}

fn ignored_are_apart(policy: &Policy, problems: &mut Problems) {
    for (name, role) in made(policy) {
        if policy
            .ignore
            .iter()
            .any(|pattern| pattern.matches(name.as_str()))
        {
            problems.push(
                &role.origin,
                format!("`{name}` is declared, and matched by `ignore.roles`"),
            );
        }
    }
}

fn is_absent(policy: &Policy, name: &RoleName) -> bool {
    policy
        .roles
        .get(name)
        .is_some_and(|role| matches!(role.lifecycle, Lifecycle::Absent { .. }))
}

fn members_are_present(policy: &Policy, problems: &mut Problems) {
    for (name, role) in &policy.roles {
        for membership in role
            .member_of
            .iter()
            .filter(|membership| is_absent(policy, &membership.role))
        {
            problems.push(
                &membership.origin,
                format!("the role `{}` is to be retired", membership.role),
            );
        }
        if let Lifecycle::Absent { heir: Some(heir) } = &role.lifecycle
            && heir != name
            && is_absent(policy, heir)
        {
            problems.push(
                &role.origin,
                format!("the heir `{heir}` is to be retired itself"),
            );
        }
    }
}

/// PostgreSQL refuses memberships in a circle.
fn memberships_end(policy: &Policy, problems: &mut Problems) {
    for (name, role) in &policy.roles {
        for membership in &role.member_of {
            if membership.role == *name {
                problems.push(
                    &membership.origin,
                    format!("`{name}` cannot be a member of itself"),
                );
            } else if let Some(path) = path(policy, membership, name) {
                problems.push(
                    &membership.origin,
                    format!("memberships in a circle: `{name}` → {path}"),
                );
            }
        }
    }
}

/// How one comes from `membership` to the role called `goal`.
fn path(policy: &Policy, membership: &DeclaredMembership, goal: &RoleName) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut open = vec![(&membership.role, format!("`{}`", membership.role))];
    while let Some((name, path)) = open.pop() {
        if name == goal {
            return Some(path);
        }
        if seen.insert(name) {
            let next = policy
                .roles
                .get(name)
                .into_iter()
                .flat_map(|role| &role.member_of);
            open.extend(
                next.map(|membership| {
                    (&membership.role, format!("{path} → `{}`", membership.role))
                }),
            );
        }
    }
    None
}

fn secrets_have_one_role(policies: &[Policy], problems: &mut Problems) {
    let mut owners: BTreeMap<&SecretName, (&RoleName, &Origin)> = BTreeMap::new();
    let mut secrets: Vec<_> = policies
        .iter()
        .flat_map(|policy| &policy.roles)
        .filter_map(|(name, role)| Some((name, role.secret.as_ref()?)))
        .collect();
    secrets.sort_by_key(|(_, secret)| &secret.origin);
    for (name, secret) in secrets {
        match owners.get(&secret.name) {
            Some((owner, first)) => problems.push_hint(
                &secret.origin,
                format!(
                    "the secret `{}` belongs to `{owner}` by {}",
                    secret.name,
                    place(first)
                ),
                "every role has a secret of its own",
            ),
            None => drop(owners.insert(&secret.name, (name, &secret.origin))),
        }
    }
}

/// What is allowed and probably not meant.
pub fn warnings(policy: &Policy) -> Vec<Problem> {
    let mut found = Problems::default();
    schemas_without_owner(policy, &mut found);
    secrets_without_reader(policy, &mut found);
    grants_outside(policy, &mut found);
    found
        .finish()
        .err()
        .map(|problems| problems.0)
        .unwrap_or_default()
}

fn schemas_without_owner(policy: &Policy, found: &mut Problems) {
    for (database, schema, origin) in policy.databases.iter().flat_map(|(database, declared)| {
        declared
            .schemas
            .iter()
            .map(move |(name, s)| (database, name, &s.origin))
    }) {
        let owners: Vec<_> = policy
            .roles
            .iter()
            .filter(|(_, role)| role.presets.on(database, schema) == Some(Preset::Ddl))
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        match owners.as_slice() {
            [] => found.push_hint(
                origin,
                format!("nobody has `ddl` on the schema `{database}.{schema}`"),
                "owners are not judged there, and what is made later is granted to nobody",
            ),
            [_] => {}
            several => found.push_hint(
                origin,
                format!(
                    "several roles have `ddl` on the schema `{database}.{schema}`: {}",
                    several.join(", ")
                ),
                "objects of others are taken over only where one role has `ddl`",
            ),
        }
    }
}

fn secrets_without_reader(policy: &Policy, found: &mut Problems) {
    for secret in policy
        .roles
        .values()
        .filter_map(|role| role.secret.as_ref())
    {
        if secret.readers.is_empty() {
            found.push(
                &secret.origin,
                format!("nobody is declared to read the secret `{}`", secret.name.id),
            );
        }
    }
}

fn grants_outside(policy: &Policy, found: &mut Problems) {
    for grant in policy.roles.values().flat_map(|role| &role.grants) {
        let schema = match &grant.target {
            Target::Object(object @ (Object::Database(_) | Object::Bare { .. })) => object.schema(),
            Target::Object(object) => object.schema(),
            Target::AllInSchema(_, schema) => Some(schema),
        };
        let managed = |schema: &SchemaName| {
            let own = ["pg_catalog", "information_schema"].contains(&schema.as_str());
            own || policy
                .databases
                .get(&grant.database)
                .is_none_or(|database| database.schemas.contains_key(schema))
        };
        if let Some(schema) = schema.filter(|schema| !managed(schema)) {
            found.push(
                &grant.origin,
                format!(
                    "the schema `{}.{schema}` of this grant is not declared",
                    grant.database
                ),
            );
        }
    }
}
