use serde_json::{Value, json};

use super::super::ask::{must, refused};
use super::super::error::Code;
use super::super::permissions::Restriction;
use super::super::world::World;

const GET: &str = "GET /v1/projects/p/secrets/s:getIamPolicy";
const GET_3: &str = "GET /v1/projects/p/secrets/s:getIamPolicy?options.requestedPolicyVersion=3";
const SET: &str = "POST /v1/projects/p/secrets/s:setIamPolicy";
const TEST: &str = "POST /v1/projects/p/secrets/s:testIamPermissions";
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";
const API: &str = "serviceAccount:api@p.iam.gserviceaccount.com";

fn world_with_secret() -> World {
    let mut world = World::default();
    let body = json!({"replication": {"automatic": {}}});
    must(&mut world, "POST /v1/projects/p/secrets?secretId=s", &body);
    world
}

fn plain() -> Value {
    json!({"role": ACCESSOR, "members": [API]})
}

fn conditional() -> Value {
    json!({
        "role": ACCESSOR,
        "members": ["user:ann@example.com"],
        "condition": {"title": "until", "expression": "request.time < timestamp('2027-01-01T00:00:00Z')"},
    })
}

fn set(world: &mut World, policy: &Value) -> Value {
    must(world, SET, &json!({ "policy": policy }))
}

#[test]
fn a_policy_never_set_is_only_an_etag() {
    let mut world = world_with_secret();
    assert_eq!(must(&mut world, GET, &Value::Null), json!({"etag": "ACAB"}));
    assert_eq!(
        must(&mut world, GET_3, &Value::Null),
        json!({"etag": "ACAB"})
    );
}

#[test]
fn without_conditions_the_version_is_1_whatever_was_written() {
    let mut world = world_with_secret();
    let set = set(
        &mut world,
        &json!({"version": 3, "etag": "ACAB", "bindings": [plain()]}),
    );
    assert_eq!(
        (&set["version"], &set["bindings"]),
        (&json!(1), &json!([plain()]))
    );
    assert_eq!(must(&mut world, GET_3, &Value::Null), set);
}

#[test]
fn a_stale_etag_is_aborted_and_none_overwrites() {
    let mut world = world_with_secret();
    set(&mut world, &json!({"etag": "ACAB", "bindings": [plain()]}));
    let stale = refused(&mut world, SET, &json!({"policy": {"etag": "ACAB"}}));
    assert_eq!(stale.0, Code::Aborted);
    assert!(
        stale.1.starts_with(
            "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."
        ),
        "{}",
        stale.1
    );
    assert_eq!(set(&mut world, &json!({})).get("bindings"), None);
}

#[test]
fn conditions_are_written_with_version_3_only() {
    let mut world = world_with_secret();
    for version in [json!(null), json!(1)] {
        let policy = json!({"version": version, "bindings": [conditional()]});
        let refusal = refused(&mut world, SET, &json!({ "policy": policy }));
        assert_eq!(refusal.0, Code::InvalidArgument, "{version}");
    }
    let set = set(
        &mut world,
        &json!({"version": 3, "bindings": [plain(), conditional()]}),
    );
    assert_eq!(
        (&set["version"], &set["bindings"][1]),
        (&json!(3), &conditional())
    );
    assert_eq!(
        refused(&mut world, SET, &json!({"policy": {"version": 2}})).0,
        Code::InvalidArgument
    );
}

#[test]
fn readers_below_version_3_see_marked_roles_that_cannot_be_written_back() {
    let mut world = world_with_secret();
    let etag = set(
        &mut world,
        &json!({"version": 3, "bindings": [plain(), conditional()]}),
    )["etag"]
        .clone();
    let low = must(&mut world, GET, &Value::Null);
    assert_eq!(low["version"], 1);
    let role = low["bindings"][1]["role"].as_str().unwrap();
    let marked = role
        .strip_prefix("roles/secretmanager.secretAccessor_withcond_")
        .unwrap();
    assert_eq!(
        (marked.len(), low["bindings"][1].get("condition")),
        (20, None)
    );

    let back = refused(&mut world, SET, &json!({ "policy": low }));
    assert_eq!(back.0, Code::InvalidArgument);
    let without = refused(
        &mut world,
        SET,
        &json!({"policy": {"version": 1, "etag": etag, "bindings": [plain()]}}),
    );
    assert!(
        without.1.contains("must specify version 3"),
        "{}",
        without.1
    );
    let lost = set(&mut world, &json!({"version": 1, "bindings": [plain()]}));
    assert_eq!(
        lost["bindings"],
        json!([plain()]),
        "without an etag the conditions are lost"
    );
}

#[test]
fn requested_versions_are_0_1_or_3() {
    let mut world = world_with_secret();
    let request = "GET /v1/projects/p/secrets/s:getIamPolicy?options.requestedPolicyVersion=2";
    assert_eq!(
        refused(&mut world, request, &Value::Null).0,
        Code::InvalidArgument
    );
}

#[test]
fn bindings_are_stored_in_one_form() {
    let mut world = world_with_secret();
    let set = set(
        &mut world,
        &json!({"bindings": [
            plain(),
            {"role": ACCESSOR, "members": ["user:Ann@Example.com", API]},
            {"role": "roles/secretmanager.viewer", "members": []},
        ]}),
    );
    assert_eq!(
        set["bindings"],
        json!([{"role": ACCESSOR, "members": [API, "user:ann@example.com"]}])
    );
}

#[test]
fn roles_members_and_conditions_are_checked() {
    let mut world = world_with_secret();
    for binding in [
        json!({"role": "secretAccessor", "members": [API]}),
        json!({"members": [API]}),
        json!({"role": ACCESSOR, "members": ["api@p.iam.gserviceaccount.com"]}),
        json!({"role": ACCESSOR, "members": [API], "condition": {"title": "t"}}),
        json!({"role": ACCESSOR, "members": [API], "condition": {"expression": "true"}}),
        json!({"role": ACCESSOR, "member": [API]}),
    ] {
        let policy = json!({"version": 3, "bindings": [binding]});
        let refusal = refused(&mut world, SET, &json!({ "policy": policy }));
        assert_eq!(refusal.0, Code::InvalidArgument, "{binding}");
    }
}

#[test]
fn the_mask_decides_what_is_written() {
    let mut world = world_with_secret();
    set(&mut world, &json!({"bindings": [plain()]}));
    let kept = must(
        &mut world,
        SET,
        &json!({"policy": {}, "updateMask": "etag"}),
    );
    assert_eq!(kept["bindings"], json!([plain()]));
    let refusal = refused(
        &mut world,
        SET,
        &json!({"policy": {}, "updateMask": "role"}),
    );
    assert_eq!(refusal.0, Code::InvalidArgument);
}

#[test]
fn permissions_are_those_of_the_caller() {
    let mut world = world_with_secret();
    let both =
        json!({"permissions": ["secretmanager.secrets.get", "secretmanager.versions.access"]});
    assert_eq!(must(&mut world, TEST, &both), both);
    world
        .permissions
        .restrict("anonymous", Restriction::Holds(Default::default()));
    assert_eq!(must(&mut world, TEST, &both), json!({}));
    let missing = "POST /v1/projects/p/secrets/t:testIamPermissions";
    assert_eq!(must(&mut world, missing, &both), json!({}), "no NOT_FOUND");
    for permission in ["secretmanager.*", "storage.buckets.get"] {
        let refusal = refused(&mut world, TEST, &json!({"permissions": [permission]}));
        assert_eq!(refusal.0, Code::InvalidArgument);
    }
}
