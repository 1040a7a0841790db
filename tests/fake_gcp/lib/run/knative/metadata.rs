//! Annotations and labels: much of what are fields in v2 stands there in v1.
//! <https://cloud.google.com/run/docs/reference/rest/v1/ObjectMeta>

use serde_json::{Map, Value, json};

use super::super::{Kind, RunName, revisions};
use super::generation;

/// The `metadata` of a job or service.
pub fn of_resource(name: &RunName, number: u64, resource: &Value) -> Value {
    let (api, maker) = match name.kind {
        Kind::Job => ("run.googleapis.com", "run.googleapis.com"),
        Kind::Service => ("serving.knative.dev", "serving.knative.dev"),
    };
    let collection = name.kind.collection();
    let mut labels = owned(&resource["labels"]);
    labels.insert("cloud.googleapis.com/location".into(), json!(name.region));
    let mut annotations = owned(&resource["annotations"]);
    clients(&mut annotations, resource);
    annotations.insert(format!("{maker}/creator"), resource["creator"].clone());
    annotations.insert(
        format!("{maker}/lastModifier"),
        resource["lastModifier"].clone(),
    );
    annotations.insert(
        "run.googleapis.com/operation-id".into(),
        resource["uid"].clone(),
    );
    match name.kind {
        Kind::Job => {
            labels.insert(
                "run.googleapis.com/lastUpdatedTime".into(),
                resource["updateTime"].clone(),
            );
        }
        Kind::Service => {
            let ingress = ingress(&resource["ingress"]);
            annotations.insert("run.googleapis.com/ingress".into(), json!(ingress));
            annotations.insert("run.googleapis.com/ingress-status".into(), json!(ingress));
        }
    }
    json!({
        "name": name.id,
        "namespace": number.to_string(),
        "selfLink": format!("/apis/{api}/v1/namespaces/{number}/{collection}/{}", name.id),
        "uid": resource["uid"],
        "resourceVersion": resource["etag"].as_str().unwrap_or_default().trim_matches('"'),
        "generation": generation(&resource["generation"]),
        "creationTimestamp": resource["createTime"],
        "labels": labels,
        "annotations": annotations,
    })
}

/// The `metadata` of a template; of a service it bears the name of the revision that it makes.
pub fn of_template(resource: &Value, template: &Value, workload: &Value) -> Value {
    let mut annotations = owned(&template["annotations"]);
    clients(&mut annotations, resource);
    let mut add = |name: &str, value: Option<String>| {
        value
            .into_iter()
            .for_each(|value| drop(annotations.insert(name.to_owned(), json!(value))));
    };
    add(
        "run.googleapis.com/execution-environment",
        environment(&workload["executionEnvironment"]),
    );
    add("run.googleapis.com/cloudsql-instances", sockets(workload));
    add(
        "autoscaling.knative.dev/minScale",
        number(&template["scaling"]["minInstanceCount"]),
    );
    add(
        "autoscaling.knative.dev/maxScale",
        number(&template["scaling"]["maxInstanceCount"]),
    );
    let mut metadata = json!({ "annotations": annotations });
    if !template["labels"].is_null() {
        metadata["labels"] = template["labels"].clone();
    }
    if !resource["latestCreatedRevision"].is_null() {
        metadata["name"] = json!(revisions::short(&resource["latestCreatedRevision"]));
    }
    metadata
}

fn owned(map: &Value) -> Map<String, Value> {
    map.as_object().cloned().unwrap_or_default()
}

/// The program that wrote it last.
fn clients(annotations: &mut Map<String, Value>, resource: &Value) {
    for (field, name) in [
        ("client", "client-name"),
        ("clientVersion", "client-version"),
    ] {
        if !resource[field].is_null() {
            annotations.insert(
                format!("run.googleapis.com/{name}"),
                resource[field].clone(),
            );
        }
    }
}

/// `INGRESS_TRAFFIC_INTERNAL_ONLY` is `internal` there.
fn ingress(value: &Value) -> &'static str {
    match value.as_str() {
        Some("INGRESS_TRAFFIC_INTERNAL_ONLY") => "internal",
        Some("INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER") => "internal-and-cloud-load-balancing",
        Some("INGRESS_TRAFFIC_NONE") => "none",
        _ => "all",
    }
}

fn environment(value: &Value) -> Option<String> {
    value
        .as_str()?
        .strip_prefix("EXECUTION_ENVIRONMENT_")
        .map(str::to_lowercase)
}

fn sockets(workload: &Value) -> Option<String> {
    let volumes = workload["volumes"].as_array().into_iter().flatten();
    let instances = volumes
        .filter_map(|volume| volume["cloudSqlInstance"]["instances"].as_array())
        .flatten();
    let named: Vec<&str> = instances.filter_map(Value::as_str).collect();
    (!named.is_empty()).then(|| named.join(","))
}

fn number(value: &Value) -> Option<String> {
    value.as_i64().map(|number| number.to_string())
}
