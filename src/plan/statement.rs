//! A change as SQL: the only place where names and literals are quoted.

use std::collections::BTreeSet;

use super::Edge;
use super::list::elements;
use super::shelter::Sheltered;
use super::together::{Saying, Wholes};
use super::{Attribute, Change, Extent};
use crate::model::{
    DefaultPrivilege, Grantee, Login, Membership, Object, ObjectKind, PrivilegeClass, Privileges,
    RoleName, RoutineKind, SchemaName, Setting, Verifier, VerifierError, delimited_identifier,
    quote_literal, visible_sql,
};

/// Objects per statement: at the end of each one that took many locks the server goes through all that the transaction holds,
/// and endless ones are too much for its parser.
const BATCH: usize = 5000;

/// The statements of a change on a server of `major`, without those that say in whose name. Changes at Google have none,
/// and the password of a credential is not the plan's to know.
pub fn statements(change: &Change, major: u32, maker: &RoleName) -> Vec<String> {
    match change {
        Change::CreateRole {
            role,
            login,
            inherit,
            connection_limit,
        } => vec![format!(
            "CREATE ROLE {} {} {} CONNECTION LIMIT {connection_limit}",
            name(role.as_str()),
            if *login { "LOGIN" } else { "NOLOGIN" },
            if *inherit { "INHERIT" } else { "NOINHERIT" }
        )],
        Change::AlterRole { role, attributes } => vec![alter_role(role, attributes)],
        Change::SetParameter { role, setting } => vec![set_parameter(role, setting)],
        Change::ResetParameter { role, setting } => vec![reset_parameter(role, setting)],
        Change::GrantMembership { edge } => vec![grant_membership(edge, major)],
        Change::RevokeMembership {
            membership,
            cascade,
        } => {
            vec![revoke_membership(membership, !cascade.is_empty(), major)]
        }
        Change::CreateSchema { schema, .. } => {
            vec![format!(
                "CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}",
                name(schema.as_str()),
                name(maker.as_str())
            )]
        }
        Change::CreateExtension {
            extension,
            schema,
            version,
            ..
        } => {
            let version = version
                .as_ref()
                .map(|version| format!(" VERSION {}", literal(version)))
                .unwrap_or_default();
            let (extension, schema) = (name(extension.as_str()), name(schema.as_str()));
            vec![format!(
                "CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA {schema}{version}"
            )]
        }
        Change::UpdateExtension {
            extension, version, ..
        } => {
            vec![format!(
                "ALTER EXTENSION {} UPDATE TO {}",
                name(extension.as_str()),
                literal(version)
            )]
        }
        Change::ChangeOwner { objects, to, .. } => objects
            .iter()
            .map(|object| alter_owner(object, to))
            .collect(),
        Change::Grant {
            objects,
            grantee,
            privileges,
            grantable,
            ..
        } => {
            let to = to([grantee], *grantable);
            on_objects(objects.iter(), *privileges, |what| {
                format!("GRANT {what} {to}")
            })
        }
        Change::Revoke {
            objects,
            grantor,
            privileges,
            via: Some(_),
            ..
        } => clear(objects, grantor, *privileges),
        Change::Revoke {
            objects,
            grantee,
            privileges,
            extent,
            cascade,
            via: None,
            ..
        } => {
            let option = option_for(*extent);
            let from = format!(
                "FROM {}{}",
                grantee_name(grantee),
                if cascade.is_empty() { "" } else { " CASCADE" }
            );
            on_objects(objects.iter(), *privileges, |what| {
                format!("REVOKE {option}{what} {from}")
            })
        }
        Change::GrantDefault { default, .. } => vec![grant_defaults(&[default])],
        Change::RevokeDefault {
            default, extent, ..
        } => vec![revoke_default(default, *extent)],
        Change::EndSessions { role } => end_sessions(role),
        Change::ReassignOwned { from, to, .. } => {
            vec![format!(
                "REASSIGN OWNED BY {} TO {}",
                name(from.as_str()),
                name(to.as_str())
            )]
        }
        Change::DropOwned { role, .. } => drop_owned(role),
        Change::DropRole { role, .. } => vec![format!("DROP ROLE {}", name(role.as_str()))],
        Change::CreateSecret { .. }
        | Change::LabelSecret { .. }
        | Change::DestroyVersions { .. }
        | Change::Credential { .. }
        | Change::Bind { .. }
        | Change::Unbind { .. } => Vec::new(),
    }
}

