//! Extensions: installed, to be had, to be updated.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::rows;
use crate::model::{Extension, ExtensionName};
use crate::postgres::error::Cause;
use crate::postgres::sql::{EXTENSION_VERSIONS, EXTENSIONS};

type Installed = BTreeMap<ExtensionName, Extension>;

pub async fn installed(client: &Client) -> Result<Installed, Cause> {
    let mut installed = BTreeMap::new();
    rows::each(client, EXTENSIONS, &[], |columns| {
        let extension = Extension {
            owner: columns.role(1)?,
            schema: columns.schema(2)?,
            version: columns.get(3)?,
            updates: BTreeSet::new(),
        };
        installed.insert(columns.extension(0)?, extension);
        Ok(())
    })
    .await?;
    Ok(installed)
}

/// The versions to be had of what is declared and missing, the default one first; and, filled in, where an extension in
/// another version than the declared one can be updated to. The server reads its extension directory for this, so that
/// it is asked only where there is such a one.
pub async fn versions(
    client: &Client,
    installed: &mut Installed,
    asked: &BTreeMap<ExtensionName, Option<String>>,
) -> Result<BTreeMap<ExtensionName, Vec<String>>, Cause> {
    let names = |wanted: &dyn Fn(&ExtensionName, &Option<String>) -> bool| -> Vec<String> {
        asked.iter().filter(|(name, version)| wanted(name, version)).map(|(name, _)| name.to_string()).collect()
    };
    let missing = names(&|name, _| !installed.contains_key(name));
    let differing = names(&|name, version| {
        let there = installed.get(name).map(|extension| &extension.version);
        version.as_ref().is_some_and(|declared| there.is_some_and(|there| there != declared))
    });
    let mut available = BTreeMap::new();
    if missing.is_empty() && differing.is_empty() {
        return Ok(available);
    }
    rows::each(client, EXTENSION_VERSIONS, &[&missing, &differing], |columns| {
        let (name, versions) = (columns.extension(0)?, columns.get::<Vec<String>>(1)?);
        match installed.get_mut(&name) {
            Some(extension) => extension.updates = versions.into_iter().collect(),
            None => {
                available.insert(name, versions);
            }
        }
        Ok(())
    })
    .await?;
    Ok(available)
}
