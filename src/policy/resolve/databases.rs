//! Databases, their schemas and extensions.

use std::collections::BTreeMap;

use super::super::file::{Database, Extension, File, List, Schema};
use super::super::problem::place;
use super::super::read::{Brief, Located, Read, given};
use super::{Problems, Unread};
use crate::model::{
    DatabaseName, DatabasePolicy, ExtensionName, ExtensionPolicy, Origin, PublicAccess, SchemaName,
    SchemaPolicy,
};

/// Databases that cannot be managed: the first is reserved by Google, the second accepts no connections.
const CLOSED: [&str; 2] = ["cloudsqladmin", "template0"];

/// The managed databases; a policy without one is none.
pub(super) fn databases(
    file: &File,
    origin: &Origin,
    unread: Unread,
    problems: &mut Problems,
) -> BTreeMap<DatabaseName, DatabasePolicy> {
    let mut databases = BTreeMap::new();
    let entries = match &file.databases {
        None => &[],
        Some(Located { value: None, .. }) => return databases,
        Some(Located {
            value: Some(named), ..
        }) => named.0.as_slice(),
    };
    if entries.is_empty() && !unread.referents {
        let place = file
            .databases
            .as_ref()
            .map_or(origin, |field| &field.origin);
        problems.push_hint(
            place,
            "no database is declared",
            "add `databases: { NAME: { schemas: [public] } }`",
        );
    }
    for entry in entries {
        let Some(name) = problems.keep(&entry.origin, DatabaseName::new(&entry.key)) else {
            continue;
        };
        if CLOSED.contains(&entry.key.as_str()) {
            problems.push(
                &entry.origin,
                format!("the database `{name}` cannot be managed"),
            );
        }
        let policy = match entry.value.get() {
            Some(database) => database_policy(database, &entry.origin, problems),
            None => empty(&entry.origin),
        };
        databases.insert(name, policy);
    }
    databases
}

fn empty(origin: &Origin) -> DatabasePolicy {
    DatabasePolicy {
        schemas: BTreeMap::new(),
        extensions: None,
        public: PublicAccess::default(),
        origin: origin.clone(),
    }
}

fn database_policy(
    database: &Database,
    origin: &Origin,
    problems: &mut Problems,
) -> DatabasePolicy {
    let schemas = distinct(
        given(&database.schemas),
        "schema",
        |schema: &Schema| &schema.name,
        problems,
    );
    let extensions = given(&database.extensions).map(|list| {
        distinct(
            Some(list),
            "extension",
            |extension: &Extension| &extension.name,
            problems,
        )
    });
    DatabasePolicy {
        schemas: schemas
            .into_iter()
            .filter_map(|schema| schema_policy(&schema, problems))
            .collect(),
        extensions: extensions.map(|list| {
            list.into_iter()
                .filter_map(|extension| extension_policy(&extension, problems))
                .collect()
        }),
        public: given(&database.public).copied().unwrap_or_default(),
        origin: origin.clone(),
    }
}

fn schema_policy(
    schema: &Located<Schema>,
    problems: &mut Problems,
) -> Option<(SchemaName, SchemaPolicy)> {
    let Schema { name, create } = schema.get()?;
    let text = name.get()?;
    let checked = problems.keep(&name.origin, SchemaName::new(text))?;
    if text.starts_with("pg_") || text == "information_schema" {
        problems.push(
            &name.origin,
            format!("the schema `{text}` is PostgreSQL's own"),
        );
    }
    let create = given(create).copied().unwrap_or(true);
    Some((
        checked,
        SchemaPolicy {
            create,
            origin: name.origin.clone(),
        },
    ))
}

fn extension_policy(
    extension: &Located<Extension>,
    problems: &mut Problems,
) -> Option<(ExtensionName, ExtensionPolicy)> {
    let Extension {
        name,
        schema,
        version,
    } = extension.get()?;
    let checked = problems.keep(&name.origin, ExtensionName::new(name.get()?))?;
    let schema = schema
        .as_ref()
        .and_then(|field| problems.keep(&field.origin, SchemaName::new(field.get()?)));
    let version = version.as_ref().and_then(|field| {
        let text = field.get()?;
        if text.is_empty() {
            problems.push(&field.origin, "a version cannot be empty");
        }
        Some(text.clone())
    });
    Some((
        checked,
        ExtensionPolicy {
            schema,
            version,
            origin: name.origin.clone(),
        },
    ))
}

/// The entries of a list by name: a repetition in one file is an error, in two files the entries are joined.
fn distinct<T: Read + Clone>(
    list: Option<&List<Brief<T>>>,
    what: &str,
    name: fn(&T) -> &Located<String>,
    problems: &mut Problems,
) -> Vec<Located<T>> {
    let mut entries: Vec<Located<T>> = Vec::new();
    for item in list.into_iter().flatten() {
        let Some(Brief(value)) = item.get() else {
            continue;
        };
        let Located {
            value: Some(text),
            origin,
        } = name(value)
        else {
            continue;
        };
        let same =
            |entry: &&mut Located<T>| entry.get().and_then(|entry| name(entry).get()) == Some(text);
        match entries.iter_mut().find(same) {
            None => entries.push(Located::new(value.clone(), item.origin.clone())),
            Some(first) if first.origin.file == item.origin.file => {
                problems.push(
                    origin,
                    format!(
                        "the {what} `{text}` is listed twice, first at {}",
                        place(&first.origin)
                    ),
                );
            }
            Some(first) => first.join(
                Located::new(value.clone(), item.origin.clone()),
                text,
                problems,
            ),
        }
    }
    entries
}
