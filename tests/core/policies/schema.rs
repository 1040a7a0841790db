//! The JSON Schema.

use rolewright::policy::json_schema;
use serde_json::{Value, json};

use super::examples;

fn is_valid(text: &str) -> bool {
    let document: Value = serde_saphyr::from_str(text).unwrap();
    jsonschema::validator_for(&json_schema())
        .unwrap()
        .is_valid(&document)
}

#[test]
fn it_is_2020_12_and_the_one_that_is_published() {
    let schema = json_schema();
    assert_eq!(
        schema["$schema"],
        json!("https://json-schema.org/draft/2020-12/schema")
    );
    assert!(jsonschema::meta::is_valid(&schema));
    let published: Value =
        serde_json::from_str(include_str!("../../../schema/policy.json")).unwrap();
    assert_eq!(
        schema, published,
        "write the output of `rolewright schema` to schema/policy.json"
    );
}

#[test]
fn it_accepts_every_example() {
    for source in examples::all() {
        assert!(is_valid(&source.text), "{}", source.name);
    }
}

#[test]
fn it_accepts_variables_wherever_a_value_stands() {
    assert!(is_valid(
        "version: ${V}
roles: { a: { connection_limit: '${N}', create_schemas: '${B}', access: '${A}', rotate: { strategy: '${S}' } } }"
    ));
}

#[test]
fn every_key_is_described_and_in_the_reference() {
    let schema = json_schema();
    let reference = include_str!("../../../docs/policy.md");
    let mut shapes: Vec<&Value> = schema["$defs"].as_object().unwrap().values().collect();
    shapes.push(&schema);
    for (key, property) in shapes
        .iter()
        .filter_map(|shape| shape["properties"].as_object())
        .flatten()
    {
        assert!(property["description"].is_string(), "{key}");
        assert!(
            reference.contains(key.as_str()),
            "docs/policy.md says nothing of `{key}`"
        );
    }
}

#[test]
fn it_refuses_what_the_reader_refuses() {
    for wrong in [
        "{}",
        "[]",
        "version: 2",
        "version: '1'",
        "version: 1\nrolez: {}",
        "version: 1\ndatabases:",
        "version: 1\ndatabases: { a: { schemas: public } }",
        "version: 1\ndatabases: { a: { schemas: [1] } }",
        "version: 1\ndatabases: { a: { schemas: [{ create: true }] } }",
        "version: 1\ndatabases: { a: { extensions: [{ name: x, version: 1.8 }] } }",
        "version: 1\ndatabases: { a: { public: some } }",
        "version: 1\nroles: { a: { access: all } }",
        "version: 1\nroles: { a: { access: { write: [x] } } }",
        "version: 1\nroles: { a: { password: x } }",
        "version: 1\nroles: { a: { connection_limit: -2 } }",
        "version: 1\nroles: { a: { connection_limit: ten } }",
        "version: 1\nroles: { a: { create_schemas: 'yes' } }",
        "version: 1\nroles: { a: { state: gone } }",
        "version: 1\nroles: { a: { login: password } }",
        "version: 1\nroles: { a: { login: true } }",
        "version: 1\nroles: { a: { grants: [{ privileges: [SELECT] }] } }",
        "version: 1\nroles: { a: { secret: { payload: url } } }",
        "version: 1\nroles: { a: { secret: { name: s, keep: 0 } } }",
        "version: 1\nroles: { a: { secret: { name: s, port: 0 } } }",
        "version: 1\nroles: { a: { secret: { name: s, readers: [{ job: x }] } } }",
        "version: 1\nroles: { a: { secret: { name: s, replication: everywhere } } }",
        "version: 1\nroles: { a: { rotate: { strategy: both } } }",
        "version: 1\nroles: { a: { settings: { x: null } } }",
        "version: 1\nallow: [{ rule: role.missing }]",
    ] {
        assert!(!is_valid(wrong), "{wrong}");
        assert_ne!(super::of(wrong), "OK", "{wrong}");
    }
}
