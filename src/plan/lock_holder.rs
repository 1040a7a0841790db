//! Logins that can hold the lock of an instance, though they are none that Rolewright runs as.

use super::reach::{Actor, CLOUD_SQL_SUPERUSER, Reach};
use super::standing::{Cast, Standing};
use super::{script, statement};
use crate::model::{Policy, RoleName, State};

/// The database that the lock is in: every instance has it.
pub const LOCK_DATABASE: &str = "postgres";

/// Ends sessions of others. <https://www.postgresql.org/docs/current/predefined-roles.html>
const SIGNALS: &str = "pg_signal_backend";

/// The transaction that ends the sessions of `login` that hold or wait for the advisory lock `key`. `None` where that login
/// may be one that Rolewright runs as, is ignored, or is beyond this admin.
pub fn end_lock_holder(
    policy: &Policy,
    state: &State,
    login: &RoleName,
    key: i64,
) -> Option<Vec<String>> {
    let reach = Reach::new(state)?;
    if may_run(&Cast::new(policy, state), &reach, state, login) {
        return None;
    }
    let end = statement::end_lock_sessions(login, key);
    let role = signaller(&reach)
        .or_else(|| Some(login.clone()).filter(|login| reach.can_become(login)))?;
    Some(script::acting_as(&reach, &role, end))
}

/// The same for sessions of a role that was dropped, by its number: no run logs in so any more, and nobody can act as that
/// role. Up to 15 the right to end sessions is any CREATEROLE's to lend.
pub fn end_orphaned_lock_holder(state: &State, role: i64, key: i64) -> Option<Vec<String>> {
    let reach = Reach::new(state)?;
    let end = statement::end_orphans_lock_sessions(role, key);
    let lent = || {
        let signals = RoleName::new(SIGNALS).ok()?;
        Some(signals).filter(|signals| reach.can_become(signals))
    };
    let by = signaller(&reach).or_else(lent)?;
    Some(script::acting_as(&reach, &by, end))
}

/// As whom this admin ends sessions of others.
fn signaller(reach: &Reach<'_>) -> Option<RoleName> {
    let signals = |actor: &Actor| {
        RoleName::new(SIGNALS).is_ok_and(|role| reach.inherits(reach.name(actor), &role))
    };
    [Actor::Admin, reach.maker()]
        .into_iter()
        .find(signals)
        .map(|actor| reach.name(&actor).clone())
}

/// Whether a run may log in so: an admin of the policy, or a role that it does not declare and that has the rights of one.
/// Ignored roles are left alone.
pub(super) fn may_run(cast: &Cast<'_>, reach: &Reach<'_>, state: &State, login: &RoleName) -> bool {
    let known = state.roles.get(login);
    match cast.standing(login) {
        Standing::Admin | Standing::System | Standing::Ignored => true,
        Standing::Declared | Standing::Login | Standing::Iam | Standing::Retiring => {
            known.is_some_and(|role| role.superuser)
        }
        Standing::Undeclared => {
            let is_admin = RoleName::new(CLOUD_SQL_SUPERUSER)
                .is_ok_and(|group| reach.is_member(login, &group));
            is_admin || known.is_none_or(|role| role.superuser || role.create_role)
        }
    }
}
