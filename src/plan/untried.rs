//! Stored passwords that no login has tried.

use super::{Finding, Rule, Severity};
use crate::model::{Lifecycle, Policy, RoleName, RolePolicy, State};

/// What a plan that was made from catalogs alone does not know: whether the server takes the published passwords. `None`
/// where none is published.
pub fn untried(policy: &Policy, state: &State) -> Option<Finding> {
    let is_published = |role: &RolePolicy| {
        let secret = role.secret.as_ref().map(|secret| &secret.name);
        let secret = secret.and_then(|name| state.secrets.get(name));
        role.lifecycle == Lifecycle::Present && secret.is_some_and(|one| one.current().is_some())
    };
    let published = policy.roles.iter().filter(|(_, role)| is_published(role));
    let names: Vec<&RoleName> = published.map(|(name, _)| name).collect();
    let of = match names[..] {
        [] => return None,
        [name] => format!("the stored password of {name}"),
        _ => format!("the stored passwords of {} roles", names.len()),
    };
    let verb = if names.len() == 1 { "was" } else { "were" };
    Some(Finding {
        severity: Severity::Info,
        instance: policy.instance.clone(),
        fix: Some(policy.given.command("plan", &["--probe"])),
        ..Finding::new(
            Rule::CredentialRejected,
            format!("{of} {verb} not tried: whether the server takes what is stored is unknown"),
        )
    })
}
