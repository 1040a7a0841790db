//! What views read with the rights of their owners.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::objects::kind;
use super::rows::{self, Columns};
use crate::model::{Object, ObjectKind, Privilege, RelationKind, RoleName, SchemaName, Shown, View};
use crate::postgres::error::Cause;
use crate::postgres::sql::VIEWS;

/// Bits of `pg_relation_is_updatable()`: one shifted by the number of the command.
const COMMANDS: [(i32, Privilege); 3] =
    [(1 << 2, Privilege::Update), (1 << 3, Privilege::Insert), (1 << 4, Privilege::Delete)];

/// Every view that is not one of `trusted`: a schema, and who makes what is in it.
pub async fn read(
    client: &Client,
    trusted: &BTreeSet<(SchemaName, RoleName)>,
) -> Result<BTreeMap<Object, View>, Cause> {
    let (schemas, owners): (Vec<_>, Vec<_>) =
        trusted.iter().map(|(schema, owner)| (schema.to_string(), owner.to_string())).unzip();
    let mut views = BTreeMap::new();
    rows::each(client, VIEWS, &[&schemas, &owners], |columns| {
        let name = relation(RelationKind::View, &columns, 0)?;
        let (owner, updatable) = (columns.role(2)?, columns.get::<i32>(3)?);
        let passes_on = COMMANDS.iter().filter(|(bit, _)| updatable & bit != 0).map(|(_, one)| *one).collect();
        let view = views.entry(name).or_insert_with(|| View { owner, passes_on, shows: Vec::new() });
        view.shows.push(shown(&columns)?);
        Ok(())
    })
    .await?;
    // The server groups by hash.
    views.values_mut().for_each(|view| view.shows.sort_by(|a, b| a.relation.cmp(&b.relation)));
    Ok(views)
}

fn shown(columns: &Columns<'_>) -> Result<Shown, Cause> {
    let ObjectKind::Relation(kind) = kind(columns.get(4)?)? else {
        return Err(Cause::unknown("the kind of relation", columns.get::<&str>(4)?));
    };
    let mut named: Vec<_> = columns.get::<Option<Vec<&str>>>(7)?.into_iter().flatten().map(Into::into).collect();
    named.sort_unstable();
    Ok(Shown { relation: relation(kind, columns, 5)?, columns: named })
}

/// Schema and name are in columns `at` and the one after it.
fn relation(kind: RelationKind, columns: &Columns<'_>, at: usize) -> Result<Object, Cause> {
    let name = columns.get::<&str>(at + 1)?.into();
    Ok(Object::InSchema { kind: ObjectKind::Relation(kind), schema: columns.schema(at)?, name })
}
