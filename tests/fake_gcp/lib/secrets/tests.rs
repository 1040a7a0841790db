use serde_json::{Value, json};

use super::super::ask::{ask, must, refused};
use super::super::error::Code;
use super::super::permissions::Restriction;
use super::super::world::World;

const AUTOMATIC: &str = r#"{"replication": {"automatic": {}}}"#;

fn world_with_secret() -> World {
    let mut world = World::default();
    let body = serde_json::from_str(AUTOMATIC).unwrap();
    must(&mut world, "POST /v1/projects/p/secrets?secretId=s", &body);
    world
}

fn patch(world: &mut World, mask: &str, body: &Value) -> Value {
    must(
        world,
        &format!("PATCH /v1/projects/p/secrets/s?updateMask={mask}"),
        body,
    )
}

fn patch_refused(mask: &str, body: &Value) -> (Code, String) {
    let mut world = world_with_secret();
    let before = must(&mut world, "GET /v1/projects/p/secrets/s", &Value::Null);
    let refusal = refused(
        &mut world,
        &format!("PATCH /v1/projects/p/secrets/s?updateMask={mask}"),
        body,
    );
    assert_eq!(
        must(&mut world, "GET /v1/projects/p/secrets/s", &Value::Null),
        before
    );
    refusal
}

#[test]
fn a_secret_is_answered_with_the_number_of_its_project() {
    let mut world = world_with_secret();
    let number = world.projects.resolve("p").unwrap().number;
    let by_id = must(&mut world, "GET /v1/projects/p/secrets/s", &Value::Null);
    assert_eq!(by_id["name"], format!("projects/{number}/secrets/s"));
    assert_eq!(by_id["replication"], json!({"automatic": {}}));
    let by_number = must(
        &mut world,
        &format!("GET /v1/projects/{number}/secrets/s"),
        &Value::Null,
    );
    assert_eq!(by_number, by_id);
    assert_eq!(
        refused(&mut world, "GET /v1/projects/p/secrets/t", &Value::Null),
        (
            Code::NotFound,
            format!("Secret [projects/{number}/secrets/t] not found.")
        )
    );
    let again = serde_json::from_str(AUTOMATIC).unwrap();
    assert_eq!(
        refused(&mut world, "POST /v1/projects/p/secrets?secretId=s", &again),
        (
            Code::AlreadyExists,
            format!("Secret [projects/{number}/secrets/s] already exists.")
        )
    );
}

#[test]
fn creating_needs_a_replication_and_a_valid_id() {
    let mut world = World::default();
    let automatic: Value = serde_json::from_str(AUTOMATIC).unwrap();
    for (request, body) in [
        ("POST /v1/projects/p/secrets?secretId=s", &json!({})),
        ("POST /v1/projects/p/secrets?secretId=a.b", &automatic),
        ("POST /v1/projects/p/secrets", &automatic),
        ("POST /v1/projects/p/secrets?secretId=s&x=1", &automatic),
        (
            "POST /v1/projects/p/secrets?secretId=s",
            &json!({"replication": {"automatic": {}}, "label": {}}),
        ),
    ] {
        assert_eq!(
            refused(&mut world, request, body).0,
            Code::InvalidArgument,
            "{request} {body}"
        );
    }
    assert!(world.secrets.is_empty());
}

#[test]
fn every_update_changes_the_etag_and_a_stale_one_is_refused() {
    let mut world = world_with_secret();
    let first = must(&mut world, "GET /v1/projects/p/secrets/s", &Value::Null);
    let body = json!({"etag": first["etag"], "annotations": {"a": "1"}});
    let second = patch(&mut world, "annotations", &body);
    assert_ne!(second["etag"], first["etag"]);
    let same = patch(
        &mut world,
        "annotations",
        &json!({"annotations": {"a": "1"}}),
    );
    assert_ne!(same["etag"], second["etag"], "a no-op changes it too");

    let stale = refused(
        &mut world,
        "PATCH /v1/projects/p/secrets/s?updateMask=annotations",
        &body,
    );
    assert_eq!(stale.0, Code::FailedPrecondition);
    let etag = first["etag"].as_str().unwrap().replace('"', "%22");
    let stale = refused(
        &mut world,
        &format!("DELETE /v1/projects/p/secrets/s?etag={etag}"),
        &Value::Null,
    );
    assert_eq!(stale.0, Code::FailedPrecondition);
    assert_eq!(
        must(&mut world, "DELETE /v1/projects/p/secrets/s", &Value::Null),
        json!({})
    );
    assert!(ask(&mut world, "GET /v1/projects/p/secrets/s", &Value::Null).is_err());
}

