//! What owners lose and what they should not have: code that goes on running as a former owner, and what managed roles own
//! where the policy does not speak.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Diff;
use super::emit::{Part, Reason, step};
use super::objects::Lot;
use super::owners::Judged;
use crate::model::{
    DatabaseName, Dependence, Grantee, Group, Object, ObjectKind, Preset, Privilege, RelationKind,
    RoleName, State,
};
use crate::plan::expected::preset_privileges;
use crate::plan::path::owns;
use crate::plan::standing::Standing;
use crate::plan::{Change, Finding, Rule, TakeOver, fix};

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
        self.push_part_or(
            step(change, Rule::OwnerUnexpected, None),
            Part::Restores,
            None,
        );
    }

    fn leaves_code(&self, database: &DatabaseName, owner: &RoleName) -> bool {
        let owners = || owners_of_code_left(self.state, &self.options.take_over);
        self.leaving_code
            .get_or_init(owners)
            .get(database)
            .is_some_and(|owners| owners.contains(owner))
    }

    /// What a managed role owns in a schema the policy does not speak of: there it may do what it likes.
    pub(super) fn outside(&mut self, lot: &Lot<'_>) {
        let owner = &lot.group.owner;
        let Some(schema) = lot.members[0].schema() else {
            return self.outside_schemas(lot);
        };
        let Some(database) = self.policy.databases.get(lot.database) else {
            return;
        };
        let managed = database.schemas.contains_key(schema);
        let may = self
            .policy
            .roles
            .get(owner)
            .is_some_and(|role| role.create_schemas);
        let judged = lot.group.dependence == Dependence::Free;
        if managed || may || !judged || !self.cast.standing(owner).is_managed() {
            return;
        }
        let reason = Reason::decision(
            "the policy does not speak of this schema",
            "declare the schema, give it to somebody else, or let the role make schemas (`create_schemas: true`)",
        );
        self.owned(lot, "outside the schemas of the policy", reason);
    }

    /// Servers, wrappers and languages are made by DDL: whoever owns one without that may change what others use.
    fn outside_schemas(&mut self, lot: &Lot<'_>) {
        let owner = &lot.group.owner;
        let made = matches!(
            lot.group.kind,
            ObjectKind::ForeignServer | ObjectKind::ForeignDataWrapper | ObjectKind::Language
        );
        let judged = self.policy.databases.contains_key(lot.database)
            && lot.group.dependence == Dependence::Free;
        let ddl = self
            .policy
            .roles
            .get(owner)
            .is_some_and(|role| role.presets.contain(Preset::Ddl, lot.database));
        if made && judged && !ddl && self.cast.standing(owner).is_managed() {
            let reason = Reason::decision(
                "only a role with ddl makes such objects",
                "give it to somebody else",
            );
            self.owned(lot, "and has no ddl", reason);
        }
    }

    fn owned(&mut self, lot: &Lot<'_>, but: &str, reason: Reason) {
        let owner = &lot.group.owner;
        let finding = |object: &Object| Finding {
            database: Some(lot.database.clone()),
            role: Some(owner.to_string()),
            object: Some(object.to_string()),
            path: owns(owner, object),
            fix: self.given_back(Some(lot.database), lot.group, object),
            origin: self.origin(owner),
            ..Finding::new(
                Rule::PrivilegeEffective,
                format!("{owner} owns {object}, {but}"),
            )
        };
        let found = lot.members.iter().map(finding).collect();
        let reason = match self.brings_code(owner, &lot.members) {
            true => Reason {
                advice: format!("{}; {CODE_IN_IT}", reason.advice),
                ..reason
            },
            false => reason,
        };
        self.withhold_findings(found, reason);
    }
}

impl Diff<'_> {
    /// Who has to let `to` create in the schema of an object for it to become the owner, as things are.
    pub(super) fn lets_create(
        &self,
        to: &RoleName,
        database: &DatabaseName,
        object: &Object,
    ) -> Option<RoleName> {
        let schema = object
            .schema()
            .filter(|_| !matches!(object, Object::Schema(_)))?;
        match self
            .reach
            .holds_on_schema(to, (database, schema), Privilege::Create)
        {
            true => None,
            false => self.reach.owner_of_schema(database, schema),
        }
    }

    /// The statement by which an object goes to whom schemas and databases belong.
    pub(super) fn given_back(
        &self,
        database: Option<&DatabaseName>,
        group: &Group,
        object: &Object,
    ) -> Option<String> {
        let (database, to) = (database?.clone(), self.reach.maker_name().clone());
        let creates_by = self.lets_create(&to, &database, object);
        let objects = [object.clone()].into();
        let change = Change::ChangeOwner {
            database,
            objects,
            from: group.owner.clone(),
            to,
            creates_by,
        };
        self.owner_fix(&change)
    }

    /// The statement that changes an owner, as a fix. There is none for what brings code along: who runs a fix sees no body, and
    /// its author can change that until the moment it runs.
    pub(super) fn owner_fix(&self, change: &Change) -> Option<String> {
        match change {
            Change::ChangeOwner { from, objects, .. } if self.brings_code(from, objects) => None,
            change => fix::fix(change, &self.reach),
        }
    }

    /// Whether objects of `owner` are code, or run code as whoever owns them, that no admin wrote.
    pub(super) fn brings_code(&self, owner: &RoleName, objects: &[Object]) -> bool {
        !self.is_trusted_author(owner) && objects.iter().any(|object| carries_code(object.kind()))
    }

    pub(super) fn is_trusted_author(&self, role: &RoleName) -> bool {
        role == self.reach.admin()
            || matches!(self.cast.standing(role), Standing::Admin | Standing::System)
    }
}

/// What is to be known of an object with code before it is given away.
const CODE_IN_IT: &str = "there is no statement for that here, since the new owner would run code that it brings along: read its \
                          definition, and make it anew as an admin rather than giving it to one";

/// Routines; relations, whose indexes, checks, triggers, rules and queries run as their owner; domains, whose checks are code of
/// their owner.
fn carries_code(kind: ObjectKind) -> bool {
    matches!(
        kind,
        ObjectKind::Routine(_) | ObjectKind::Relation(_) | ObjectKind::Domain
    )
}

/// The owners of something in each database.
pub(super) type OwnersByDatabase<'a> = HashMap<&'a DatabaseName, HashSet<&'a RoleName>>;

/// The owners of views and SECURITY DEFINER routines that `take_over` does not cover, so that they stay with them.
fn owners_of_code_left<'a>(
    state: &'a State,
    take_over: &BTreeSet<TakeOver>,
) -> OwnersByDatabase<'a> {
    let mut owners = OwnersByDatabase::new();
    for (name, database) in &state.databases {
        let free = database
            .groups
            .iter()
            .filter(|group| group.dependence == Dependence::Free);
        let left = free
            .filter(|group| runs_as_owner(group).is_some_and(|kind| !take_over.contains(&kind)));
        owners.insert(name, left.map(|group| &group.owner).collect());
    }
    owners
}

/// What of `--take-over` hands over a group that does what it does with its owner's rights.
pub(super) fn runs_as_owner(group: &Group) -> Option<TakeOver> {
    match group.kind {
        ObjectKind::Relation(RelationKind::View | RelationKind::MaterializedView) => {
            Some(TakeOver::Views)
        }
        _ => group.security_definer.then_some(TakeOver::Routines),
    }
}
