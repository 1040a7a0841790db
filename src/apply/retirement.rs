//! What hangs on the roles that a policy retires: in every database of the instance, also those it does not manage.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApplyError, Edges};
use crate::model::{Database, DatabaseName, Policy, Retirement, Role, RoleName, State};
use crate::plan::retiring;
use crate::postgres::{
    Asked, PostgresError, Session, inspect_database, inspect_dependents, inspect_ties,
};

/// SQLSTATEs of a database that does not let this admin in: no CONNECT, `pg_hba.conf`, no connections at all, gone.
const CLOSED: [&str; 4] = ["42501", "28000", "55000", "3D000"];

/// Looks for what depends on roles that are to go, in every database that lets us in.
pub(super) async fn observe_retirement(
    edges: &Edges<'_>,
    policy: &Policy,
    roles: &BTreeMap<RoleName, Role>,
    managed: &BTreeMap<DatabaseName, Database>,
) -> Result<Retirement, ApplyError> {
    let going = going(policy, roles);
    if going.is_empty() {
        return Ok(Retirement::default());
    }
    let first = managed
        .keys()
        .next()
        .unwrap_or_else(|| edges.route.start_database());
    let mut session = Session::connect(edges.route, first, edges.purpose).await?;
    let found = inspect_dependents(&mut session, &going).await?;
    session.close().await;
    let mut retirement = Retirement {
        sessions: found.sessions,
        dependents: found.counted,
        ..Retirement::default()
    };
    let databases: BTreeSet<_> = retirement
        .dependents
        .keys()
        .filter_map(|(_, database)| database.clone())
        .collect();
    for name in databases {
        let Some(mut session) = enter(edges, &name).await? else {
            continue;
        };
        session.begin_snapshot().await?;
        if !managed.contains_key(&name) {
            let found = inspect_database(&mut session, &Asked::default()).await?;
            retirement.elsewhere.insert(name.clone(), found);
        }
        retirement
            .ties
            .insert(name, inspect_ties(&mut session, &going).await?);
        session.rollback().await?;
        session.close().await;
    }
    Ok(retirement)
}

/// Looks again at what `session` shows, inside its transaction.
pub(super) async fn retirement_now(
    policy: &Policy,
    state: &mut State,
    session: &mut Session,
) -> Result<(), PostgresError> {
    let going = going(policy, &state.roles);
    if going.is_empty() {
        state.retirement = Retirement::default();
        return Ok(());
    }
    let found = inspect_dependents(session, &going).await?;
    let ties = inspect_ties(session, &going).await?;
    state.retirement.sessions = found.sessions;
    state.retirement.dependents = found.counted;
    state
        .retirement
        .ties
        .insert(session.database().clone(), ties);
    Ok(())
}

fn going(policy: &Policy, roles: &BTreeMap<RoleName, Role>) -> BTreeSet<RoleName> {
    retiring(policy, roles)
        .into_iter()
        .map(|(role, _)| role)
        .collect()
}

/// A session in `name`; `None` where it does not let us in.
async fn enter(edges: &Edges<'_>, name: &DatabaseName) -> Result<Option<Session>, PostgresError> {
    match Session::connect(edges.route, name, edges.purpose).await {
        Err(error) if error.sqlstate().is_some_and(|code| CLOSED.contains(&code)) => Ok(None),
        session => session.map(Some),
    }
}
