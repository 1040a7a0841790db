//! Code that runs as others than its author: the owner of a function can change it, and acts as every role that sets it off.
//! Whether it is SECURITY DEFINER does not matter, since its owner can change that too.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Diff;
use super::emit::Reason;
use super::fence::not_declared;
use super::objects::Lot;
use crate::model::{
    Acting, Call, Database, DatabaseName, Dependence, Object, ObjectKind, Policy, Preset,
    RelationKind, RoleName, RoutineKind, RunsAs, SchemaName, State,
};
use crate::plan::expected::is_ddl;
use crate::plan::standing::{Cast, Standing};
use crate::plan::{Change, Finding, Rule, Severity};

/// Code of untrusted roles that runs as the owner of something, by database.
#[derive(Default)]
pub(super) struct Untrusted<'a> {
    databases: BTreeMap<&'a DatabaseName, InDatabase<'a>>,
}

#[derive(Default)]
struct InDatabase<'a> {
    /// What runs it as its owner.
    acting: HashMap<&'a Object, &'a Call>,
    /// The code.
    code: HashMap<&'a Object, &'a Call>,
    /// The owners of routines among it. What else a body calls stands in no catalog.
    authors: BTreeMap<&'a RoleName, &'a Call>,
    /// Everything of untrusted roles that something runs, as whomever.
    known: HashSet<&'a Object>,
    /// What of that gets another owner.
    leaving: BTreeSet<Object>,
    /// What of that is a member of an extension, and keeps its owner.
    members: HashSet<&'a Object>,
}

impl<'a> Untrusted<'a> {
    /// What of the code that `state` shows runs with the rights of its owner is trusted by no part of `policy`.
    pub(super) fn new(policy: &'a Policy, state: &'a State, cast: &Cast<'a>) -> Self {
        let mut found = Self::default();
        for (name, database) in state.databases.iter().chain(&state.retirement.elsewhere) {
            if !database.calls.is_empty() {
                found.databases.insert(
                    name,
                    InDatabase::new(&Trust::new(policy, name, cast), database),
                );
            }
        }
        found
    }

    /// The code by which the owner of `object`, which belongs to `owner`, runs what others wrote; or that runs as the
    /// owner of something else.
    fn behind(
        &self,
        database: &DatabaseName,
        object: &Object,
        owner: &RoleName,
    ) -> Option<&'a Call> {
        let here = self.databases.get(database)?;
        let relation = || {
            relations_of(object)
                .iter()
                .find_map(|relation| here.acting.get(relation))
        };
        let by_author = || {
            here.authors
                .get(owner)
                .filter(|_| matches!(object, Object::Routine { .. }))
        };
        here.acting
            .get(object)
            .or_else(|| here.code.get(object))
            .or_else(relation)
            .or_else(by_author)
            .copied()
    }

    /// Whether `object` has to be judged apart from others like it.
    pub(super) fn singles_out(&self, database: &DatabaseName, object: &Object) -> bool {
        self.databases
            .get(database)
            .is_some_and(|here| here.acting.contains_key(object) || here.code.contains_key(object))
    }

    fn is_member(&self, database: &DatabaseName, code: &Object) -> bool {
        self.databases
            .get(database)
            .is_some_and(|here| here.members.contains(code))
    }

    /// Notes what of the code gets another owner.
    pub(super) fn leaves(&mut self, database: &DatabaseName, objects: &[Object]) {
        let Some(here) = self
            .databases
            .get_mut(database)
            .filter(|here| !here.known.is_empty())
        else {
            return;
        };
        here.leaving.extend(
            objects
                .iter()
                .filter(|object| here.known.contains(object))
                .cloned(),
        );
    }

    fn is_leaving(&self, database: &DatabaseName, code: &Object) -> bool {
        self.databases
            .get(database)
            .is_some_and(|here| here.leaving.contains(code))
    }
}

