//! `object:`: how names are read.

use rolewright::model::{Object, ObjectKind, PrivilegeClass, RelationKind, RoutineKind, Target};

use super::{of_role, shop};

/// The targets of a grant on `object`.
fn targets(privilege: &str, object: &str) -> Vec<Target> {
    let quoted = object.replace('\'', "''");
    let policy = shop(&format!(
        "roles: {{ r: {{ grants: [{{ privileges: [{privilege}], object: '{quoted}' }}] }} }}\n"
    ));
    policy
        .roles
        .values()
        .flat_map(|role| &role.grants)
        .map(|grant| grant.target.clone())
        .collect()
}

fn target(privilege: &str, object: &str) -> Target {
    match targets(privilege, object).as_slice() {
        [one] => one.clone(),
        other => panic!("{object}: {other:?}"),
    }
}

#[test]
fn names_fold_as_in_sql() {
    for (privilege, written, read) in [
        ("SELECT", "table public.Orders", "table public.orders"),
        (
            "SELECT",
            "TABLE \"Public\".\"Or\"\"ders\"",
            "table \"Public\".\"Or\"\"ders\"",
        ),
        ("SELECT", "  table\tpublic . orders ", "table public.orders"),
        ("SELECT", "table public.ÄRGER", "table public.\"ÄrGER\""),
        ("SELECT", "view public.v$1", "view public.\"v$1\""),
        (
            "SELECT",
            "table U&\"\\0070ublic\".u&\"a\\001B\\\\\\+01F980\"",
            "table public.U&\"a\\001B\\\\🦀\"",
        ),
        ("SELECT", "table public.USER", "table public.\"user\""),
        ("SELECT", "matview public.m", "materialized view public.m"),
        (
            "SELECT",
            "Materialized View public.m",
            "materialized view public.m",
        ),
        ("SELECT", "foreign table public.f", "foreign table public.f"),
        (
            "USAGE",
            "sequence public.\"a.b\"",
            "sequence public.\"a.b\"",
        ),
        ("USAGE", "schema Audit", "schema audit"),
        ("CREATE", "database Shop", "database shop"),
        ("USAGE", "type public.mood", "type public.mood"),
        ("USAGE", "domain public.email", "domain public.email"),
        ("USAGE", "language plpgsql", "language plpgsql"),
        ("USAGE", "foreign server Far", "foreign server far"),
        ("USAGE", "server far", "foreign server far"),
        (
            "USAGE",
            "foreign data wrapper file_fdw",
            "foreign data wrapper file_fdw",
        ),
        ("SELECT", "large object 004242", "large object 4242"),
        ("SET", "parameter Log_Statement", "parameter log_statement"),
        (
            "SET",
            "parameter plpgsql.extra_errors",
            "parameter plpgsql.extra_errors",
        ),
        ("CREATE", "tablespace fast", "tablespace fast"),
        ("SELECT", "table public.view", "table public.view"),
        (
            "SELECT",
            "table foreign.\"table\"",
            "table \"foreign\".\"table\"",
        ),
    ] {
        let Target::Object(object) = target(privilege, written) else {
            panic!("{written}")
        };
        assert_eq!(
            object.to_string(),
            read.replace("ÄrGER", "Ärger"),
            "{written}"
        );
    }
}

/// `SELECT oidvectortypes(proargtypes)` of PostgreSQL 15 and 18 under `search_path = pg_catalog` says the same.
#[test]
fn argument_types_read_as_the_server_prints_them() {
    for (written, read) in [
        ("", ""),
        ("*", ""),
        ("int", "integer"),
        ("INT4, int8,int2", "integer, bigint, smallint"),
        ("pg_catalog.int4, \"int4\"", "integer, integer"),
        (
            "bool, float, float(24), float(25), float4, float8",
            "boolean, double precision, real, double precision, real, double precision",
        ),
        ("decimal(10, 2), dec, numeric", "numeric, numeric, numeric"),
        (
            "varchar(20), char(3), \"char\", pg_catalog.char, bpchar",
            "character varying, character, \"char\", \"char\", character",
        ),
        (
            "character varying (5), national character varying, nchar",
            "character varying, character varying, character",
        ),
        (
            "timestamptz, timestamp, timestamp (3) with time zone",
            "timestamp with time zone, timestamp without time zone, timestamp with time zone",
        ),
        (
            "time, timetz, time with time zone",
            "time without time zone, time with time zone, time with time zone",
        ),
        (
            "int[], text[][], uuid[3], _int4, int array, integer array[4]",
            "integer[], text[], uuid[], integer[], integer[], integer[]",
        ),
        ("bit varying(3)[], varbit", "bit varying[], bit varying"),
        (
            "interval, interval(3), json, jsonb, regclass, \"any\"",
            "interval, interval, json, jsonb, regclass, \"any\"",
        ),
        (
            "public.mood, \"App\".\"Mood\"[], app.money(3)",
            "public.mood, \"App\".\"Mood\"[], app.money",
        ),
    ] {
        let Target::Object(Object::Routine { arguments, .. }) =
            target("EXECUTE", &format!("function public.f({written})"))
        else {
            panic!("{written}")
        };
        assert_eq!(&*arguments, read, "{written}");
    }
}

