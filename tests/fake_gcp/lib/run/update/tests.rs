use serde_json::{Value, json};

use super::super::super::ask::{must, refused};
use super::super::super::caller::ANONYMOUS;
use super::super::super::error::Code;
use super::super::super::permissions::Restriction;
use super::super::super::world::World;

const SERVICE: &str = "/v2/projects/p/locations/europe-west1/services/api";
const JOB: &str = "/v2/projects/p/locations/europe-west1/jobs/migrate";

/// A container whose password is this version, of three, of a secret that its account may read.
fn containers(version: &str) -> Value {
    let reference = json!({"secret": "s", "version": version});
    json!([{"image": "x", "env": [{"name": "PW", "valueSource": {"secretKeyRef": reference}}]}])
}

fn service(version: &str) -> Value {
    json!({"template": {"serviceAccount": "api@p.iam.gserviceaccount.com", "containers": containers(version)}})
}

fn job(version: &str) -> Value {
    json!({"template": {"template": {"serviceAccount": "api@p.iam.gserviceaccount.com", "containers": containers(version)}}})
}

fn world() -> World {
    let mut world = World::default();
    must(
        &mut world,
        "POST /v1/projects/p/secrets?secretId=s",
        &json!({"replication": {"automatic": {}}}),
    );
    let member = "serviceAccount:api@p.iam.gserviceaccount.com";
    let binding = json!({"role": "roles/secretmanager.secretAccessor", "members": [member]});
    must(
        &mut world,
        "POST /v1/projects/p/secrets/s:setIamPolicy",
        &json!({"policy": {"bindings": [binding]}}),
    );
    for _ in 0..3 {
        must(
            &mut world,
            "POST /v1/projects/p/secrets/s:addVersion",
            &json!({"payload": {"data": "eA=="}}),
        );
    }
    must(&mut world, &format!("PUT /_fake{SERVICE}"), &service("1"));
    must(&mut world, &format!("PUT /_fake{JOB}"), &job("1"));
    world
}

fn read(world: &mut World, path: &str) -> Value {
    must(world, &format!("GET {path}"), &Value::Null)
}

/// The revisions, newest first: the version each refers to, and whether it is active.
fn revisions(world: &mut World) -> Vec<(String, bool)> {
    let listed = read(world, &format!("{SERVICE}/revisions"));
    let revisions = listed["revisions"].as_array().cloned().unwrap_or_default();
    let seen = |revision: &Value| {
        let version =
            &revision["containers"][0]["env"][0]["valueSource"]["secretKeyRef"]["version"];
        let active = revision["conditions"][1]["state"] == "CONDITION_SUCCEEDED";
        (version.as_str().unwrap_or_default().to_owned(), active)
    };
    revisions.iter().map(seen).collect()
}

fn pair(version: &str, active: bool) -> (String, bool) {
    (version.to_owned(), active)
}

#[test]
fn another_template_is_another_revision_and_the_one_before_retires() {
    let mut world = world();
    let first = read(&mut world, SERVICE);
    assert_eq!(revisions(&mut world), [pair("1", true)]);
    let update = format!("PATCH {SERVICE}?updateMask=template");
    let operation = must(&mut world, &update, &service("2"));
    assert_eq!(
        (&operation["done"], &operation["response"]["generation"]),
        (&json!(true), &json!("2"))
    );
    assert_eq!(revisions(&mut world), [pair("2", true), pair("1", false)]);

    let second = read(&mut world, SERVICE);
    assert_ne!(second["latestReadyRevision"], first["latestReadyRevision"]);
    assert_eq!(
        (&second["uid"], &second["createTime"]),
        (&first["uid"], &first["createTime"])
    );
    let labelled = must(
        &mut world,
        &format!("PATCH {SERVICE}?updateMask=labels"),
        &json!({"labels": {"a": "b"}}),
    );
    assert_eq!(labelled["response"]["template"], second["template"]);
    assert_eq!(
        revisions(&mut world).len(),
        2,
        "the same template, no revision"
    );
    must(
        &mut world,
        &format!("PATCH {SERVICE}?updateMask=labels&forceNewRevision=true"),
        &json!({}),
    );
    assert_eq!(
        revisions(&mut world),
        [pair("2", true), pair("2", false), pair("1", false)]
    );
    assert_eq!(read(&mut world, SERVICE).get("labels"), None);

    let one = second["latestReadyRevision"].as_str().unwrap();
    let found = read(&mut world, &format!("/v2/{one}"));
    assert_eq!(
        (&found["service"], &found["conditions"][1]["revisionReason"]),
        (&json!("api"), &json!("RETIRED"))
    );
    let missing = refused(
        &mut world,
        &format!("GET {SERVICE}/revisions/api-0"),
        &Value::Null,
    );
    assert_eq!(missing.0, Code::NotFound);
}

