//! What managed roles can do though no entry names them: PUBLIC's privileges outside the managed schemas of a managed
//! database, SECURITY DEFINER routines that PUBLIC may call, and databases they own.

use std::collections::BTreeMap;

use super::Diff;
use super::emit::Reason;
use crate::access::Access;
use crate::model::{
    Database, DatabaseName, Dependence, Grantee, Group, Lifecycle, Object, ObjectKind, Preset,
    Privilege, PrivilegeClass, Privileges, PublicAccess, RoleName, SchemaName,
};
use crate::plan::path::owns;
use crate::plan::reach::Reach;
use crate::plan::{Finding, Rule, Severity, fix};

/// Objects named before the rest is only counted.
const NAMED: usize = 3;

/// Objects that a fix spells out.
const SPELLED_OUT: usize = 200;

/// What PUBLIC holds on objects of one schema: one cause.
struct Cause<'g> {
    schema: &'g SchemaName,
    kind: CauseKind,
    privileges: Privileges,
    groups: Vec<(&'g Group, Vec<Object>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CauseKind {
    /// Rows or values.
    Data,
    /// Code that runs with its owner's rights.
    Definer,
    /// New objects.
    Create,
}

impl Diff<'_> {
    /// Everything of that kind in one managed database.
    pub(super) fn effective(&mut self, name: &DatabaseName, database: &Database) {
        let causes = self.causes(name, database);
        if !causes.is_empty() {
            let present = |(_, role): &(&RoleName, &crate::model::RolePolicy)| {
                role.lifecycle == Lifecycle::Present
            };
            let roles: Vec<_> = self
                .policy
                .roles
                .iter()
                .filter(present)
                .map(|(name, _)| name)
                .collect();
            for role in roles
                .into_iter()
                .filter(|role| self.state.roles.contains_key(*role))
            {
                self.through_public(name, role, &causes);
            }
        }
        for group in database
            .groups
            .iter()
            .filter(|group| group.security_definer)
        {
            let schema = group.members.first().and_then(Object::schema);
            if schema.is_some_and(|schema| !self.is_managed_schema(name, schema)) {
                self.open_by_definer(name, group);
            }
        }
        self.open_by_views(name, database);
    }

    /// Databases and tablespaces of the instance that a managed role owns: there it does what it likes.
    pub(super) fn owned_elsewhere(&mut self) {
        for group in &self.state.shared {
            let judged = matches!(group.kind, ObjectKind::Database | ObjectKind::Tablespace);
            if !judged || !self.cast.standing(&group.owner).is_managed() {
                continue;
            }
            let elsewhere = |object: &&Object| !matches!(object, Object::Database(name) if self.policy.databases.contains_key(name));
            for object in group.members.iter().filter(elsewhere) {
                let owner = &group.owner;
                let finding = Finding {
                    role: Some(owner.to_string()),
                    object: Some(object.to_string()),
                    path: owns(owner, object),
                    fix: self.given_back(self.policy.databases.keys().next(), group, object),
                    origin: self.origin(owner),
                    ..Finding::new(Rule::PrivilegeEffective, format!("{owner} owns {object}"))
                };
                let advice = "declare the database, or: ALTER … OWNER TO somebody else";
                self.withhold_findings(
                    vec![finding],
                    Reason::decision("the policy does not speak of it", advice),
                );
            }
        }
    }

    /// What managed roles own or were granted in databases of which the policy does not speak, and that let them in. What it
    /// is cannot be seen from here, and a copy of a managed database is no drift: it is said.
    pub(super) fn held_elsewhere(&mut self) {
        let state = self.state;
        for ((role, database), (owned, named)) in &state.elsewhere {
            if !self.cast.standing(role).is_managed() || !self.gets_into(role, database) {
                continue;
            }
            let counts = [
                (*owned, "owner of", "object"),
                (*named, "named in the ACL of", "object"),
            ];
            let held = counts.into_iter().filter(|(number, ..)| *number > 0);
            let held: Vec<_> = held
                .map(|(number, verb, what)| format!("{verb} {}", count(number, what)))
                .collect();
            let what = format!("{} in database {database}", held.join(", "));
            self.note(Finding {
                severity: Severity::Warning,
                role: Some(role.to_string()),
                object: Some(Object::Database(database.clone()).to_string()),
                path: vec![role.to_string(), what.clone()],
                origin: self.origin(role),
                ..Finding::new(
                    Rule::PrivilegeEffective,
                    format!("{role} is {what}, which the policy does not manage: declare the database to judge that"),
                )
            });
        }
    }

    fn gets_into(&self, role: &RoleName, database: &DatabaseName) -> bool {
        let object = Object::Database(database.clone());
        let Some(group) = self
            .state
            .shared
            .iter()
            .find(|group| group.members.contains(&object))
        else {
            return false;
        };
        let logins = self
            .policy
            .roles
            .get(role)
            .map(|policy| policy.logins(role))
            .unwrap_or_default();
        logins.iter().chain([role]).any(|login| {
            let ways = Access::new(self.state, login, None).to(group, &object);
            ways.iter()
                .any(|way| way.privileges.contains(Privilege::Connect))
        })
    }

    fn is_managed_schema(&self, database: &DatabaseName, schema: &SchemaName) -> bool {
        self.policy
            .databases
            .get(database)
            .is_some_and(|one| one.schemas.contains_key(schema))
    }

    /// What PUBLIC holds in the database and no other rule speaks of, by schema.
    fn causes<'g>(&self, name: &DatabaseName, database: &'g Database) -> Vec<Cause<'g>> {
        let mut causes: BTreeMap<(&SchemaName, CauseKind), Cause<'g>> = BTreeMap::new();
        for group in database
            .groups
            .iter()
            .filter(|group| group.dependence != Dependence::Extension)
        {
            let Some(schema) = group.members.first().and_then(Object::schema) else {
                continue;
            };
            let Some((kind, privileges)) = self.of_public(name, group, schema) else {
                continue;
            };
            let cause = causes.entry((schema, kind));
            let cause = cause.or_insert(Cause {
                schema,
                kind,
                privileges: Privileges::NONE,
                groups: Vec::new(),
            });
            cause.privileges = cause.privileges.union(privileges);
            cause.groups.push((group, group.members.clone()));
        }
        causes.into_values().collect()
    }

    fn of_public(
        &self,
        database: &DatabaseName,
        group: &Group,
        schema: &SchemaName,
    ) -> Option<(CauseKind, Privileges)> {
        if ["pg_catalog", "information_schema", "pg_toast"].contains(&schema.as_str()) {
            return None;
        }
        let managed = self.is_managed_schema(database, schema);
        if managed && !group.security_definer {
            return None;
        }
        let held = group.acl.held_by(&Grantee::Public);
        let keep = self.policy.databases.get(database)?.public == PublicAccess::Keep;
        let (kind, held) = match group.kind.class() {
            // What is left to PUBLIC by default is still no way to run as somebody else.
            PrivilegeClass::Routine if group.security_definer && (!managed || keep) => {
                (CauseKind::Definer, held)
            }
            _ if managed => return None,
            PrivilegeClass::Relation | PrivilegeClass::Column | PrivilegeClass::Sequence => {
                (CauseKind::Data, held)
            }
            PrivilegeClass::Schema if schema.as_str() != "public" => (
                CauseKind::Create,
                held.intersection(Privileges::of(&[Privilege::Create])),
            ),
            _ => return None,
        };
        (!held.is_empty()).then_some((kind, held))
    }

    fn through_public(&mut self, name: &DatabaseName, role: &RoleName, causes: &[Cause<'_>]) {
        let access = Access::new(self.state, role, Some(name));
        for cause in causes {
            let usable = self.reach.schema(name, cause.schema).is_some_and(|group| {
                let ways = access.to(group, &Object::Schema(cause.schema.clone()));
                ways.iter()
                    .any(|way| way.privileges.contains(Privilege::Usage))
            });
            if !usable && cause.kind != CauseKind::Create {
                continue;
            }
            let mut found: Vec<(&Group, Object)> = Vec::new();
            for (group, members) in &cause.groups {
                if !self.is_its_own(name, role, cause, group) {
                    let beyond = members
                        .iter()
                        .filter(|object| !self.is_granted(name, role, group, object));
                    found.extend(beyond.map(|object| (*group, object.clone())));
                }
            }
            let (apart, together): (Vec<_>, Vec<_>) = found
                .into_iter()
                .partition(|(_, object)| self.is_accepted(object));
            for lot in apart
                .into_iter()
                .map(|one| vec![one])
                .chain((!together.is_empty()).then_some(together))
            {
                self.through_public_to(name, role, cause, &lot);
            }
        }
    }

    /// Whether it comes to nothing by it: the role's own object, or a routine that a `dml` or `ddl` role may call anyway.
    fn is_its_own(
        &self,
        database: &DatabaseName,
        role: &RoleName,
        cause: &Cause<'_>,
        group: &Group,
    ) -> bool {
        let has = |preset| {
            self.cast
                .with_preset(preset, database, cause.schema)
                .contains(&role)
        };
        let offered = cause.kind == CauseKind::Definer
            && self
                .cast
                .with_preset(Preset::Ddl, database, cause.schema)
                .contains(&&group.owner)
            && (has(Preset::Dml) || has(Preset::Ddl));
        group.owner == *role || offered
    }

    /// Whether the policy grants the role by name what PUBLIC holds.
    fn is_granted(
        &self,
        database: &DatabaseName,
        role: &RoleName,
        group: &Group,
        object: &Object,
    ) -> bool {
        let declared = self
            .policy
            .roles
            .get(role)
            .into_iter()
            .flat_map(|role| &role.grants);
        let covering =
            declared.filter(|grant| grant.database == *database && grant.target.covers(object));
        let granted = covering.fold(Privileges::NONE, |sum, grant| sum.union(grant.privileges));
        group
            .acl
            .held_by(&Grantee::Public)
            .minus(granted)
            .is_empty()
    }

    fn through_public_to(
        &mut self,
        database: &DatabaseName,
        role: &RoleName,
        cause: &Cause<'_>,
        lot: &[(&Group, Object)],
    ) {
        let Some((group, object)) = lot.first() else {
            return;
        };
        let privileges = lot.iter().fold(Privileges::NONE, |sum, (group, _)| {
            sum.union(group.acl.held_by(&Grantee::Public))
        });
        let privileges = privileges.intersection(cause.privileges);
        let grantors = group
            .acl
            .items()
            .iter()
            .filter(|item| item.grantee == Grantee::Public);
        let grantor = grantors
            .map(|item| &item.grantor)
            .next()
            .unwrap_or(&group.owner)
            .clone();
        let on = match lot {
            [_] => object.to_string(),
            many => format!("{} objects of schema {}", many.len(), cause.schema),
        };
        let mut path = vec![
            role.to_string(),
            format!("{privileges} on {on} granted to PUBLIC by {grantor}"),
        ];
        let mut message = format!(
            "{role} can {privileges} on {on}, as PUBLIC may{}",
            examples(lot)
        );
        if cause.kind == CauseKind::Definer {
            path.push(format!("SECURITY DEFINER as {}", group.owner));
            message = format!(
                "{role} may call {on}, as PUBLIC may, with the rights of {}{}",
                group.owner,
                examples(lot)
            );
        }
        let finding = Finding {
            database: Some(database.clone()),
            role: Some(role.to_string()),
            object: Some(if lot.len() == 1 {
                object.to_string()
            } else {
                Object::Schema(cause.schema.clone()).to_string()
            }),
            privilege: Some(privileges.to_string()),
            path,
            // What the policy leaves to PUBLIC is taken by the policy.
            fix: fix(database, lot, cause, &self.reach)
                .filter(|_| !self.is_managed_schema(database, cause.schema)),
            origin: self.origin(role),
            ..Finding::new(Rule::PrivilegeEffective, message)
        };
        let reason = match self.is_managed_schema(database, cause.schema) {
            true => Reason::decision(
                format!(
                    "`public: keep` leaves it to PUBLIC in schema `{}`",
                    cause.schema
                ),
                "declare `public: none`, revoke it from PUBLIC, or accept it with `allow`",
            ),
            false => Reason::decision(
                format!(
                    "PUBLIC holds it in schema `{}`, which the policy does not manage",
                    cause.schema
                ),
                "revoke it from PUBLIC, declare the schema, or accept it with `allow`",
            ),
        };
        self.withhold_findings(vec![finding], reason);
    }
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn examples(lot: &[(&Group, Object)]) -> String {
    if lot.len() == 1 {
        return String::new();
    }
    let named: Vec<_> = lot
        .iter()
        .take(NAMED)
        .map(|(_, object)| object.to_string())
        .collect();
    format!(
        ": {}{}",
        named.join(", "),
        if lot.len() > NAMED { ", …" } else { "" }
    )
}

/// What takes it from PUBLIC, on all of the objects: too many for one line have none.
fn fix(
    database: &DatabaseName,
    lot: &[(&Group, Object)],
    cause: &Cause<'_>,
    reach: &Reach<'_>,
) -> Option<String> {
    if lot.len() > SPELLED_OUT {
        return None;
    }
    let revokes = lot
        .chunk_by(|(a, _), (b, _)| std::ptr::eq(*a, *b))
        .map(|alike| {
            let objects: Vec<_> = alike.iter().map(|(_, object)| object.clone()).collect();
            fix::revokes(
                database,
                alike[0].0,
                &objects,
                (&Grantee::Public, cause.privileges),
                reach,
            )
        });
    let statements = revokes.collect::<Option<Vec<_>>>()?.concat();
    (!statements.is_empty()).then(|| statements.join("; "))
}
