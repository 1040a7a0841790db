mod knative;
mod life;
mod template;
mod unready;

use serde_json::{Value, json};

use super::super::ask::{must, refused};
use super::super::error::Code;
use super::super::world::World;

const JOB: &str = "/v2/projects/p/locations/europe-west1/jobs/migrate";

fn job(account: Option<&str>) -> Value {
    let mut task = json!({"containers": [{
        "image": "x",
        "env": [{"name": "PW", "valueSource": {"secretKeyRef": {"secret": "s", "version": "current"}}}],
    }]});
    if let Some(account) = account {
        task["serviceAccount"] = json!(account);
    }
    json!({"template": {"template": task}})
}

fn seeded() -> World {
    let mut world = World::default();
    must(&mut world, &format!("PUT /_fake{JOB}"), &job(None));
    world
}

#[test]
fn a_job_without_account_runs_as_the_default_one() {
    let mut world = seeded();
    let number = world.projects.resolve("p").unwrap().number;
    let read = must(&mut world, &format!("GET {JOB}"), &Value::Null);
    assert_eq!(
        read["name"],
        "projects/p/locations/europe-west1/jobs/migrate"
    );
    let task = &read["template"]["template"];
    assert_eq!(
        task["serviceAccount"],
        format!("{number}-compute@developer.gserviceaccount.com")
    );
    assert_eq!(
        (&task["maxRetries"], &task["timeout"]),
        (&json!(3), &json!("600s"))
    );
    assert_eq!(read["terminalCondition"]["state"], "CONDITION_SUCCEEDED");
}

#[test]
fn what_cannot_run_is_refused() {
    let mut world = World::default();
    let request = format!("PUT /_fake{JOB}");
    for body in [
        json!([]),
        json!({}),
        json!({"template": "x"}),
        json!({"template": {"template": {"containers": []}}}),
    ] {
        assert_eq!(
            refused(&mut world, &request, &body).0,
            Code::InvalidArgument,
            "{body}"
        );
    }
}

#[test]
fn what_is_not_there_is_named() {
    let mut world = seeded();
    let refusal = refused(
        &mut world,
        "GET /v2/projects/p/locations/us-east1/jobs/migrate",
        &Value::Null,
    );
    assert_eq!(
        refusal,
        (
            Code::NotFound,
            "Resource 'migrate' of kind 'JOB' in region 'us-east1' in project 'p' does not exist."
                .to_owned()
        )
    );
    assert!(
        refused(
            &mut world,
            "GET /v2/projects/p/locations/-/jobs",
            &Value::Null
        )
        .1
        .contains("wildcard")
    );
}

#[test]
fn services_run_as_the_account_of_their_template() {
    let mut world = World::default();
    let path = "/v2/projects/p/locations/europe-west1/services/api";
    let service = json!({"template": {"containers": [{"image": "x"}], "serviceAccount": "api@p.iam.gserviceaccount.com"}});
    must(&mut world, &format!("PUT /_fake{path}"), &service);
    let read = must(&mut world, &format!("GET {path}"), &Value::Null);
    assert_eq!(
        read["template"]["serviceAccount"],
        "api@p.iam.gserviceaccount.com"
    );
    let list = must(
        &mut world,
        "GET /v2/projects/p/locations/europe-west1/services",
        &Value::Null,
    );
    assert_eq!(list["services"], json!([read]));
    assert_eq!(
        must(
            &mut world,
            "GET /v2/projects/p/locations/europe-west1/jobs",
            &Value::Null
        ),
        json!({})
    );
}

#[test]
fn what_is_created_is_there_until_it_is_deleted() {
    let mut world = World::default();
    let create = "POST /v2/projects/p/locations/europe-west1/jobs?jobId=migrate";
    let plain = json!({"template": {"template": {"containers": [{"image": "x"}]}}});
    let operation = must(&mut world, create, &plain);
    assert_eq!(operation["done"], true);
    let name = operation["name"].as_str().unwrap();
    assert_eq!(
        must(&mut world, &format!("GET /v2/{name}"), &Value::Null),
        operation
    );
    must(&mut world, &format!("GET {JOB}"), &Value::Null);
    let again = refused(&mut world, create, &plain);
    assert_eq!(
        again,
        (
            Code::AlreadyExists,
            "Resource 'migrate' already exists.".to_owned()
        )
    );
    must(&mut world, &format!("DELETE {JOB}"), &Value::Null);
    assert_eq!(
        refused(&mut world, &format!("GET {JOB}"), &Value::Null).0,
        Code::NotFound
    );
}

#[test]
fn executions_are_listed_newest_first() {
    let mut world = seeded();
    assert_eq!(
        must(&mut world, &format!("GET {JOB}/executions"), &Value::Null),
        json!({})
    );
    for id in ["migrate-a", "migrate-b"] {
        let running = json!({"runningCount": 1});
        must(
            &mut world,
            &format!("PUT /_fake{JOB}/executions/{id}"),
            &running,
        );
    }
    let list = must(&mut world, &format!("GET {JOB}/executions"), &Value::Null);
    let first = &list["executions"][0];
    assert!(
        first["name"]
            .as_str()
            .unwrap()
            .ends_with("/executions/migrate-b")
    );
    assert_eq!(
        must(
            &mut world,
            &format!("GET {JOB}/executions/migrate-b"),
            &Value::Null
        ),
        *first
    );
    let job = must(&mut world, &format!("GET {JOB}"), &Value::Null);
    assert_eq!(job["latestCreatedExecution"]["name"], first["name"]);
}

#[test]
fn the_v1_form_takes_the_region_from_the_host() {
    let mut world = seeded();
    let path = "apis/run.googleapis.com/v1/namespaces/p/jobs/migrate";
    let here = must(
        &mut world,
        &format!("GET http://europe-west1-run.fake/{path}"),
        &Value::Null,
    );
    let pod = &here["spec"]["template"]["spec"]["template"]["spec"];
    assert!(
        pod["serviceAccountName"]
            .as_str()
            .unwrap()
            .ends_with("-compute@developer.gserviceaccount.com")
    );
    assert_eq!(
        pod["containers"][0]["env"][0]["valueFrom"]["secretKeyRef"],
        json!({"name": "s", "key": "current"})
    );
    let elsewhere = refused(
        &mut world,
        &format!("GET http://us-east1-run.fake/{path}"),
        &Value::Null,
    );
    assert_eq!(elsewhere.0, Code::NotFound);
}