/// The statements of what is said in one go; as with [`statements`], without those that say in whose name.
pub(super) fn said(
    saying: &Saying<'_>,
    wholes: &Wholes,
    major: u32,
    maker: &RoleName,
) -> Vec<String> {
    match saying {
        Saying::One(change) => statements(change, major, maker),
        Saying::Defaults(defaults, _) => vec![grant_defaults(defaults)],
        Saying::Grants(grants) => {
            let to = to(grants.grantees.iter().copied(), grants.grantable);
            match wholes.of(grants) {
                Some((all, schema)) => {
                    vec![format!(
                        "GRANT {} ON {all} IN SCHEMA {} {to}",
                        grants.privileges,
                        name(schema.as_str())
                    )]
                }
                None => on_objects(grants.objects(), grants.privileges, |what| {
                    format!("GRANT {what} {to}")
                }),
            }
        }
    }
}

/// How long a session may take to end, in milliseconds.
const SESSION_ENDS_WITHIN: u32 = 5000;

/// What is seen of sessions is kept until the end of the transaction unless it is cleared.
fn end_sessions(role: &RoleName) -> Vec<String> {
    let role = literal(role.as_str());
    vec![
        format!(
            "SELECT pg_terminate_backend(pid, {SESSION_ENDS_WITHIN}) FROM pg_stat_activity \
             WHERE usename = {role} AND pid <> pg_backend_pid()"
        ),
        "SELECT pg_stat_clear_snapshot()".into(),
    ]
}

/// Ends every session of `login`.
pub(super) fn end_login_sessions(login: &RoleName) -> String {
    end_sessions(login).swap_remove(0)
}

/// Ends the sessions of `login` that hold or wait for the advisory lock `key`, of the database that this is run in: those that
/// wait first, as they would have it next.
pub(super) fn end_lock_sessions(login: &RoleName, key: i64) -> String {
    end_lock_sessions_where(&format!("a.usename = {}", literal(login.as_str())), key)
}

/// The same for a role that was dropped, of which only its number is left.
pub(super) fn end_orphans_lock_sessions(role: i64, key: i64) -> String {
    end_lock_sessions_where(&format!("a.usesysid = {role} AND a.usename IS NULL"), key)
}

fn end_lock_sessions_where(whose: &str, key: i64) -> String {
    format!(
        "SELECT pg_terminate_backend(pid, {SESSION_ENDS_WITHIN}) FROM (SELECT l.pid FROM pg_locks l \
         JOIN pg_stat_activity a ON a.pid = l.pid WHERE {whose} AND l.locktype = 'advisory' AND l.objsubid = 1 \
         AND (l.classid::int8 << 32 | l.objid::int8) = {key} \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         GROUP BY l.pid ORDER BY bool_or(l.granted)) s"
    )
}

/// DROP OWNED drops whatever the role still owns: it is not said where there is anything but what belongs to nobody else
/// by its nature.
fn drop_owned(role: &RoleName) -> Vec<String> {
    let guard = format!(
        "BEGIN IF EXISTS (SELECT FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass \
         AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = {}) AND deptype = 'o' AND classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass) \
         AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())) \
         THEN RAISE EXCEPTION 'something still belongs to a role that is to go: nothing is dropped'; END IF; END",
        literal(role.as_str())
    );
    vec![
        format!("DO {}", literal(&guard)),
        format!("DROP OWNED BY {}", name(role.as_str())),
    ]
}

/// Everything that `delegate` granted on is taken away by taking its grant option, which it then gets again: whether it may
/// keep that is judged by itself. <https://www.postgresql.org/docs/current/sql-revoke.html#SQL-REVOKE-DESCRIPTION>
fn clear(objects: &[Object], delegate: &RoleName, privileges: Privileges) -> Vec<String> {
    let delegate = name(delegate.as_str());
    let mut statements = on_objects(objects.iter(), privileges, |what| {
        format!("REVOKE GRANT OPTION FOR {what} FROM {delegate} CASCADE")
    });
    statements.extend(on_objects(objects.iter(), privileges, |what| {
        format!("GRANT {what} TO {delegate} WITH GRANT OPTION")
    }));
    statements
}

/// `ALTER ROLE … LOGIN PASSWORD`: it holds a verifier, and is wiped when dropped.
///
/// # Errors
/// A verifier the server would take for a password.
pub fn set_password(
    login: &Login,
    verifier: &Verifier,
) -> Result<zeroize::Zeroizing<String>, VerifierError> {
    let verifier = verifier.checked()?;
    Ok(zeroize::Zeroizing::new(format!(
        "ALTER ROLE {} LOGIN PASSWORD {} VALID UNTIL 'infinity'",
        name(login.as_str()),
        literal(verifier)
    )))
}

