//! Declared grants whose object does not exist yet, and those that will never be.

use std::collections::HashSet;

use super::Diff;
use super::emit::Reason;
use crate::model::{
    Database, DatabaseName, DeclaredGrant, Group, Naming, Object, ObjectKind, Privilege,
    PrivilegeClass, Privileges, RoleName, SchemaName, Target,
};
use crate::plan::expected::Expectations;
use crate::plan::{Finding, Pending, Rule};

/// Languages that come with PostgreSQL and belong to its superuser.
const BUILT_IN_LANGUAGES: [&str; 4] = ["internal", "c", "sql", "plpgsql"];

/// Tablespaces that come with PostgreSQL.
const BUILT_IN_TABLESPACES: [&str; 2] = ["pg_default", "pg_global"];

impl Diff<'_> {
    /// Looks after the declared grants that no object in the inventory stands for.
    pub(super) fn pending(
        &mut self,
        name: &DatabaseName,
        database: &Database,
        made: &[Group],
        expectations: &Expectations<'_>,
    ) {
        let inventory = database.groups.iter().chain(made).chain(&self.state.shared);
        let inventory = inventory
            .flat_map(|group| &group.members)
            .filter(|object| expectations.singles_out(object));
        let schemas = database.schemas();
        let there: HashSet<Naming<'_>> = inventory.map(Object::naming).collect();
        for (role, grant) in expectations.grants() {
            self.unknown_here(name, role, grant);
            let exists = match &grant.target {
                Target::Object(object) => there.contains(&object.naming()),
                Target::AllInSchema(_, schema) => {
                    schemas.contains_key(schema) || is_made(made, schema)
                }
            };
            if exists {
                continue;
            }
            match self.never(&grant.target) {
                Some(reason) => self.withhold_grant(name, role, grant, grant.privileges, reason),
                None => self.plan.pending.push(Pending {
                    role: role.clone(),
                    database: name.clone(),
                    grant: format!("{} on {}", grant.privileges, grant.target),
                    origin: grant.origin.clone(),
                }),
            }
        }
    }

    /// Privileges that only a later major has.
    fn unknown_here(&mut self, database: &DatabaseName, role: &RoleName, grant: &DeclaredGrant) {
        let major = self.state.server.major();
        let unknown = grant
            .privileges
            .minus(class_of(&grant.target).applicable(major));
        if !unknown.is_empty() {
            let reason = Reason::impossible(
                format!("PostgreSQL {major} has no such privilege there"),
                "leave it out, or upgrade the instance",
            );
            self.withhold_grant(database, role, grant, unknown, reason);
        }
    }

    /// Why a grant that finds no object will never do so: what PostgreSQL brings along is listed only where somebody has
    /// been granted something, and none but its superuser can.
    fn never(&self, target: &Target) -> Option<Reason> {
        let system = |schema: &SchemaName| {
            let name = schema.as_str();
            name == "information_schema" || name.starts_with("pg_")
        };
        let built_in = match target {
            Target::AllInSchema(_, schema) => system(schema),
            Target::Object(Object::Bare {
                kind: ObjectKind::Language,
                name,
            }) => BUILT_IN_LANGUAGES.contains(&&**name),
            Target::Object(Object::Bare {
                kind: ObjectKind::Tablespace,
                name,
            }) => BUILT_IN_TABLESPACES.contains(&&**name),
            Target::Object(Object::Bare {
                kind: ObjectKind::Parameter,
                ..
            }) => true,
            Target::Object(object) => object.schema().is_some_and(system),
        };
        let advice = "on Cloud SQL no login can grant it: leave it out";
        built_in.then(|| Reason::impossible("it belongs to PostgreSQL itself", advice))
    }

    fn withhold_grant(
        &mut self,
        database: &DatabaseName,
        role: &RoleName,
        grant: &DeclaredGrant,
        privileges: Privileges,
        reason: Reason,
    ) {
        let finding = |privilege: Privilege| Finding {
            database: Some(database.clone()),
            role: Some(role.to_string()),
            object: Some(grant.target.to_string()),
            privilege: Some(privilege.keyword().into()),
            path: vec![
                role.to_string(),
                "declared grant".into(),
                format!("{privilege} on {}", grant.target),
            ],
            origin: Some(grant.origin.clone()),
            ..Finding::new(
                Rule::GrantMissing,
                format!("{role} lacks {privilege} on {}", grant.target),
            )
        };
        self.withhold_findings(privileges.iter().map(finding).collect(), reason);
    }
}

fn class_of(target: &Target) -> PrivilegeClass {
    match target {
        Target::Object(object) => object.kind().class(),
        Target::AllInSchema(class, _) => *class,
    }
}

fn is_made(made: &[Group], schema: &SchemaName) -> bool {
    made.iter()
        .flat_map(|group| &group.members)
        .any(|one| matches!(one, Object::Schema(name) if name == schema))
}
