//! What `access` says of a role against what PostgreSQL itself says: for every role, object and privilege of generated
//! worlds, on each major. `has_*_privilege` looks at what is inherited, `pg_has_role` at the rest.

mod generate;
mod questions;

use std::collections::{BTreeMap, BTreeSet};

use rolewright::access::Access;
use rolewright::model::{
    DatabaseName, Group, Object, ObjectKind, PrivilegeClass, Privileges, RoleName, State,
};
use rolewright::postgres::{
    ApplicationName, Asked, Environment, Route, Session, inspect_database, inspect_shared,
};
use tokio_postgres::Client;

use self::generate::Generator;
use self::questions::{OBJECTS, ROLES};
use crate::support::{Cluster, Options, each_major};

/// Worlds on each major.
const SEEDS: [u64; 3] = [1, 20, 300];

each_major! {
    async fn access_agrees_with_the_server(major: u32) {
        let mut options = Options::default().setting("allow_in_place_tablespaces", "on");
        for seed in SEEDS {
            options = options.database(&format!("w{seed}"));
        }
        let cluster = Cluster::with(major, options);
        for seed in SEEDS {
            let database = format!("w{seed}");
            let superuser = cluster.connect_superuser(&database).await;
            let (mut done, mut refused) = (0, 0);
            for statement in Generator::new(seed, major).world(&database) {
                match superuser.batch_execute(&statement).await {
                    Ok(()) => done += 1,
                    // A delegate that may not, a membership that would be circular.
                    Err(error) if error.as_db_error().is_some() => refused += 1,
                    Err(error) => panic!("{statement}: {error:?}"),
                }
            }
            assert!(done > 3 * refused, "{done} statements were done and {refused} refused");
            let state = inspect(&cluster, &database).await;
            compare(&superuser, &state, &database, major).await;
        }
    }
}

async fn inspect(cluster: &Cluster, database: &str) -> State {
    let route = Route::from_url(cluster.superuser_url(), &Environment::default()).unwrap();
    let name = DatabaseName::new(database).unwrap();
    let mut session = Session::connect(&route, &name, &ApplicationName::new("test", 1))
        .await
        .unwrap();
    session.begin_snapshot().await.unwrap();
    let shared = inspect_shared(&mut session, &Asked::default())
        .await
        .unwrap();
    let inside = inspect_database(&mut session, &Asked::default())
        .await
        .unwrap();
    session.close().await;
    State {
        server: shared.server,
        roles: shared.roles,
        memberships: shared.memberships,
        shared: shared.groups,
        databases: BTreeMap::from([(name, inside)]),
        ..State::default()
    }
}

/// `role|object|privilege`, of everything that is true.
type Facts = BTreeSet<String>;

async fn compare(superuser: &Client, state: &State, database: &str, major: u32) {
    let name = DatabaseName::new(database).unwrap();
    let accesses: Vec<_> = state
        .roles
        .keys()
        .map(|role| (role, Access::new(state, role, Some(&name))))
        .collect();
    let mut wrong = Vec::new();
    let mut asked = 0;
    for question in OBJECTS.iter().filter(|question| question.since <= major) {
        let (count, theirs) = ask(superuser, question.sql, question.what).await;
        let mut ours = Facts::new();
        for (role, access) in &accesses {
            ours.extend(held(state, &name, role, access, question.what));
        }
        assert!(
            !theirs.is_empty(),
            "nobody holds anything: {}",
            question.what
        );
        asked += count;
        wrong.extend(
            ours.symmetric_difference(&theirs)
                .map(|fact| format!("{}: {fact}", question.what)),
        );
    }
    for question in ROLES.iter().filter(|question| question.since <= major) {
        let (count, theirs) = ask(superuser, question.sql, question.what).await;
        let ours = accesses
            .iter()
            .flat_map(|(role, access)| memberships(state, role, access, question.what))
            .collect();
        asked += count;
        wrong.extend(
            theirs
                .symmetric_difference(&ours)
                .map(|fact| format!("{}: {fact}", question.what)),
        );
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked} differ in {database} on {major}: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(20)]
    );
    eprintln!("{asked} comparisons in {database} on PostgreSQL {major}, no difference");
}

/// How many answers there are, and those that are yes.
async fn ask(superuser: &Client, sql: &str, what: &str) -> (usize, Facts) {
    superuser
        .batch_execute("SET search_path = pg_catalog")
        .await
        .unwrap();
    let rows = superuser
        .query(sql, &[])
        .await
        .unwrap_or_else(|error| panic!("{what}: {error:?}"));
    let yes = rows.iter().filter(|row| row.get::<_, bool>(3));
    let fact = |row: &tokio_postgres::Row| {
        [0, 1, 2]
            .map(|column| row.get::<_, String>(column))
            .join("|")
    };
    (rows.len(), yes.map(fact).collect())
}

