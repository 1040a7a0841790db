//! What works as a role without being a session of it: subscriptions, prepared transactions, user mappings, jobs of pg_cron.

use std::collections::BTreeSet;

use crate::model::{DatabaseName, ExtensionName, RoleName, RoleUse, RoleUseKind, State};

/// Runs jobs as the role that scheduled them, over a login of that role, and shows each role its own.
/// <https://github.com/citusdata/pg_cron>
const CRON: &str = "pg_cron";

/// What works as `role`, and what that means for it: a short name, and a clause. User mappings are known of the databases that
/// were read.
pub fn role_uses(state: &State, role: &RoleName) -> Vec<(String, String)> {
    let mappings = state
        .databases
        .values()
        .flat_map(|database| &database.mappings);
    let mine = state
        .uses
        .iter()
        .chain(mappings)
        .filter(|one| one.role == *role);
    mine.map(|one| (one.to_string(), format!("{one} {}", needs(one))))
        .collect()
}

/// The same of jobs of pg_cron that `role` may have, by the databases that keep them: which there are is shown to their roles
/// only.
pub fn possible_jobs(state: &State, role: &RoleName) -> Vec<(String, String)> {
    let jobs = |database: &DatabaseName| {
        let name = format!("jobs of pg_cron in database {database}");
        let quoted = super::statement::name(role.as_str());
        let clause = format!(
            "{name} log in as the role that scheduled them, and are shown to it only: whether it has some could not be seen \
             (SET ROLE {quoted}; SELECT jobid, schedule, command FROM cron.job)"
        );
        (name, clause)
    };
    schedulers(state).into_iter().map(jobs).collect()
}

fn schedulers(state: &State) -> BTreeSet<&DatabaseName> {
    let installed = state.databases.iter().filter(|(_, database)| {
        ExtensionName::new(CRON).is_ok_and(|extension| database.extensions.contains_key(&extension))
    });
    installed
        .map(|(name, _)| name)
        .chain(&state.server.scheduler)
        .collect()
}

fn needs(one: &RoleUse) -> &'static str {
    match one.kind {
        RoleUseKind::Subscription => "runs as it",
        RoleUseKind::Prepared | RoleUseKind::PreparedOnRoles => {
            "waits for it: that role, or a superuser, commits it or rolls it back"
        }
        RoleUseKind::Mapping => "holds a credential that is used as it only",
    }
}
