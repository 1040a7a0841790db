//! Default privileges of every role.

use std::collections::BTreeSet;

use super::acl::Items;
use super::rows;
use crate::model::{DefaultPrivilege, DefaultsFor, RoleName};
use crate::postgres::error::Cause;
use crate::postgres::names::Catalog;
use crate::postgres::sql::DEFAULTS;

type Read = (Vec<DefaultPrivilege>, BTreeSet<(RoleName, DefaultsFor)>);

/// What others get by default, and which owners have replaced the built-in default altogether: a global row holds
/// everything, the owner's own privileges too, while a row of a schema only adds.
/// <https://www.postgresql.org/docs/current/catalog-pg-default-acl.html>
pub async fn read(client: &Catalog) -> Result<Read, Cause> {
    let (mut defaults, mut global) = (Vec::new(), BTreeSet::new());
    let mut items = Items::default();
    rows::each(client, DEFAULTS, &[], |columns| {
        let (owner, schema) = (columns.role(0)?, columns.schema_or_none(1)?);
        let objects = objects(columns.get(2)?)?;
        if schema.is_none() {
            global.insert((owner.clone(), objects));
        }
        for item in items
            .acl(
                columns.names(),
                objects.class(),
                &owner,
                Some(columns.get(3)?),
            )?
            .0
            .items()
        {
            defaults.push(DefaultPrivilege {
                owner: owner.clone(),
                schema: schema.clone(),
                objects,
                grantee: item.grantee.clone(),
                privileges: item.privileges,
                grantable: item.grantable,
            });
        }
        Ok(())
    })
    .await?;
    defaults.sort();
    Ok((defaults, global))
}

fn objects(letter: &str) -> Result<DefaultsFor, Cause> {
    Ok(match letter {
        "r" => DefaultsFor::Tables,
        "S" => DefaultsFor::Sequences,
        "f" => DefaultsFor::Routines,
        "T" => DefaultsFor::Types,
        "n" => DefaultsFor::Schemas,
        "L" => DefaultsFor::LargeObjects,
        other => return Err(Cause::unknown("the kind of default privileges", other)),
    })
}