fn memberships(state: &State, role: &RoleName, access: &Access<'_>, what: &str) -> Vec<String> {
    let holds = |other: &RoleName| match what {
        "USAGE" => access.ways(other).inherits(),
        "SET" => access.ways(other).becomes(),
        "MEMBER" => access.ways(other).is_member(),
        other => panic!("{other}"),
    };
    state
        .roles
        .keys()
        .filter(|other| holds(other))
        .map(|other| format!("{role}|{other}|{what}"))
        .collect()
}

/// What the model says a role holds on every object of one kind.
fn held(
    state: &State,
    database: &DatabaseName,
    role: &RoleName,
    access: &Access<'_>,
    what: &str,
) -> Vec<String> {
    let groups = || state.databases[database].groups.iter().chain(&state.shared);
    let fact = |object: &str, held: Privileges| {
        let fact = move |privilege| format!("{role}|{object}|{privilege}");
        held.iter().map(fact).collect::<Vec<_>>()
    };
    if what == "column" || what == "any column" {
        return columns(state, database, access, what)
            .iter()
            .flat_map(|(object, held)| fact(object, *held))
            .collect();
    }
    let of_kind = groups().filter(|group| class_of(what) == group.kind.class());
    let members = of_kind.flat_map(|group| group.members.iter().map(move |object| (group, object)));
    members
        .flat_map(|(group, object)| fact(&key(object), access.at_once(group, object)))
        .collect()
}

/// A column's privileges are its own and its relation's.
fn columns(
    state: &State,
    database: &DatabaseName,
    access: &Access<'_>,
    what: &str,
) -> BTreeMap<String, Privileges> {
    let of = |class: PrivilegeClass| {
        let groups = state.databases[database]
            .groups
            .iter()
            .filter(move |group| group.kind.class() == class);
        groups.flat_map(|group: &Group| group.members.iter().map(move |object| (group, object)))
    };
    let generated = |object: &Object| {
        object
            .schema()
            .is_some_and(|schema| schema.as_str().starts_with('s'))
    };
    let applicable = PrivilegeClass::Column.applicable(state.server.major());
    let mut found: BTreeMap<String, Privileges> = BTreeMap::new();
    let mut add = |key: String, held: Privileges| {
        let sum = found.entry(key).or_default();
        *sum = sum.union(held.intersection(applicable));
    };
    for (group, object) in of(PrivilegeClass::Relation) {
        let held = access.at_once(group, object);
        match what {
            "column" if !generated(object) => {}
            "column" => ["a", "b", "c"]
                .iter()
                .for_each(|column| add(format!("{}.{column}", key(object)), held)),
            _ => add(key(object), held),
        }
    }
    for (group, object) in of(PrivilegeClass::Column) {
        let Object::Column {
            schema,
            relation,
            column,
        } = object
        else {
            continue;
        };
        let table = format!("{schema}.{relation}");
        let key = if what == "column" {
            format!("{table}.{column}")
        } else {
            table
        };
        add(key, access.at_once(group, object));
    }
    found
}

fn class_of(what: &str) -> PrivilegeClass {
    match what {
        "relation" => PrivilegeClass::Relation,
        "sequence" => PrivilegeClass::Sequence,
        "schema" => PrivilegeClass::Schema,
        "routine" => PrivilegeClass::Routine,
        "database" => PrivilegeClass::Database,
        "type" => PrivilegeClass::Type,
        "language" => PrivilegeClass::Language,
        "foreign data wrapper" => PrivilegeClass::ForeignDataWrapper,
        "foreign server" => PrivilegeClass::ForeignServer,
        "tablespace" => PrivilegeClass::Tablespace,
        "parameter" => PrivilegeClass::Parameter,
        "large object" => PrivilegeClass::LargeObject,
        other => panic!("{other}"),
    }
}

fn key(object: &Object) -> String {
    match object {
        Object::Database(name) => name.to_string(),
        Object::Schema(name) => name.to_string(),
        Object::Column {
            schema,
            relation,
            column,
        } => format!("{schema}.{relation}.{column}"),
        Object::Routine {
            schema,
            name,
            arguments,
            ..
        } => format!("{schema}.{name}({arguments})"),
        Object::InSchema {
            kind: ObjectKind::Column,
            ..
        } => unreachable!("columns have a form of their own"),
        Object::InSchema { schema, name, .. } => format!("{schema}.{name}"),
        Object::Bare { name, .. } => name.to_string(),
    }
}
