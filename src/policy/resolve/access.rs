//! `access:`: presets on schemas.

use std::collections::BTreeMap;

use super::super::choice::{AccessEntry, AccessList};
use super::super::problem::{closest, place};
use super::super::read::Located;
use super::super::scalar::Word as _;
use super::{Problems, Scope};
use crate::model::{DatabaseName, Origin, Preset, Presets, SchemaName};

/// The presets of one role, each schema once.
pub(super) fn access(
    list: Option<&AccessList>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Presets {
    let mut found: BTreeMap<(DatabaseName, SchemaName), (Preset, &Origin)> = BTreeMap::new();
    for entry in list.into_iter().flat_map(|list| &list.0) {
        let Some(&preset) = entry.preset.get() else {
            continue;
        };
        let origin = entry
            .schema
            .as_ref()
            .map_or(&entry.preset.origin, |schema| &schema.origin);
        for schema in schemas(entry, scope, problems) {
            let (first, said) = *found.entry(schema.clone()).or_insert((preset, origin));
            if first != preset {
                problems.push_hint(
                    origin,
                    format!(
                        "`{}` on the schema `{}.{}`, which has `{}` by {}",
                        preset.as_word(),
                        schema.0,
                        schema.1,
                        first.as_word(),
                        place(said),
                    ),
                    format!(
                        "keep `{}`: `ddl` covers `dml`, and `dml` covers `read`",
                        first.min(preset).as_word()
                    ),
                );
            }
        }
    }
    found
        .into_iter()
        .map(|((database, schema), (preset, _))| (database, schema, preset))
        .collect()
}

fn schemas(
    entry: &AccessEntry,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Vec<(DatabaseName, SchemaName)> {
    match &entry.schema {
        Some(schema) => schema
            .get()
            .and_then(|name| find(name, schema, scope, problems))
            .into_iter()
            .collect(),
        None => {
            let own = &scope.facts(&entry.preset.origin).schemas;
            let all: Vec<_> = own
                .iter()
                .flat_map(|(database, schemas)| {
                    schemas
                        .iter()
                        .map(|schema| (database.clone(), schema.clone()))
                })
                .collect();
            if all.is_empty() {
                let message =
                    "a preset alone means every schema of this file, and this file lists none";
                scope.dangling(
                    &entry.preset.origin,
                    message,
                    "name the schemas: `access: { dml: [public] }`",
                    problems,
                );
            }
            all
        }
    }
}

/// Finds `schema`, or `database.schema` where several databases have one of the name.
fn find(
    name: &str,
    field: &Located<String>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<(DatabaseName, SchemaName)> {
    let all = || {
        scope.databases.iter().flat_map(|(database, policy)| {
            policy
                .schemas
                .keys()
                .map(move |schema| (database.clone(), schema.clone()))
        })
    };
    let bare: Vec<_> = all()
        .filter(|(_, schema)| schema.as_str() == name)
        .collect();
    match bare.as_slice() {
        [one] => return Some(one.clone()),
        [] => {}
        [(database, schema), ..] => {
            problems.push_hint(
                &field.origin,
                format!("several databases have a schema `{name}`"),
                format!("say which: `{database}.{schema}`"),
            );
            return None;
        }
    }
    let qualified = all().find(|(database, schema)| format!("{database}.{schema}") == name);
    if qualified.is_none() {
        let names: Vec<_> = all()
            .flat_map(|(d, s)| [s.to_string(), format!("{d}.{s}")])
            .collect();
        let hint = match closest(name, names.iter().map(String::as_str)) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "list it under `databases.NAME.schemas`".into(),
        };
        scope.dangling(
            &field.origin,
            format!("the schema `{name}` is not declared"),
            hint,
            problems,
        );
    }
    qualified
}
