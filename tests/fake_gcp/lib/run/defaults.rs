//! What Cloud Run adds to a job or service that it is given.

use serde_json::{Value, json};

use super::super::clock::rfc3339;
use super::super::error::ApiError;
use super::super::world::World;
use super::{Kind, RunName};

/// The resource as Cloud Run would answer it once it is ready.
///
/// # Errors
/// 400 when there is no container to run.
pub fn completed(world: &mut World, name: &RunName, number: u64, mut given: Value) -> Result<Value, ApiError> {
    let now = rfc3339(world.clock.now());
    complete_template(name.kind, number, &mut given)?;
    let etag = world.next_etag();
    let uid = format!("00000000-0000-4000-8000-{:012x}", world.next_change());
    for (field, value) in [
        ("name", json!(name.to_string())),
        ("uid", json!(uid)),
        ("generation", json!("1")),
        ("createTime", json!(now)),
        ("updateTime", json!(now)),
        ("etag", json!(etag)),
        ("observedGeneration", json!("1")),
        ("terminalCondition", json!({"type": "Ready", "state": "CONDITION_SUCCEEDED", "lastTransitionTime": now})),
    ] {
        given[field] = value;
    }
    let kind_defaults = match name.kind {
        Kind::Job => json!({"launchStage": "GA", "latestCreatedExecution": {}}),
        Kind::Service => json!({
            "launchStage": "GA",
            "ingress": "INGRESS_TRAFFIC_ALL",
            "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
            "uri": format!("https://{}-{number}.{}.run.app", name.id, name.region),
        }),
    };
    fill(&mut given, &kind_defaults);
    if name.kind == Kind::Service {
        given["trafficStatuses"] = given["traffic"].clone();
    }
    Ok(given)
}

/// What stays the same whatever is written.
const KEPT: [&str; 6] =
    ["uid", "createTime", "latestCreatedExecution", "executionCount", "latestCreatedRevision", "latestReadyRevision"];

/// The resource after an update to `wanted`, with the next generation.
///
/// # Errors
/// 400 when there is no container to run.
pub fn updated(
    world: &mut World,
    name: &RunName,
    number: u64,
    current: &Value,
    wanted: Value,
) -> Result<Value, ApiError> {
    let mut next = completed(world, name, number, wanted)?;
    for field in KEPT.iter().filter(|field| !current[**field].is_null()) {
        next[*field] = current[*field].clone();
    }
    let generation = current["generation"].as_str().and_then(|generation| generation.parse::<u64>().ok());
    let generation = json!((generation.unwrap_or(0) + 1).to_string());
    next["observedGeneration"] = generation.clone();
    next["generation"] = generation;
    Ok(next)
}

fn complete_template(kind: Kind, number: u64, given: &mut Value) -> Result<(), ApiError> {
    let required = || ApiError::invalid("Violation in template.containers: at least one container is required.");
    let mut template = object(given, "template")?;
    let defaults = match kind {
        Kind::Job => json!({"maxRetries": 3, "timeout": "600s"}),
        Kind::Service => json!({"maxInstanceRequestConcurrency": 80, "timeout": "300s"}),
    };
    if kind == Kind::Job {
        fill(template, &json!({"taskCount": 1}));
        template = object(template, "template")?;
    }
    let containers = template.get_mut("containers").and_then(Value::as_array_mut);
    for container in containers.filter(|list| !list.is_empty()).ok_or_else(required)? {
        fill(container, &json!({"resources": {"limits": {"cpu": "1000m", "memory": "512Mi"}}}));
    }
    fill(template, &defaults);
    fill(template, &json!({"executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2"}));
    if template["serviceAccount"].as_str().unwrap_or_default().is_empty() {
        template["serviceAccount"] = json!(format!("{number}-compute@developer.gserviceaccount.com"));
    }
    Ok(())
}

/// The message in a field, made where it is missing.
fn object<'a>(value: &'a mut Value, field: &str) -> Result<&'a mut Value, ApiError> {
    let wrong = || ApiError::malformed(field, format!("Invalid value at '{field}' (TYPE_MESSAGE)"));
    let inner = value.as_object_mut().ok_or_else(wrong)?.entry(field).or_insert_with(|| json!({}));
    if inner.is_object() { Ok(inner) } else { Err(wrong()) }
}

/// Adds the fields that are missing.
fn fill(value: &mut Value, defaults: &Value) {
    let (Some(value), Some(defaults)) = (value.as_object_mut(), defaults.as_object()) else {
        return;
    };
    for (field, default) in defaults {
        value.entry(field).or_insert_with(|| default.clone());
    }
}