impl<'a> InDatabase<'a> {
    fn new(trust: &Trust<'_>, database: &'a Database) -> Self {
        let mut found = Self::default();
        for call in database
            .calls
            .iter()
            .filter(|call| !trust.covers(call) && !trust.takes_away(call))
        {
            found.known.insert(&call.code);
            let Some(acting) = &call.acting else { continue };
            found.acting.entry(&acting.object).or_insert(call);
            found.code.entry(&call.code).or_insert(call);
            if matches!(call.code, Object::Routine { .. }) {
                found.authors.entry(&call.owner).or_insert(call);
            }
        }
        if !found.code.is_empty() {
            let groups = database
                .groups
                .iter()
                .filter(|group| group.dependence == Dependence::Extension);
            let members = groups.flat_map(|group| &group.members);
            found.members = members
                .filter(|object| found.code.contains_key(object))
                .collect();
        }
        found
    }
}

/// The relation that a column is of, whatever its kind.
fn relations_of(object: &Object) -> Vec<Object> {
    use RelationKind::{ForeignTable, MaterializedView, PartitionedTable, Table};
    let Object::Column {
        schema, relation, ..
    } = object
    else {
        return Vec::new();
    };
    let kinds = [Table, PartitionedTable, MaterializedView, ForeignTable].map(ObjectKind::Relation);
    kinds
        .map(|kind| Object::InSchema {
            kind,
            schema: schema.clone(),
            name: relation.clone(),
        })
        .into()
}

/// Whose code may run with the rights of others in one database: admins', PostgreSQL's, Cloud SQL's, and that of the `ddl` roles
/// of the schema. Where a schema has none, any `ddl` role of the database.
struct Trust<'c> {
    cast: &'c Cast<'c>,
    makers: BTreeMap<&'c SchemaName, BTreeSet<&'c RoleName>>,
}

impl<'c> Trust<'c> {
    fn new(policy: &'c Policy, database: &'c DatabaseName, cast: &'c Cast<'c>) -> Self {
        let schemas = policy
            .databases
            .get(database)
            .into_iter()
            .flat_map(|one| one.schemas.keys());
        let makers = schemas.map(|schema| {
            (
                schema,
                cast.with_preset(Preset::Ddl, database, schema)
                    .into_iter()
                    .collect(),
            )
        });
        Self {
            cast,
            makers: makers.collect(),
        }
    }

    /// Whether it is a privilege that the policy takes from a role that it manages.
    fn takes_away(&self, call: &Call) -> bool {
        is_privilege(call) && self.cast.standing(&call.owner).is_managed()
    }

    fn covers(&self, call: &Call) -> bool {
        if matches!(
            self.cast.standing(&call.owner),
            Standing::Admin | Standing::System
        ) {
            return true;
        }
        let makers = call
            .schema
            .as_ref()
            .and_then(|schema| self.makers.get(schema))
            .filter(|makers| !makers.is_empty());
        match makers {
            Some(makers) => makers.contains(&call.owner),
            None => self
                .makers
                .values()
                .any(|makers| makers.contains(&call.owner)),
        }
    }
}

impl<'a> Diff<'a> {
    /// What runs untrusted code in one managed database: one finding for each piece of code.
    pub(super) fn calls(&mut self, name: &DatabaseName, database: &Database) {
        if database.calls.is_empty() {
            return;
        }
        let mut worst: BTreeMap<&Object, (&Call, Weight)> = BTreeMap::new();
        let trust = Trust::new(self.policy, name, &self.cast);
        for call in database
            .calls
            .iter()
            .filter(|call| self.is_judged(name, call) && !trust.covers(call))
        {
            let Some(weight) = self.weight(name, call) else {
                continue;
            };
            let known = worst.entry(&call.code).or_insert((call, weight));
            if weight < known.1 {
                *known = (call, weight);
            }
        }
        for (call, weight) in worst.into_values() {
            self.runs_for_others(name, call, weight);
        }
    }

    fn is_judged(&self, database: &DatabaseName, call: &Call) -> bool {
        let Some(managed) = self.policy.databases.get(database) else {
            return false;
        };
        call.schema
            .as_ref()
            .map_or(call.runs == RunsAs::Changer, |schema| {
                managed.schemas.contains_key(schema)
            })
    }

