//! What a job or service says of itself from its creation to its end.

use serde_json::{Value, json};

use super::super::super::ask::{must, must_as, refused};
use super::super::super::error::Code;
use super::super::super::world::World;

const JOB: &str = "/v2/projects/p/locations/europe-west1/jobs/j";
const SERVICE: &str = "/v2/projects/p/locations/europe-west1/services/s";

fn job() -> Value {
    json!({"template": {"template": {"containers": [{"image": "x"}]}}})
}

fn service() -> Value {
    json!({"template": {"containers": [{"image": "x"}]}})
}

#[test]
fn who_made_it_and_who_changed_it_last_are_named() {
    let mut world = World::default();
    for (path, body) in [(JOB, job()), (SERVICE, service())] {
        let (_, create) = path.rsplit_once('/').unwrap();
        let create = match path {
            JOB => format!("POST {}?jobId={create}", path.trim_end_matches("/j")),
            _ => format!("POST {}?serviceId={create}", path.trim_end_matches("/s")),
        };
        let made = must_as(&mut world, "ann@example.com", &create, &body);
        assert_eq!(
            (
                &made["metadata"]["creator"],
                &made["metadata"]["lastModifier"]
            ),
            (&json!("ann@example.com"), &json!("ann@example.com"))
        );
        must_as(
            &mut world,
            "bob@example.com",
            &format!("PATCH {path}"),
            &body,
        );
        let read = must(&mut world, &format!("GET {path}"), &Value::Null);
        assert_eq!(
            (&read["creator"], &read["lastModifier"]),
            (&json!("ann@example.com"), &json!("bob@example.com"))
        );
        let deleted = must_as(
            &mut world,
            "eve@example.com",
            &format!("DELETE {path}"),
            &Value::Null,
        );
        assert_eq!(
            (
                &deleted["response"]["creator"],
                &deleted["response"]["lastModifier"]
            ),
            (&json!("ann@example.com"), &json!("eve@example.com"))
        );
    }
}

#[test]
fn a_job_of_the_year_2024_names_neither() {
    let mut world = World::default();
    world.clock.set("2024-09-20T00:00:00Z".parse().unwrap());
    for (path, body) in [(JOB, job()), (SERVICE, service())] {
        let made = must(
            &mut world,
            &format!("PATCH {path}?allowMissing=true"),
            &body,
        );
        let read = must(&mut world, &format!("GET {path}"), &Value::Null);
        for answer in [&made["response"], &read] {
            let named = (
                answer.get("creator").is_some(),
                answer.get("lastModifier").is_some(),
            );
            assert_eq!(named, (path == SERVICE, path == SERVICE));
        }
    }
}

#[test]
fn what_is_output_only_is_not_taken_from_a_request() {
    let mut world = World::default();
    let mut claimed = job();
    for field in [
        "creator",
        "uid",
        "deleteTime",
        "reconciling",
        "conditions",
        "executionCount",
    ] {
        claimed[field] = json!("mine");
    }
    must(
        &mut world,
        "POST /v2/projects/p/locations/europe-west1/jobs?jobId=j",
        &claimed,
    );
    let read = must(&mut world, &format!("GET {JOB}"), &Value::Null);
    assert!(!read.to_string().contains("mine"), "{read}");
}

#[test]
fn a_deletion_is_the_last_generation_with_the_time_at_which_it_expires() {
    let mut world = World::default();
    for (path, body) in [(JOB, job()), (SERVICE, service())] {
        must(
            &mut world,
            &format!("PATCH {path}?allowMissing=true"),
            &body,
        );
        let before = must(&mut world, &format!("GET {path}"), &Value::Null);
        let stale = refused(
            &mut world,
            &format!("DELETE {path}?etag=%220%22"),
            &Value::Null,
        );
        assert_eq!(stale.0, Code::Aborted);
        must(
            &mut world,
            &format!("DELETE {path}?validateOnly=true"),
            &Value::Null,
        );
        assert_eq!(
            must(&mut world, &format!("GET {path}"), &Value::Null),
            before
        );

        let operation = must(&mut world, &format!("DELETE {path}"), &Value::Null);
        let deleted = &operation["response"];
        assert_eq!(
            (&deleted["generation"], &deleted["observedGeneration"]),
            (&json!("2"), &json!("2"))
        );
        assert_ne!(deleted["etag"], before["etag"]);
        let time = |field: &str| {
            deleted[field]
                .as_str()
                .unwrap()
                .parse::<jiff::Timestamp>()
                .unwrap()
        };
        let kept = time("expireTime").duration_since(time("deleteTime"));
        assert_eq!(
            (kept, deleted["updateTime"] == deleted["deleteTime"]),
            (jiff::SignedDuration::from_hours(30 * 24), true)
        );
        assert_eq!(operation["metadata"]["deleteTime"], deleted["deleteTime"]);
        assert_eq!(
            refused(&mut world, &format!("GET {path}"), &Value::Null).0,
            Code::NotFound
        );
    }
}

#[test]
fn a_service_that_is_ready_says_of_what_it_consists() {
    let mut world = World::default();
    must(
        &mut world,
        &format!("PATCH {SERVICE}?allowMissing=true"),
        &service(),
    );
    let read = must(&mut world, &format!("GET {SERVICE}"), &Value::Null);
    let conditions = read["conditions"].as_array().unwrap();
    let kinds: Vec<_> = conditions
        .iter()
        .map(|condition| condition["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["RoutesReady", "ConfigurationsReady"]);
    assert!(
        conditions
            .iter()
            .all(|one| one["state"] == "CONDITION_SUCCEEDED"
                && one["lastTransitionTime"].is_string())
    );
    must(
        &mut world,
        "PUT /_fake/v2/projects/p/locations/europe-west1/jobs/j",
        &job(),
    );
    assert_eq!(
        must(&mut world, &format!("GET {JOB}"), &Value::Null).get("conditions"),
        None,
        "a job has none"
    );
}
