//! Whose code may be planned as the role that is proven.

use std::collections::BTreeSet;

use crate::model::{DatabaseName, Policy, Preset, RoleName, State};
use crate::plan::standing::{Cast, Standing};

/// The owners of something in `database` whose code must not run as `role`: all but admins, PostgreSQL, Cloud SQL, the roles
/// with `ddl` on every schema that has such a role, and the role itself with its logins.
pub fn untrusted_owners(
    policy: &Policy,
    state: &State,
    role: &RoleName,
    database: &DatabaseName,
) -> BTreeSet<RoleName> {
    let cast = Cast::new(policy, state);
    let schemas = policy
        .databases
        .get(database)
        .into_iter()
        .flat_map(|one| one.schemas.keys());
    let makers = schemas.map(|schema| cast.with_preset(Preset::Ddl, database, schema));
    let makers: Vec<_> = makers.filter(|makers| !makers.is_empty()).collect();
    let trusted = |owner: &RoleName| {
        let makes_all = !makers.is_empty() && makers.iter().all(|makers| makers.contains(&owner));
        matches!(cast.standing(owner), Standing::Admin | Standing::System)
            || makes_all
            || cast.declared(owner) == role
    };
    let groups = state
        .databases
        .get(database)
        .into_iter()
        .flat_map(|one| &one.groups);
    let owners: BTreeSet<_> = groups.map(|group| &group.owner).collect();
    owners
        .into_iter()
        .filter(|owner| !trusted(owner))
        .cloned()
        .collect()
}
