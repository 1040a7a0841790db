//! Whether a secret is ours to write.

use super::Held;
use super::problem::Problem;
use crate::model::{Annotations, InstanceName, RoleName, Secret};

/// What keeps us from writing `secret` as that of `role` on `instance`, whatever its rotation is at; `problems` of what it
/// remembers.
pub fn claim(
    secret: &Secret,
    problems: &[Problem],
    role: &RoleName,
    instance: Option<&InstanceName>,
) -> Option<Held> {
    if secret.managed_rotation {
        return Some(Held::Managed);
    }
    if let Some((of, on)) = owner(secret, role, instance) {
        return Some(Held::Others { of, on });
    }
    let untrusted = || Held::Untrusted {
        secret: secret.name.clone(),
        role: Some(role.clone()),
        problems: problems.to_vec(),
    };
    (!problems.is_empty()).then(untrusted)
}

/// The role and the instance whose credential the secret holds, where that is another one.
pub fn owner(
    secret: &Secret,
    role: &RoleName,
    instance: Option<&InstanceName>,
) -> Option<(String, String)> {
    let instance = instance.map_or_else(|| "-".into(), ToString::to_string);
    let said = |key: &str| secret.annotations.get(key).cloned();
    let (of, on) = (said(Annotations::ROLE), said(Annotations::INSTANCE));
    let ours = of.as_ref().is_none_or(|of| of == role.as_str())
        && on.as_ref().is_none_or(|on| *on == instance);
    (!ours).then(|| {
        (
            of.unwrap_or_else(|| "?".into()),
            on.unwrap_or_else(|| "?".into()),
        )
    })
}
