//! Cloud Run takes a job or service whose account cannot read its secrets: the operation fails, and what was asked for is
//! there and not ready.

use serde_json::{Value, json};

use super::super::super::ask::must;
use super::super::super::world::World;

const JOB: &str = "/v2/projects/p/locations/europe-west1/jobs/j";
const SERVICE: &str = "/v2/projects/p/locations/europe-west1/services/s";
const ACCOUNT: &str = "api@p.iam.gserviceaccount.com";

fn variable(secret: &str, version: &str) -> Value {
    json!({"name": "PW", "valueSource": {"secretKeyRef": {"secret": secret, "version": version}}})
}

fn workload(env: Value) -> Value {
    json!({"serviceAccount": ACCOUNT, "containers": [{"image": "x", "env": env}]})
}

fn job(workload: &Value) -> Value {
    json!({"template": {"template": workload}})
}

/// A secret of two versions, the second of them disabled.
fn world() -> (World, u64) {
    let mut world = World::default();
    let secrets = "/v1/projects/p/secrets";
    must(
        &mut world,
        &format!("POST {secrets}?secretId=app"),
        &json!({"replication": {"automatic": {}}}),
    );
    must(
        &mut world,
        &format!("POST {secrets}?secretId=empty"),
        &json!({"replication": {"automatic": {}}}),
    );
    for _ in 0..2 {
        must(
            &mut world,
            &format!("POST {secrets}/app:addVersion"),
            &json!({"payload": {"data": "eA=="}}),
        );
    }
    must(
        &mut world,
        &format!("POST {secrets}/app/versions/2:disable"),
        &json!({}),
    );
    must(
        &mut world,
        &format!("PATCH {secrets}/app?updateMask=versionAliases"),
        &json!({"versionAliases": {"current": 1}}),
    );
    let number = world.projects.resolve("p").unwrap().number;
    (world, number)
}

fn grant(world: &mut World, secret: &str) {
    let binding = json!({"role": "roles/secretmanager.secretAccessor", "members": [format!("serviceAccount:{ACCOUNT}")]});
    must(
        world,
        &format!("POST /v1/projects/p/secrets/{secret}:setIamPolicy"),
        &json!({"policy": {"bindings": [binding]}}),
    );
}

fn read(world: &mut World, path: &str) -> Value {
    must(world, &format!("GET {path}"), &Value::Null)
}

/// The code and message of an operation that is over and has failed.
fn failure(operation: &Value) -> (i64, String) {
    assert_eq!(
        (&operation["done"], operation.get("response")),
        (&json!(true), None),
        "{operation}"
    );
    let error = &operation["error"];
    (
        error["code"].as_i64().unwrap(),
        error["message"].as_str().unwrap().to_owned(),
    )
}

#[test]
fn a_job_is_taken_and_its_operation_names_every_secret_that_cannot_be_read() {
    let (mut world, number) = world();
    let volumes = json!([{"name": "v", "secret": {"secret": "none", "items": [{"path": "p", "version": "1"}]}},
        {"name": "w", "secret": {"secret": "app"}}]);
    let mut workload = workload(json!([{"name": "A", "value": "a"}, variable("app", "current")]));
    workload["volumes"] = volumes;
    let create = "POST /v2/projects/p/locations/europe-west1/jobs?jobId=j";
    let operation = must(&mut world, create, &job(&workload));
    let name = operation["name"].as_str().unwrap().to_owned();
    assert_eq!(read(&mut world, &format!("/v2/{name}")), operation);
    let denied = |place: &str, version: &str| {
        format!(
            "{place}: Permission denied on secret: projects/{number}/secrets/app/versions/{version} for Revision service \
             account {ACCOUNT}. The service account used must be granted the 'Secret Manager Secret Accessor' role \
             (roles/secretmanager.secretAccessor) at the secret, project or higher level."
        )
    };
    let expected = [
        denied(
            "spec.template.spec.containers[0].env[1].value_from.secret_key_ref.name",
            "current",
        ),
        format!(
            "spec.template.spec.volumes[0].secret.items[0].key: Secret projects/{number}/secrets/none/versions/1 was not found"
        ),
        denied("spec.template.spec.volumes[1].secret.secret_name", "latest"),
    ];
    let (code, message) = failure(&operation);
    assert_eq!((code, message.as_str()), (13, expected.join("\n").as_str()));

    let stays = read(&mut world, JOB);
    assert_eq!(
        stays["template"]["template"]["containers"][0]["env"][1],
        variable("app", "current")
    );
    let condition = &stays["terminalCondition"];
    assert_eq!(
        (&condition["state"], &condition["reason"]),
        (
            &json!("CONDITION_FAILED"),
            &json!("SECRETS_ACCESS_CHECK_FAILED")
        )
    );
    assert_eq!(condition["message"], message);

    grant(&mut world, "app");
    let unchanged = read(&mut world, JOB);
    assert_eq!(
        unchanged["terminalCondition"]["state"], "CONDITION_FAILED",
        "it has to be deployed again"
    );
    let mut readable = workload;
    readable["volumes"] = json!([]);
    let again = must(&mut world, &format!("PATCH {JOB}"), &job(&readable));
    assert_eq!((&again["done"], again.get("error")), (&json!(true), None));
    assert_eq!(
        read(&mut world, JOB)["terminalCondition"]["state"],
        "CONDITION_SUCCEEDED"
    );
}

