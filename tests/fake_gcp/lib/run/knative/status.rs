//! What became of it.

use serde_json::{Value, json};

use super::super::revisions;
use super::{generation, spec, words};

pub fn of_job(resource: &Value) -> Value {
    let mut status = json!({
        "observedGeneration": generation(&resource["observedGeneration"]),
        "conditions": [condition(&resource["terminalCondition"])],
    });
    let latest = &resource["latestCreatedExecution"];
    if !latest["name"].is_null() {
        let mut reference = json!({"name": revisions::short(&latest["name"])});
        for (field, name) in [
            ("createTime", "creationTimestamp"),
            ("completionTime", "completionTimestamp"),
        ] {
            if !latest[field].is_null() {
                reference[name] = latest[field].clone();
            }
        }
        status["latestCreatedExecution"] = reference;
        status["executionCount"] = resource["executionCount"].clone();
    }
    status
}

pub fn of_service(resource: &Value) -> Value {
    let conditions = &resource["conditions"];
    let all = [
        &resource["terminalCondition"],
        &conditions[1],
        &conditions[0],
    ]
    .map(condition);
    let mut status = json!({"observedGeneration": generation(&resource["observedGeneration"]), "conditions": all});
    for (field, name) in [
        ("latestReadyRevision", "latestReadyRevisionName"),
        ("latestCreatedRevision", "latestCreatedRevisionName"),
    ] {
        if !resource[field].is_null() {
            status[name] = json!(revisions::short(&resource[field]));
        }
    }
    if let Some(targets) = resource["trafficStatuses"].as_array() {
        status["traffic"] = targets
            .iter()
            .map(|target| served(target, resource))
            .collect();
    }
    if !resource["uri"].is_null() {
        status["url"] = resource["uri"].clone();
        status["address"] = json!({"url": resource["uri"]});
    }
    status
}

/// In the status, what goes to the latest revision names it.
fn served(target: &Value, resource: &Value) -> Value {
    let mut converted = spec::target(target);
    if converted["revisionName"].is_null() {
        converted["revisionName"] = json!(revisions::short(&resource["latestReadyRevision"]));
    }
    converted
}

fn condition(condition: &Value) -> Value {
    let status = match condition["state"].as_str() {
        Some("CONDITION_SUCCEEDED") => "True",
        Some("CONDITION_FAILED") => "False",
        _ => "Unknown",
    };
    let mut converted = json!({"type": condition["type"], "status": status, "lastTransitionTime": condition["lastTransitionTime"]});
    if let Some(reason) = condition["reason"].as_str() {
        converted["reason"] = json!(words(reason));
        converted["message"] = condition["message"].clone();
    }
    converted
}
