//! What PostgreSQL makes of changes, on the model: written after its documentation, not after the code under test.

use std::sync::Arc;

use rolewright::model::{
    Acl, AclItem, Database, DefaultPrivilege, DefaultsFor, Dependence, Grantee, Group, Membership,
    Object, ObjectKind, Privileges, Role, RoleName, State,
};
use rolewright::plan::{Attribute, Change, Extent};

use super::world::shop;

/// Makes one change.
pub fn make(state: &mut State, change: &Change) {
    match change {
        Change::CreateRole {
            role,
            login,
            inherit,
            connection_limit,
        } => {
            create_role(state, role, *login, *inherit, *connection_limit);
        }
        Change::AlterRole { role, attributes } => {
            let role = state.roles.get_mut(role).expect("the role exists");
            attributes
                .iter()
                .for_each(|attribute| alter(role, attribute));
        }
        Change::SetParameter { role, setting } => {
            let settings = &mut state.roles.get_mut(role).expect("the role exists").settings;
            settings.retain(|one| {
                one.parameter != setting.parameter || one.database != setting.database
            });
            settings.insert(setting.clone());
        }
        Change::ResetParameter { role, setting } => {
            state
                .roles
                .get_mut(role)
                .expect("the role exists")
                .settings
                .remove(setting);
        }
        Change::GrantMembership { edge } => {
            state.memberships.insert(Membership {
                role: edge.role.clone(),
                member: edge.member.clone(),
                grantor: RoleName::new("cloudsqlsuperuser").unwrap(),
                admin: edge.admin,
                inherit: edge.inherit,
                set: edge.set,
            });
        }
        Change::RevokeMembership {
            membership,
            cascade,
        } => end_membership(state, membership, !cascade.is_empty()),
        Change::CreateSchema { schema, .. } => {
            let owner = RoleName::new("cloudsqlsuperuser").unwrap();
            database(state).groups.push(Group {
                kind: ObjectKind::Schema,
                acl: Acl::default(),
                owner_holds: ObjectKind::Schema.class().owner_default(),
                owner,
                dependence: Dependence::Free,
                security_definer: false,
                members: vec![Object::Schema(schema.clone())],
            });
        }
        Change::ChangeOwner {
            objects, from, to, ..
        } => {
            objects
                .iter()
                .for_each(|object| change_owner(state, object, from, to));
        }
        Change::Grant {
            objects,
            owner,
            grantee,
            privileges,
            grantable,
            ..
        } => {
            for object in objects.iter() {
                let group = find(state, object);
                assert_eq!(group.owner, *owner, "only the owner grants on {object}");
                let option = if *grantable {
                    *privileges
                } else {
                    Privileges::NONE
                };
                grant(group, owner, grantee, *privileges, option);
            }
        }
        Change::Revoke {
            objects,
            grantor,
            grantee,
            privileges,
            extent,
            cascade,
            via,
            ..
        } => {
            for object in objects.iter() {
                let group = find(state, object);
                match via {
                    None => revoke(
                        group,
                        grantor,
                        grantee,
                        *privileges,
                        *extent,
                        !cascade.is_empty(),
                    ),
                    Some(source) => {
                        let delegate = Grantee::Role(grantor.clone());
                        revoke(
                            group,
                            source,
                            &delegate,
                            *privileges,
                            Extent::GrantOption,
                            true,
                        );
                        grant(group, source, &delegate, *privileges, *privileges);
                    }
                }
            }
        }
        Change::GrantDefault { default, .. } => grant_default(database(state), default),
        Change::RevokeDefault {
            default, extent, ..
        } => revoke_default(database(state), default, *extent),
        other => panic!("not of this model: {other}"),
    }
}

fn database(state: &mut State) -> &mut Database {
    state.databases.get_mut(&shop()).unwrap()
}

fn find<'s>(state: &'s mut State, object: &Object) -> &'s mut Group {
    let groups = state
        .databases
        .get_mut(&shop())
        .unwrap()
        .groups
        .iter_mut()
        .chain(&mut state.shared);
    groups
        .into_iter()
        .find(|group| group.members.contains(object))
        .unwrap_or_else(|| panic!("no {object}"))
}

fn create_role(
    state: &mut State,
    name: &RoleName,
    login: bool,
    inherit: bool,
    connection_limit: i32,
) {
    let role = Role {
        name: name.clone(),
        login,
        superuser: false,
        create_db: false,
        create_role: false,
        replication: false,
        bypass_rls: false,
        inherit,
        connection_limit,
        valid_until: None,
        settings: Default::default(),
    };
    assert!(
        state.roles.insert(name.clone(), role).is_none(),
        "{name} exists"
    );
    if state.server.major() >= 16 {
        state.memberships.insert(Membership {
            role: name.clone(),
            member: RoleName::new("cloudsqlsuperuser").unwrap(),
            grantor: RoleName::new("cloudsqladmin").unwrap(),
            admin: true,
            inherit: false,
            set: false,
        });
    }
}