/// The same while the login is closed: nobody logs in with it until [`open_login`].
///
/// # Errors
/// As for [`set_password`].
pub fn set_closed_password(
    login: &Login,
    verifier: &Verifier,
) -> Result<zeroize::Zeroizing<String>, VerifierError> {
    let verifier = verifier.checked()?;
    Ok(zeroize::Zeroizing::new(format!(
        "ALTER ROLE {} NOLOGIN PASSWORD {} VALID UNTIL 'infinity'",
        name(login.as_str()),
        literal(verifier)
    )))
}

/// `login` may log in with the password that it has.
pub fn open_login(login: &Login) -> String {
    format!("ALTER ROLE {} LOGIN", name(login.as_str()))
}

/// Lets `role` create in the schemas of `objects`, or no more, until the transaction is over.
pub(super) fn creates(objects: &[Object], role: &RoleName, allowed: bool) -> Vec<String> {
    let schemas: BTreeSet<_> = objects.iter().filter_map(Object::schema).collect();
    let (verb, to) = if allowed {
        ("GRANT", "TO")
    } else {
        ("REVOKE", "FROM")
    };
    let text = |schema: &SchemaName| {
        format!(
            "{verb} CREATE ON SCHEMA {} {to} {}",
            name(schema.as_str()),
            name(role.as_str())
        )
    };
    schemas.into_iter().map(text).collect()
}

/// New sessions of `login` are refused; the ones that are open stay.
pub fn close_login(login: &Login) -> String {
    format!(
        "ALTER ROLE {} NOLOGIN PASSWORD NULL VALID UNTIL 'infinity'",
        name(login.as_str())
    )
}

/// From `at`, a literal that PostgreSQL reads, the server refuses the password of `login`.
pub fn expire_login(login: &Login, at: &str) -> String {
    format!(
        "ALTER ROLE {} VALID UNTIL {}",
        name(login.as_str()),
        literal(at)
    )
}

/// `SET LOCAL ROLE`; without a role, back to the session's own login.
pub(super) fn set_role(role: Option<&RoleName>) -> String {
    role.map_or_else(
        || "SET LOCAL ROLE NONE".into(),
        |role| format!("SET LOCAL ROLE {}", name(role.as_str())),
    )
}

/// `SET ROLE` outside a transaction; without a role, back to the session's own login.
pub(super) fn set_session_role(role: Option<&RoleName>) -> String {
    role.map_or_else(
        || "SET ROLE NONE".into(),
        |role| format!("SET ROLE {}", name(role.as_str())),
    )
}

/// Undoes a prepared transaction.
pub(super) fn roll_back_prepared(gid: &str) -> String {
    format!("ROLLBACK PREPARED {}", literal(gid))
}

/// Makes `member` a member of `role` until [`give_back`]. `before`: the membership by the same grantor that it changes.
pub(super) fn lend(
    role: &RoleName,
    member: &RoleName,
    before: Option<&Membership>,
    major: u32,
) -> String {
    let admin = before.is_some_and(|edge| edge.admin);
    let edge = Edge {
        role: role.clone(),
        member: member.clone(),
        admin,
        inherit: true,
        set: true,
    };
    grant_membership(&edge, major)
}

/// Undoes [`lend`]: the membership ends, or is again as it was.
pub(super) fn give_back(
    role: &RoleName,
    member: &RoleName,
    before: Option<&Membership>,
    major: u32,
) -> String {
    match before {
        None => format!(
            "REVOKE {} FROM {}",
            name(role.as_str()),
            name(member.as_str())
        ),
        Some(Membership {
            role,
            member,
            admin,
            inherit,
            set,
            grantor: _,
        }) => grant_membership(
            &Edge {
                role: role.clone(),
                member: member.clone(),
                admin: *admin,
                inherit: *inherit,
                set: *set,
            },
            major,
        ),
    }
}

/// Keeps relations from being altered until COMMIT, in an order that is the same for everybody. Reading and writing, VACUUM
/// and CREATE INDEX CONCURRENTLY go on. What cannot be locked by its name is looked up by a query that is parsed and never
/// run, which asks for no privilege; from 18 on GRANT does that itself.
/// <https://www.postgresql.org/docs/current/sql-lock.html>
pub(super) fn shelter(Sheltered { tables, others }: &Sheltered<'_>, major: u32) -> Vec<String> {
    let tables: Vec<_> = tables
        .iter()
        .map(|table| format!("ONLY {}", reference(table)))
        .collect();
    let lock = |batch: &[String]| format!("LOCK TABLE {} IN ROW EXCLUSIVE MODE", batch.join(", "));
    let mut statements: Vec<_> = tables.chunks(BATCH).map(lock).collect();
    if major < 18 {
        let others: Vec<_> = others.iter().map(|object| reference(object)).collect();
        for batch in others.chunks(BATCH) {
            statements.push(format!(
                "PREPARE rolewright_shelter AS SELECT FROM {}",
                batch.join(", ")
            ));
            statements.push("DEALLOCATE rolewright_shelter".into());
        }
    }
    statements
}

