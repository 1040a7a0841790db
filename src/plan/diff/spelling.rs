//! Changes that no statement can spell as they are meant: names that are not UTF-8, and names beyond ASCII of what all databases
//! share, where the server converts a statement into another encoding.

use std::sync::Arc;

use super::Diff;
use super::emit::Reason;
use crate::model::{Encoding, Object, ObjectKind, PrivilegeClass, quote_literal};
use crate::plan::{Aim, Change, Step};

impl Diff<'_> {
    /// The step without what cannot be spelt, which is withheld; `None` when nothing is left of it.
    pub(super) fn set_unspelt_aside(&mut self, mut step: Step) -> Option<Step> {
        if let Some(reason) = self.unspelt_role(&step.change) {
            self.leave_unspelt(step, reason);
            return None;
        }
        let Some(objects) = step
            .change
            .objects_mut()
            .filter(|objects| !objects.iter().all(Object::has_name))
        else {
            return Some(step);
        };
        let (spelt, unspelt): (Vec<_>, Vec<_>) =
            objects.iter().cloned().partition(Object::has_name);
        *objects = spelt.into();
        let rest = (!objects.is_empty()).then(|| step.clone());
        for object in unspelt {
            let advice = rename(&object);
            step.change
                .objects_mut()
                .into_iter()
                .for_each(|objects| *objects = Arc::new([object.clone()]));
            self.leave_unspelt(
                step.clone(),
                Reason::decision("its name is not UTF-8, or has hidden characters", advice),
            );
        }
        rest
    }

    fn leave_unspelt(&mut self, step: Step, reason: Reason) {
        self.withhold_unspelt(&step, reason);
    }

    /// Why a role, schema or database that the change names cannot be.
    fn unspelt_role(&self, change: &Change) -> Option<Reason> {
        let named = change.role_names();
        if let Encoding::Converted(encoding) = self.encoding_for(change)
            && let Some(role) = named
                .iter()
                .find(|role| role.oid().is_some() || !role.as_str().is_ascii())
        {
            let reason = format!(
                "the encoding of the database is {encoding}, in which the name of `{role}` means another role"
            );
            let advice = "rename the role in ASCII, or use a database with the encoding UTF8";
            return Some(Reason::decision(
                reason,
                role.oid().map_or_else(|| advice.into(), rename_role),
            ));
        }
        if let Some(role) = named.iter().find(|role| role.oid().is_some()) {
            let reason = format!("the name of `{role}` is not UTF-8, or has hidden characters");
            return Some(Reason::decision(
                reason,
                role.oid().map(rename_role).unwrap_or_default(),
            ));
        }
        if let Some(schema) = change
            .default_schema()
            .filter(|schema| schema.oid().is_some())
        {
            let object = Object::Schema(schema.clone());
            return Some(Reason::decision(
                format!("the name of `{schema}` is not UTF-8, or has hidden characters"),
                rename(&object),
            ));
        }
        None
    }

    /// The encoding of the database in which the change is made.
    fn encoding_for(&self, change: &Change) -> &Encoding {
        match change.target() {
            Aim::Database(database) => self
                .state
                .databases
                .get(&database)
                .map_or(&self.state.server.encoding, |database| &database.encoding),
            Aim::Instance | Aim::Sessions | Aim::Departures | Aim::Secret(_) => {
                &self.state.server.encoding
            }
        }
    }
}

/// What gives an object a name that can be spelt. The server writes the old name itself.
fn rename(object: &Object) -> String {
    let general = "rename it, in a session with client_encoding SQL_ASCII";
    let of_schema = object.schema().and_then(|schema| schema.oid());
    let (Some(oid), false) = (
        object.oid().or(of_schema),
        matches!(object, Object::Column { .. }),
    ) else {
        return general.into();
    };
    let words = match object.kind() {
        _ if of_schema.is_some() => Some(("SCHEMA", "regnamespace")),
        kind => renamed_as(kind),
    };
    words.map_or_else(
        || general.into(),
        |(words, class)| renamed(words, class, oid),
    )
}

fn renamed_as(kind: ObjectKind) -> Option<(&'static str, &'static str)> {
    match kind.class() {
        PrivilegeClass::Relation | PrivilegeClass::Sequence => Some(("TABLE", "regclass")),
        PrivilegeClass::Routine => Some(("ROUTINE", "regprocedure")),
        PrivilegeClass::Type => Some(("TYPE", "regtype")),
        _ => None,
    }
}

fn rename_role(oid: u32) -> String {
    renamed("ROLE", "regrole", oid)
}

fn renamed(words: &str, class: &str, oid: u32) -> String {
    let statement = quote_literal(&format!("ALTER {words} %s RENAME TO renamed_{oid}"));
    format!("rename it: DO $$ BEGIN EXECUTE format({statement}, {oid}::{class}); END $$")
}
