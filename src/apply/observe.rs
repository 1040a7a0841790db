//! The state of an instance: each database in one snapshot, secrets without their payloads.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::again::patiently;
use super::retirement::observe_retirement;
use super::{ApplyError, Edges};
use crate::google::Google;
use crate::model::{
    ClosedDatabase, CloudRunReference, Database, DatabaseName, Lifecycle, Object, Policy, Preset,
    Reader, RoleName, SchemaName, Secret, SecretName, State, Target,
};
use crate::postgres::{Asked, ColumnName, PostgresError, Session, Shared};
use crate::postgres::{identity, inspect_shared, snapshot_all, snapshot_database};

/// Databases that are read at the same time: each is a session, of which a small instance has few to spare.
const DATABASES_AT_ONCE: usize = 4;

/// SQLSTATE of a database that does not exist.
const NO_SUCH_DATABASE: &str = "3D000";

/// SQLSTATEs of a database that does not let this admin in: no CONNECT, `pg_hba.conf`, no connections at all, no more of them.
const CLOSED: [&str; 4] = ["42501", "28000", "55000", "53300"];

/// Reads everything `policy` speaks of. Databases that do not exist are left out. Where a guard watches, this run has the
/// lock, and the server is waited for.
///
/// # Errors
/// A server or Google that cannot be asked; another run has the lock.
pub async fn observe(edges: &Edges<'_>, policy: &Policy) -> Result<State, ApplyError> {
    patiently(edges, policy, async || look(edges, policy).await).await
}

/// What tells the server of `state` from a copy of it: a plan that was reviewed is one for this server.
///
/// # Errors
/// A server that cannot be asked.
pub async fn identify(
    edges: &Edges<'_>,
    policy: &Policy,
    state: &State,
) -> Result<Option<String>, ApplyError> {
    let entrance = state
        .entrance
        .as_ref()
        .unwrap_or_else(|| edges.route.start_database());
    patiently(edges, policy, async || {
        let mut session = Session::connect(edges.route, entrance, edges.purpose).await?;
        let identity = identity(&mut session).await?;
        session.close().await;
        Ok(identity)
    })
    .await
}

/// A column, which is not listed without an ACL of its own unless it is asked for.
pub type ColumnIn = (DatabaseName, ColumnName);

/// Reads what the server shows of everything `policy` speaks of, of `columns` and of every view; asks Google nothing.
///
/// # Errors
/// A server that cannot be asked.
pub async fn observe_alone(
    edges: &Edges<'_>,
    policy: &Policy,
    columns: &[ColumnIn],
) -> Result<State, ApplyError> {
    let ask = |name: &DatabaseName| {
        let mut asked = asked(policy, name);
        asked.columns.extend(
            columns
                .iter()
                .filter(|column| column.0 == *name)
                .map(|column| column.1.clone()),
        );
        asked.makers.clear();
        asked
    };
    let mut state = observe_server(edges, policy, ask).await?;
    match state.refused.pop() {
        Some((_, error)) => Err(error.into()),
        None => Ok(state.known),
    }
}

async fn look(edges: &Edges<'_>, policy: &Policy) -> Result<State, ApplyError> {
    let server = observe_server(edges, policy, |name: &DatabaseName| asked(policy, name));
    let (server, google) = tokio::join!(server, observe_google(edges.google, policy));
    let OnServer { known, refused } = server?;
    let (secrets, cloud_run) = google?;
    let retirement = observe_retirement(edges, policy, &known.roles, &known.databases).await?;
    let closed = refused
        .into_iter()
        .map(|(name, error)| (name, closed(&error)))
        .collect();
    Ok(State {
        secrets,
        cloud_run,
        retirement,
        closed,
        ..known
    })
}

/// What the server shows, and which of the managed databases refused a session.
struct OnServer {
    known: State,
    refused: Vec<(DatabaseName, PostgresError)>,
}

fn closed(error: &PostgresError) -> ClosedDatabase {
    let message = error
        .server()
        .map_or_else(|| error.to_string(), |said| said.message.clone());
    ClosedDatabase {
        sqlstate: error.sqlstate().unwrap_or_default().to_owned(),
        message,
    }
}

