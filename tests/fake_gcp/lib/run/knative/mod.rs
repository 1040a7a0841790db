//! The v1 form of the same jobs and services: `gcloud run jobs describe` and `gcloud run services describe`
//! read nothing else. The region stands in the host name (`europe-west1-run.googleapis.com`), not in the path.

use serde_json::{Map, Value, json};

use super::super::call::Call;
use super::super::error::{Answer, ApiError};
use super::super::world::World;
use super::{Kind, RunName};

/// `GET /apis/run.googleapis.com/v1/namespaces/P/jobs/J`, `GET /apis/serving.knative.dev/v1/namespaces/P/services/S`.
pub fn get(world: &mut World, call: &Call, kind: Kind, namespace: &str, id: &str) -> Answer {
    call.only_query(&[])?;
    let found = found(world, call, kind, namespace, "get")?;
    let mut found = found.into_iter().filter(|(name, _)| name.id == id);
    let one = found.next().map(|(_, resource)| resource);
    one.ok_or_else(|| {
        ApiError::not_found(format!("Resource '{id}' of kind '{}' does not exist.", kind_word(kind).to_uppercase()))
    })
}

/// The same without a name: of the region in the host name, of all regions where there is none.
pub fn list(world: &mut World, call: &Call, kind: Kind, namespace: &str) -> Answer {
    call.only_query(&["limit", "continue", "fieldSelector", "labelSelector", "includeUninitialized"])?;
    let found = found(world, call, kind, namespace, "list")?;
    let items: Vec<Value> = found.into_iter().map(|(_, resource)| resource).collect();
    Ok(json!({ "apiVersion": api_version(kind), "kind": format!("{}List", kind_word(kind)), "items": items }))
}

fn found(
    world: &mut World,
    call: &Call,
    kind: Kind,
    namespace: &str,
    action: &str,
) -> Result<Vec<(RunName, Value)>, ApiError> {
    let project = world.project(call, &format!("run.{}.{action}", kind.collection()), namespace)?;
    let region = call.host.split_once("-run.").map(|(region, _)| region);
    let resources = world.run.resources.iter().filter(|(name, _)| {
        name.kind == kind && name.project == project.id && region.is_none_or(|region| region == name.region)
    });
    let shown = resources.map(|(name, resource)| (name.clone(), converted(name, project.number, resource)));
    Ok(shown.collect())
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Job => "Job",
        Kind::Service => "Service",
    }
}

fn api_version(kind: Kind) -> &'static str {
    match kind {
        Kind::Job => "run.googleapis.com/v1",
        Kind::Service => "serving.knative.dev/v1",
    }
}

fn converted(name: &RunName, number: u64, resource: &Value) -> Value {
    let workload = name.kind.workload(resource);
    let spec = match name.kind {
        Kind::Job => json!({"template": {"spec": {
            "taskCount": resource["template"]["taskCount"],
            "template": {"spec": pod(workload)},
        }}}),
        Kind::Service => json!({"template": {"spec": pod(workload)}}),
    };
    json!({
        "apiVersion": api_version(name.kind),
        "kind": kind_word(name.kind),
        "metadata": {
            "name": name.id,
            "namespace": number.to_string(),
            "uid": resource["uid"],
            "generation": 1,
            "creationTimestamp": resource["createTime"],
            "labels": {"cloud.googleapis.com/location": name.region},
            "annotations": {"run.googleapis.com/operation-id": resource["uid"]},
        },
        "spec": spec,
        "status": {
            "observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    })
}

fn pod(workload: &Value) -> Value {
    let containers = workload["containers"].as_array().into_iter().flatten();
    let mut pod = json!({
        "serviceAccountName": workload["serviceAccount"],
        "timeoutSeconds": workload["timeout"].as_str().and_then(|t| t.strip_suffix('s')),
        "containers": containers.map(container).collect::<Vec<_>>(),
    });
    if !workload["maxRetries"].is_null() {
        pod["maxRetries"] = workload["maxRetries"].clone();
    }
    pod
}

fn container(container: &Value) -> Value {
    let variables = container["env"].as_array().into_iter().flatten();
    let mut converted: Map<String, Value> = container.as_object().cloned().unwrap_or_default();
    converted.insert("env".into(), variables.map(variable).collect());
    Value::Object(converted)
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
