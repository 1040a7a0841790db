//! Catalogs into the vocabulary: a fixed number of statements whatever the number of objects, all sent at once.
//!
//! Nothing here begins a transaction: inside a snapshot everything is of one moment, inside a transaction that has changed
//! something it shows what COMMIT would make of it.

mod acl;
mod defaults;
mod extensions;
mod objects;
pub(super) mod rows;
mod shared;
mod ties;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::try_join;

pub use ties::{Dependents, inspect_dependents, inspect_ties};

use super::error::PostgresError;
use super::session::Session;
use crate::model::{Database, ExtensionName, Group, Membership, Role, RoleName, SchemaName, Server};

/// What a policy asks about beyond what is there.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Declared extensions, with the version where one is declared.
    pub extensions: BTreeMap<ExtensionName, Option<String>>,
    /// Parameters to put into `ALTER ROLE … SET`.
    pub parameters: BTreeSet<String>,
    /// Columns a declared grant names: without an ACL of their own they would not be listed.
    pub columns: BTreeSet<ColumnName>,
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
    /// Every membership.
    pub memberships: BTreeSet<Membership>,
    /// Databases, tablespaces and, from 15 on, parameters.
    pub groups: Vec<Group>,
}

/// Reads the shared catalogs, with four statements.
///
/// # Errors
/// The server refused or is gone, or its catalogs hold something unknown.
pub async fn inspect_shared(session: &mut Session, asked: &Asked) -> Result<Shared, PostgresError> {
    session
        .read("the shared catalogs", |client, major| async move {
            let (server, roles, memberships, groups) = try_join!(
                shared::server(client, major, &asked.parameters),
                shared::roles(client),
                shared::memberships(client, major),
                objects::shared(client, major),
            )?;
            Ok(Shared { server, roles, memberships, groups })
        })
        .await
}

/// Reads the catalogs of the session's database, with three statements, and one more where a declared extension is
/// missing or has another version.
///
/// # Errors
/// The server refused or is gone, or its catalogs hold something unknown.
pub async fn inspect_database(session: &mut Session, asked: &Asked) -> Result<Database, PostgresError> {
    session
        .read("the catalogs", |client, major| async move {
            let (groups, (defaults, global_defaults), mut extensions) = try_join!(
                objects::of_database(client, major, &asked.columns),
                defaults::read(client),
                extensions::installed(client)
            )?;
            let available = extensions::versions(client, &mut extensions, &asked.extensions).await?;
            Ok(Database { groups, defaults, global_defaults, extensions, available })
        })
        .await
}