#[test]
fn only_masked_fields_change_and_an_absent_one_is_cleared() {
    let mut world = world_with_secret();
    let both = json!({"labels": {"team": "db"}, "annotations": {"a": "1"}});
    patch(&mut world, "labels", &both);
    let secret = patch(&mut world, "annotations", &both);
    assert_eq!(secret["labels"], json!({"team": "db"}));
    assert_eq!(secret["annotations"], json!({"a": "1"}));
    let cleared = patch(&mut world, "labels", &json!({}));
    assert_eq!(cleared.get("labels"), None);
    assert_eq!(cleared["annotations"], json!({"a": "1"}));
}

#[test]
fn masks_name_updatable_fields_only() {
    for mask in [
        "",
        "annotation",
        "replication",
        "name",
        "*",
        "etag",
        "annotations.a",
    ] {
        assert_eq!(
            patch_refused(mask, &json!({})).0,
            Code::InvalidArgument,
            "{mask}"
        );
    }
}

#[test]
fn annotations_are_limited_in_size_and_keys() {
    let sixteen = "x".repeat(16 * 1024 - 1);
    assert_eq!(
        patch_refused("annotations", &json!({"annotations": {"a": sixteen}})).0,
        Code::InvalidArgument
    );
    let mut world = world_with_secret();
    patch(
        &mut world,
        "annotations",
        &json!({"annotations": {"a": sixteen[1..]}}),
    );
    for key in ["", "-a", "a-", "a b", "a/b", &"k".repeat(64)] {
        let refusal = patch_refused("annotations", &json!({"annotations": {key: "1"}}));
        assert_eq!(refusal.0, Code::InvalidArgument, "{key}");
    }
    patch(
        &mut world,
        "annotations",
        &json!({"annotations": {"rot.id_1-x": "1"}}),
    );
}

#[test]
fn labels_are_lower_case_and_at_most_64() {
    for labels in [
        json!({"Team": "x"}),
        json!({"team": "X"}),
        json!({"1a": "x"}),
        json!({"": "x"}),
    ] {
        let refusal = patch_refused("labels", &json!({ "labels": labels }));
        assert_eq!(refusal.0, Code::InvalidArgument, "{labels}");
    }
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("l{n}"), json!("x"))).collect();
    assert_eq!(
        patch_refused("labels", &json!({ "labels": many })).0,
        Code::InvalidArgument
    );
}

#[test]
fn aliases_name_versions_that_exist_and_are_neither_latest_nor_many() {
    assert_eq!(
        patch_refused(
            "versionAliases",
            &json!({"versionAliases": {"current": "1"}})
        )
        .0,
        Code::NotFound
    );
    let mut world = world_with_secret();
    let payload = json!({"payload": {"data": "YQ=="}});
    must(
        &mut world,
        "POST /v1/projects/p/secrets/s:addVersion",
        &payload,
    );
    let secret = patch(
        &mut world,
        "version_aliases",
        &json!({"version_aliases": {"current": 1}}),
    );
    assert_eq!(secret["versionAliases"], json!({"current": "1"}));
    for alias in ["latest", "NEW", "1st", "", "a.b", &"a".repeat(64)] {
        let request = "PATCH /v1/projects/p/secrets/s?updateMask=versionAliases";
        let refusal = refused(
            &mut world,
            request,
            &json!({"versionAliases": {alias: "1"}}),
        );
        assert_eq!(refusal.0, Code::InvalidArgument, "{alias}");
    }
    let many: serde_json::Map<_, _> = (0..51).map(|n| (format!("a{n}"), json!("1"))).collect();
    let request = "PATCH /v1/projects/p/secrets/s?updateMask=versionAliases";
    let refusal = refused(&mut world, request, &json!({ "versionAliases": many }));
    assert_eq!(refusal.0, Code::InvalidArgument);
}

