//! Who owns what is in a managed schema.

use std::collections::BTreeSet;

use super::calls::{is_privilege, is_text};
use super::emit::{Reason, step};
use super::former::runs_as_owner;
use super::objects::{Lot, Place};
use super::{Diff, Phase};
use crate::model::{
    Acl, Call, DatabaseName, Dependence, Group, Object, ObjectKind, Preset, Privilege,
    RelationKind, RoleName, SchemaName,
};
use crate::plan::standing::Standing;
use crate::plan::{ApplyOption, Change, Rule, TakeOver, advice, statement};

/// An object's owner and ACL as they will be when it is granted on.
pub(super) struct Judged {
    pub(super) owner: RoleName,
    pub(super) acl: Acl,
    /// Its owner is a `ddl` role of the schema, or nobody judges owners there.
    pub(super) trusted: bool,
    /// It stays with somebody the policy does not want it to be with.
    pub(super) foreign: bool,
    /// It stays so until the other part of the deployment.
    pub(super) waits: bool,
}

impl Judged {
    pub(super) fn as_is(group: &Group) -> Self {
        let (owner, acl) = (group.owner.clone(), group.acl.clone());
        Self {
            owner,
            acl,
            trusted: true,
            foreign: false,
            waits: false,
        }
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
            Verdict::Left => Judged {
                trusted: false,
                ..Judged::as_is(lot.group)
            },
            Verdict::Wrong { to, blocked } => self.take_over(lot, to, blocked),
        }
    }

    /// Who will own a lot at the end of this run.
    pub(super) fn owner_to_be(&self, lot: &Lot<'_>) -> RoleName {
        match self.heir(lot) {
            Verdict::Wrong {
                to: Some(heir),
                blocked: None,
            } if self.takes_owners() => heir,
            _ => lot.group.owner.clone(),
        }
    }

    /// A sequence of a serial column, or a column, goes where its table goes, in the same statement.
    fn owner_of_dependent(&self, lot: &Lot<'_>) -> Judged {
        let as_relation = |kind| Group {
            kind: ObjectKind::Relation(kind),
            owner: lot.group.owner.clone(),
            owner_holds: lot.group.owner_holds,
            acl: lot.group.acl.clone(),
            dependence: Dependence::Free,
            security_definer: lot.group.security_definer,
            members: Vec::new(),
        };
        let verdict = |group: &Group| {
            self.heir(&Lot {
                group,
                members: lot.members.clone(),
                ..*lot
            })
        };
        let mut heir = verdict(&as_relation(RelationKind::Table));
        if matches!(heir, Verdict::Wrong { .. }) {
            heir = verdict(&as_relation(self.relation_of(lot)));
        }
        match heir {
            Verdict::Fine => Judged::as_is(lot.group),
            Verdict::Left => Judged {
                trusted: false,
                ..Judged::as_is(lot.group)
            },
            Verdict::Wrong {
                to: Some(heir),
                blocked: None,
            } if self.takes_owners() => {
                let acl = lot.group.acl.after_owner_change(&lot.group.owner, &heir);
                Judged {
                    owner: heir,
                    acl,
                    trusted: true,
                    foreign: false,
                    waits: false,
                }
            }
            Verdict::Wrong { blocked, .. } => self.not_taken(lot, blocked.is_none()),
        }
    }

    /// Whether tables change their owner in this run: not where running code may live by what the owner may do, and
    /// perhaps not where the policy accepts some that do not.
    fn takes_owners(&self) -> bool {
        self.options.phase != Phase::Expand && !self.accepts_owners()
    }

    fn accepts_owners(&self) -> bool {
        self.policy
            .allow
            .iter()
            .any(|allow| allow.rule == Rule::OwnerUnexpected.id())
    }

    /// What keeps its owner: for good, or until the other part of a deployment. Until then the owner gives what the policy
    /// gives, and whoever gets the object keeps that.
    fn not_taken(&self, lot: &Lot<'_>, may_be: bool) -> Judged {
        let waits = may_be && self.options.phase == Phase::Expand && !self.accepts_owners();
        Judged {
            trusted: false,
            foreign: !waits,
            waits,
            ..Judged::as_is(lot.group)
        }
    }

    /// The kind of relation a column belongs to; a sequence belongs to a table.
    fn relation_of(&self, lot: &Lot<'_>) -> RelationKind {
        let Object::Column {
            schema, relation, ..
        } = &lot.members[0]
        else {
            return RelationKind::Table;
        };
        let groups = self
            .state
            .databases
            .get(lot.database)
            .into_iter()
            .flat_map(|database| &database.groups);
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

    pub(super) fn heir(&self, lot: &Lot<'_>) -> Verdict {
        let owner = &lot.group.owner;
        if let Some(declared) = self.cast.going(owner) {
            return self.next_owner(lot, declared);
        }
        let managed = self.policy.databases.get(lot.database);
        match (lot.group.kind, lot.members[0].schema()) {
            (ObjectKind::Database, _) if matches!(&lot.members[0], Object::Database(name) if name == lot.database) => {
                self.container_heir(lot)
            }
            (ObjectKind::Schema, Some(schema))
                if managed.is_some_and(|one| one.schemas.contains_key(schema)) =>
            {
                self.container_heir(lot)
            }
            (ObjectKind::Schema, _) => Verdict::Fine,
            (_, Some(schema)) if managed.is_some_and(|one| one.schemas.contains_key(schema)) => {
                self.object_heir(lot, schema)
            }
            _ => Verdict::Fine,
        }
    }

    /// Databases and schemas belong to nobody who logs in to work: `cloudsqlsuperuser`, or an admin.
    fn container_heir(&self, lot: &Lot<'_>) -> Verdict {
        let owner = &lot.group.owner;
        let blocked = match self.cast.standing(owner) {
            Standing::Admin | Standing::System | Standing::Ignored | Standing::Retiring => {
                return Verdict::Fine;
            }
            Standing::Declared | Standing::Login | Standing::Iam => None,
            Standing::Undeclared => self.not_declared(owner),
        };
        let to = self.reach.maker_name().clone();
        let by = self.reach.transferrer([owner, &to]);
        let blocked = self
            .out_of_reach(owner)
            .or_else(|| self.out_of_reach(&to))
            .or_else(|| self.container_blocked(lot, self.reach.name(&by)))
            .or(blocked);
        Verdict::Wrong {
            to: Some(to),
            blocked,
        }
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
            return Verdict::Wrong {
                to: None,
                blocked: Some(reason),
            };
        };
        let unreachable = self.out_of_reach(owner).or_else(|| self.out_of_reach(heir));
        let blocked = unreachable
            .or_else(|| self.cannot_hand_over(lot, owner, heir))
            .or_else(|| self.create_blocked(lot, heir))
            .or_else(|| self.lacks_usage(lot, heir))
            .or_else(|| self.waits(heir))
            .or_else(|| self.needs_a_word(lot, standing, heir));
        Verdict::Wrong {
            to: Some(heir.clone()),
            blocked,
        }
    }

    /// What would then run with the `ddl` role's rights, and what belongs to people nobody declared, is not taken over unasked.
    pub(super) fn needs_a_word(
        &self,
        lot: &Lot<'_>,
        standing: Standing,
        to: &RoleName,
    ) -> Option<Reason> {
        let owner = &lot.group.owner;
        let ours = standing.is_managed()
            || matches!(standing, Standing::System | Standing::Retiring)
            || owner == self.reach.admin()
            || owner == self.reach.maker_name();
        let code = self.code_behind(lot);
        let body = self.becomes_trusted(lot, to);
        let needed: BTreeSet<TakeOver> = [
            runs_as_owner(lot.group),
            (body || code.is_some()).then_some(TakeOver::Routines),
            self.has_rules(lot.database, &lot.members[0])
                .then_some(TakeOver::Rules),
            (!ours).then_some(TakeOver::Foreign),
        ]
        .into_iter()
        .flatten()
        .collect();
        if needed.is_subset(&self.options.take_over) {
            return code.and_then(|call| self.code_stays(lot, call));
        }
        let reason = match code {
            _ if !ours => format!("`{owner}` is not declared"),
            Some(call) => runs_code(call, lot),
            None if body => {
                format!("`{owner}` wrote it, and it would be trusted as code of `{to}`")
            }
            None => "it would run with the rights of its new owner".into(),
        };
        let first = if ours {
            "read its definition"
        } else {
            "ask whose it is"
        };
        Some(Reason::option(
            ApplyOption::TakeOver(needed),
            reason,
            format_args!("{first}, then use "),
        ))
    }

    /// Whether rules of a relation act with its owner's rights. Those that a `ddl` role made of its own are not listed.
    pub(super) fn has_rules(&self, database: &DatabaseName, object: &Object) -> bool {
        self.views
            .get(database)
            .is_some_and(|views| views.owner(object).is_some())
    }

    fn not_declared(&self, owner: &RoleName) -> Option<Reason> {
        let needed = BTreeSet::from([TakeOver::Foreign]);
        (!needed.is_subset(&self.options.take_over)).then(|| {
            let reason = format!("`{owner}` is not declared");
            Reason::option(
                ApplyOption::TakeOver(needed.clone()),
                reason,
                "ask whose it is, then use ",
            )
        })
    }

    pub(super) fn out_of_reach(&self, role: &RoleName) -> Option<Reason> {
        (!self.reach.can_become(role)).then(|| self.unreachable(role))
    }

    /// Whether what is declared on a schema is granted in this run: not where it stays with somebody the policy does not want
    /// it to be with; and a run that only takes away grants what gets another owner by it.
    pub(super) fn gives(&self, schema: &Lot<'_>) -> bool {
        let (kept, changes) = match self.heir(schema) {
            Verdict::Fine | Verdict::Left => (true, false),
            Verdict::Wrong { to, blocked } => {
                (blocked.is_none() && !self.accepts_owners(), to.is_some())
            }
        };
        let owner = self.owner_to_be(schema);
        kept && self
            .reach
            .can_become(self.reach.real_owner(&owner, schema.database))
            && (self.options.phase != Phase::Contract || changes)
    }

    /// Whoever hands something over has the rights of both owners while it does.
    pub(super) fn cannot_hand_over(
        &self,
        lot: &Lot<'_>,
        from: &RoleName,
        to: &RoleName,
    ) -> Option<Reason> {
        let by = self.reach.transferrer([from, to]);
        let blocked = self.lacks_usage(lot, self.reach.name(&by))?;
        [from, to]
            .into_iter()
            .all(|role| self.lacks_usage(lot, role).is_some())
            .then_some(blocked)
    }

    /// Whoever has no USAGE on a schema cannot even name what is in it.
    pub(super) fn lacks_usage(&self, lot: &Lot<'_>, role: &RoleName) -> Option<Reason> {
        let Place {
            schema,
            owner,
            wants,
            gives,
        } = lot.place?;
        let has = |holder: &RoleName| self.heritage.includes(role, holder);
        let mut entries = schema
            .acl
            .items()
            .iter()
            .filter(|item| item.privileges.contains(Privilege::Usage));
        let mut wanted = wants
            .iter()
            .filter(|(holder, wanted)| wanted.privileges.contains(Privilege::Usage) && has(holder));
        let waiting = wanted.clone().find_map(|(holder, _)| self.waits(holder));
        let given =
            *gives && wanted.any(|(holder, _)| self.is_given(schema, holder, Privilege::Usage));
        let may = has(self.reach.real_owner(owner, lot.database))
            || entries.any(|item| item.grantee.role().is_none_or(has))
            || given;
        let name = lot.members[0].schema()?;
        let will = self.options.phase == Phase::Contract && wants.contains_key(role);
        if let (false, Some(waiting)) = (may, waiting) {
            return Some(waiting);
        }
        (!may).then(|| match will {
            true => expand_first(format!("`{role}` has no USAGE on schema `{name}` yet")),
            false => Reason::impossible(
                format!("`{role}` has no USAGE on schema `{name}`"),
                format!(
                    "`{owner}` runs: {}",
                    advice::grant(Privilege::Usage, &Object::Schema(name.clone()), role)
                ),
            ),
        })
    }

    /// Who hands over a schema must be let make schemas, and who hands over a database, databases.
    /// <https://www.postgresql.org/docs/current/sql-alterschema.html>
    pub(super) fn container_blocked(&self, lot: &Lot<'_>, by: &RoleName) -> Option<Reason> {
        let makes_databases = || {
            self.state
                .roles
                .get(by)
                .is_some_and(|role| role.create_db || role.superuser)
        };
        match &lot.members[0] {
            Object::Schema(_) if !self.reach.creates_in(by, lot.database) => {
                let database = Object::Database(lot.database.clone());
                Some(Reason::impossible(
                    format!("`{by}` has no CREATE on database `{}`", lot.database),
                    format!(
                        "its owner runs: {}",
                        advice::grant(Privilege::Create, &database, by)
                    ),
                ))
            }
            Object::Database(_) if !makes_databases() => {
                let alter = statement::name(by.as_str());
                Some(Reason::impossible(
                    format!("`{by}` has no CREATEDB"),
                    format!("ALTER ROLE {alter} CREATEDB"),
                ))
            }
            _ => None,
        }
    }

    /// Who has to let `to` create in the lot's schema for it to become the owner; nobody where it may already, or will.
    fn creates_by(&self, lot: &Lot<'_>, to: &RoleName) -> Option<RoleName> {
        let Place {
            schema,
            owner,
            wants,
            gives,
        } = lot.place?;
        let owner = self.reach.real_owner(owner, lot.database);
        let has = |holder: &RoleName| self.heritage.includes(to, holder);
        let mut entries = schema
            .acl
            .items()
            .iter()
            .filter(|item| item.privileges.contains(Privilege::Create));
        let given = *gives
            && wants
                .get(to)
                .is_some_and(|wanted| wanted.privileges.contains(Privilege::Create));
        let may = to == owner
            || has(owner)
            || given
            || entries.any(|item| item.grantee.role().is_none_or(has));
        (!may).then(|| owner.clone())
    }

    pub(super) fn create_blocked(&self, lot: &Lot<'_>, to: &RoleName) -> Option<Reason> {
        let owner = self.creates_by(lot, to)?;
        let schema = lot.members[0].schema()?;
        (!self.reach.can_become(&owner)).then(|| {
            Reason::impossible(
                format!("`{to}` has no CREATE on schema `{schema}`, which belongs to `{owner}`"),
                format!(
                    "`{owner}` runs: {}",
                    advice::grant(Privilege::Create, &Object::Schema(schema.clone()), to)
                ),
            )
        })
    }

    fn take_over(
        &mut self,
        lot: &Lot<'_>,
        to: Option<RoleName>,
        blocked: Option<Reason>,
    ) -> Judged {
        let from = lot.group.owner.clone();
        let heir = to
            .clone()
            .unwrap_or_else(|| self.reach.maker_name().clone());
        let creates_by = self.creates_by(lot, &heir);
        let change = Change::ChangeOwner {
            database: lot.database.clone(),
            objects: lot.members.clone(),
            from: from.clone(),
            to: heir.clone(),
            creates_by,
        };
        let step = match self.cast.going(&from) {
            Some(declared) => step(change, Rule::RoleUndeclared, self.origin(declared).as_ref()),
            None => {
                let origin = lot.members[0]
                    .schema()
                    .and_then(|schema| self.schema_origin(lot.database, schema));
                step(change, Rule::OwnerUnexpected, origin.as_ref())
            }
        };
        let may_be = blocked.is_none();
        let taken = self.depart(&from, Some(lot.database), step, blocked);
        if taken || may_be && self.options.phase == Phase::Expand {
            self.untrusted.leaves(lot.database, &lot.members);
        }
        if !taken {
            return self.not_taken(lot, may_be);
        }
        let acl = lot.group.acl.after_owner_change(&from, &heir);
        Judged {
            owner: heir,
            acl,
            trusted: true,
            foreign: false,
            waits: false,
        }
    }

    pub(super) fn schema_origin(
        &self,
        database: &DatabaseName,
        schema: &SchemaName,
    ) -> Option<crate::model::Origin> {
        Some(
            self.policy
                .databases
                .get(database)?
                .schemas
                .get(schema)?
                .origin
                .clone(),
        )
    }
}