#[test]
fn routines_have_a_kind() {
    for (word, kind) in [
        ("function", RoutineKind::Function),
        ("routine", RoutineKind::Function),
        ("procedure", RoutineKind::Procedure),
        ("aggregate", RoutineKind::Aggregate),
    ] {
        let Target::Object(object) = target("EXECUTE", &format!("{word} public.f(int)")) else {
            panic!()
        };
        assert_eq!(object.kind(), ObjectKind::Routine(kind));
    }
}

#[test]
fn all_in_a_schema_is_a_class_and_no_list() {
    for (privilege, words, class) in [
        (
            "SELECT",
            "all tables in schema \"Audit\"",
            PrivilegeClass::Relation,
        ),
        (
            "USAGE",
            "ALL SEQUENCES IN SCHEMA \"Audit\"",
            PrivilegeClass::Sequence,
        ),
        (
            "EXECUTE",
            "all routines in schema \"Audit\"",
            PrivilegeClass::Routine,
        ),
        (
            "EXECUTE",
            "all functions in schema \"Audit\"",
            PrivilegeClass::Routine,
        ),
        (
            "EXECUTE",
            "all procedures in schema \"Audit\"",
            PrivilegeClass::Routine,
        ),
    ] {
        let Target::AllInSchema(found, schema) = target(privilege, words) else {
            panic!("{words}")
        };
        assert_eq!((found, schema.as_str()), (class, "Audit"));
    }
}

#[test]
fn columns_are_one_target_each() {
    let columns: Vec<_> = targets("SELECT", "column public.users(Email, \"Name\")")
        .into_iter()
        .map(|target| match target {
            Target::Object(object) => object.to_string(),
            Target::AllInSchema(..) => panic!(),
        })
        .collect();
    assert_eq!(
        columns,
        [
            "column public.users(email)",
            "column public.users(\"Name\")"
        ]
    );
}

#[test]
fn a_table_covers_every_relation_of_the_name() {
    let table = target("SELECT", "table public.t");
    let Target::Object(Object::InSchema { schema, name, .. }) = &table else {
        panic!()
    };
    let view = ObjectKind::Relation(RelationKind::View);
    assert!(table.covers(&Object::InSchema {
        kind: view,
        schema: schema.clone(),
        name: name.clone()
    }));
}

#[test]
fn privileges_are_read_in_any_case() {
    assert_eq!(
        of_role("grants: [{ privileges: [select, Insert], object: table public.t }]\n"),
        "OK"
    );
    assert_eq!(
        of_role("grants: [{ privileges: [temp, connect], object: database shop }]\n"),
        "OK"
    );
    assert_eq!(
        of_role("grants: [{ privileges: [alter system], object: parameter work_mem }]\n"),
        "OK"
    );
    assert_eq!(
        of_role("grants: [{ privileges: [MAINTAIN], object: all tables in schema public }]\n"),
        "OK"
    );
}

/// Found by fuzzing: `__int4` was taken for an array of arrays, a level of recursion an underscore.
#[test]
fn there_is_no_array_of_arrays() {
    for element in ["_", "__int4", &"_".repeat(1 << 20)] {
        let told = of_role(&format!(
            "grants: [{{ privileges: [EXECUTE], object: 'function public.f({element})' }}]\n"
        ));
        assert!(
            told.contains("is not a type this program knows"),
            "{element}: {told}"
        );
    }
}

/// Found by fuzzing: a parameter prints bare, so that what needs quotes would print as something else.
#[test]
fn a_parameter_has_no_name_that_needs_quotes() {
    for name in ["\"\"", "\"a b\"", "\"a.b\"", "my.\"x\"\"y\"", "\"1\""] {
        let told = of_role(&format!(
            "grants: [{{ privileges: [SET], object: 'parameter {name}' }}]\n"
        ));
        assert!(
            told.contains("is not the name of a parameter"),
            "{name}: {told}"
        );
    }
}
