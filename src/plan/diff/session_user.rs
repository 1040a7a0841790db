//! What asks for `session_user` where logins alternate: a rotation changes the answer.

use super::Diff;
use crate::model::{Database, DatabaseName, Lifecycle, RoleName, RolePolicy, Strategy, pair};
use crate::plan::{Finding, Rule, Severity};

impl Diff<'_> {
    /// One warning for each object of a managed schema that a role with two logins has access to.
    pub(super) fn session_user(&mut self, name: &DatabaseName, database: &Database) {
        let policy = self.policy;
        for (schema, objects) in &database.session_users {
            let alternates = |(_, role): &(&RoleName, &RolePolicy)| {
                role.lifecycle == Lifecycle::Present
                    && role.rotation.strategy == Strategy::Alternate
                    && role.presets.on(name, schema).is_some()
            };
            let Some((role, _)) = policy.roles.iter().find(alternates) else {
                continue;
            };
            for object in objects {
                self.asks_for_session_user(name, role, object);
            }
        }
    }

    fn asks_for_session_user(&mut self, database: &DatabaseName, role: &RoleName, object: &str) {
        let logins = pair(role)
            .map(|login| login.to_string())
            .collect::<Vec<_>>()
            .join(" and ");
        let message = format!(
            "{object} asks for session_user, which is {logins} in turn and changes with each rotation; current_user stays {role}"
        );
        self.note(Finding {
            severity: Severity::Warning,
            database: Some(database.clone()),
            role: Some(role.to_string()),
            object: Some(object.to_owned()),
            path: vec![
                role.to_string(),
                format!("logins {logins}"),
                object.to_owned(),
            ],
            origin: self.origin(role),
            ..Finding::new(Rule::RoleSessionUser, message)
        });
    }
}
