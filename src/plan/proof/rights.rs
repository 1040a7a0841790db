//! What a role is to hold on each object, by the policy alone.

use std::collections::BTreeSet;

use super::Right;
use crate::access::{ON_ROWS, RowAccess, Rows};
use crate::model::{
    DatabaseName, Dependence, Grantee, Group, Object, ObjectKind, Policy, Preset, Privilege,
    PrivilegeClass, Privileges, PublicAccess, RoleName, RolePolicy, State,
};
use crate::plan::expected::Expectations;

/// The rights of `role` in the database called `name`: on it, its schemas, relations, sequences and routines.
pub(super) fn of<'p>(
    policy: &'p Policy,
    state: &'p State,
    role: &'p RoleName,
    name: &'p DatabaseName,
) -> Vec<Right> {
    let Some(database) = state.databases.get(name) else {
        return Vec::new();
    };
    let scope = Scope {
        policy,
        name,
        roles: reached(policy, role),
        expectations: Expectations::new(policy, name, database, state.server.major()),
        major: state.server.major(),
        rows: RowAccess::new(state, name),
        role,
    };
    let is_it = |group: &Group| {
        group
            .members
            .iter()
            .any(|one| matches!(one, Object::Database(this) if this == name))
    };
    let shared = state.shared.iter().filter(|group| is_it(group));
    let own = shared.map(|group| Group {
        members: vec![Object::Database(name.clone())],
        ..group.clone()
    });
    own.chain(database.groups.iter().cloned())
        .flat_map(|group| scope.rights(&group))
        .collect()
}

/// The role and every role that the policy makes it a member of.
fn reached<'p>(policy: &'p Policy, role: &'p RoleName) -> BTreeSet<&'p RoleName> {
    let mut reached = BTreeSet::new();
    let mut frontier = vec![role];
    while let Some(next) = frontier.pop() {
        if reached.insert(next) {
            let memberships = policy
                .roles
                .get(next)
                .map(|role| role.member_of.as_slice())
                .unwrap_or_default();
            frontier.extend(memberships.iter().map(|membership| &membership.role));
        }
    }
    reached
}

struct Scope<'p> {
    policy: &'p Policy,
    name: &'p DatabaseName,
    roles: BTreeSet<&'p RoleName>,
    expectations: Expectations<'p>,
    major: u32,
    rows: Option<RowAccess<'p>>,
    role: &'p RoleName,
}

impl Scope<'_> {
    fn rights(&self, group: &Group) -> Vec<Right> {
        let class = group.kind.class();
        let judged = matches!(
            class,
            PrivilegeClass::Database
                | PrivilegeClass::Schema
                | PrivilegeClass::Relation
                | PrivilegeClass::Sequence
                | PrivilegeClass::Routine
        );
        if !judged || group.dependence == Dependence::Extension || is_system(group) {
            return Vec::new();
        }
        let right = |(index, object): (usize, &Object)| {
            let must = self.must(group, object);
            let must_not = self.must_not(group, must);
            let (object, owner, without_rows) = (
                object.clone(),
                group.owner.clone(),
                self.without_rows(object, must),
            );
            Right {
                object,
                owner,
                must,
                must_not,
                without_rows,
                representative: index == 0,
            }
        };
        // What no statement can spell cannot be tried.
        group
            .members
            .iter()
            .filter(|object| object.has_name())
            .enumerate()
            .map(right)
            .collect()
    }

    /// What of `must` reaches no row.
    fn without_rows(&self, object: &Object, must: Privileges) -> Privileges {
        let Some(rows) = &self.rows else {
            return Privileges::NONE;
        };
        let none =
            |one: &Privilege| matches!(rows.rows(self.role, object, *one, must), Rows::None(_));
        ON_ROWS
            .into_iter()
            .filter(|one| must.contains(*one))
            .filter(none)
            .collect()
    }

    fn must(&self, group: &Group, object: &Object) -> Privileges {
        if self.roles.contains(&group.owner) || self.is_to_own(group, object) {
            return group.kind.class().applicable(self.major);
        }
        let wants = self
            .expectations
            .of(group, object, self.is_trusted(group, object));
        let wanted = self.roles.iter().filter_map(|role| wants.get(*role));
        wanted.fold(Privileges::NONE, |sum, wanted| sum.union(wanted.privileges))
    }

    /// Everything else, but for what the policy leaves to PUBLIC, and to predefined roles that it names.
    fn must_not(&self, group: &Group, must: Privileges) -> Privileges {
        if self.roles.iter().any(|role| role.is_system()) {
            return Privileges::NONE;
        }
        let left_to_public = if self.is_kept_from_public(group) {
            Privileges::NONE
        } else {
            of_public(group)
        };
        group
            .kind
            .class()
            .applicable(self.major)
            .minus(must)
            .minus(left_to_public)
    }

    fn is_kept_from_public(&self, group: &Group) -> bool {
        let Some(database) = self.policy.databases.get(self.name) else {
            return false;
        };
        let managed = match group.members.first() {
            Some(Object::Database(_)) => true,
            Some(object) => object
                .schema()
                .is_some_and(|schema| database.schemas.contains_key(schema)),
            None => false,
        };
        managed && database.public == PublicAccess::None
    }

    /// The only `ddl` role of a schema owns what is in it.
    fn is_to_own(&self, group: &Group, object: &Object) -> bool {
        let mut owners = self.ddl_roles(object);
        let only = owners.next().filter(|_| owners.next().is_none());
        object.kind() != ObjectKind::Schema
            && group.dependence == Dependence::Free
            && only.is_some_and(|role| self.roles.contains(role))
    }

    /// Whether the object belongs to a `ddl` role of its schema, or nobody judges owners there.
    fn is_trusted(&self, group: &Group, object: &Object) -> bool {
        let mut owners = self.ddl_roles(object).peekable();
        owners.peek().is_none() || owners.any(|role| *role == group.owner)
    }

    fn ddl_roles<'o>(&'o self, object: &'o Object) -> impl Iterator<Item = &'o RoleName> {
        let schema = object.schema();
        let makes = move |role: &RolePolicy| {
            schema.is_some_and(|schema| role.presets.on(self.name, schema) == Some(Preset::Ddl))
        };
        self.policy
            .roles
            .iter()
            .filter(move |(_, role)| makes(role))
            .map(|(name, _)| name)
    }
}

fn of_public(group: &Group) -> Privileges {
    let items = group
        .acl
        .items()
        .iter()
        .filter(|item| item.grantee == Grantee::Public);
    items.fold(Privileges::NONE, |sum, item| sum.union(item.privileges))
}

/// `pg_catalog` is everybody's; where its ACLs name a role of the users, `check` says so.
fn is_system(group: &Group) -> bool {
    let schema = group.members.first().and_then(Object::schema);
    schema.is_some_and(|schema| {
        schema.as_str().starts_with("pg_") || schema.as_str() == "information_schema"
    })
}
