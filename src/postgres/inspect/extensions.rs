//! Extensions: installed, to be had, to be updated; and what else has an owner and neither ACL nor schema.

use std::collections::{BTreeMap, BTreeSet};

use super::row_security;
use super::rows::{self, Columns};
use crate::model::{
    Belonging, BelongingKind, Extension, ExtensionName, PublicationExtent, RoleUse, RoleUseKind,
    RowSecurity, SchemaName,
};
use crate::postgres::error::Cause;
use crate::postgres::names::{Catalog, Raw};
use crate::postgres::sql::{BELONGINGS, EXTENSION_VERSIONS, for_major};

type Installed = BTreeMap<ExtensionName, Extension>;

/// What asks for `session_user`, by schema.
type SessionUsers = BTreeMap<SchemaName, Vec<String>>;

/// What one statement reads.
#[derive(Default)]
pub struct Belongings {
    /// Installed extensions.
    pub installed: Installed,
    /// What else has an owner and neither ACL nor schema.
    pub others: Vec<Belonging>,
    /// User mappings of roles.
    pub mappings: BTreeSet<RoleUse>,
    pub row_security: RowSecurity,
    /// What asks for `session_user`.
    pub session_users: SessionUsers,
}

/// Objects with an owner and without ACL or schema, and what is read along with them.
pub async fn belongings(client: &Catalog, major: u32) -> Result<Belongings, Cause> {
    let mut found = Belongings::default();
    let Belongings {
        installed,
        others,
        mappings,
        row_security: secured,
        session_users,
    } = &mut found;
    rows::each(client, &for_major(BELONGINGS, major), &[], |columns| {
        if row_security::take(&columns, secured)? {
            return Ok(());
        }
        match columns.get(0)? {
            "extension" => {
                installed.insert(columns.extension(1)?, extension(&columns)?);
            }
            "session user" => {
                session_users
                    .entry(columns.schema(3)?)
                    .or_default()
                    .push(columns.text(1)?);
            }
            "user mapping" => {
                mappings.insert(mapping(&columns)?);
            }
            kind => others.push(belonging(kind, &columns)?),
        }
        Ok(())
    })
    .await?;
    others.sort_unstable();
    secured
        .tables
        .values_mut()
        .for_each(|table| table.policies.sort_by(|a, b| a.name.cmp(&b.name)));
    session_users
        .values_mut()
        .for_each(|objects| objects.sort_unstable());
    Ok(found)
}

fn mapping(columns: &Columns<'_>) -> Result<RoleUse, Cause> {
    let database = columns
        .database_or_none(4)?
        .ok_or_else(|| Cause::unknown("the database", "none"))?;
    Ok(RoleUse {
        role: columns.role(2)?,
        database,
        kind: RoleUseKind::Mapping,
        name: columns.text(1)?,
    })
}

fn extension(columns: &Columns<'_>) -> Result<Extension, Cause> {
    Ok(Extension {
        owner: columns.role(2)?,
        schema: columns.schema(3)?,
        version: columns.get(4)?,
        updates: BTreeSet::new(),
    })
}

fn belonging(kind: &str, columns: &Columns<'_>) -> Result<Belonging, Cause> {
    let kind = match kind {
        "publication" => BelongingKind::Publication(PublicationExtent::Tables),
        "publication of schemas" => BelongingKind::Publication(PublicationExtent::Schemas),
        "publication of everything" => BelongingKind::Publication(PublicationExtent::Everything),
        "subscription" => BelongingKind::Subscription,
        "event trigger" => BelongingKind::EventTrigger,
        other => return Err(Cause::unknown("the kind of belonging", other)),
    };
    let schemas: Option<Vec<Raw<'_>>> = columns.get(5)?;
    Ok(Belonging {
        kind,
        name: columns.get::<Raw<'_>>(1)?.spelt("with OID")?.into(),
        owner: columns.role(2)?,
        schemas: schemas
            .into_iter()
            .flatten()
            .map(Raw::schema)
            .collect::<Result<_, _>>()?,
    })
}

/// The versions to be had of what is declared and missing, the default one first; and, filled in, where an extension in
/// another version than the declared one can be updated to. The server reads its extension directory for this, so that
/// it is asked only where there is such a one.
pub async fn versions(
    client: &Catalog,
    installed: &mut Installed,
    asked: &BTreeMap<ExtensionName, Option<String>>,
) -> Result<BTreeMap<ExtensionName, Vec<String>>, Cause> {
    let names = |wanted: &dyn Fn(&ExtensionName, &Option<String>) -> bool| -> Vec<String> {
        asked
            .iter()
            .filter(|(name, version)| wanted(name, version))
            .map(|(name, _)| name.to_string())
            .collect()
    };
    let missing = names(&|name, _| !installed.contains_key(name));
    let differing = names(&|name, version| {
        let there = installed.get(name).map(|extension| &extension.version);
        version
            .as_ref()
            .is_some_and(|declared| there.is_some_and(|there| there != declared))
    });
    let mut available = BTreeMap::new();
    if missing.is_empty() && differing.is_empty() {
        return Ok(available);
    }
    rows::each(
        client,
        EXTENSION_VERSIONS,
        &[&missing, &differing],
        |columns| {
            let (name, versions) = (columns.extension(0)?, columns.get::<Vec<String>>(1)?);
            match installed.get_mut(&name) {
                Some(extension) => extension.updates = versions.into_iter().collect(),
                None => {
                    available.insert(name, versions);
                }
            }
            Ok(())
        },
    )
    .await?;
    Ok(available)
}
