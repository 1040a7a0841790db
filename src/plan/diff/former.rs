//! What owners lose and what they should not have: code that goes on running as a former owner, and what managed roles own
//! where the policy does not speak.

use super::Diff;
use super::emit::{Part, Reason, step};
use super::objects::Lot;
use super::owners::Judged;
use crate::model::{DatabaseName, Dependence, Grantee, Group, ObjectKind, Preset, RelationKind, RoleName};
use crate::plan::expected::preset_privileges;
use crate::plan::standing::Standing;
use crate::plan::{Change, Finding, Rule};

impl Diff<'_> {
    /// Views and SECURITY DEFINER routines that stay with their owner go on running with its rights: it keeps what a `dml` role
    /// has on what is taken from it, or everybody who uses them would be refused.
    pub(super) fn former_owner(&mut self, lot: &Lot<'_>, judged: &Judged) {
        let from = &lot.group.owner;
        let leaves = match self.cast.standing(from) {
            Standing::Admin | Standing::System => self.leaves_code(lot.database, from),
            Standing::Retiring => self.is_stuck(from, lot.database),
            _ => false,
        };
        let privileges = preset_privileges(Preset::Dml, lot.group.kind.class());
        if judged.owner == *from || privileges.is_empty() || !leaves {
            return;
        }
        let change = Change::Grant {
            database: lot.database.clone(),
            objects: lot.members.clone(),
            owner: judged.owner.clone(),
            grantee: Grantee::Role(from.clone()),
            privileges,
            grantable: false,
        };
        self.push_part_or(step(change, Rule::OwnerUnexpected, None), Part::Restores, None);
    }

    fn leaves_code(&self, database: &DatabaseName, owner: &RoleName) -> bool {
        let groups = self.state.databases.get(database).into_iter().flat_map(|database| &database.groups);
        let mut left = groups.filter(|group| group.owner == *owner && group.dependence == Dependence::Free);
        !self.options.take_over && left.any(runs_as_owner)
    }

    /// What a managed role owns in a schema the policy does not speak of: there it may do what it likes.
    pub(super) fn outside(&mut self, lot: &Lot<'_>) {
        let owner = &lot.group.owner;
        let Some(schema) = lot.members[0].schema() else { return };
        let Some(database) = self.policy.databases.get(lot.database) else { return };
        let managed = database.schemas.contains_key(schema);
        let may = self.policy.roles.get(owner).is_some_and(|role| role.create_schemas);
        let judged = lot.group.dependence == Dependence::Free;
        if managed || may || !judged || !self.cast.standing(owner).is_managed() {
            return;
        }
        let finding = |object: &crate::model::Object| Finding {
            database: Some(lot.database.clone()),
            role: Some(owner.to_string()),
            object: Some(object.to_string()),
            path: vec![owner.to_string(), format!("owner of {object}")],
            origin: self.origin(owner),
            ..Finding::new(
                Rule::PrivilegeEffective,
                format!("{owner} owns {object}, outside the schemas of the policy"),
            )
        };
        let found = lot.members.iter().map(finding).collect();
        self.withhold_findings(
            found,
            Reason::decision(
                "the policy does not speak of this schema",
                "declare the schema, give it to somebody else, or let the role make schemas (`create_schemas: true`)",
            ),
        );
    }
}

/// Whether what it does is done with its owner's rights.
pub(super) fn runs_as_owner(group: &Group) -> bool {
    group.security_definer
        || matches!(group.kind, ObjectKind::Relation(RelationKind::View | RelationKind::MaterializedView))
}
