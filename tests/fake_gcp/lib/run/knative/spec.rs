//! What is declared. <https://cloud.google.com/run/docs/reference/rest/v1/RevisionSpec>

use serde_json::{Map, Value, json};

use super::metadata;

/// What v1 has of a container, besides its variables, resources and mounts.
const CONTAINER: [&str; 8] = [
    "args",
    "command",
    "image",
    "livenessProbe",
    "name",
    "ports",
    "startupProbe",
    "workingDir",
];

pub fn of_job(resource: &Value) -> Value {
    let execution = &resource["template"];
    let task = &execution["template"];
    let mut pod = pod(task);
    copy(task, "maxRetries", &mut pod, "maxRetries");
    if let Some(seconds) = seconds(task) {
        pod["timeoutSeconds"] = json!(seconds);
    }
    let mut spec = json!({"template": {"spec": pod}});
    copy(execution, "taskCount", &mut spec, "taskCount");
    copy(execution, "parallelism", &mut spec, "parallelism");
    json!({"template": {"metadata": metadata::of_template(resource, execution, task), "spec": spec}})
}

pub fn of_service(resource: &Value) -> Value {
    let revision = &resource["template"];
    let mut pod = pod(revision);
    copy(
        revision,
        "maxInstanceRequestConcurrency",
        &mut pod,
        "containerConcurrency",
    );
    // A string of a job, it is a number of a service.
    if let Some(seconds) = seconds(revision).and_then(|seconds| seconds.parse::<i64>().ok()) {
        pod["timeoutSeconds"] = json!(seconds);
    }
    let targets = resource["traffic"].as_array().into_iter().flatten();
    json!({
        "template": {"metadata": metadata::of_template(resource, revision, revision), "spec": pod},
        "traffic": targets.map(target).collect::<Vec<_>>(),
    })
}

/// Where a share of the requests goes.
pub fn target(target: &Value) -> Value {
    let mut converted = json!({});
    copy(target, "percent", &mut converted, "percent");
    copy(target, "tag", &mut converted, "tag");
    copy(target, "revision", &mut converted, "revisionName");
    if target["revision"].is_null() {
        converted["latestRevision"] = json!(true);
    }
    converted
}

fn pod(workload: &Value) -> Value {
    let list = |field: &str| workload[field].as_array().cloned().unwrap_or_default();
    let sockets: Vec<Value> = list("volumes")
        .iter()
        .filter(|volume| is_socket(volume))
        .map(|v| v["name"].clone())
        .collect();
    let containers: Vec<_> = list("containers")
        .iter()
        .map(|one| container(one, &sockets))
        .collect();
    let mut pod =
        json!({"serviceAccountName": workload["serviceAccount"], "containers": containers});
    let volumes: Vec<_> = list("volumes")
        .iter()
        .filter(|volume| !is_socket(volume))
        .map(volume)
        .collect();
    if !volumes.is_empty() {
        pod["volumes"] = json!(volumes);
    }
    pod
}

/// Sockets of Cloud SQL are an annotation there.
fn is_socket(volume: &Value) -> bool {
    volume["cloudSqlInstance"].is_object()
}

fn seconds(workload: &Value) -> Option<&str> {
    workload["timeout"].as_str()?.strip_suffix('s')
}

fn container(container: &Value, sockets: &[Value]) -> Value {
    let mut converted = json!({"resources": {"limits": container["resources"]["limits"]}});
    for field in CONTAINER {
        copy(container, field, &mut converted, field);
    }
    let list = |field: &str| container[field].as_array().cloned().unwrap_or_default();
    let variables: Vec<_> = list("env").iter().map(variable).collect();
    let mounts: Vec<_> = list("volumeMounts")
        .into_iter()
        .filter(|mount| !sockets.contains(&mount["name"]))
        .collect();
    for (field, items) in [("env", variables), ("volumeMounts", mounts)] {
        if !items.is_empty() {
            converted[field] = json!(items);
        }
    }
    converted
}

/// `valueSource.secretKeyRef{secret,version}` is `valueFrom.secretKeyRef{name,key}` there.
fn variable(variable: &Value) -> Value {
    let reference = &variable["valueSource"]["secretKeyRef"];
    match reference.is_object() {
        false => variable.clone(),
        true => json!({
            "name": variable["name"],
            "valueFrom": {"secretKeyRef": {"name": reference["secret"], "key": reference["version"]}},
        }),
    }
}

/// `secret{secret,items{version}}` is `secret{secretName,items{key}}` there; any other is taken as it is.
fn volume(volume: &Value) -> Value {
    let source = &volume["secret"];
    if !source.is_object() {
        return volume.clone();
    }
    let mut secret = json!({"secretName": source["secret"]});
    copy(source, "defaultMode", &mut secret, "defaultMode");
    let items = source["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            let mut key = json!({});
            copy(item, "version", &mut key, "key");
            copy(item, "path", &mut key, "path");
            copy(item, "mode", &mut key, "mode");
            key
        });
    let items: Vec<_> = items.collect();
    if !items.is_empty() {
        secret["items"] = json!(items);
    }
    json!({"name": volume["name"], "secret": secret})
}

/// Takes a field over, under its name in v1, if it is there.
fn copy(from: &Value, field: &str, to: &mut Value, name: &str) {
    if let (Some(value), Some(to)) = (from.get(field), to.as_object_mut()) {
        Map::insert(to, name.to_owned(), value.clone());
    }
}
