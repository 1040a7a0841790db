//! What hangs on roles that are to go.

use std::collections::{BTreeMap, BTreeSet};

use super::rows;
use crate::model::{DatabaseName, RoleName, Tie, TieKind};
use crate::postgres::error::{Cause, PostgresError};
use crate::postgres::names::Catalog;
use crate::postgres::session::Session;
use crate::postgres::sql::{DEPENDENTS, SESSIONS, TIES};
use futures_util::try_join;

/// Who is logged in, and how much depends on each in which database.
#[derive(Debug, Clone, Default)]
pub struct Dependents {
    /// Those with open sessions.
    pub sessions: BTreeSet<RoleName>,
    /// Things that depend on a role, by database; without one, things of the instance.
    pub counted: BTreeMap<(RoleName, Option<DatabaseName>), u64>,
}

/// Reads what depends on `roles` in the whole instance, with two statements.
///
/// # Errors
/// The server refused or is gone.
pub async fn inspect_dependents(
    session: &mut Session,
    roles: &BTreeSet<RoleName>,
) -> Result<Dependents, PostgresError> {
    let roles = names(roles);
    session
        .read(
            "what depends on roles that are to go",
            |client, _| async move {
                let (sessions, counted) =
                    try_join!(sessions(client, &roles), counted(client, &roles))?;
                Ok(Dependents { sessions, counted })
            },
        )
        .await
}

/// Reads what depends on `roles` in the session's database and is in no inventory, with one statement.
///
/// # Errors
/// The server refused or is gone.
pub async fn inspect_ties(
    session: &mut Session,
    roles: &BTreeSet<RoleName>,
) -> Result<Vec<Tie>, PostgresError> {
    let roles = names(roles);
    session
        .read(
            "what depends on roles that are to go",
            |client, _| async move { ties(client, &roles).await },
        )
        .await
}

fn names(roles: &BTreeSet<RoleName>) -> Vec<String> {
    roles.iter().map(ToString::to_string).collect()
}

async fn sessions(client: &Catalog, roles: &[String]) -> Result<BTreeSet<RoleName>, Cause> {
    let mut found = BTreeSet::new();
    rows::each(client, SESSIONS, &[roles], |columns| {
        found.insert(columns.role(0)?);
        Ok(())
    })
    .await?;
    Ok(found)
}

async fn counted(
    client: &Catalog,
    roles: &[String],
) -> Result<BTreeMap<(RoleName, Option<DatabaseName>), u64>, Cause> {
    let mut found = BTreeMap::new();
    rows::each(client, DEPENDENTS, &[roles], |columns| {
        let database = columns.database_or_none(1)?;
        let count = u64::try_from(columns.get::<i64>(2)?).unwrap_or_default();
        found.insert((columns.role(0)?, database), count);
        Ok(())
    })
    .await?;
    Ok(found)
}

async fn ties(client: &Catalog, roles: &[String]) -> Result<Vec<Tie>, Cause> {
    let mut found = Vec::new();
    rows::each(client, TIES, &[roles], |columns| {
        let kind = match columns.get(1)? {
            "extension" => TieKind::Extension,
            "owned" => TieKind::Owned,
            "policy" => TieKind::Policy(columns.role(3)?),
            "own" => TieKind::Own,
            other => return Err(Cause::unknown("the kind of dependence", other)),
        };
        found.push(Tie {
            role: columns.role(0)?,
            kind,
            object: columns.text(2)?,
        });
        Ok(())
    })
    .await?;
    Ok(found)
}
