//! What views and rules do with the rights of their owners.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::kind;
use super::rows::{self, Columns};
use crate::model::{By, Object, Privilege, RoleName, SchemaName, Shown, View};
use crate::postgres::error::Cause;
use crate::postgres::names::{Catalog, Raw};
use crate::postgres::sql::VIEWS;

/// Bits of `pg_relation_is_updatable()`: one shifted by the number of the command.
const COMMANDS: [(i32, Privilege); 3] = [
    (1 << 2, Privilege::Update),
    (1 << 3, Privilege::Insert),
    (1 << 4, Privilege::Delete),
];

/// Bits of the privileges that PostgreSQL checks for a relation of a query (`ACL_INSERT` and so on).
const CHECKED: [(i32, Privilege); 4] = [
    (1, Privilege::Insert),
    (2, Privilege::Select),
    (4, Privilege::Update),
    (8, Privilege::Delete),
];

/// Every view, and every relation with rules, that is not one of `trusted`: a schema, and who makes what is in it.
pub async fn read(
    client: &Catalog,
    trusted: &BTreeSet<(SchemaName, RoleName)>,
) -> Result<BTreeMap<Object, View>, Cause> {
    let (schemas, owners): (Vec<_>, Vec<_>) = trusted
        .iter()
        .map(|(schema, owner)| (schema.to_string(), owner.to_string()))
        .unzip();
    let mut views = BTreeMap::new();
    rows::each(client, VIEWS, &[&schemas, &owners], |columns| {
        let (name, owner) = (relation(&columns, 0)?, columns.role(3)?);
        let view = views.entry(name).or_insert_with(|| View {
            owner,
            shows: Vec::new(),
        });
        view.shows.push(shown(&columns)?);
        Ok(())
    })
    .await?;
    // The server groups by hash.
    views.values_mut().for_each(|view| {
        view.shows
            .sort_by(|a, b| (&a.relation, a.by).cmp(&(&b.relation, b.by)))
    });
    Ok(views)
}

fn shown(columns: &Columns<'_>) -> Result<Shown, Cause> {
    let mut named: Vec<std::sync::Arc<str>> = columns
        .get::<Option<Vec<Raw<'_>>>>(9)?
        .into_iter()
        .flatten()
        .map(|column| Ok(column.spelt("number")?.into()))
        .collect::<Result<_, Cause>>()?;
    named.sort_unstable();
    Ok(Shown {
        relation: relation(columns, 6)?,
        columns: named,
        by: by(columns.get(4)?, columns.get(5)?)?,
    })
}

/// `pg_rewrite.ev_type`, and what of the relation is used.
fn by(event: &str, bits: i32) -> Result<By, Cause> {
    let of = |table: &[(i32, Privilege)]| {
        table
            .iter()
            .filter(|(bit, _)| bits & bit != 0)
            .map(|(_, one)| *one)
            .collect()
    };
    let on = match event {
        "1" => return Ok(By::Showing(of(&COMMANDS))),
        "2" => Privilege::Update,
        "3" => Privilege::Insert,
        "4" => Privilege::Delete,
        other => return Err(Cause::unknown("the event of a rule", other)),
    };
    Ok(By::Rule {
        on,
        does: of(&CHECKED),
    })
}

/// Kind, schema and name are in columns `at` and the two after it.
fn relation(columns: &Columns<'_>, at: usize) -> Result<Object, Cause> {
    let name = columns.get::<Raw<'_>>(at + 2)?.spelt("with OID")?.into();
    Ok(Object::InSchema {
        kind: kind(columns.get(at)?)?,
        schema: columns.schema(at + 1)?,
        name,
    })
}
