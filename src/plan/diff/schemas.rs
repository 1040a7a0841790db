//! Managed schemas that are not there yet.

use super::Diff;
use super::emit::{Reason, step};
use crate::model::{
    Acl, Database, DatabaseName, Dependence, Group, Object, ObjectKind, Privilege, SchemaName,
};
use crate::plan::{Change, Finding, Rule, Step, advice};

impl Diff<'_> {
    /// Makes missing schemas. Returns them as they will be, so that they are granted on in the same run.
    pub(super) fn schemas(&mut self, name: &DatabaseName, database: &Database) -> Vec<Group> {
        let Some(policy) = self.policy.databases.get(name) else {
            return Vec::new();
        };
        let mut made = Vec::new();
        let there = database.schemas();
        for (schema, wanted) in policy
            .schemas
            .iter()
            .filter(|(schema, _)| !there.contains_key(schema))
        {
            let change = Change::CreateSchema {
                database: name.clone(),
                schema: schema.clone(),
            };
            let step = step(change, Rule::SchemaMissing, Some(&wanted.origin));
            match self.schema_blocked(name, wanted.create) {
                Some(reason) => self.withhold(step, reason),
                None => made.push(self.new_schema(schema, step)),
            }
        }
        made
    }

    fn new_schema(&mut self, schema: &SchemaName, step: Step) -> Group {
        self.push(step);
        let owner = self.reach.maker_name().clone();
        Group {
            kind: ObjectKind::Schema,
            acl: Acl::default_for(ObjectKind::Schema.class(), &owner),
            owner_holds: ObjectKind::Schema.class().owner_default(),
            owner,
            dependence: Dependence::Free,
            security_definer: false,
            members: vec![Object::Schema(schema.clone())],
        }
    }

    fn schema_blocked(&self, database: &DatabaseName, create: bool) -> Option<Reason> {
        if !create {
            return Some(Reason::decision(
                "the policy leaves making it to others (`create: false`)",
                "CREATE SCHEMA first",
            ));
        }
        self.creator_missing(database)
    }

    /// Schemas and extensions are made by somebody with CREATE on the database.
    pub(super) fn creator_missing(&self, database: &DatabaseName) -> Option<Reason> {
        if self.reach.creator(database).is_some() {
            return None;
        }
        let owner = &self.reach.database(database)?.owner;
        Some(Reason::impossible(
            format!(
                "`{}` has no CREATE on the database, which belongs to `{owner}`",
                self.reach.admin()
            ),
            format!(
                "`{owner}` runs: {}",
                advice::grant(
                    Privilege::Create,
                    &Object::Database(database.clone()),
                    self.reach.maker_name()
                )
            ),
        ))
    }

    pub(super) fn in_database(finding: Finding, database: &DatabaseName) -> Finding {
        Finding {
            database: Some(database.clone()),
            ..finding
        }
    }
}