async fn observe_server(
    edges: &Edges<'_>,
    policy: &Policy,
    ask: impl Fn(&DatabaseName) -> Asked,
) -> Result<OnServer, ApplyError> {
    let mut asked = policy.databases.keys().map(|name| (name, ask(name)));
    let first = asked.next();
    let others = stream::iter(asked.map(|(name, asked)| observe_database(edges, name, asked)));
    let others = others
        .buffer_unordered(DATABASES_AT_ONCE - 1)
        .try_collect::<Vec<_>>();
    let (first, others) = tokio::try_join!(observe_first(edges, first), others)?;
    let (mut databases, mut refused) = (BTreeMap::new(), Vec::new());
    for (name, found) in others {
        match found {
            Entered::In(database) => drop(databases.insert(name, database)),
            Entered::Refused(error) => refused.push((name, error)),
            Entered::Missing => {}
        }
    }
    let mut shared = None;
    match first {
        Some((name, Entered::In((seen, database)))) => {
            databases.insert(name.clone(), database);
            shared = Some((name, seen));
        }
        Some((name, Entered::Refused(error))) => refused.push((name, error)),
        Some((_, Entered::Missing)) | None => {}
    }
    // All databases see the same.
    let (entrance, shared) = match shared {
        Some(shared) => shared,
        None => match observe_shared(edges, policy, databases.keys().next()).await {
            Ok(shared) => shared,
            Err(error) => return Err(refused.pop().map_or(error, |(_, refused)| refused.into())),
        },
    };
    Ok(OnServer {
        known: State {
            databases,
            entrance: Some(entrance),
            ..shared.into()
        },
        refused,
    })
}

/// What came of looking into a database.
enum Entered<T> {
    In(T),
    /// It does not let this admin in.
    Refused(PostgresError),
    Missing,
}

/// The database that is asked about the shared catalogs too.
async fn observe_first(
    edges: &Edges<'_>,
    first: Option<(&DatabaseName, Asked)>,
) -> Result<Option<(DatabaseName, Entered<(Shared, Database)>)>, ApplyError> {
    let Some((name, asked)) = first else {
        return Ok(None);
    };
    let found = match enter(edges, name).await? {
        Entered::In(mut session) => {
            let found = snapshot_all(&mut session, &asked).await?;
            session.close().await;
            Entered::In(found)
        }
        Entered::Refused(error) => Entered::Refused(error),
        Entered::Missing => Entered::Missing,
    };
    Ok(Some((name.clone(), found)))
}

async fn observe_database(
    edges: &Edges<'_>,
    name: &DatabaseName,
    asked: Asked,
) -> Result<(DatabaseName, Entered<Database>), ApplyError> {
    let found = match enter(edges, name).await? {
        Entered::In(mut session) => {
            let database = snapshot_database(&mut session, &asked).await?;
            session.close().await;
            Entered::In(database)
        }
        Entered::Refused(error) => Entered::Refused(error),
        Entered::Missing => Entered::Missing,
    };
    Ok((name.clone(), found))
}

/// A session in `name`.
async fn enter(edges: &Edges<'_>, name: &DatabaseName) -> Result<Entered<Session>, PostgresError> {
    match Session::connect(edges.route, name, edges.purpose).await {
        Err(error) if error.sqlstate() == Some(NO_SUCH_DATABASE) => Ok(Entered::Missing),
        Err(error) if error.sqlstate().is_some_and(|code| CLOSED.contains(&code)) => {
            Ok(Entered::Refused(error))
        }
        session => session.map(Entered::In),
    }
}

/// The shared catalogs alone: where the first of the managed databases cannot be entered, as seen from another one or from
/// where the route begins.
async fn observe_shared(
    edges: &Edges<'_>,
    policy: &Policy,
    database: Option<&DatabaseName>,
) -> Result<(DatabaseName, Shared), ApplyError> {
    let database = database.unwrap_or_else(|| edges.route.start_database());
    let mut session = Session::connect(edges.route, database, edges.purpose).await?;
    session.begin_snapshot().await?;
    let shared = inspect_shared(&mut session, &asked(policy, database)).await?;
    session.close().await;
    Ok((database.clone(), shared))
}