    /// What a piece of code weighs. Code that is handed over in this plan is its new owner's: then its author is told.
    fn weight(&self, database: &DatabaseName, call: &Call) -> Option<Weight> {
        let standing = self.cast.standing(&call.owner);
        let leaving = self.untrusted.is_leaving(database, &call.code);
        if call
            .acting
            .as_ref()
            .is_some_and(|acting| acting.object == call.code)
        {
            return None;
        }
        match standing {
            Standing::Ignored | Standing::Admin | Standing::System => None,
            _ if leaving => Some(Weight::HandedOver),
            Standing::Undeclared => Some(Weight::Undeclared),
            Standing::Declared | Standing::Login | Standing::Iam | Standing::Retiring => {
                match &call.acting {
                    Some(Acting { owner, .. }) if *owner == call.owner => None,
                    Some(_) => Some(Weight::Owner),
                    None => self.has_makers(database, call).then_some(Weight::Other),
                }
            }
        }
    }

    fn has_makers(&self, database: &DatabaseName, call: &Call) -> bool {
        let has = |schema| {
            !self
                .cast
                .with_preset(Preset::Ddl, database, schema)
                .is_empty()
        };
        call.schema.as_ref().is_none_or(has)
    }

    fn runs_for_others(&mut self, database: &DatabaseName, call: &Call, weight: Weight) {
        let finding = self.said(database, call, weight);
        match weight {
            Weight::Undeclared => self.withhold_findings(vec![finding], not_declared(&call.owner)),
            Weight::Owner => self.withhold_findings(vec![finding], runs_as_another(call)),
            Weight::Other | Weight::HandedOver => self.note(Finding {
                severity: Severity::Warning,
                ..finding
            }),
        }
    }

    fn said(&self, database: &DatabaseName, call: &Call, weight: Weight) -> Finding {
        let Call { code, owner, .. } = call;
        let runs = call.line();
        let (rule, message) = match weight {
            Weight::Undeclared => (
                Rule::RoleUndeclared,
                format!("{owner} can change {code}: {runs}"),
            ),
            Weight::Owner | Weight::Other => (
                Rule::PrivilegeEffective,
                format!("{owner} can change {code}: {runs}"),
            ),
            Weight::HandedOver => (
                Rule::PrivilegeEffective,
                format!("{owner} wrote {code}, which is handed over: {runs}"),
            ),
        };
        Finding {
            database: Some(database.clone()),
            role: Some(owner.to_string()),
            object: Some(code.to_string()),
            path: vec![owner.to_string(), format!("owner of {code}"), runs.clone()],
            fix: self.given_to_makers(database, call),
            origin: self.origin(owner),
            ..Finding::new(rule, message)
        }
    }

    /// Code of untrusted roles in one managed database that runs as another owner already: one finding for each piece.
    pub(super) fn run_as_owners(&self, name: &DatabaseName, database: &Database) -> Vec<Finding> {
        let trust = Trust::new(self.policy, name, &self.cast);
        let mut found: BTreeMap<&Object, Finding> = BTreeMap::new();
        for call in database
            .calls
            .iter()
            .filter(|call| self.is_judged(name, call) && !trust.covers(call))
        {
            if self.acts_for_another(call) {
                found
                    .entry(&call.code)
                    .or_insert_with(|| self.said(name, call, Weight::Owner));
            }
        }
        let here = |one: Finding| Finding {
            instance: self.plan.instance.clone(),
            ..one.with_path()
        };
        found.into_values().map(here).collect()
    }

    /// Whether code of a role that the policy does not ignore runs as a role that the policy knows.
    fn acts_for_another(&self, call: &Call) -> bool {
        let Some(Acting { owner, .. }) = &call.acting else {
            return false;
        };
        *owner != call.owner
            && self.cast.standing(&call.owner) != Standing::Ignored
            && !matches!(
                self.cast.standing(owner),
                Standing::Ignored | Standing::Undeclared
            )
    }

