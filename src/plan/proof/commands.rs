//! What a login must not do whatever the objects: become somebody else, reach the server's files and programs, make things.

use std::collections::BTreeSet;

use super::{Expected, Trial};
use crate::model::{
    DatabaseName, Policy, Preset, Privilege, RoleName, RolePolicy, SchemaName, State,
};
use crate::plan::reach::CLOUD_SQL_SUPERUSER;
use crate::plan::statement::{literal, name};

const SUPERUSER: &str = "(SELECT rolsuper FROM pg_roles WHERE rolname = current_user)";
const CREATES_ROLES: &str =
    "(SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)";
const CREATES_DATABASES: &str =
    "(SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user)";

/// Every command to try as `role` in `database`.
pub(super) fn of(
    policy: &Policy,
    state: &State,
    role: &RoleName,
    database: &DatabaseName,
) -> Vec<Trial> {
    let Some(declared) = policy.roles.get(role) else {
        return Vec::new();
    };
    let mut trials = on_the_server(state.server.major());
    trials.extend(on_the_database(policy, declared, database));
    trials.extend(in_schemas(policy, declared, database));
    trials.extend(as_others(policy, state, role, declared));
    trials
}

fn refused(
    what: impl Into<String>,
    question: impl Into<String>,
    statement: impl Into<String>,
) -> Trial {
    Trial {
        what: what.into(),
        object: None,
        privilege: None,
        question: Some(question.into()),
        statement: Some(statement.into()),
        expected: Expected::Refused,
    }
}

/// <https://www.postgresql.org/docs/current/predefined-roles.html>
fn on_the_server(major: u32) -> Vec<Trial> {
    let member = |role: &str| format!("{SUPERUSER} OR pg_has_role({}, 'MEMBER')", literal(role));
    let replication_role = if major < 15 {
        SUPERUSER.to_owned()
    } else {
        format!("{SUPERUSER} OR has_parameter_privilege('session_replication_role', 'SET')")
    };
    vec![
        refused(
            "create roles",
            CREATES_ROLES,
            "CREATE ROLE rolewright_proof",
        ),
        // CREATE DATABASE cannot be rolled back.
        Trial {
            statement: None,
            ..refused("create databases", CREATES_DATABASES, "")
        },
        refused(
            "run programs on the server",
            member("pg_execute_server_program"),
            "COPY (SELECT 1) TO PROGRAM 'true'",
        ),
        refused(
            "write files on the server",
            member("pg_write_server_files"),
            "COPY (SELECT 1) TO '/dev/null'",
        ),
        refused(
            "read files on the server",
            "has_function_privilege('pg_read_file(text)', 'EXECUTE')",
            "SELECT pg_read_file('PG_VERSION')",
        ),
        refused(
            "read the passwords of the server",
            "has_table_privilege('pg_catalog.pg_authid', 'SELECT')",
            "SELECT FROM pg_catalog.pg_authid LIMIT 0",
        ),
        refused(
            "switch triggers off",
            replication_role,
            "SET LOCAL session_replication_role = replica",
        ),
    ]
}

fn on_the_database(policy: &Policy, role: &RolePolicy, database: &DatabaseName) -> Vec<Trial> {
    let place = name(database.as_str());
    let owns =
        "(SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database())";
    let mut trials = vec![Trial {
        object: Some(format!("database {database}")),
        ..refused(
            "alter the database",
            owns,
            format!("ALTER DATABASE {place} CONNECTION LIMIT -1"),
        )
    }];
    if !role.create_schemas && !granted(role, database, Privilege::Create) && !is_member(role) {
        trials.push(Trial {
            object: Some(format!("database {database}")),
            privilege: Some(Privilege::Create),
            ..refused(
                "create schemas",
                "has_database_privilege(current_database(), 'CREATE')",
                "CREATE SCHEMA rolewright_proof",
            )
        });
    }
    let others = policy
        .databases
        .keys()
        .filter(|other| *other != database && !enters(role, other));
    trials.extend(others.filter(|_| !is_member(role)).map(|other| Trial {
        object: Some(format!("database {other}")),
        privilege: Some(Privilege::Connect),
        statement: None,
        ..refused(
            format!("connect to database {other}"),
            format!(
                "has_database_privilege({}, 'CONNECT')",
                literal(other.as_str())
            ),
            "",
        )
    }));
    trials
}

