//! What runs code of others.

use std::collections::BTreeSet;

use super::objects::{kind, object};
use super::rows::{self, Columns};
use crate::model::{Acting, Call, Group, Object, ObjectKind, RoleName, RunsAs, SchemaName};
use crate::postgres::error::Cause;
use crate::postgres::names::Catalog;
use crate::postgres::sql::{CALLS, UNPLANNABLE};

/// What is kept as text counts as code.
const TEXT: &str = "text";

/// What runs code of others than `trusted`, where the objects of `schemas` are handed over. The server is asked only where there is
/// such code among `groups`.
pub async fn read(
    client: &Catalog,
    groups: &[Group],
    trusted: &BTreeSet<RoleName>,
    schemas: &BTreeSet<SchemaName>,
) -> Result<Vec<Call>, Cause> {
    let is_untrusted = |group: &&Group| !group.owner.is_system() && !trusted.contains(&group.owner);
    let mut calls = Vec::new();
    if !groups.iter().filter(is_untrusted).any(is_code) {
        return Ok(calls);
    }
    let owners = groups.iter().filter(is_untrusted);
    let owners: BTreeSet<_> = owners.map(|group| group.owner.to_string()).collect();
    let owners: Vec<String> = owners.into_iter().collect();
    let schemas: Vec<String> = schemas.iter().map(ToString::to_string).collect();
    rows::each(client, CALLS, &[&owners, &[], &schemas], |columns| {
        calls.push(call(&columns)?);
        Ok(())
    })
    .await?;
    calls.sort_unstable();
    Ok(calls)
}

/// The relations that a role is not to plan a statement on: planning could run code of one of `untrusted`, or what the text of a
/// body or of an expression calls.
pub async fn unplannable(
    client: &Catalog,
    untrusted: &[String],
) -> Result<BTreeSet<Object>, Cause> {
    let mut found = BTreeSet::new();
    rows::each(
        client,
        UNPLANNABLE,
        &[untrusted, &[TEXT.to_owned()]],
        |columns| {
            found.insert(object(
                columns.names(),
                kind(columns.get(0)?)?,
                Some(&columns.schema(1)?),
                columns.get(2)?,
                None,
            )?);
            Ok(())
        },
    )
    .await?;
    Ok(found)
}

/// Whether its owner can make it do something else: the expressions of a table, too, may run SQL text.
fn is_code(group: &Group) -> bool {
    matches!(
        group.kind,
        ObjectKind::Domain | ObjectKind::Relation(_) | ObjectKind::Routine(_)
    )
}

fn call(columns: &Columns<'_>) -> Result<Call, Cause> {
    let runs = match columns.get(6)? {
        "write" => RunsAs::Writer,
        "read or write" => RunsAs::ReaderOrWriter,
        "read" => RunsAs::Reader,
        "call" => RunsAs::Caller,
        "own" => RunsAs::Owner,
        "change" => RunsAs::Changer,
        other => return Err(Cause::unknown("as whom code runs", other)),
    };
    let acting = |kind: &str| -> Result<Acting, Cause> {
        let schema = columns.schema(5)?;
        let object = object(
            columns.names(),
            self::kind(kind)?,
            Some(&schema),
            columns.get(9)?,
            columns.get(10)?,
        )?;
        Ok(Acting {
            object,
            owner: columns.role(11)?,
        })
    };
    Ok(Call {
        code: object(
            columns.names(),
            kind(columns.get(0)?)?,
            Some(&columns.schema(1)?),
            columns.get(2)?,
            columns.get(3)?,
        )?,
        owner: columns.role(4)?,
        schema: columns.schema_or_none(5)?,
        runs,
        by: columns.text(7)?.into(),
        acting: columns.get::<Option<&str>>(8)?.map(acting).transpose()?,
    })
}
