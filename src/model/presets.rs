//! The presets of a role: at most one for each schema.

use std::collections::BTreeMap;

use super::{DatabaseName, Preset, SchemaName};

/// The preset that a role has on each schema that its `access:` covers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presets(BTreeMap<DatabaseName, BTreeMap<SchemaName, Preset>>);

impl Presets {
    /// The preset on `schema` of `database`.
    pub fn on(&self, database: &DatabaseName, schema: &SchemaName) -> Option<Preset> {
        self.0.get(database)?.get(schema).copied()
    }

    /// The schemas of `database` that are covered, each with its preset, in order of name.
    pub fn in_database(
        &self,
        database: &DatabaseName,
    ) -> impl Iterator<Item = (&SchemaName, Preset)> {
        self.0
            .get(database)
            .into_iter()
            .flatten()
            .map(|(schema, preset)| (schema, *preset))
    }

    /// Whether a schema of `database` is covered.
    pub fn cover(&self, database: &DatabaseName) -> bool {
        self.0.contains_key(database)
    }

    /// Whether `preset` stands on a schema of `database`.
    pub fn contain(&self, preset: Preset, database: &DatabaseName) -> bool {
        self.in_database(database).any(|(_, one)| one == preset)
    }

    /// All of them, in order of database and schema.
    pub fn iter(&self) -> impl Iterator<Item = (&DatabaseName, &SchemaName, Preset)> {
        self.0.iter().flat_map(|(database, schemas)| {
            schemas
                .iter()
                .map(move |(schema, one)| (database, schema, *one))
        })
    }
}

impl FromIterator<(DatabaseName, SchemaName, Preset)> for Presets {
    fn from_iter<I: IntoIterator<Item = (DatabaseName, SchemaName, Preset)>>(presets: I) -> Self {
        let mut all = Self::default();
        for (database, schema, preset) in presets {
            all.0.entry(database).or_default().insert(schema, preset);
        }
        all
    }
}