/// What the policy asks about beyond what is there.
pub(super) fn asked(policy: &Policy, database: &DatabaseName) -> Asked {
    let present = || {
        policy
            .roles
            .values()
            .filter(|role| role.lifecycle == Lifecycle::Present)
    };
    let declared = policy
        .databases
        .get(database)
        .and_then(|one| one.extensions.as_ref());
    let extensions = declared
        .into_iter()
        .flatten()
        .map(|(name, wanted)| (name.clone(), wanted.version.clone()));
    let settings = present().flat_map(|role| role.settings.keys().cloned());
    let grants = present()
        .flat_map(|role| &role.grants)
        .filter(|grant| grant.database == *database);
    let columns = grants.filter_map(|grant| match &grant.target {
        Target::Object(Object::Column {
            schema,
            relation,
            column,
        }) => Some((schema.clone(), relation.clone(), column.clone())),
        _ => None,
    });
    let makers = makers(policy, database);
    let managed = policy.databases.get(database);
    Asked {
        schemas: managed
            .into_iter()
            .flat_map(|one| one.schemas.keys().cloned())
            .collect(),
        trusted: makers_of_all(&makers)
            .into_iter()
            .chain(policy.admins.iter().cloned())
            .collect(),
        extensions: extensions.collect(),
        parameters: settings.collect(),
        columns: columns.collect(),
        databases: policy.databases.keys().cloned().collect(),
        makers,
    }
}

/// The `ddl` roles of each schema.
fn makers(policy: &Policy, database: &DatabaseName) -> BTreeSet<(SchemaName, RoleName)> {
    let present = policy
        .roles
        .iter()
        .filter(|(_, role)| role.lifecycle == Lifecycle::Present);
    let presets = present.flat_map(|(name, role)| {
        role.presets
            .in_database(database)
            .map(move |one| (name, one))
    });
    let ddl = presets.filter(|(_, (_, preset))| *preset == Preset::Ddl);
    ddl.map(|(name, (schema, _))| (schema.clone(), name.clone()))
        .collect()
}

/// The `ddl` roles of all the schemas that have one: between others the plan tells.
fn makers_of_all(makers: &BTreeSet<(SchemaName, RoleName)>) -> BTreeSet<RoleName> {
    let schemas: BTreeSet<_> = makers.iter().map(|(schema, _)| schema).collect();
    let makes_all = |role: &RoleName| {
        schemas
            .iter()
            .all(|schema| makers.contains(&((*schema).clone(), role.clone())))
    };
    let roles: BTreeSet<_> = makers.iter().map(|(_, role)| role).collect();
    roles
        .into_iter()
        .filter(|role| makes_all(role))
        .cloned()
        .collect()
}

type AtGoogle = (
    BTreeMap<SecretName, Secret>,
    BTreeMap<String, Option<CloudRunReference>>,
);

async fn observe_google(google: Option<&Google>, policy: &Policy) -> Result<AtGoogle, ApplyError> {
    let Some(google) = google else {
        return Ok(AtGoogle::default());
    };
    // Those of roles that go, too: nobody is to read them any more.
    let wanted: Vec<_> = policy
        .roles
        .values()
        .filter_map(|role| role.secret.as_ref())
        .collect();
    let secrets = try_join_all(wanted.iter().map(|secret| google.secret(&secret.name))).await?;
    let readers = wanted.iter().flat_map(|secret| &secret.readers);
    let resources = try_join_all(readers.filter_map(|reader| resource(google, reader))).await?;
    Ok((
        secrets
            .into_iter()
            .flatten()
            .map(|secret| (secret.name.clone(), secret))
            .collect(),
        resources.into_iter().collect(),
    ))
}

fn resource<'a>(
    google: &'a Google,
    reader: &'a Reader,
) -> Option<impl Future<Output = Result<(String, Option<CloudRunReference>), ApplyError>> + 'a> {
    let Reader::CloudRun {
        kind,
        project,
        region,
        name,
        ..
    } = reader
    else {
        return None;
    };
    let resource = reader.resource()?;
    Some(async move {
        Ok((
            resource,
            google.cloud_run(*kind, project, region, name).await?,
        ))
    })
}
