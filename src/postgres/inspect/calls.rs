//! What runs code of others.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use super::rows::{self, Columns, name};
use crate::model::{Call, Dependence, Group, ObjectKind, RelationKind, RoleName, RunsAs, SchemaName};
use crate::postgres::error::Cause;
use crate::postgres::sql::CALLS;

/// What runs code of others than `trusted`. The server is asked only where there is such code among `groups`.
pub async fn read(client: &Client, groups: &[Group], trusted: &BTreeSet<RoleName>) -> Result<Vec<Call>, Cause> {
    let owners = groups.iter().filter(|group| is_code(group)).map(|group| &group.owner);
    let owners: BTreeSet<_> = owners.filter(|owner| !owner.is_system() && !trusted.contains(*owner)).collect();
    let owners: Vec<String> = owners.into_iter().map(ToString::to_string).collect();
    let mut calls = Vec::new();
    if owners.is_empty() {
        return Ok(calls);
    }
    rows::each(client, CALLS, &[&owners], |columns| {
        calls.push(call(&columns)?);
        Ok(())
    })
    .await?;
    calls.sort_unstable();
    Ok(calls)
}

/// Whether its owner can make it do something else.
fn is_code(group: &Group) -> bool {
    let code = [ObjectKind::Domain, ObjectKind::Relation(RelationKind::View)].contains(&group.kind);
    (code || matches!(group.kind, ObjectKind::Routine(_))) && group.dependence != Dependence::Extension
}

fn call(columns: &Columns<'_>) -> Result<Call, Cause> {
    let runs = match columns.get(3)? {
        "write" => RunsAs::Writer,
        "read or write" => RunsAs::ReaderOrWriter,
        "read" => RunsAs::Reader,
        "call" => RunsAs::Caller,
        "own" => RunsAs::Owner,
        "change" => RunsAs::Changer,
        other => return Err(Cause::unknown("as whom code runs", other)),
    };
    Ok(Call {
        code: columns.get::<&str>(0)?.into(),
        owner: columns.role(1)?,
        schema: columns.get::<Option<&str>>(2)?.map(|text| name(text, SchemaName::new)).transpose()?,
        runs,
        by: columns.get::<&str>(4)?.into(),
    })
}