fn alter(role: &mut Role, attribute: &Attribute) {
    match *attribute {
        Attribute::Login(on) => role.login = on,
        Attribute::CreateDb(on) => role.create_db = on,
        Attribute::CreateRole(on) => role.create_role = on,
        Attribute::Inherit(on) => role.inherit = on,
        Attribute::ConnectionLimit(limit) => role.connection_limit = limit,
        Attribute::ValidForEver => role.valid_until = None,
        Attribute::Superuser(_) | Attribute::Replication(_) | Attribute::BypassRls(_) => {
            panic!("permission denied: {attribute}")
        }
    }
}

fn end_membership(state: &mut State, ended: &Membership, cascade: bool) {
    state.memberships.remove(ended);
    let others =
        |one: &Membership| one.role == ended.role && one.member == ended.member && one.admin;
    if state.server.major() < 16 || !ended.admin || state.memberships.iter().any(others) {
        return;
    }
    let hanging = |one: &&Membership| one.role == ended.role && one.grantor == ended.member;
    let hanging: Vec<_> = state.memberships.iter().filter(hanging).cloned().collect();
    assert!(cascade || hanging.is_empty(), "dependent privileges exist");
    hanging
        .iter()
        .for_each(|one| end_membership(state, one, true));
}

/// A table takes its columns along.
fn change_owner(state: &mut State, object: &Object, from: &RoleName, to: &RoleName) {
    let group = find(state, object);
    assert_eq!(group.owner, *from, "{object}");
    let follow = |group: &mut Group| {
        group.acl = group.acl.after_owner_change(from, to);
        group.owner = to.clone();
    };
    follow(group);
    let is_column = |member: &Object| match (member, object) {
        (
            Object::Column {
                schema, relation, ..
            },
            Object::InSchema {
                schema: s, name, ..
            },
        ) => schema == s && relation == name,
        _ => false,
    };
    let columns = database(state)
        .groups
        .iter_mut()
        .filter(|group| group.members.iter().any(is_column));
    columns.for_each(follow);
}

fn grant(
    group: &mut Group,
    grantor: &RoleName,
    grantee: &Grantee,
    privileges: Privileges,
    grantable: Privileges,
) {
    let item = AclItem {
        grantee: grantee.clone(),
        grantor: grantor.clone(),
        privileges,
        grantable,
    };
    group.acl = Acl::new(
        &group.owner,
        group.acl.items().iter().cloned().chain([Arc::new(item)]),
    );
}

fn revoke(
    group: &mut Group,
    grantor: &RoleName,
    grantee: &Grantee,
    privileges: Privileges,
    extent: Extent,
    cascade: bool,
) {
    let mut items = group.acl.items().to_vec();
    let Some(entry) = items
        .iter_mut()
        .find(|item| item.grantor == *grantor && item.grantee == *grantee)
    else {
        return;
    };
    let entry = Arc::make_mut(entry);
    let option = entry.grantable.intersection(privileges);
    entry.grantable = entry.grantable.minus(privileges);
    if extent == Extent::Privileges {
        entry.privileges = entry.privileges.minus(privileges);
    }
    group.acl = Acl::new(&group.owner, items);
    let Some(role) = grantee.role() else { return };
    let of_role = group
        .acl
        .items()
        .iter()
        .filter(|item| item.grantee == *grantee);
    let lost = option.minus(of_role.fold(Privileges::NONE, |sum, item| sum.union(item.grantable)));
    let hangs = |item: &&Arc<AclItem>| {
        item.grantor == *role && !item.privileges.intersection(lost).is_empty()
    };
    let hanging: Vec<_> = group.acl.items().iter().filter(hangs).cloned().collect();
    assert!(cascade || hanging.is_empty(), "dependent privileges exist");
    for item in hanging {
        revoke(group, role, &item.grantee, lost, Extent::Privileges, true);
    }
}

fn same(one: &DefaultPrivilege, other: &DefaultPrivilege) -> bool {
    (&one.owner, &one.schema, one.objects, &one.grantee)
        == (&other.owner, &other.schema, other.objects, &other.grantee)
}

fn grant_default(database: &mut Database, default: &DefaultPrivilege) {
    replace_built_in(database, default);
    match database.defaults.iter_mut().find(|one| same(one, default)) {
        Some(entry) => {
            entry.privileges = entry.privileges.union(default.privileges);
            entry.grantable = entry.grantable.union(default.grantable);
        }
        None => database.defaults.push(default.clone()),
    }
}

fn revoke_default(database: &mut Database, default: &DefaultPrivilege, extent: Extent) {
    replace_built_in(database, default);
    for entry in database
        .defaults
        .iter_mut()
        .filter(|one| same(one, default))
    {
        entry.grantable = entry.grantable.minus(default.privileges);
        if extent == Extent::Privileges {
            entry.privileges = entry.privileges.minus(default.privileges);
        }
    }
    database.defaults.retain(|one| !one.privileges.is_empty());
}

/// The first change of a role's global defaults begins with what is built in.
fn replace_built_in(database: &mut Database, default: &DefaultPrivilege) {
    let key: (RoleName, DefaultsFor) = (default.owner.clone(), default.objects);
    let public = default.objects.class().public_default();
    if default.schema.is_none() && database.global_defaults.insert(key) && !public.is_empty() {
        database.defaults.push(DefaultPrivilege {
            grantee: Grantee::Public,
            privileges: public,
            grantable: Privileges::NONE,
            ..default.clone()
        });
    }
}
