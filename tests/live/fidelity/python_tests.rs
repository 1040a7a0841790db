//! Google's Python client over REST against the fake.

use serde_json::{Value, json};

use super::python::Python;
use crate::fake_gcp::FakeGcp;

const PARENT: &str = "projects/shop-prod";
const SECRET: &str = "projects/shop-prod/secrets/s";

fn fake() -> FakeGcp {
    FakeGcp::start().expect("the fake starts")
}

/// The client and a secret `s` with one version, whose payload is `first`.
fn python_with_secret(fake: &FakeGcp) -> Option<Python> {
    let mut python = Python::new(&fake.base_url())?;
    let secret = json!({"replication": {"automatic": {}}, "labels": {"team": "db"}});
    python.must(
        "create_secret",
        &json!({"parent": PARENT, "secretId": "s", "secret": secret}),
    );
    add(&mut python, "Zmlyc3Q=");
    Some(python)
}

fn add(python: &mut Python, data: &str) -> Value {
    python.must(
        "add_secret_version",
        &json!({"parent": SECRET, "payload": {"data": data}}),
    )
}

fn version(version: &str) -> Value {
    json!({"name": format!("{SECRET}/versions/{version}")})
}

#[test]
fn python_leads_a_secret_through_its_life() {
    let fake = fake();
    let Some(mut python) = python_with_secret(&fake) else {
        return;
    };
    let number = fake.project_number("shop-prod").expect("the project");
    let name = format!("projects/{number}/secrets/s");
    let payload =
        json!({"data": "+/8A", "dataCrc32c": crc32c::crc32c(&[0xfb, 0xff, 0]).to_string()});
    let added = python.must(
        "add_secret_version",
        &json!({"parent": SECRET, "payload": payload}),
    );
    assert_eq!(
        (&added["state"], &added["clientSpecifiedPayloadChecksum"]),
        (&json!("ENABLED"), &json!(true))
    );
    let read = python.must("access_secret_version", &version("latest"));
    assert_eq!(
        (&read["name"], &read["payload"]),
        (&json!(format!("{name}/versions/2")), &payload)
    );

    let listed = python.must(
        "list_secret_versions",
        &json!({"parent": SECRET, "pageSize": 1}),
    );
    assert_eq!(
        listed.as_array().map(Vec::len),
        Some(2),
        "the client follows pages"
    );
    assert_eq!(listed[0]["name"], format!("{name}/versions/2"));
    assert_eq!(
        python.must("disable_secret_version", &version("2"))["state"],
        "DISABLED"
    );
    let only = json!({"parent": SECRET, "filter": "state:ENABLED"});
    assert_eq!(
        python.must("list_secret_versions", &only)[0]["name"],
        format!("{name}/versions/1")
    );
    assert_eq!(
        python.must("enable_secret_version", &version("2"))["state"],
        "ENABLED"
    );
    assert_eq!(
        python.must("destroy_secret_version", &version("2"))["state"],
        "DESTROYED"
    );
    let (kind, message) = python.refused("access_secret_version", &version("latest"));
    assert_eq!(kind, "BadRequest");
    assert!(
        message.ends_with(&format!(
            "Secret Version [{name}/versions/2] is in DESTROYED state."
        )),
        "{message}"
    );
    assert_eq!(
        python.must("list_secrets", &json!({"parent": PARENT}))[0]["name"],
        name
    );
    python.must("delete_secret", &json!({"name": SECRET}));
}

#[test]
fn python_updates_aliases_and_annotations_under_the_etag() {
    let fake = fake();
    let Some(mut python) = python_with_secret(&fake) else {
        return;
    };
    let secret = python.must("get_secret", &json!({"name": SECRET}));
    let update = json!({
        "secret": {
            "name": SECRET,
            "etag": secret["etag"],
            "versionAliases": {"current": "1"},
            "annotations": {"rot.id": "7"},
        },
        "updateMask": "versionAliases,annotations",
    });
    let updated = python.must("update_secret", &update);
    assert_eq!(
        (&updated["versionAliases"], &updated["labels"]),
        (&json!({"current": "1"}), &json!({"team": "db"}))
    );
    assert_eq!(
        python.must("access_secret_version", &version("current"))["payload"]["data"],
        "Zmlyc3Q="
    );
    let (kind, message) = python.refused("update_secret", &update);
    assert_eq!(kind, "BadRequest");
    assert!(
        message.contains("does not match its current etag"),
        "{message}"
    );
}

#[test]
fn python_changes_policies_under_their_etag_and_version() {
    let fake = fake();
    let Some(mut python) = python_with_secret(&fake) else {
        return;
    };
    let read = json!({"resource": SECRET, "options": {"requestedPolicyVersion": 3}});
    assert_eq!(
        python.must("get_iam_policy", &read),
        json!({"etag": "ACAB"})
    );
    let conditional = json!({
        "role": "roles/secretmanager.secretAccessor",
        "members": ["serviceAccount:api@shop-prod.iam.gserviceaccount.com"],
        "condition": {"title": "until", "expression": "request.time < timestamp('2999-01-01T00:00:00Z')"},
    });
    let set = |version: u8| json!({"resource": SECRET, "policy": {"version": version, "etag": "ACAB", "bindings": [conditional]}});
    assert_eq!(python.refused("set_iam_policy", &set(1)).0, "BadRequest");
    assert_eq!(python.must("set_iam_policy", &set(3))["version"], 3);
    let (kind, message) = python.refused("set_iam_policy", &set(3));
    assert_eq!(kind, "Conflict");
    assert!(
        message.contains("There were concurrent policy changes."),
        "{message}"
    );
    assert_eq!(
        python.must("get_iam_policy", &read)["bindings"],
        json!([conditional])
    );
    let low = python.must("get_iam_policy", &json!({"resource": SECRET}));
    assert!(
        low["bindings"][0]["role"]
            .as_str()
            .is_some_and(|role| role.contains("_withcond_")),
        "{low}"
    );
    let asked = json!({"resource": SECRET, "permissions": ["secretmanager.versions.access"]});
    assert_eq!(
        python.must("test_iam_permissions", &asked)["permissions"],
        asked["permissions"]
    );
}

#[test]
fn python_raises_the_exceptions_of_each_refusal() {
    let fake = fake();
    let Some(mut python) = python_with_secret(&fake) else {
        return;
    };
    let automatic = json!({"replication": {"automatic": {}}});
    let wrong_sum = json!({"parent": SECRET, "payload": {"data": "YQ==", "dataCrc32c": "1"}});
    for (method, request, kind, words) in [
        (
            "get_secret",
            json!({"name": "projects/shop-prod/secrets/none"}),
            "NotFound",
            "not found.",
        ),
        (
            "access_secret_version",
            version("9"),
            "NotFound",
            "Secret Version [",
        ),
        (
            "create_secret",
            json!({"parent": PARENT, "secretId": "s", "secret": automatic}),
            "Conflict",
            "already exists.",
        ),
        (
            "create_secret",
            json!({"parent": PARENT, "secretId": "t", "secret": {}}),
            "BadRequest",
            "[replication] is required",
        ),
        ("add_secret_version", wrong_sum, "BadRequest", "checksum"),
        (
            "update_secret",
            json!({"secret": {"name": SECRET}, "updateMask": "replication"}),
            "BadRequest",
            "update_mask",
        ),
    ] {
        let (raised, message) = python.refused(method, &request);
        assert_eq!(raised, kind, "{method}: {message}");
        assert!(message.contains(words), "{method}: {message}");
    }
}