pub(super) enum Verdict {
    /// It belongs to whom it should.
    Fine,
    /// It belongs to somebody the policy ignores.
    Left,
    /// It should belong to `to`, where that is one role.
    Wrong {
        to: Option<RoleName>,
        blocked: Option<Reason>,
    },
}

/// What takes something away waits for what gives it elsewhere.
pub(super) fn expand_first(reason: impl Into<String>) -> Reason {
    let option = ApplyOption::ExpandFirst;
    Reason {
        advice: format!("use {option} first"),
        ..Reason::option(option, reason, "")
    }
}

/// Why a lot is withheld for the code of others: it runs that as its owner, is that code, or may be called by it.
fn runs_code(call: &Call, lot: &Lot<'_>) -> String {
    let Call {
        code,
        owner,
        by,
        acting,
        ..
    } = call;
    let object = &lot.members[0];
    if is_privilege(call) {
        return format!(
            "`{owner}` may make triggers on it, and {by} would run them with the rights of the new owner"
        );
    }
    if acting.as_ref().is_some_and(|acting| acting.object == *code) {
        return format!(
            "{by} runs SQL text that `{owner}` wrote, or names what could run code of others: it would be code of the new owner"
        );
    }
    if is_text(code) {
        return format!(
            "{by} would run what is on {code}, which belongs to `{owner}`, with the rights of the new owner"
        );
    }
    if code == object || !matches!(object, Object::Routine { .. }) {
        return format!(
            "{by} would run {code}, which belongs to `{owner}`, with the rights of the new owner"
        );
    }
    match acting {
        Some(acting) if acting.object == *object => {
            format!("it calls {code}, which belongs to `{owner}`, with the rights of the new owner")
        }
        _ => {
            format!("{by} runs {code} of `{owner}` as the owner, and what that calls is not known")
        }
    }
}