#[test]
fn rotation_needs_topics_and_a_next_time() {
    let topics = json!([{"name": "projects/p/topics/t"}]);
    let rotation = json!({"nextRotationTime": "2999-01-01T00:00:00Z", "rotationPeriod": "86400s"});
    let mut world = world_with_secret();
    world.clock.set("2998-06-01T00:00:00Z".parse().unwrap());
    let secret = patch(
        &mut world,
        "topics,rotation",
        &json!({"topics": topics, "rotation": rotation}),
    );
    assert_eq!(secret["rotation"]["rotationPeriod"], "86400s");
    assert_eq!(secret["topics"], topics);
    for body in [
        json!({"rotation": rotation}),
        json!({"rotation": {"rotationPeriod": "86400s"}, "topics": topics}),
        json!({"rotation": {"nextRotationTime": "2001-01-01T00:00:00Z"}, "topics": topics}),
    ] {
        assert_eq!(
            patch_refused("topics,rotation", &body).0,
            Code::InvalidArgument,
            "{body}"
        );
    }
}

#[test]
fn a_secret_expires() {
    let mut world = world_with_secret();
    patch(&mut world, "ttl", &json!({"ttl": "3600s"}));
    world.clock.advance(jiff::SignedDuration::from_mins(59));
    must(&mut world, "GET /v1/projects/p/secrets/s", &Value::Null);
    world.clock.advance(jiff::SignedDuration::from_mins(2));
    assert_eq!(
        refused(&mut world, "GET /v1/projects/p/secrets/s", &Value::Null).0,
        Code::NotFound
    );
    let both = json!({"ttl": "1s", "expireTime": "2999-01-01T00:00:00Z"});
    assert!(patch_refused("ttl", &both).1.contains("oneof"));
}

#[test]
fn lists_are_of_one_project_and_filtered() {
    let mut world = world_with_secret();
    let labelled =
        json!({"replication": {"automatic": {}}, "labels": {"managed-by": "rolewright"}});
    must(
        &mut world,
        "POST /v1/projects/p/secrets?secretId=t",
        &labelled,
    );
    must(
        &mut world,
        "POST /v1/projects/q/secrets?secretId=u",
        &labelled,
    );
    let all = must(
        &mut world,
        "GET /v1/projects/p/secrets?pageSize=0&pageToken=&filter=",
        &Value::Null,
    );
    assert_eq!(
        (all["secrets"].as_array().unwrap().len(), &all["totalSize"]),
        (2, &json!(2))
    );
    let filter = "GET /v1/projects/p/secrets?filter=labels.managed-by%3Drolewright";
    let some = must(&mut world, filter, &Value::Null);
    assert!(
        some["secrets"][0]["name"]
            .as_str()
            .unwrap()
            .ends_with("/secrets/t")
    );
    assert_eq!(
        (
            some["secrets"].as_array().unwrap().len(),
            some.get("totalSize")
        ),
        (1, None)
    );
}

#[test]
fn a_restricted_caller_is_refused_in_googles_words() {
    let mut world = world_with_secret();
    world
        .permissions
        .restrict("anonymous", Restriction::Holds(Default::default()));
    assert_eq!(
        refused(&mut world, "GET /v1/projects/p/secrets/s", &Value::Null),
        (
            Code::PermissionDenied,
            "Permission 'secretmanager.secrets.get' denied for resource 'projects/p/secrets/s' (or it may not exist)."
                .to_owned()
        )
    );
}

#[test]
fn times_have_no_more_digits_than_they_need() {
    let mut world = World::default();
    for (given, shown) in [
        ("2099-10-02T15:01:23Z", "2099-10-02T15:01:23Z"),
        ("2099-10-02T15:01:23.000000Z", "2099-10-02T15:01:23Z"),
        ("2099-10-02T17:01:23.5+02:00", "2099-10-02T15:01:23.500Z"),
        ("2099-10-02T15:01:23.120450Z", "2099-10-02T15:01:23.120450Z"),
    ] {
        let body = json!({
            "replication": {"automatic": {}}, "topics": [{"name": "projects/p/topics/t"}],
            "rotation": {"nextRotationTime": given}, "expireTime": given,
        });
        must(&mut world, "POST /v1/projects/p/secrets?secretId=s", &body);
        let read = must(&mut world, "GET /v1/projects/p/secrets/s", &Value::Null);
        assert_eq!(
            (&read["rotation"]["nextRotationTime"], &read["expireTime"]),
            (&json!(shown), &json!(shown))
        );
        must(&mut world, "DELETE /v1/projects/p/secrets/s", &Value::Null);
    }
}