pub(super) fn name(text: &str) -> String {
    delimited_identifier(text)
}

pub(super) fn literal(text: &str) -> String {
    quote_literal(text)
}

fn grantee_name(grantee: &Grantee) -> String {
    match grantee {
        Grantee::Public => "PUBLIC".into(),
        Grantee::Role(role) => name(role.as_str()),
    }
}

fn to<'g>(grantees: impl IntoIterator<Item = &'g Grantee>, grantable: bool) -> String {
    let names: Vec<_> = grantees.into_iter().map(grantee_name).collect();
    format!(
        "TO {}{}",
        names.join(", "),
        if grantable { " WITH GRANT OPTION" } else { "" }
    )
}

fn alter_role(role: &RoleName, attributes: &[Attribute]) -> String {
    let attributes: Vec<_> = attributes.iter().map(ToString::to_string).collect();
    format!(
        "ALTER ROLE {} {}",
        name(role.as_str()),
        attributes.join(" ")
    )
}

fn in_database(setting: &Setting) -> String {
    setting
        .database
        .as_ref()
        .map(|database| format!(" IN DATABASE {}", name(database.as_str())))
        .unwrap_or_default()
}

fn set_parameter(role: &RoleName, setting: &Setting) -> String {
    let value = match elements(&setting.parameter, &setting.value) {
        Some(list) if list.is_empty() => "''".into(),
        Some(list) => list
            .iter()
            .map(|one| literal(one))
            .collect::<Vec<_>>()
            .join(", "),
        None => literal(&setting.value),
    };
    let (role, place) = (name(role.as_str()), in_database(setting));
    format!(
        "ALTER ROLE {role}{place} SET {} = {value}",
        dotted(&setting.parameter)
    )
}

fn reset_parameter(role: &RoleName, setting: &Setting) -> String {
    format!(
        "ALTER ROLE {}{} RESET {}",
        name(role.as_str()),
        in_database(setting),
        dotted(&setting.parameter)
    )
}

/// Parameter names may have a prefix: each piece is an identifier.
fn dotted(parameter: &str) -> String {
    parameter
        .split('.')
        .map(|piece| {
            if piece == "role" {
                piece.to_owned()
            } else {
                name(piece)
            }
        })
        .collect::<Vec<_>>()
        .join(".")
}

fn grant_membership(edge: &Edge, major: u32) -> String {
    let options = if major < 16 {
        if edge.admin {
            " WITH ADMIN OPTION".to_owned()
        } else {
            String::new()
        }
    } else {
        let word = |on: bool| if on { "TRUE" } else { "FALSE" };
        // All three always: a plain GRANT leaves the options of an existing edge as they are.
        format!(
            " WITH ADMIN {}, INHERIT {}, SET {}",
            word(edge.admin),
            word(edge.inherit),
            word(edge.set)
        )
    };
    format!(
        "GRANT {} TO {}{options}",
        name(edge.role.as_str()),
        name(edge.member.as_str())
    )
}

fn revoke_membership(edge: &Membership, cascade: bool, major: u32) -> String {
    let by = if major < 16 {
        String::new()
    } else {
        format!(" GRANTED BY {}", name(edge.grantor.as_str()))
    };
    let cascade = if cascade { " CASCADE" } else { "" };
    format!(
        "REVOKE {} FROM {}{by}{cascade}",
        name(edge.role.as_str()),
        name(edge.member.as_str())
    )
}

/// The object as it stands behind `ALTER` and behind `GRANT … ON`, without the kind.
pub(super) fn reference(object: &Object) -> String {
    match object {
        Object::Database(database) => name(database.as_str()),
        Object::Schema(schema) => name(schema.as_str()),
        Object::Column {
            schema, relation, ..
        } => format!("{}.{}", name(schema.as_str()), name(relation)),
        Object::Routine {
            schema,
            name: routine,
            arguments,
            ..
        } => {
            format!(
                "{}.{}({})",
                name(schema.as_str()),
                name(routine),
                visible_sql(arguments)
            )
        }
        Object::InSchema {
            schema, name: text, ..
        } if object.named_by_sql_text() => {
            format!("{}.{}", name(schema.as_str()), visible_sql(text))
        }
        Object::InSchema {
            schema, name: text, ..
        } => format!("{}.{}", name(schema.as_str()), name(text)),
        Object::Bare {
            kind: ObjectKind::LargeObject,
            name: oid,
        } => oid.to_string(),
        Object::Bare {
            kind: ObjectKind::Parameter,
            name: parameter,
        } => dotted(parameter),
        Object::Bare { name: text, .. } => name(text),
    }
}

