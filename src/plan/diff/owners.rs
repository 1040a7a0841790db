//! Who owns what is in a managed schema.

use super::emit::{Reason, step};
use super::former::runs_as_owner;
use super::objects::{Lot, Place};
use super::{Diff, Phase};
use crate::model::{
    Acl, DatabaseName, Dependence, Group, Object, ObjectKind, Preset, Privilege, RelationKind, RoleName, SchemaName,
};
use crate::plan::standing::Standing;
use crate::plan::{Change, Rule};

/// An object's owner and ACL as they will be when it is granted on.
pub(super) struct Judged {
    pub(super) owner: RoleName,
    pub(super) acl: Acl,
    /// Its owner is a `ddl` role of the schema, or nobody judges owners there.
    pub(super) trusted: bool,
    /// It stays with somebody the policy does not want it to be with.
    pub(super) foreign: bool,
}

impl Judged {
    pub(super) fn as_is(group: &Group) -> Self {
        Self { owner: group.owner.clone(), acl: group.acl.clone(), trusted: true, foreign: false }
    }
}

impl Diff<'_> {
    /// Judges the owner of a lot, and takes it over where it may.
    pub(super) fn owner(&mut self, lot: &Lot<'_>) -> Judged {
        if lot.group.dependence == Dependence::Table {
            return self.owner_of_dependent(lot);
        }
        match self.heir(lot) {
            Verdict::Fine => Judged::as_is(lot.group),
            Verdict::Left => Judged { trusted: false, ..Judged::as_is(lot.group) },
            Verdict::Wrong { to, blocked } => self.take_over(lot, to, blocked),
        }
    }

    /// Who will own a lot at the end of this run.
    pub(super) fn owner_to_be(&self, lot: &Lot<'_>) -> RoleName {
        match self.heir(lot) {
            Verdict::Wrong { to: Some(heir), blocked: None } if self.takes_owners() => heir,
            _ => lot.group.owner.clone(),
        }
    }

    /// A sequence of a serial column, or a column, goes where its table goes, in the same statement.
    fn owner_of_dependent(&self, lot: &Lot<'_>) -> Judged {
        let as_relation = |kind| Group {
            kind: ObjectKind::Relation(kind),
            owner: lot.group.owner.clone(),
            acl: lot.group.acl.clone(),
            dependence: Dependence::Free,
            security_definer: lot.group.security_definer,
            members: Vec::new(),
        };
        let verdict = |group: &Group| self.heir(&Lot { group, members: lot.members.clone(), ..*lot });
        let mut heir = verdict(&as_relation(RelationKind::Table));
        if matches!(heir, Verdict::Wrong { .. }) {
            heir = verdict(&as_relation(self.relation_of(lot)));
        }
        match heir {
            Verdict::Fine => Judged::as_is(lot.group),
            Verdict::Left => Judged { trusted: false, ..Judged::as_is(lot.group) },
            Verdict::Wrong { to: Some(heir), blocked: None } if self.takes_owners() => {
                let acl = lot.group.acl.after_owner_change(&lot.group.owner, &heir);
                Judged { owner: heir, acl, trusted: true, foreign: false }
            }
            Verdict::Wrong { .. } => Judged { trusted: false, foreign: true, ..Judged::as_is(lot.group) },
        }
    }

    /// Whether tables change their owner in this run: not where running code may live by what the owner may do, and
    /// perhaps not where the policy accepts some that do not.
    fn takes_owners(&self) -> bool {
        let accepted = self.policy.allow.iter().any(|allow| allow.rule == Rule::OwnerUnexpected.id());
        self.options.phase != Phase::Expand && !accepted
    }

    /// The kind of relation a column belongs to; a sequence belongs to a table.
    fn relation_of(&self, lot: &Lot<'_>) -> RelationKind {
        let Object::Column { schema, relation, .. } = &lot.members[0] else { return RelationKind::Table };
        let groups = self.state.databases.get(lot.database).into_iter().flat_map(|database| &database.groups);
        let named = |object: &Object| matches!(object, Object::InSchema { schema: s, name, .. } if s == schema && name == relation);
        let found = groups.filter_map(|group| match group.kind {
            ObjectKind::Relation(kind) => Some((kind, group)),
            _ => None,
        });
        found
            .into_iter()
            .find(|(_, group)| group.members.iter().any(named))
            .map_or(RelationKind::Table, |(kind, _)| kind)
    }

    fn heir(&self, lot: &Lot<'_>) -> Verdict {
        let owner = &lot.group.owner;
        let managed = self.policy.databases.get(lot.database);
        match (lot.group.kind, lot.members[0].schema()) {
            (ObjectKind::Database, _) if matches!(&lot.members[0], Object::Database(name) if name == lot.database) => {
                self.container_heir(owner)
            }
            (ObjectKind::Schema, Some(schema)) if managed.is_some_and(|one| one.schemas.contains_key(schema)) => {
                self.container_heir(owner)
            }
            (ObjectKind::Schema, _) => Verdict::Fine,
            (_, Some(schema)) if managed.is_some_and(|one| one.schemas.contains_key(schema)) => {
                self.object_heir(lot, schema)
            }
            _ => Verdict::Fine,
        }
    }

    /// Databases and schemas belong to nobody who logs in to work: `cloudsqlsuperuser`, or an admin.
    fn container_heir(&self, owner: &RoleName) -> Verdict {
        let blocked = match self.cast.standing(owner) {
            Standing::Admin | Standing::System | Standing::Ignored => return Verdict::Fine,
            Standing::Declared | Standing::Login | Standing::Iam => None,
            Standing::Undeclared => self.not_declared(owner),
        };
        let to = self.reach.maker_name().clone();
        let blocked = self.out_of_reach(owner).or_else(|| self.out_of_reach(&to)).or(blocked);
        Verdict::Wrong { to: Some(to), blocked }
    }

    fn object_heir(&self, lot: &Lot<'_>, schema: &SchemaName) -> Verdict {
        let owner = &lot.group.owner;
        let ddl = self.cast.with_preset(Preset::Ddl, lot.database, schema);
        if ddl.is_empty() || ddl.contains(&owner) || lot.group.dependence != Dependence::Free {
            return Verdict::Fine;
        }
        let standing = self.cast.standing(owner);
        if standing == Standing::Ignored {
            return Verdict::Left;
        }
        let [heir] = ddl[..] else {
            let reason = Reason::decision(
                format!("schema `{schema}` has {} roles with ddl", ddl.len()),
                "say which of them is to own it: ALTER … OWNER TO",
            );
            return Verdict::Wrong { to: None, blocked: Some(reason) };
        };
        let unreachable = self.out_of_reach(owner).or_else(|| self.out_of_reach(heir));
        let blocked = unreachable
            .or_else(|| self.lacks_usage(lot, self.reach.name(&self.reach.transferrer(owner, heir))))
            .or_else(|| self.needs_a_word(lot, owner, standing));
        Verdict::Wrong { to: Some(heir.clone()), blocked }
    }

    /// What would then run with the `ddl` role's rights, and what belongs to people nobody declared, is not taken over unasked.
    fn needs_a_word(&self, lot: &Lot<'_>, owner: &RoleName, standing: Standing) -> Option<Reason> {
        if self.options.take_over {
            return None;
        }
        let ours = standing.is_managed()
            || standing == Standing::System
            || owner == self.reach.admin()
            || owner == self.reach.maker_name();
        if !ours {
            return self.not_declared(owner);
        }
        runs_as_owner(lot.group).then(|| {
            Reason::decision(
                "it would run with the rights of its new owner",
                "read its definition, then use --take-over",
            )
        })
    }

    fn not_declared(&self, owner: &RoleName) -> Option<Reason> {
        (!self.options.take_over)
            .then(|| Reason::decision(format!("`{owner}` is not declared"), "ask whose it is, then use --take-over"))
    }

    pub(super) fn out_of_reach(&self, role: &RoleName) -> Option<Reason> {
        (!self.reach.can_become(role)).then(|| self.unreachable(role))
    }

    /// Whoever has no USAGE on a schema cannot even name what is in it.
    pub(super) fn lacks_usage(&self, lot: &Lot<'_>, role: &RoleName) -> Option<Reason> {
        let Place { schema, owner, wants } = lot.place?;
        let has = |holder: &RoleName| self.reach.inherits(role, holder);
        let mut entries = schema.acl.items().iter().filter(|item| item.privileges.contains(Privilege::Usage));
        let given = self.options.phase != Phase::Contract
            && wants.get(role).is_some_and(|wanted| wanted.privileges.contains(Privilege::Usage));
        let may = has(self.reach.real_owner(owner, lot.database))
            || entries.any(|item| item.grantee.role().is_none_or(has))
            || given;
        let name = lot.members[0].schema()?;
        (!may).then(|| {
            Reason::impossible(
                format!("`{role}` has no USAGE on schema `{name}`"),
                format!("`{owner}` runs: GRANT USAGE ON SCHEMA {name} TO {role}"),
            )
        })
    }

    fn take_over(&mut self, lot: &Lot<'_>, to: Option<RoleName>, blocked: Option<Reason>) -> Judged {
        let from = lot.group.owner.clone();
        let heir = to.clone().unwrap_or_else(|| self.reach.maker_name().clone());
        let origin = lot.members[0].schema().and_then(|schema| self.schema_origin(lot.database, schema));
        let change = Change::ChangeOwner {
            database: lot.database.clone(),
            objects: lot.members.clone(),
            from: from.clone(),
            to: heir.clone(),
        };
        if !self.push_or(step(change, Rule::OwnerUnexpected, origin.as_ref()), blocked) {
            return Judged { trusted: false, foreign: true, ..Judged::as_is(lot.group) };
        }
        let acl = lot.group.acl.after_owner_change(&from, &heir);
        Judged { owner: heir, acl, trusted: true, foreign: false }
    }

    pub(super) fn schema_origin(&self, database: &DatabaseName, schema: &SchemaName) -> Option<crate::model::Origin> {
        Some(self.policy.databases.get(database)?.schemas.get(schema)?.origin.clone())
    }
}

enum Verdict {
    /// It belongs to whom it should.
    Fine,
    /// It belongs to somebody the policy ignores.
    Left,
    /// It should belong to `to`, where that is one role.
    Wrong { to: Option<RoleName>, blocked: Option<Reason> },
}
