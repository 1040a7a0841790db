//! The state of an instance: each database in one snapshot, secrets without their payloads.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::again::patiently;
use super::retirement::observe_retirement;
use super::{ApplyError, Edges};
use crate::google::Google;
use crate::model::{
    CloudRunReference, Database, DatabaseName, Lifecycle, Object, Policy, Reader, Secret, SecretName, State, Target,
};
use crate::postgres::{Asked, ColumnName, PostgresError, Session, Shared, inspect_database, inspect_shared};

/// SQLSTATE of a database that does not exist.
const NO_SUCH_DATABASE: &str = "3D000";

/// Reads everything `policy` speaks of. Databases that do not exist are left out. Where a guard watches, this run has the
/// lock, and the server is waited for.
///
/// # Errors
/// A server or Google that cannot be asked; another run has the lock.
pub async fn observe(edges: &Edges<'_>, policy: &Policy) -> Result<State, ApplyError> {
    patiently(edges, policy, look).await
}

/// A column, which is not listed without an ACL of its own unless it is asked for.
pub type ColumnIn = (DatabaseName, ColumnName);

/// Reads what the server shows of everything `policy` speaks of, and of `columns`; asks Google nothing.
///
/// # Errors
/// A server that cannot be asked.
pub async fn observe_alone(edges: &Edges<'_>, policy: &Policy, columns: &[ColumnIn]) -> Result<State, ApplyError> {
    let (shared, databases) = observe_server(edges, policy, columns).await?;
    let Shared { server, roles, memberships, groups } = shared;
    Ok(State { server, roles, memberships, shared: groups, databases, ..State::default() })
}

async fn look(edges: &Edges<'_>, policy: &Policy) -> Result<State, ApplyError> {
    let (database, google) = tokio::join!(observe_server(edges, policy, &[]), observe_google(edges.google, policy));
    let (shared, databases) = database?;
    let (secrets, cloud_run) = google?;
    let retirement = observe_retirement(edges, policy, &shared.roles, &databases).await?;
    Ok(State {
        server: shared.server,
        roles: shared.roles,
        memberships: shared.memberships,
        shared: shared.groups,
        databases,
        secrets,
        cloud_run,
        retirement,
    })
}

async fn observe_server(
    edges: &Edges<'_>,
    policy: &Policy,
    columns: &[ColumnIn],
) -> Result<(Shared, BTreeMap<DatabaseName, Database>), ApplyError> {
    let mut shared = None;
    let mut databases = BTreeMap::new();
    for name in policy.databases.keys() {
        let Some(mut session) = enter(edges, name).await? else { continue };
        session.begin_snapshot().await?;
        let mut asked = asked(policy, name);
        asked.columns.extend(columns.iter().filter(|column| column.0 == *name).map(|column| column.1.clone()));
        if shared.is_none() {
            shared = Some(inspect_shared(&mut session, &asked).await?);
        }
        databases.insert(name.clone(), inspect_database(&mut session, &asked).await?);
        session.rollback().await?;
        session.close().await;
    }
    let shared = match shared {
        Some(shared) => shared,
        None => shared_alone(edges, policy).await?,
    };
    Ok((shared, databases))
}

/// A session in `name`; `None` where there is no such database.
async fn enter(edges: &Edges<'_>, name: &DatabaseName) -> Result<Option<Session>, PostgresError> {
    match Session::connect(edges.route, name, edges.purpose).await {
        Err(error) if error.sqlstate() == Some(NO_SUCH_DATABASE) => Ok(None),
        session => session.map(Some),
    }
}

/// None of the managed databases is there: where the route begins, the shared catalogs are the same.
async fn shared_alone(edges: &Edges<'_>, policy: &Policy) -> Result<Shared, ApplyError> {
    let start = edges.route.start_database().clone();
    let mut session = Session::connect(edges.route, &start, edges.purpose).await?;
    session.begin_snapshot().await?;
    let shared = inspect_shared(&mut session, &asked(policy, &start)).await?;
    session.close().await;
    Ok(shared)
}

/// What the policy asks about beyond what is there.
pub(super) fn asked(policy: &Policy, database: &DatabaseName) -> Asked {
    let present = || policy.roles.values().filter(|role| role.lifecycle == Lifecycle::Present);
    let declared = policy.databases.get(database).and_then(|one| one.extensions.as_ref());
    let extensions = declared.into_iter().flatten().map(|(name, wanted)| (name.clone(), wanted.version.clone()));
    let settings = present().flat_map(|role| role.settings.keys().cloned());
    let grants = present().flat_map(|role| &role.grants).filter(|grant| grant.database == *database);
    let columns = grants.filter_map(|grant| match &grant.target {
        Target::Object(Object::Column { schema, relation, column }) => {
            Some((schema.clone(), relation.clone(), column.clone()))
        }
        _ => None,
    });
    Asked { extensions: extensions.collect(), parameters: settings.collect(), columns: columns.collect() }
}

type AtGoogle = (BTreeMap<SecretName, Secret>, BTreeMap<String, Option<CloudRunReference>>);

async fn observe_google(google: Option<&Google>, policy: &Policy) -> Result<AtGoogle, ApplyError> {
    let Some(google) = google else { return Ok(AtGoogle::default()) };
    // Those of roles that go, too: nobody is to read them any more.
    let wanted: Vec<_> = policy.roles.values().filter_map(|role| role.secret.as_ref()).collect();
    let secrets = try_join_all(wanted.iter().map(|secret| google.secret(&secret.name))).await?;
    let readers = wanted.iter().flat_map(|secret| &secret.readers);
    let resources = try_join_all(readers.filter_map(|reader| resource(google, reader))).await?;
    Ok((
        secrets.into_iter().flatten().map(|secret| (secret.name.clone(), secret)).collect(),
        resources.into_iter().collect(),
    ))
}

fn resource<'a>(
    google: &'a Google,
    reader: &'a Reader,
) -> Option<impl Future<Output = Result<(String, Option<CloudRunReference>), ApplyError>> + 'a> {
    let Reader::CloudRun { kind, project, region, name, .. } = reader else { return None };
    let resource = reader.resource()?;
    Some(async move { Ok((resource, google.cloud_run(*kind, project, region, name).await?)) })
}
