//! What of the policy asks for what is missing.

use super::Diff;
use super::objects::Lot;
use crate::model::{
    DatabaseName, Dependence, Object, ObjectKind, Preset, Presets, PrivilegeClass, RoleName,
    SchemaName,
};
use crate::plan::Asked;
use crate::plan::expected::preset_privileges;

impl Diff<'_> {
    /// Why `role` is to hold something on the objects of a lot.
    pub(super) fn asked(&self, role: &RoleName, lot: &Lot<'_>) -> Option<Asked> {
        let (database, object) = (lot.database, &lot.members[0]);
        let class = object.kind().class();
        match object {
            Object::Database(name) if name == database => {
                Some(self.asked_in(role, database, None, class))
            }
            object => object.schema().map(|schema| {
                match self.asked_in(role, database, Some(schema), class) {
                    Asked::Grant
                        if object.kind() == ObjectKind::Schema
                            && self.has_access(role, database) =>
                    {
                        Asked::Extensions
                    }
                    // What presets leave out.
                    Asked::Preset(Preset::Read) if lot.group.security_definer => Asked::Grant,
                    Asked::Preset(_)
                        if lot.group.dependence == Dependence::Extension
                            && class != PrivilegeClass::Schema =>
                    {
                        Asked::Grant
                    }
                    asked => asked,
                }
            }),
        }
    }

    /// Why `role` is to hold something on objects of a class in a schema, or on the database.
    pub(super) fn asked_in(
        &self,
        role: &RoleName,
        database: &DatabaseName,
        schema: Option<&SchemaName>,
        class: PrivilegeClass,
    ) -> Asked {
        let Some(presets) = self.presets_of(role) else {
            return Asked::Grant;
        };
        let gives = |preset: &Preset| !preset_privileges(*preset, class).is_empty();
        let asked = match schema {
            Some(schema) => presets.on(database, schema).filter(gives),
            // `ddl` asks for most, and comes first.
            None => presets
                .in_database(database)
                .map(|(_, preset)| preset)
                .filter(gives)
                .min(),
        };
        asked.map_or(Asked::Grant, Asked::Preset)
    }

    fn has_access(&self, role: &RoleName, database: &DatabaseName) -> bool {
        self.presets_of(role)
            .is_some_and(|presets| presets.cover(database))
            && !self
                .policy
                .roles
                .get(role)
                .is_some_and(|role| role.grants.iter().any(|one| one.database == *database))
    }

    fn presets_of(&self, role: &RoleName) -> Option<&Presets> {
        self.policy
            .roles
            .get(self.cast.declared(role))
            .map(|role| &role.presets)
    }
}
