use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::ask::{must, refused};
use super::super::error::Code;
use super::super::world::World;

const SECRET: &str = "/v1/projects/p/secrets/s";

fn world_with_secret() -> World {
    let mut world = World::default();
    let body = json!({"replication": {"automatic": {}}});
    must(&mut world, "POST /v1/projects/p/secrets?secretId=s", &body);
    world
}

fn world_with_versions(count: usize) -> World {
    let mut world = world_with_secret();
    for _ in 0..count {
        add(&mut world, &json!({"payload": {"data": "aMOpbGxv"}}));
    }
    world
}

fn add(world: &mut World, body: &Value) -> Value {
    must(world, &format!("POST {SECRET}:addVersion"), body)
}

fn state(world: &mut World, version: u8) -> Value {
    must(
        world,
        &format!("GET {SECRET}/versions/{version}"),
        &Value::Null,
    )["state"]
        .clone()
}

fn post(world: &mut World, version: &str, verb: &str) -> Value {
    must(
        world,
        &format!("POST {SECRET}/versions/{version}:{verb}"),
        &json!({}),
    )
}

#[test]
fn a_payload_comes_back_with_its_checksum() {
    let mut world = world_with_secret();
    let body = json!({"parent": "projects/p/secrets/s", "payload": {"data": "-_8="}});
    let added = add(&mut world, &body);
    assert_eq!(added["state"], "ENABLED");
    assert_eq!(added["replicationStatus"], json!({"automatic": {}}));
    assert_eq!(added.get("clientSpecifiedPayloadChecksum"), None);
    let read = must(
        &mut world,
        &format!("GET {SECRET}/versions/1:access"),
        &Value::Null,
    );
    let checksum = crc32c::crc32c(&[0xfb, 0xff]).to_string();
    assert_eq!(
        read["payload"],
        json!({"data": "+/8=", "dataCrc32c": checksum})
    );
    assert_eq!(read["name"], added["name"]);
}

#[test]
fn a_checksum_is_verified_and_echoed() {
    let mut world = world_with_secret();
    let checksum = crc32c::crc32c(b"a");
    for given in [json!(checksum), json!(checksum.to_string())] {
        let added = add(
            &mut world,
            &json!({"payload": {"data": "YQ==", "dataCrc32c": given}}),
        );
        assert_eq!(added["clientSpecifiedPayloadChecksum"], true);
    }
    let wrong = json!({"payload": {"data": "YQ==", "dataCrc32c": "1"}});
    let refusal = refused(&mut world, &format!("POST {SECRET}:addVersion"), &wrong);
    assert_eq!(refusal.0, Code::InvalidArgument);
    assert_eq!(world.payloads.len(), 2);
}

#[test]
fn payloads_are_neither_missing_nor_empty_nor_large() {
    let mut world = world_with_secret();
    let largest = super::encode_base64(&vec![b'x'; 64 * 1024]);
    add(&mut world, &json!({"payload": {"data": largest}}));
    let larger = super::encode_base64(&vec![b'x'; 64 * 1024 + 1]);
    for (body, words) in [
        (json!({}), "Field [payload] is required."),
        (json!({"payload": {}}), "Secret Payload cannot be empty."),
        (
            json!({"payload": {"data": larger}}),
            "Secret Payload cannot be larger than 65536 bytes",
        ),
        (json!({"payload": {"data": "!"}}), "Base64 decoding failed"),
        (
            json!({"payload": {"dat": "YQ=="}}),
            "Unknown name \"dat\" at 'payload'",
        ),
    ] {
        let refusal = refused(&mut world, &format!("POST {SECRET}:addVersion"), &body);
        assert_eq!(refusal.0, Code::InvalidArgument);
        assert!(refusal.1.contains(words), "{}", refusal.1);
    }
}

#[test]
fn latest_is_the_newest_version_even_when_it_is_destroyed() {
    let mut world = world_with_versions(2);
    post(&mut world, "2", "destroy");
    let latest = must(
        &mut world,
        &format!("GET {SECRET}/versions/latest"),
        &Value::Null,
    );
    assert_eq!(latest["state"], "DESTROYED");
    let number = world.projects.resolve("p").unwrap().number;
    assert_eq!(
        refused(
            &mut world,
            &format!("GET {SECRET}/versions/latest:access"),
            &Value::Null
        ),
        (
            Code::FailedPrecondition,
            format!(
                "Secret Version [projects/{number}/secrets/s/versions/2] is in DESTROYED state."
            )
        )
    );
    assert_eq!(state(&mut world, 1), "ENABLED");
}

#[test]
fn without_versions_there_is_nothing_to_access() {
    let mut world = world_with_secret();
    let number = world.projects.resolve("p").unwrap().number;
    for secret in ["s", "t"] {
        let request = format!("GET /v1/projects/p/secrets/{secret}/versions/latest:access");
        let words =
            format!("Secret [projects/{number}/secrets/{secret}] not found or has no versions.");
        assert_eq!(
            refused(&mut world, &request, &Value::Null),
            (Code::NotFound, words)
        );
    }
    let request = format!("GET {SECRET}/versions/7:access");
    let words = format!("Secret Version [projects/{number}/secrets/s/versions/7] not found.");
    assert_eq!(
        refused(&mut world, &request, &Value::Null),
        (Code::NotFound, words)
    );
}