/// The keyword behind `ON`. TABLE stands for every relation, ROUTINE for every routine.
pub(super) fn grant_keyword(kind: ObjectKind) -> &'static str {
    match kind.class() {
        PrivilegeClass::Relation | PrivilegeClass::Column => "TABLE",
        PrivilegeClass::Sequence => "SEQUENCE",
        PrivilegeClass::Routine => "ROUTINE",
        PrivilegeClass::Schema => "SCHEMA",
        PrivilegeClass::Database => "DATABASE",
        PrivilegeClass::Type if kind == ObjectKind::Domain => "DOMAIN",
        PrivilegeClass::Type => "TYPE",
        PrivilegeClass::Language => "LANGUAGE",
        PrivilegeClass::ForeignDataWrapper => "FOREIGN DATA WRAPPER",
        PrivilegeClass::ForeignServer => "FOREIGN SERVER",
        PrivilegeClass::LargeObject => "LARGE OBJECT",
        PrivilegeClass::Parameter => "PARAMETER",
        PrivilegeClass::Tablespace => "TABLESPACE",
        PrivilegeClass::Owned => "",
    }
}

fn on_objects<'o>(
    objects: impl Iterator<Item = &'o Object>,
    privileges: Privileges,
    write: impl Fn(String) -> String,
) -> Vec<String> {
    let objects: Vec<&Object> = objects.collect();
    let Some(kind) = objects.first().map(|object| object.kind()) else {
        return Vec::new();
    };
    if kind == ObjectKind::Column {
        return objects
            .iter()
            .map(|object| write(on_column(object, privileges)))
            .collect();
    }
    let on = |batch: &[&Object]| {
        let list: Vec<_> = batch.iter().map(|object| reference(object)).collect();
        write(format!(
            "{privileges} ON {} {}",
            grant_keyword(kind),
            list.join(", ")
        ))
    };
    objects.chunks(BATCH).map(on).collect()
}

fn on_column(object: &Object, privileges: Privileges) -> String {
    let Object::Column { column, .. } = object else {
        return String::new();
    };
    let column = name(column);
    let list: Vec<_> = privileges
        .iter()
        .map(|privilege| format!("{privilege} ({column})"))
        .collect();
    format!("{} ON TABLE {}", list.join(", "), reference(object))
}

fn alter_owner(object: &Object, to: &RoleName) -> String {
    format!(
        "ALTER {} {} OWNER TO {}",
        alter_keyword(object.kind()),
        reference(object),
        name(to.as_str())
    )
}

/// ALTER AGGREGATE wants `(*)` and `ORDER BY` between the arguments; ALTER ROUTINE takes them as a list, for every routine.
/// <https://www.postgresql.org/docs/current/sql-alteraggregate.html>
fn alter_keyword(kind: ObjectKind) -> String {
    match kind {
        ObjectKind::Routine(RoutineKind::Aggregate) => "ROUTINE".into(),
        ObjectKind::ForeignServer => "SERVER".into(),
        kind => kind.words().to_uppercase(),
    }
}

fn option_for(extent: Extent) -> &'static str {
    match extent {
        Extent::Privileges => "",
        Extent::GrantOption => "GRANT OPTION FOR ",
    }
}

fn default_place(default: &DefaultPrivilege) -> String {
    let place = default
        .schema
        .as_ref()
        .map(|schema| format!(" IN SCHEMA {}", name(schema.as_str())))
        .unwrap_or_default();
    format!(
        "ALTER DEFAULT PRIVILEGES FOR ROLE {}{place}",
        name(default.owner.as_str())
    )
}

/// Default privileges that differ in their grantees only.
fn grant_defaults(defaults: &[&DefaultPrivilege]) -> String {
    let Some(first) = defaults.first() else {
        return String::new();
    };
    let to = to(
        defaults.iter().map(|default| &default.grantee),
        !first.grantable.is_empty(),
    );
    format!(
        "{} GRANT {} ON {} {to}",
        default_place(first),
        first.privileges,
        first.objects.keyword()
    )
}

fn revoke_default(default: &DefaultPrivilege, extent: Extent) -> String {
    let (place, from) = (default_place(default), grantee_name(&default.grantee));
    format!(
        "{place} REVOKE {}{} ON {} FROM {from}",
        option_for(extent),
        default.privileges,
        default.objects.keyword()
    )
}
