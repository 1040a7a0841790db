//! Privileges that row security leaves without rows: the grant is there, and every row is refused.

use std::collections::BTreeMap;

use super::Diff;
use crate::access::{NoRows, ON_ROWS, RowAccess, Rows};
use crate::model::{Database, DatabaseName, Object, Privileges, RoleName};
use crate::plan::expected::Expectations;
use crate::plan::statement::{name, reference};
use crate::plan::{Finding, Rule, Severity};

impl Diff<'_> {
    /// One warning for each declared role and relation of a managed database.
    pub(super) fn row_security(&mut self, name: &DatabaseName, database: &Database) {
        let state = self.state;
        let Some(rows) =
            RowAccess::new(state, name).filter(|_| self.policy.databases.contains_key(name))
        else {
            return;
        };
        let mut held = self.held_on_rows(name, database, &rows);
        held.retain(|(role, _), _| state.roles.contains_key(role));
        for ((role, object), privileges) in held {
            let mut refused = Privileges::NONE;
            let mut why = None;
            for privilege in ON_ROWS.into_iter().filter(|one| privileges.contains(*one)) {
                if let Rows::None(reason) = rows.rows(&role, object, privilege, privileges) {
                    refused = refused.union(Privileges::of(&[privilege]));
                    why = why.or(Some(reason));
                }
            }
            if let Some(why) = why {
                self.without_rows(name, &role, object, refused, &why);
            }
        }
    }

    /// What the policy gives on relations with row security, by role and relation; columns count for their relation.
    fn held_on_rows<'o>(
        &self,
        name: &DatabaseName,
        database: &Database,
        rows: &RowAccess<'o>,
    ) -> BTreeMap<(RoleName, &'o Object), Privileges> {
        let secured: BTreeMap<_, _> = rows
            .relations()
            .filter_map(|one| Some((relation(one)?, one)))
            .collect();
        let expectations =
            Expectations::new(self.policy, name, database, self.state.server.major());
        let mut held: BTreeMap<_, Privileges> = BTreeMap::new();
        for group in &database.groups {
            for object in &group.members {
                let Some(of) = relation(object).and_then(|one| secured.get(&one)) else {
                    continue;
                };
                for (role, wanted) in expectations.of(group, object, true).iter() {
                    let sum = held.entry((role.clone(), *of)).or_insert(Privileges::NONE);
                    *sum = sum.union(wanted.privileges);
                }
            }
        }
        held
    }

    fn without_rows(
        &mut self,
        name: &DatabaseName,
        role: &RoleName,
        object: &Object,
        refused: Privileges,
        why: &NoRows,
    ) {
        let finding = Finding {
            severity: Severity::Warning,
            database: Some(name.clone()),
            role: Some(role.to_string()),
            object: Some(object.to_string()),
            privilege: Some(refused.to_string()),
            path: vec![
                role.to_string(),
                format!("{refused} on {object}"),
                why.to_string(),
            ],
            origin: self.origin(role),
            ..Finding::new(
                Rule::RowSecurity,
                format!(
                    "{role} has {refused} on {object}, and reaches no row: {why}; {}",
                    no_policy(why)
                ),
            )
        };
        self.note(finding);
    }
}

/// No statement is given: which rows a role is to reach is for the owner of the table to say.
fn no_policy(why: &NoRows) -> String {
    let (table, role) = (reference(&why.table), name(why.role.as_str()));
    format!(
        "the owner of {} decides which: CREATE POLICY … ON {table} TO {role} USING (…)",
        why.table
    )
}

/// Schema and name of a relation, or of that of a column.
fn relation(object: &Object) -> Option<(&str, &str)> {
    match object {
        Object::InSchema {
            schema,
            name,
            kind: crate::model::ObjectKind::Relation(_),
        }
        | Object::Column {
            schema,
            relation: name,
            ..
        } => Some((schema.as_str(), name)),
        _ => None,
    }
}