fn in_schemas(policy: &Policy, role: &RolePolicy, database: &DatabaseName) -> Vec<Trial> {
    let schemas = policy
        .databases
        .get(database)
        .map(|database| database.schemas.keys());
    let preset = |schema: &SchemaName| role.presets.on(database, schema);
    let mut trials = Vec::new();
    for schema in schemas.into_iter().flatten().filter(|_| !is_member(role)) {
        let expected = match preset(schema) {
            Some(Preset::Ddl) => Expected::Works,
            _ if granted(role, database, Privilege::Create) => continue,
            Some(Preset::Dml | Preset::Read) | None => Expected::Refused,
        };
        trials.extend(made_in(schema).map(|(what, statement)| Trial {
            object: Some(format!("schema {schema}")),
            privilege: Some(Privilege::Create),
            expected,
            ..refused(
                format!("create {what} in schema {schema}"),
                makes(schema, expected),
                statement,
            )
        }));
    }
    trials
}

/// A trigger on events would run whatever it holds with what is made to show that it can be made: then asking is enough.
fn makes(schema: &SchemaName, expected: Expected) -> String {
    let unheard = match expected {
        Expected::Works => " AND NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtenabled <> 'D')",
        Expected::Refused => "",
    };
    let schema = literal(schema.as_str());
    format!(
        "(SELECT has_schema_privilege(oid, 'CREATE'){unheard} FROM pg_namespace WHERE nspname = {schema})"
    )
}

fn made_in(schema: &SchemaName) -> impl Iterator<Item = (&'static str, String)> {
    let place = format!("{}.rolewright_proof", name(schema.as_str()));
    [
        ("tables", format!("CREATE TABLE {place}_table ()")),
        (
            "views",
            format!("CREATE VIEW {place}_view AS SELECT 1 AS one"),
        ),
        (
            "functions",
            format!("CREATE FUNCTION {place}_function() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        ),
        ("types", format!("CREATE TYPE {place}_type AS ENUM ()")),
    ]
    .into_iter()
}

/// It must not become another declared role, nor `cloudsqlsuperuser`, nor change one.
fn as_others(policy: &Policy, state: &State, role: &RoleName, declared: &RolePolicy) -> Vec<Trial> {
    let own: BTreeSet<&RoleName> = declared
        .member_of
        .iter()
        .map(|membership| &membership.role)
        .collect();
    let foreign = |other: &&RoleName| *other != role && !own.contains(other);
    let cloud_sql = state
        .roles
        .keys()
        .filter(|other| other.as_str() == CLOUD_SQL_SUPERUSER);
    let others: Vec<_> = policy
        .roles
        .keys()
        .chain(cloud_sql)
        .filter(foreign)
        .collect();
    // Before 16 every membership lets its member become the role.
    let right = if state.server.major() < 16 {
        "MEMBER"
    } else {
        "SET"
    };
    let become_other = |other: &&RoleName| {
        let (quoted, text) = (name(other.as_str()), literal(other.as_str()));
        let question = format!("pg_has_role(session_user, {text}, '{right}')");
        refused(
            format!("become {other}"),
            question,
            format!("SET LOCAL ROLE {quoted}"),
        )
    };
    let existing = others
        .into_iter()
        .filter(|other| state.roles.contains_key(*other));
    let existing: Vec<_> = existing.filter(|_| !is_member(declared)).collect();
    let mut trials: Vec<_> = existing.iter().map(become_other).collect();
    if !is_member(declared) {
        // Logins of others, admins, predefined roles: whatever there is.
        let tried: Vec<_> = std::iter::once(role)
            .chain(existing.iter().copied())
            .collect();
        let tried: Vec<_> = tried
            .into_iter()
            .map(|known| literal(known.as_str()))
            .collect();
        let question = format!(
            "EXISTS (SELECT FROM pg_roles WHERE rolname NOT IN (session_user, {}) AND pg_has_role(session_user, oid, '{right}'))",
            tried.join(", ")
        );
        trials.push(Trial {
            statement: None,
            ..refused("become another role", question, "")
        });
    }
    if let Some(other) = existing.first() {
        let quoted = name(other.as_str());
        let session = "(SELECT rolsuper FROM pg_roles WHERE rolname = session_user)";
        trials.push(refused(
            format!("take the session of {other}"),
            session,
            format!("SET LOCAL SESSION AUTHORIZATION {quoted}"),
        ));
        trials.push(refused(
            format!("alter {other}"),
            CREATES_ROLES,
            format!("ALTER ROLE {quoted} CONNECTION LIMIT -1"),
        ));
    }
    trials
}

/// A member of other roles can what these can; what that is `check` judges.
fn is_member(role: &RolePolicy) -> bool {
    !role.member_of.is_empty()
}

fn granted(role: &RolePolicy, database: &DatabaseName, privilege: Privilege) -> bool {
    role.grants
        .iter()
        .any(|grant| grant.database == *database && grant.privileges.contains(privilege))
}

fn enters(role: &RolePolicy, database: &DatabaseName) -> bool {
    role.presets.cover(database) || role.grants.iter().any(|grant| grant.database == *database)
}
