//! How one login departs from what the policy says of it.

use super::{Attribute, Change, Options, diff};
use crate::model::{Policy, RoleName, State};

/// What `apply` would do to `login`, a line each, of a `state` that may be the roles alone. That it cannot log in, or not
/// for ever, is nothing: a rotation sees to that.
pub fn departures(policy: &Policy, state: &State, login: &RoleName) -> Vec<String> {
    let plan = diff(policy, state, &Options::default());
    plan.steps
        .iter()
        .map(|step| &step.change)
        .filter(|change| concerns(change, login))
        .map(ToString::to_string)
        .collect()
}

fn concerns(change: &Change, login: &RoleName) -> bool {
    match change {
        Change::CreateRole { role, .. }
        | Change::SetParameter { role, .. }
        | Change::ResetParameter { role, .. } => role == login,
        Change::AlterRole { role, attributes } => {
            let of_rotation =
                |one: &Attribute| matches!(one, Attribute::Login(_) | Attribute::ValidForEver);
            role == login && !attributes.iter().all(of_rotation)
        }
        Change::GrantMembership { edge } => edge.member == *login,
        Change::RevokeMembership { membership, .. } => membership.member == *login,
        _ => false,
    }
}
