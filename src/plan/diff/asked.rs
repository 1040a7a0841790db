//! What of the policy asks for what is missing.

use super::Diff;
use super::objects::Lot;
use crate::model::{
    Access, DatabaseName, Dependence, Object, ObjectKind, Preset, PrivilegeClass, RoleName, SchemaName,
};
use crate::plan::Asked;
use crate::plan::expected::preset_privileges;

impl Diff<'_> {
    /// Why `role` is to hold something on the objects of a lot.
    pub(super) fn asked(&self, role: &RoleName, lot: &Lot<'_>) -> Option<Asked> {
        let (database, object) = (lot.database, &lot.members[0]);
        let class = object.kind().class();
        match object {
            Object::Database(name) if name == database => Some(self.asked_in(role, database, None, class)),
            object => object.schema().map(|schema| match self.asked_in(role, database, Some(schema), class) {
                Asked::Grant if object.kind() == ObjectKind::Schema && self.has_access(role, database) => {
                    Asked::Extensions
                }
                // What presets leave out.
                Asked::Preset(Preset::Read) if lot.group.security_definer => Asked::Grant,
                Asked::Preset(_)
                    if lot.group.dependence == Dependence::Extension && class != PrivilegeClass::Schema =>
                {
                    Asked::Grant
                }
                asked => asked,
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
        let here = |one: &&Access| one.database == *database && schema.is_none_or(|schema| one.schema == *schema);
        let access = self.access_of(role).filter(here).map(|one| one.preset);
        // `ddl` asks for most, and comes first.
        access.filter(|preset| !preset_privileges(*preset, class).is_empty()).min().map_or(Asked::Grant, Asked::Preset)
    }

    fn has_access(&self, role: &RoleName, database: &DatabaseName) -> bool {
        self.access_of(role).any(|one| one.database == *database)
            && !self.policy.roles.get(role).is_some_and(|role| role.grants.iter().any(|one| one.database == *database))
    }

    fn access_of(&self, role: &RoleName) -> impl Iterator<Item = &Access> {
        self.policy.roles.get(self.cast.declared(role)).into_iter().flat_map(|role| &role.access)
    }
}
