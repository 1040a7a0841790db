//! Code of undeclared roles that runs as others: whoever can change a function acts as whoever sets it off. Whether it is
//! SECURITY DEFINER does not matter, since its owner can change that too.

use std::collections::BTreeSet;

use super::Diff;
use super::fence::not_declared;
use crate::model::{Call, Database, DatabaseName, RunsAs, quote_identifier};
use crate::plan::standing::Standing;
use crate::plan::{Finding, Rule};

impl Diff<'_> {
    /// What runs code of undeclared roles in one managed database: one finding for each piece of code.
    pub(super) fn calls(&mut self, name: &DatabaseName, database: &Database) {
        let Some(managed) = self.policy.databases.get(name) else { return };
        let mut told = BTreeSet::new();
        for call in &database.calls {
            let there = call.schema.as_ref().map_or(call.runs == RunsAs::Changer, |s| managed.schemas.contains_key(s));
            let undeclared = self.cast.standing(&call.owner) == Standing::Undeclared;
            if there && undeclared && told.insert(&call.code) {
                self.runs_for_others(name, call);
            }
        }
    }

    fn runs_for_others(&mut self, database: &DatabaseName, call: &Call) {
        let Call { code, owner, .. } = call;
        let runs = call.line();
        let (kind, name) = code.split_once(' ').unwrap_or_default();
        let to = quote_identifier(self.reach.maker_name().as_str());
        let finding = Finding {
            database: Some(database.clone()),
            role: Some(owner.to_string()),
            object: Some(code.to_string()),
            path: vec![owner.to_string(), format!("owner of {code}"), runs.clone()],
            fix: Some(format!("ALTER {} {name} OWNER TO {to}", kind.to_uppercase())),
            ..Finding::new(Rule::RoleUndeclared, format!("{owner} can change {code}: {runs}"))
        };
        self.withhold_findings(vec![finding], not_declared(owner));
    }
}