#[test]
fn aliases_serve_get_and_access_only() {
    let mut world = world_with_versions(2);
    let body = json!({"versionAliases": {"current": "1"}});
    must(
        &mut world,
        &format!("PATCH {SECRET}?updateMask=versionAliases"),
        &body,
    );
    let read = must(
        &mut world,
        &format!("GET {SECRET}/versions/current:access"),
        &Value::Null,
    );
    assert!(read["name"].as_str().unwrap().ends_with("/versions/1"));
    must(
        &mut world,
        &format!("GET {SECRET}/versions/current"),
        &Value::Null,
    );
    for (version, verb) in [
        ("current", "disable"),
        ("current", "destroy"),
        ("latest", "enable"),
    ] {
        let request = format!("POST {SECRET}/versions/{version}:{verb}");
        assert_eq!(
            refused(&mut world, &request, &json!({})).0,
            Code::InvalidArgument
        );
    }
}

#[test]
fn states_go_back_and_forth_until_destroyed() {
    let mut world = world_with_versions(1);
    let secret_before = must(&mut world, &format!("GET {SECRET}"), &Value::Null)["etag"].clone();
    assert_eq!(post(&mut world, "1", "disable")["state"], "DISABLED");
    let refusal = refused(
        &mut world,
        &format!("GET {SECRET}/versions/1:access"),
        &Value::Null,
    );
    assert!(
        refusal.1.ends_with("is in DISABLED state."),
        "{}",
        refusal.1
    );
    assert_eq!(post(&mut world, "1", "enable")["state"], "ENABLED");
    let destroyed = post(&mut world, "1", "destroy");
    assert!(destroyed["destroyTime"].is_string());
    for verb in ["enable", "disable", "destroy"] {
        let refusal = refused(
            &mut world,
            &format!("POST {SECRET}/versions/1:{verb}"),
            &json!({}),
        );
        assert_eq!(refusal.0, Code::FailedPrecondition, "{verb}");
    }
    let secret_after = must(&mut world, &format!("GET {SECRET}"), &Value::Null)["etag"].clone();
    assert_eq!(
        secret_before, secret_after,
        "operations on versions leave the secret's etag"
    );
}

#[test]
fn a_versions_etag_guards_it() {
    let mut world = world_with_versions(1);
    let first = must(
        &mut world,
        &format!("GET {SECRET}/versions/1"),
        &Value::Null,
    )["etag"]
        .clone();
    let disable = format!("POST {SECRET}/versions/1:disable");
    must(&mut world, &disable, &json!({"etag": first}));
    let enable = format!("POST {SECRET}/versions/1:enable");
    assert_eq!(
        refused(&mut world, &enable, &json!({"etag": first})).0,
        Code::FailedPrecondition
    );
    assert_eq!(state(&mut world, 1), "DISABLED");
}

#[test]
fn versions_are_listed_newest_first_and_filtered() {
    let mut world = world_with_versions(3);
    post(&mut world, "2", "disable");
    let names = |list: Value| -> Vec<String> {
        let versions = list["versions"].as_array().cloned().unwrap_or_default();
        let last = |version: &Value| {
            version["name"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        };
        versions.iter().map(last).collect()
    };
    let all = must(&mut world, &format!("GET {SECRET}/versions"), &Value::Null);
    assert_eq!(names(all), ["3", "2", "1"]);
    let enabled = must(
        &mut world,
        &format!("GET {SECRET}/versions?filter=state:ENABLED"),
        &Value::Null,
    );
    assert_eq!(names(enabled), ["3", "1"]);
}

#[test]
fn a_destroy_ttl_delays_and_enabling_cancels() {
    let mut world = world_with_versions(2);
    let body = json!({"versionDestroyTtl": "86400s"});
    must(
        &mut world,
        &format!("PATCH {SECRET}?updateMask=versionDestroyTtl"),
        &body,
    );
    let scheduled = post(&mut world, "1", "destroy");
    assert_eq!(scheduled["state"], "DISABLED");
    assert!(scheduled["scheduledDestroyTime"].is_string());
    post(&mut world, "2", "destroy");
    assert_eq!(
        post(&mut world, "2", "enable").get("scheduledDestroyTime"),
        None
    );
    world.clock.advance(SignedDuration::from_hours(25));
    assert_eq!(state(&mut world, 1), "DESTROYED");
    assert_eq!(state(&mut world, 2), "ENABLED");
    assert_eq!(
        world.payloads.len(),
        2,
        "the record of payloads outlives the versions"
    );
}

#[test]
fn what_is_refused_of_a_version_names_the_version_as_it_was_asked_for() {
    let mut world = World::default();
    world.permissions.restrict(
        super::super::caller::ANONYMOUS,
        super::super::permissions::Restriction::Holds([].into()),
    );
    for (request, permission, resource) in [
        ("GET", "access", "versions/latest:access"),
        ("GET", "access", "versions/1:access"),
        ("GET", "get", "versions/current"),
        ("POST", "disable", "versions/1:disable"),
        ("POST", "destroy", "versions/1:destroy"),
        ("GET", "list", "versions"),
        ("POST", "add", "s:addVersion"),
    ] {
        let path = resource
            .strip_prefix("s:")
            .map_or_else(|| format!("s/{resource}"), |verb| format!("s:{verb}"));
        let body = json!({"payload": {"data": "eA=="}});
        let body = if permission == "add" {
            body
        } else {
            Value::Null
        };
        let (code, message) = refused(
            &mut world,
            &format!("{request} /v1/projects/p/secrets/{path}"),
            &body,
        );
        let named = match resource.split_once(':') {
            Some((version, _)) if version != "s" => format!("projects/p/secrets/s/{version}"),
            None if resource != "versions" => format!("projects/p/secrets/s/{resource}"),
            _ => "projects/p/secrets/s".to_owned(),
        };
        let expected = format!(
            "Permission 'secretmanager.versions.{permission}' denied for resource '{named}' (or it may not exist)."
        );
        assert_eq!((code, message), (Code::PermissionDenied, expected));
    }
}
