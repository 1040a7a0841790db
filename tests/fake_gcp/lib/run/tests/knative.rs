//! The v1 form.

use serde_json::{Value, json};

use super::super::super::ask::must;
use super::super::super::world::World;

const JOBS: &str = "/apis/run.googleapis.com/v1/namespaces/p/jobs";
const SERVICES: &str = "/apis/serving.knative.dev/v1/namespaces/p/services";

fn seeded(kind: &str, resource: &Value) -> World {
    let mut world = World::default();
    must(
        &mut world,
        &format!("PUT /_fake/v2/projects/p/locations/europe-west1/{kind}/x"),
        resource,
    );
    world
}

fn containers() -> Value {
    let reference = json!({"secret": "app", "version": "current"});
    json!([{
        "image": "x",
        "env": [{"name": "A", "value": "a"}, {"name": "PW", "valueSource": {"secretKeyRef": reference}}],
        "volumeMounts": [{"name": "sql"}, {"name": "files", "mountPath": "/files"}],
    }])
}

fn volumes() -> Value {
    json!([
        {"name": "sql", "cloudSqlInstance": {"instances": ["p:r:i"]}},
        {"name": "files", "secret": {"secret": "app", "items": [{"path": "pw", "version": "3"}]}},
    ])
}

#[test]
fn a_job_has_its_annotations_where_v1_has_them() {
    let task = json!({"containers": containers(), "volumes": volumes()});
    let job = json!({"annotations": {"a": "b"}, "labels": {"team": "db"}, "client": "cloud-console",
        "template": {"annotations": {"c": "d"}, "template": task}});
    let mut world = seeded("jobs", &job);
    let number = world.projects.resolve("p").unwrap().number.to_string();
    let read = must(&mut world, &format!("GET {JOBS}/x"), &Value::Null);
    let metadata = &read["metadata"];
    assert_eq!(
        (&metadata["namespace"], &metadata["generation"]),
        (&json!(number), &json!(1))
    );
    assert_eq!(
        metadata["selfLink"],
        format!("/apis/run.googleapis.com/v1/namespaces/{number}/jobs/x")
    );
    let labels = &metadata["labels"];
    assert_eq!(
        (&labels["team"], &labels["cloud.googleapis.com/location"]),
        (&json!("db"), &json!("europe-west1"))
    );
    assert!(
        labels["run.googleapis.com/lastUpdatedTime"].is_string()
            && metadata["resourceVersion"].is_string()
    );
    let annotations = &metadata["annotations"];
    assert_eq!(
        (
            &annotations["a"],
            &annotations["run.googleapis.com/client-name"]
        ),
        (&json!("b"), &json!("cloud-console"))
    );
    assert!(
        annotations["run.googleapis.com/creator"].is_string()
            && annotations["run.googleapis.com/lastModifier"].is_string()
    );

    let template = &read["spec"]["template"];
    assert_eq!(
        template["metadata"]["annotations"],
        json!({"c": "d", "run.googleapis.com/client-name": "cloud-console", "run.googleapis.com/execution-environment": "gen2",
            "run.googleapis.com/cloudsql-instances": "p:r:i"})
    );
    assert_eq!(template["spec"]["taskCount"], 1);
    let pod = &template["spec"]["template"]["spec"];
    assert_eq!(
        (&pod["timeoutSeconds"], &pod["maxRetries"]),
        (&json!("600"), &json!(3))
    );
    assert_eq!(
        pod["volumes"],
        json!([{"name": "files", "secret": {"secretName": "app", "items": [{"key": "3", "path": "pw"}]}}])
    );
    let container = &pod["containers"][0];
    assert_eq!(
        container["env"][1]["valueFrom"]["secretKeyRef"],
        json!({"name": "app", "key": "current"})
    );
    assert_eq!(
        container["volumeMounts"],
        json!([{"name": "files", "mountPath": "/files"}])
    );
    assert_eq!(read["status"]["conditions"][0]["status"], "True");
    assert!(read["status"]["conditions"][0]["lastTransitionTime"].is_string());
}

#[test]
fn a_service_says_where_its_traffic_is() {
    let template = json!({"containers": [{"image": "x"}], "scaling": {"maxInstanceCount": 5},
        "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN1"});
    let mut world = seeded(
        "services",
        &json!({"template": template, "client": "gcloud", "clientVersion": "528"}),
    );
    let listed = must(&mut world, &format!("GET {SERVICES}"), &Value::Null);
    let read = &listed["items"][0];
    let annotations = &read["metadata"]["annotations"];
    assert_eq!(
        (
            &annotations["run.googleapis.com/ingress"],
            &annotations["run.googleapis.com/ingress-status"]
        ),
        (&json!("all"), &json!("all"))
    );
    assert!(
        annotations["serving.knative.dev/creator"].is_string()
            && annotations["serving.knative.dev/lastModifier"].is_string()
    );
    assert_eq!(annotations["run.googleapis.com/client-version"], "528");
    let spec = &read["spec"]["template"]["spec"];
    assert_eq!(
        (&spec["containerConcurrency"], &spec["timeoutSeconds"]),
        (&json!(80), &json!(300))
    );
    assert_eq!(
        spec["containers"][0]["resources"],
        json!({"limits": {"cpu": "1000m", "memory": "512Mi"}})
    );
    assert_eq!(spec["containers"][0].get("env"), None);
    let revision = read["status"]["latestReadyRevisionName"].as_str().unwrap();
    let metadata = &read["spec"]["template"]["metadata"];
    assert_eq!(metadata["name"], revision);
    assert_eq!(
        metadata["annotations"]["autoscaling.knative.dev/maxScale"],
        "5"
    );
    assert_eq!(
        metadata["annotations"]["run.googleapis.com/execution-environment"],
        "gen1"
    );
    assert_eq!(
        read["spec"]["traffic"],
        json!([{"percent": 100, "latestRevision": true}])
    );
    let status = &read["status"];
    assert_eq!(
        status["traffic"],
        json!([{"revisionName": revision, "percent": 100, "latestRevision": true}])
    );
    assert_eq!(status["address"]["url"], status["url"]);
    let kinds: Vec<_> = status["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["Ready", "ConfigurationsReady", "RoutesReady"]);
}

#[test]
fn what_is_not_ready_says_so_in_the_words_of_v1() {
    let mut world = World::default();
    let reference = json!({"secret": "none", "version": "1"});
    let env = json!([{"name": "PW", "valueSource": {"secretKeyRef": reference}}]);
    let service = json!({"template": {"containers": [{"image": "x", "env": env}]}});
    must(
        &mut world,
        "POST /v2/projects/p/locations/europe-west1/services?serviceId=x",
        &service,
    );
    let read = must(&mut world, &format!("GET {SERVICES}/x"), &Value::Null);
    for condition in read["status"]["conditions"].as_array().unwrap() {
        assert_eq!(
            (&condition["status"], &condition["reason"]),
            (&json!("False"), &json!("SecretsAccessCheckFailed"))
        );
        assert!(
            condition["message"]
                .as_str()
                .unwrap()
                .ends_with("was not found")
        );
    }
    assert_eq!(
        (
            read["status"].get("url"),
            read["status"].get("latestReadyRevisionName")
        ),
        (None, None)
    );
}