#[test]
fn a_version_that_is_not_there_was_not_found_and_one_that_has_ended_cannot_be_read() {
    let (mut world, _) = world();
    grant(&mut world, "app");
    grant(&mut world, "empty");
    for (secret, version, fault) in [
        ("app", "1", None),
        ("app", "current", None),
        ("app", "9", Some("was not found")),
        ("app", "none", Some("was not found")),
        ("empty", "latest", Some("was not found")),
        ("app", "2", Some("DISABLED")),
        ("app", "latest", Some("DISABLED")),
    ] {
        let body = job(&workload(json!([variable(secret, version)])));
        let operation = must(&mut world, &format!("PATCH {JOB}?allowMissing=true"), &body);
        match fault {
            None => assert_eq!(operation.get("error"), None, "{secret} {version}"),
            Some(words) => assert!(
                failure(&operation).1.contains(words),
                "{secret} {version}: {operation}"
            ),
        }
    }
}

#[test]
fn the_first_revision_of_a_service_that_cannot_read_serves_nothing() {
    let (mut world, _) = world();
    let create = "POST /v2/projects/p/locations/europe-west1/services?serviceId=s";
    let operation = must(
        &mut world,
        create,
        &json!({"template": workload(json!([variable("app", "1")]))}),
    );
    let (code, message) = failure(&operation);
    let service = read(&mut world, SERVICE);
    let revision = service["latestCreatedRevision"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap();
    assert_eq!(code, 13);
    let begins = format!(
        "Revision '{revision}' is not ready and cannot serve traffic. spec.template.spec.containers[0].env[0]"
    );
    assert!(message.starts_with(&begins), "{message}");
    assert_eq!(
        (service.get("latestReadyRevision"), service.get("uri")),
        (None, None)
    );
    let states: Vec<_> = service["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["CONDITION_FAILED", "CONDITION_FAILED"]);
    assert_eq!(service["terminalCondition"]["message"], message);
}

#[test]
fn a_revision_that_cannot_read_leaves_the_traffic_with_the_one_before() {
    let (mut world, _) = world();
    let plain = json!({"template": workload(json!([]))});
    must(
        &mut world,
        "POST /v2/projects/p/locations/europe-west1/services?serviceId=s",
        &plain,
    );
    let before = read(&mut world, SERVICE);
    let update = format!("PATCH {SERVICE}?updateMask=template");
    failure(&must(
        &mut world,
        &update,
        &json!({"template": workload(json!([variable("app", "1")]))}),
    ));
    let after = read(&mut world, SERVICE);
    assert_eq!(after["latestReadyRevision"], before["latestReadyRevision"]);
    assert_ne!(
        after["latestCreatedRevision"],
        before["latestCreatedRevision"]
    );
    assert_eq!(
        (&after["terminalCondition"]["state"], &after["uri"]),
        (&json!("CONDITION_FAILED"), &before["uri"])
    );
    let listed = read(&mut world, &format!("{SERVICE}/revisions"));
    let revisions = listed["revisions"].as_array().unwrap();
    assert_eq!(
        revisions[0]["conditions"][0]["reason"],
        "SECRETS_ACCESS_CHECK_FAILED"
    );
    assert_eq!(
        revisions[1]["conditions"][1]["state"], "CONDITION_SUCCEEDED",
        "it is active"
    );

    // What makes no revision asks for nothing, and mends nothing.
    let labelled = must(
        &mut world,
        &format!("PATCH {SERVICE}?updateMask=labels"),
        &json!({"labels": {"a": "b"}}),
    );
    assert_eq!(labelled.get("error"), None);
    assert_eq!(
        read(&mut world, SERVICE)["terminalCondition"],
        after["terminalCondition"]
    );
    grant(&mut world, "app");
    must(
        &mut world,
        &format!("{update}&forceNewRevision=true"),
        &json!({"template": workload(json!([variable("app", "1")]))}),
    );
    let mended = read(&mut world, SERVICE);
    assert_eq!(
        mended["latestReadyRevision"],
        mended["latestCreatedRevision"]
    );
    assert_eq!(mended["terminalCondition"]["state"], "CONDITION_SUCCEEDED");
}
