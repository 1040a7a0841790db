//! What of the policy asks for what is missing.

use super::Diff;
use crate::model::{Access, DatabaseName, Object, ObjectKind, RoleName, SchemaName};
use crate::plan::Asked;

impl Diff<'_> {
    /// Why `role` is to hold something on an object.
    pub(super) fn asked(&self, role: &RoleName, database: &DatabaseName, object: &Object) -> Option<Asked> {
        match object {
            Object::Database(name) if name == database => Some(self.asked_in(role, database, None)),
            object => object.schema().map(|schema| match self.asked_in(role, database, Some(schema)) {
                Asked::Grant if object.kind() == ObjectKind::Schema && self.has_access(role, database) => {
                    Asked::Extensions
                }
                asked => asked,
            }),
        }
    }

    /// Why `role` is to hold something on what is in a schema, or in any of the database.
    pub(super) fn asked_in(&self, role: &RoleName, database: &DatabaseName, schema: Option<&SchemaName>) -> Asked {
        let here = |one: &&Access| one.database == *database && schema.is_none_or(|schema| one.schema == *schema);
        let access = self.access_of(role).filter(here).map(|one| one.preset);
        // `ddl` asks for most, and comes first.
        access.min().map_or(Asked::Grant, Asked::Preset)
    }

    fn has_access(&self, role: &RoleName, database: &DatabaseName) -> bool {
        self.access_of(role).any(|one| one.database == *database)
            && !self.policy.roles.get(role).is_some_and(|role| role.grants.iter().any(|one| one.database == *database))
    }

    fn access_of(&self, role: &RoleName) -> impl Iterator<Item = &Access> {
        self.policy.roles.get(self.cast.declared(role)).into_iter().flat_map(|role| &role.access)
    }
}