#[test]
fn traffic_says_which_revisions_are_active() {
    let mut world = world();
    let first = read(&mut world, SERVICE)["latestReadyRevision"]
        .as_str()
        .unwrap()
        .to_owned();
    let first = first.rsplit('/').next().unwrap();
    must(
        &mut world,
        &format!("PATCH {SERVICE}?updateMask=template"),
        &service("2"),
    );
    let to = |percent: u8| json!({"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": first, "percent": percent});
    let update = format!("PATCH {SERVICE}?updateMask=traffic");
    must(&mut world, &update, &json!({"traffic": [to(100)]}));
    assert_eq!(revisions(&mut world), [pair("2", false), pair("1", true)]);
    assert!(
        refused(&mut world, &update, &json!({"traffic": [to(60)]}))
            .1
            .contains("100 percent")
    );
    let nowhere = json!({"traffic": [{"revision": "api-00009-zzz", "percent": 100}]});
    assert!(
        refused(&mut world, &update, &nowhere)
            .1
            .contains("'api-00009-zzz' is not found")
    );
}

#[test]
fn a_named_revision_is_made_once() {
    let mut world = world();
    let named = |name: &str, version: &str| {
        let mut service = service(version);
        service["template"]["revision"] = json!(name);
        service
    };
    let update = format!("PATCH {SERVICE}?updateMask=template");
    must(&mut world, &update, &named("api-blue", "2"));
    must(&mut world, &update, &named("api-blue", "2"));
    assert_eq!(
        refused(&mut world, &update, &named("api-blue", "3")).0,
        Code::AlreadyExists
    );
    assert_eq!(
        refused(&mut world, &update, &named("blue", "3")).0,
        Code::InvalidArgument
    );
    assert_eq!(revisions(&mut world), [pair("2", true), pair("1", false)]);
}

#[test]
fn a_job_is_replaced_whole_and_its_executions_keep_what_was_written() {
    let mut world = world();
    must(&mut world, &format!("PUT /_fake{JOB}"), &job("latest"));
    must(
        &mut world,
        &format!("PUT /_fake{JOB}/executions/migrate-a"),
        &json!({}),
    );
    let before = read(&mut world, JOB);
    let mut wanted = job("2");
    wanted["etag"] = before["etag"].clone();
    must(&mut world, &format!("PATCH {JOB}"), &wanted);
    let after = read(&mut world, JOB);
    assert_eq!(
        (&after["generation"], &after["executionCount"]),
        (&json!("2"), &json!(1))
    );
    assert_eq!(
        after["template"]["template"]["containers"][0]["env"][0]["valueSource"]["secretKeyRef"]["version"],
        "2"
    );
    let execution = read(&mut world, &format!("{JOB}/executions/migrate-a"));
    assert_eq!(execution["template"], before["template"]["template"]);
    assert_eq!(
        read(
            &mut world,
            "/v2/projects/p/locations/europe-west1/jobs/-/executions"
        )["executions"],
        json!([execution])
    );

    let stale = refused(&mut world, &format!("PATCH {JOB}"), &wanted);
    assert_eq!(stale.0, Code::Aborted);
    assert!(
        stale.1.starts_with("Conflict for resource 'migrate'"),
        "{}",
        stale.1
    );
    assert_eq!(
        refused(
            &mut world,
            &format!("PATCH {JOB}?updateMask=template"),
            &job("2")
        )
        .0,
        Code::InvalidArgument
    );
}

