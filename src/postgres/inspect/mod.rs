//! Catalogs into the vocabulary: a fixed number of statements whatever the number of objects, all sent at once.
//!
//! Nothing here begins a transaction: inside a snapshot everything is of one moment, inside a transaction that has changed
//! something it shows what COMMIT would make of it.

mod acl;
mod calls;
mod defaults;
mod extensions;
mod objects;
mod row_security;
pub(super) mod rows;
mod shared;
mod ties;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::try_join;
pub use ties::{Dependents, inspect_dependents, inspect_ties};

use super::error::{Cause, PostgresError};
use super::names::Catalog;
use super::session::{BEGIN_SNAPSHOT, Session};
use crate::model::{
    Database, DatabaseName, Dependence, Elsewhere, ExtensionName, Group, Membership, Object, Role,
    RoleName, RoleUse, SchemaName, Server, State,
};

/// What a policy asks about beyond what is there.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Declared extensions, with the version where one is declared.
    pub extensions: BTreeMap<ExtensionName, Option<String>>,
    /// Parameters to put into `ALTER ROLE … SET`.
    pub parameters: BTreeSet<String>,
    /// Columns a declared grant names: without an ACL of their own they would not be listed.
    pub columns: BTreeSet<ColumnName>,
    /// The databases that are looked into.
    pub databases: BTreeSet<DatabaseName>,
    /// Who makes the objects of a schema: what their views show is theirs to choose, and is not listed.
    pub makers: BTreeSet<(SchemaName, RoleName)>,
    /// Roles whose code may run as any role, beside superusers and the system's.
    pub trusted: BTreeSet<RoleName>,
    /// The schemas in which objects are handed over.
    pub schemas: BTreeSet<SchemaName>,
}

/// Schema, relation and column.
pub type ColumnName = (SchemaName, Arc<str>, Arc<str>);

/// What every database of the instance shares.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// Facts of the server and of this session.
    pub server: Server,
    /// Every role.
    pub roles: BTreeMap<RoleName, Role>,
    /// What is known of roles in databases that are not looked into.
    pub elsewhere: Elsewhere,
    /// Open sessions of each login that has some.
    pub sessions: BTreeMap<RoleName, u64>,
    /// Subscriptions and prepared transactions of every role.
    pub uses: BTreeSet<RoleUse>,
    /// Every membership.
    pub memberships: BTreeSet<Membership>,
    /// Databases, tablespaces and, from 15 on, parameters.
    pub groups: Vec<Group>,
}

impl From<Shared> for State {
    fn from(shared: Shared) -> Self {
        let Shared {
            server,
            roles,
            elsewhere,
            sessions,
            uses,
            memberships,
            groups,
        } = shared;
        Self {
            server,
            roles,
            elsewhere,
            sessions,
            uses,
            memberships,
            shared: groups,
            ..Self::default()
        }
    }
}

/// Reads the shared catalogs, with four statements.
///
/// # Errors
/// The server refused or is gone, or its catalogs hold something unknown.
pub async fn inspect_shared(session: &mut Session, asked: &Asked) -> Result<Shared, PostgresError> {
    session
        .read("the shared catalogs", |client, major| {
            shared_catalogs(client, major, asked)
        })
        .await
}

/// Reads the catalogs of the session's database, with four statements; one more where a declared extension is missing
/// or has another version, and one where an untrusted role owns code.
///
/// # Errors
/// The server refused or is gone, or its catalogs hold something unknown.
pub async fn inspect_database(
    session: &mut Session,
    asked: &Asked,
) -> Result<Database, PostgresError> {
    session
        .read("the catalogs", |client, major| {
            database_catalogs(client, major, asked)
        })
        .await
}

/// Reads the catalogs of the session's database as of one moment. BEGIN and all that follows is sent at once, so that a
/// server far away is waited for once. The transaction ends with the session.
///
/// # Errors
/// The server refused or is gone, or its catalogs hold something unknown.
pub async fn snapshot_database(
    session: &mut Session,
    asked: &Asked,
) -> Result<Database, PostgresError> {
    session
        .read("the catalogs", |client, major| async move {
            let ((), database) = try_join!(begin(client), database_catalogs(client, major, asked))?;
            Ok(database)
        })
        .await
}

/// The same, with the shared catalogs as of the same moment.
///
/// # Errors
/// The server refused or is gone, or its catalogs hold something unknown.
pub async fn snapshot_all(
    session: &mut Session,
    asked: &Asked,
) -> Result<(Shared, Database), PostgresError> {
    session
        .read("the catalogs", |client, major| async move {
            let shared = shared_catalogs(client, major, asked);
            let ((), shared, database) = try_join!(
                begin(client),
                shared,
                database_catalogs(client, major, asked)
            )?;
            Ok((shared, database))
        })
        .await
}

/// The relations of the session's database on which a statement is not to be planned: planning would run code of
/// `untrusted` roles, or they could make it so.
///
/// # Errors
/// The server refused or is gone, or its catalogs hold something unknown.
pub async fn inspect_unplannable(
    session: &mut Session,
    untrusted: &[String],
) -> Result<BTreeSet<Object>, PostgresError> {
    session
        .read("the code of others", |client, _| {
            calls::unplannable(client, untrusted)
        })
        .await
}

/// Comes first: what is joined is sent in the order in which it is first polled.
async fn begin(client: &Catalog) -> Result<(), Cause> {
    Ok(client.batch_execute(BEGIN_SNAPSHOT).await?)
}

async fn shared_catalogs(client: &Catalog, major: u32, asked: &Asked) -> Result<Shared, Cause> {
    let (
        server,
        shared::Roles {
            roles,
            elsewhere,
            sessions,
            uses,
        },
        memberships,
        groups,
    ) = try_join!(
        shared::server(client, major, &asked.parameters),
        shared::roles(client, &asked.databases),
        shared::memberships(client, major),
        objects::shared(client, major),
    )?;
    Ok(Shared {
        server,
        roles,
        elsewhere,
        sessions,
        uses,
        memberships,
        groups,
    })
}

async fn database_catalogs(client: &Catalog, major: u32, asked: &Asked) -> Result<Database, Cause> {
    let (
        mut groups,
        (defaults, global_defaults),
        views,
        extensions::Belongings {
            installed: mut extensions,
            others,
            mappings,
            row_security,
            session_users,
        },
    ) = try_join!(
        objects::of_database(client, major, &asked.columns),
        defaults::read(client),
        views::read(client, &asked.makers),
        extensions::belongings(client, major)
    )?;
    let exposed = groups
        .extract_if(.., |group| group.dependence == Dependence::Initial)
        .collect();
    let calls = calls::read(client, &groups, &asked.trusted, &asked.schemas).await?;
    let available = extensions::versions(client, &mut extensions, &asked.extensions).await?;
    Ok(Database {
        encoding: client.names().encoding(),
        groups,
        exposed,
        defaults,
        global_defaults,
        extensions,
        belongings: others,
        mappings,
        calls,
        views,
        row_security,
        session_users,
        available,
    })
}
