//! Settings with which the sessions of a login begin: one that the server cannot take on keeps the login out, whatever its
//! password is. A login may change its own.

use super::fix;
use super::reach::Reach;
use crate::model::{DatabaseName, Policy, RoleName, Setting, State};

/// A setting that the policy does not declare.
pub struct UndeclaredSetting<'s> {
    /// The login.
    pub login: &'s RoleName,
    /// What it is set to, and for which database.
    pub setting: &'s Setting,
    /// The statement that ends it, where this admin may run it.
    pub reset: Option<String>,
}

/// The settings of `login`, a login of the declared `role`, with which its sessions in `database` begin.
pub fn undeclared_settings<'s>(
    policy: &Policy,
    state: &'s State,
    (role, login): (&RoleName, &RoleName),
    database: &DatabaseName,
) -> Vec<UndeclaredSetting<'s>> {
    let Some(found) = state.roles.get(login) else {
        return Vec::new();
    };
    let reach = Reach::new(state);
    let declared = policy.roles.get(role).map(|role| &role.settings);
    let is_declared = |setting: &Setting| {
        let by_policy = declared.is_some_and(|all| all.contains_key(&setting.parameter));
        let of_pair = login != role && setting.parameter == "role";
        setting.database.is_none() && (by_policy || of_pair)
    };
    let applies = |setting: &&Setting| {
        setting.database.as_ref().is_none_or(|of| of == database) && !is_declared(setting)
    };
    let undeclared = |setting| UndeclaredSetting {
        login: &found.name,
        setting,
        reset: reach
            .as_ref()
            .and_then(|reach| fix::fix(&reset(&found.name, setting), reach)),
    };
    found
        .settings
        .iter()
        .filter(applies)
        .map(undeclared)
        .collect()
}

fn reset(login: &RoleName, setting: &Setting) -> super::Change {
    super::Change::ResetParameter {
        role: login.clone(),
        setting: setting.clone(),
    }
}

/// One line of advice for a login whose sessions fail as they begin; `None` where it has no such setting.
pub fn reset_settings(settings: &[UndeclaredSetting<'_>]) -> Option<String> {
    let resets: Vec<&str> = settings
        .iter()
        .filter_map(|one| one.reset.as_deref())
        .collect();
    let whose = &settings.first()?.login;
    let named: Vec<String> = settings.iter().map(ToString::to_string).collect();
    let remedy = match resets.len() == settings.len() {
        true => resets.join("; "),
        false => "an admin that may alter the role resets it".to_owned(),
    };
    Some(format!(
        "the policy does not declare {} of `{whose}`: {remedy}",
        named.join(", ")
    ))
}

impl std::fmt::Display for UndeclaredSetting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Setting {
            database,
            parameter,
            value,
        } = self.setting;
        write!(f, "{parameter} = {value}")?;
        database
            .iter()
            .try_for_each(|database| write!(f, " in database `{database}`"))
    }
}