#[test]
fn an_update_is_checked_as_a_creation_is() {
    let mut world = world();
    let stranger = json!({"template": {"serviceAccount": "web@p.iam.gserviceaccount.com", "containers": containers("1")}});
    let update = format!("PATCH {SERVICE}?updateMask=template");
    assert_eq!(must(&mut world, &update, &stranger)["error"]["code"], 13);
    assert_eq!(
        refused(&mut world, &update, &json!({"template": {"container": []}})).0,
        Code::InvalidArgument
    );
    assert_eq!(
        refused(
            &mut world,
            &format!("PATCH {SERVICE}?updateMask=uid"),
            &json!({})
        )
        .0,
        Code::InvalidArgument
    );
    let missing = format!("PATCH {JOB}2");
    assert_eq!(refused(&mut world, &missing, &job("1")).0, Code::NotFound);
    must(
        &mut world,
        &format!("{missing}?validateOnly=true&allowMissing=true"),
        &job("1"),
    );
    assert_eq!(refused(&mut world, &missing, &job("1")).0, Code::NotFound);
    must(
        &mut world,
        &format!("{missing}?allowMissing=true"),
        &job("1"),
    );
    must(&mut world, &missing, &job("1"));
}

#[test]
fn seeded_revisions_have_been_there_before() {
    let mut world = world();
    let seen = json!({
        "containers": containers("7"), "createTime": "2026-01-01T00:00:00Z",
        "conditions": [{"type": "Ready", "state": "CONDITION_SUCCEEDED"}, {"type": "Active", "state": "CONDITION_SUCCEEDED"}],
    });
    must(
        &mut world,
        &format!("PUT /_fake{SERVICE}/revisions/api-00000-old"),
        &seen,
    );
    assert_eq!(revisions(&mut world), [pair("1", true), pair("7", true)]);
    let listed = read(
        &mut world,
        "/v2/projects/p/locations/europe-west1/services/-/revisions",
    );
    assert_eq!(listed["revisions"][1]["createTime"], "2026-01-01T00:00:00Z");
}

#[test]
fn who_may_not_act_as_the_account_changes_nothing_and_can_ask_before() {
    let mut world = world();
    let deny = |world: &mut World, permissions: &[&str]| {
        let denied = permissions.iter().map(|one| (*one).to_owned()).collect();
        world
            .permissions
            .restrict(ANONYMOUS, Restriction::Lacks(denied));
    };
    let asked = |world: &mut World, path: &str, permission: &str| {
        must(
            world,
            &format!("POST {path}:testIamPermissions"),
            &json!({"permissions": [permission]}),
        )
    };
    let account = "/v1/projects/-/serviceAccounts/api@p.iam.gserviceaccount.com";
    for (path, permission) in [
        (JOB, "run.jobs.update"),
        (SERVICE, "run.services.update"),
        (account, "iam.serviceAccounts.actAs"),
    ] {
        assert_eq!(
            asked(&mut world, path, permission),
            json!({"permissions": [permission]})
        );
        deny(&mut world, &[permission]);
        assert_eq!(asked(&mut world, path, permission), json!({}));
        world.permissions.lift(ANONYMOUS);
        let other = json!({"permissions": ["secretmanager.secrets.get"]});
        let (code, _) = refused(
            &mut world,
            &format!("POST {path}:testIamPermissions"),
            &other,
        );
        assert_eq!(code, Code::InvalidArgument);
    }
    assert_eq!(
        asked(&mut world, &format!("{JOB}2"), "run.jobs.update"),
        json!({}),
        "it does not exist"
    );
    deny(&mut world, &["iam.serviceAccounts.actAs"]);
    let before = read(&mut world, JOB);
    let (code, message) = refused(&mut world, &format!("PATCH {JOB}"), &job("2"));
    assert_eq!(code, Code::PermissionDenied);
    assert!(message.contains("iam.serviceaccounts.actAs"), "{message}");
    assert_eq!(read(&mut world, JOB), before);
}