    /// The code given to the only `ddl` role of its schema, or to whom schemas belong. A relation that runs SQL text would run it
    /// with the rights of that role.
    fn given_to_makers(&self, database: &DatabaseName, call: &Call) -> Option<String> {
        if is_text(&call.code) {
            return None;
        }
        let makers = call
            .code
            .schema()
            .map(|schema| self.cast.with_preset(Preset::Ddl, database, schema));
        let to = match makers.as_deref() {
            Some([only]) => *only,
            _ => self.reach.maker_name(),
        };
        let change = Change::ChangeOwner {
            database: database.clone(),
            objects: [call.code.clone()].into(),
            from: call.owner.clone(),
            to: to.clone(),
            creates_by: self.lets_create(to, database, &call.code),
        };
        self.owner_fix(&change)
    }

    /// Whether a lot is routines with a body of an untrusted role, which is code of a trusted one once `to` owns it: whatever calls
    /// it later is then handed over unasked. The functions behind an aggregate are routines of their own.
    pub(super) fn becomes_trusted(&self, lot: &Lot<'_>, to: &RoleName) -> bool {
        let is_trusted = |role: &RoleName| {
            matches!(self.cast.standing(role), Standing::Admin | Standing::System)
        };
        let makes = |role: &RoleName| self.policy.roles.get(role).is_some_and(is_ddl);
        matches!(lot.group.kind, ObjectKind::Routine(kind) if kind != RoutineKind::Aggregate)
            && !self.is_trusted_author(&lot.group.owner)
            && (is_trusted(to) || makes(to))
    }

    /// Why a lot stays whatever `--take-over` says: the code that it runs keeps its owner, who could change it afterwards.
    pub(super) fn code_stays(&self, lot: &Lot<'_>, call: &Call) -> Option<Reason> {
        let Call {
            code, owner, by, ..
        } = call;
        if lot.members.contains(code) {
            return None;
        }
        let managed = self.policy.databases.get(lot.database);
        let is_managed = code
            .schema()
            .is_some_and(|schema| managed.is_some_and(|one| one.schemas.contains_key(schema)));
        if is_text(code) && is_managed {
            return None;
        }
        let advice = if self.untrusted.is_member(lot.database, code) {
            "drop the extension, or take it out: ALTER EXTENSION … DROP …, then use --take-over=routines".to_owned()
        } else if !is_managed && self.cast.going(owner).is_none() {
            format!("read the definition of {code}, and make it anew as an admin")
        } else {
            return None;
        };
        let reason = format!(
            "{by} would run {code} with the rights of the new owner, and that stays with `{owner}`"
        );
        Some(Reason::decision(reason, advice))
    }

    /// The untrusted code that would run as the new owner of a lot, or runs as the owner of something else.
    pub(super) fn code_behind(&self, lot: &Lot<'_>) -> Option<&'a Call> {
        self.untrusted
            .behind(lot.database, &lot.members[0], &lot.group.owner)
    }
}

/// Whether it stands for the privilege to make triggers on a relation of another owner.
pub(super) fn is_privilege(call: &Call) -> bool {
    call.acting
        .as_ref()
        .is_some_and(|acting| acting.object == call.code && acting.owner != call.owner)
}

/// Whether the code is SQL text in an expression of a relation: it goes where the relation goes. A view is code itself.
pub(super) fn is_text(code: &Object) -> bool {
    matches!(code.kind(), ObjectKind::Relation(kind) if kind != RelationKind::View)
}

/// What code of others weighs, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// A declared role's, and it runs as the owner of something without anybody's doing.
    Owner,
    /// An undeclared role's.
    Undeclared,
    /// A declared role's, and it runs as the role that sets it off.
    Other,
    /// It gets another owner in this plan.
    HandedOver,
}

fn runs_as_another(call: &Call) -> Reason {
    Reason::decision(
        format!(
            "`{}` can make {} run anything with the rights of another role",
            call.owner, call.code
        ),
        "read its definition, then give it to a role with ddl: --take-over=routines where it is in a managed schema",
    )
}
