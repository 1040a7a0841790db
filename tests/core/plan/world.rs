//! A state of an instance as text, one thing a line.

use std::collections::BTreeSet;

use rolewright::model::{
    Acl, AclItem, Database, DatabaseName, DefaultPrivilege, DefaultsFor, Dependence, Group,
    Membership, Object, ObjectKind, Policy, RelationKind, Role, RoleName, RoutineKind, SchemaName,
    Server, State,
};
use rolewright::policy::{Source, Variables, load};

/// What every instance of Cloud SQL has, and the database `shop`.
const CLOUD_SQL: &str = "
    role cloudsqladmin superuser login createrole createdb
    role cloudsqlsuperuser createrole createdb
    role csadmin login createrole createdb
    member csadmin in cloudsqlsuperuser by cloudsqladmin
    database shop of cloudsqlsuperuser
    schema public of pg_database_owner { pg_database_owner=UC/pg_database_owner =U/pg_database_owner }
";

pub fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

pub fn shop() -> DatabaseName {
    DatabaseName::new("shop").unwrap()
}

/// The policy of one file.
pub fn policy(text: &str) -> Policy {
    let source = Source {
        name: "p.yaml".into(),
        text: text.into(),
    };
    load(&[source], &Variables::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
        .remove(0)
}

/// An instance of `major` with `lines` beyond what every one has.
///
/// `role NAME [login superuser createdb createrole noinherit]`, `member M in R by G [admin noinherit noset]`,
/// `KIND NAME of OWNER [{ aclitem… }]`, `defaults OWNER [in SCHEMA] for KIND { aclitem… }`.
pub fn world(major: u32, lines: &str) -> State {
    let server = Server {
        version: major * 10_000,
        lock_slots: 6400,
        admin: Some(role("csadmin")),
        bootstrap: Some(role("cloudsqladmin")),
        ..Server::default()
    };
    let mut state = State {
        server,
        ..State::default()
    };
    state.databases.insert(shop(), Database::default());
    for line in CLOUD_SQL
        .lines()
        .chain(lines.lines())
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "role" => add_role(&mut state, words[1], &words[2..]),
            "member" => add_membership(&mut state, &words),
            "defaults" => add_defaults(&mut state, &words),
            kind => add_object(&mut state, kind, &words),
        }
    }
    state
}

fn add_role(state: &mut State, name: &str, attributes: &[&str]) {
    let has = |attribute| attributes.contains(&attribute);
    let role = Role {
        name: role(name),
        login: has("login"),
        superuser: has("superuser"),
        create_db: has("createdb"),
        create_role: has("createrole"),
        replication: has("replication"),
        bypass_rls: has("bypassrls"),
        inherit: !has("noinherit"),
        connection_limit: -1,
        valid_until: None,
        settings: BTreeSet::new(),
    };
    state.roles.insert(role.name.clone(), role);
}

fn add_membership(state: &mut State, words: &[&str]) {
    let ["member", member, "in", of, "by", grantor, options @ ..] = words else {
        panic!("{words:?}")
    };
    state.memberships.insert(Membership {
        role: role(of),
        member: role(member),
        grantor: role(grantor),
        admin: options.contains(&"admin"),
        inherit: !options.contains(&"noinherit"),
        set: !options.contains(&"noset"),
    });
}

fn items(words: &[&str]) -> Vec<AclItem> {
    let list = words
        .iter()
        .skip_while(|word| **word != "{")
        .skip(1)
        .take_while(|word| **word != "}");
    list.map(|text| AclItem::parse(text).unwrap()).collect()
}

fn add_defaults(state: &mut State, words: &[&str]) {
    let (owner, schema, kind) = match words {
        ["defaults", owner, "in", schema, "for", kind, ..] => {
            (owner, Some(SchemaName::new(schema).unwrap()), kind)
        }
        ["defaults", owner, "for", kind, ..] => (owner, None, kind),
        _ => panic!("{words:?}"),
    };
    let objects = DefaultsFor::ALL
        .into_iter()
        .find(|one| one.keyword().eq_ignore_ascii_case(kind))
        .unwrap();
    let database = state.databases.get_mut(&shop()).unwrap();
    if schema.is_none() {
        database.global_defaults.insert((role(owner), objects));
    }
    for item in Acl::new(&role(owner), items(words)).items() {
        database.defaults.push(DefaultPrivilege {
            owner: role(owner),
            schema: schema.clone(),
            objects,
            grantee: item.grantee.clone(),
            privileges: item.privileges,
            grantable: item.grantable,
        });
    }
}

fn add_object(state: &mut State, kind: &str, words: &[&str]) {
    let [_, name, "of", owner, ..] = words else {
        panic!("{words:?}")
    };
    let (owner, object) = (role(owner), object(kind, name));
    let kind_of_object = object.kind();
    let acl = if words.contains(&"{") {
        Acl::new(&owner, items(words))
    } else {
        Acl::default_for(kind_of_object.class(), &owner)
    };
    let dependence = if kind_of_object == ObjectKind::Column {
        Dependence::Table
    } else {
        Dependence::Free
    };
    let group = Group {
        kind: kind_of_object,
        owner,
        acl,
        owner_holds: kind_of_object.class().owner_default(),
        dependence,
        security_definer: kind == "definer",
        members: vec![object],
    };
    match kind_of_object {
        ObjectKind::Database => state.shared.push(group),
        _ => state.databases.get_mut(&shop()).unwrap().groups.push(group),
    }
}

fn object(kind: &str, name: &str) -> Object {
    let mut parts = name.split('.');
    let first = parts.next().unwrap();
    let schema = || SchemaName::new(first).unwrap();
    let mut next = || parts.next().unwrap().into();
    let relation = |kind, name| Object::InSchema {
        kind: ObjectKind::Relation(kind),
        schema: schema(),
        name,
    };
    match kind {
        "database" => Object::Database(DatabaseName::new(first).unwrap()),
        "schema" => Object::Schema(schema()),
        "table" => relation(RelationKind::Table, next()),
        "view" => relation(RelationKind::View, next()),
        "sequence" => Object::InSchema {
            kind: ObjectKind::Sequence,
            schema: schema(),
            name: next(),
        },
        "type" => Object::InSchema {
            kind: ObjectKind::Type,
            schema: schema(),
            name: next(),
        },
        "column" => Object::Column {
            schema: schema(),
            relation: next(),
            column: next(),
        },
        "function" | "definer" => Object::Routine {
            kind: RoutineKind::Function,
            schema: schema(),
            name: next(),
            arguments: "".into(),
        },
        _ => panic!("{kind}"),
    }
}
