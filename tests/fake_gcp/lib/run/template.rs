//! What Cloud Run adds to the template of a job or service.

use serde_json::{Map, Value, json};

use super::super::error::ApiError;
use super::Kind;

/// Where a container listens that does not say so.
const PORT: u16 = 8080;

/// Where the sockets of Cloud SQL lie, whatever was asked for.
/// <https://cloud.google.com/run/docs/reference/rest/v2/Container#volumemount>
const SOCKETS: &str = "/cloudsql";

/// Adds what is missing of the template of `given`.
///
/// # Errors
/// 400 when there is no container to run.
pub fn complete(kind: Kind, number: u64, given: &mut Value) -> Result<(), ApiError> {
    let required = || {
        ApiError::invalid("Violation in template.containers: at least one container is required.")
    };
    let mut template = object(given, "template")?;
    if kind == Kind::Job {
        fill(template, &json!({"taskCount": 1}));
        template = object(template, "template")?;
    }
    let volumes = socket_volumes(template);
    let containers = template.get_mut("containers").and_then(Value::as_array_mut);
    let containers = containers
        .filter(|list| !list.is_empty())
        .ok_or_else(required)?;
    let alone = containers.len() == 1;
    for container in containers {
        fill(container, &resources(kind, alone));
        if kind == Kind::Service && (alone || container["ports"].is_array()) {
            listen(container);
        }
        probes(container);
        mount_sockets(container, &volumes);
    }
    // Services of the year 2024, of which answers are known, do not name the environment that they run in.
    fill(
        template,
        &match kind {
            Kind::Job => {
                json!({"maxRetries": 3, "timeout": "600s", "executionEnvironment": "EXECUTION_ENVIRONMENT_GEN2"})
            }
            Kind::Service => json!({"maxInstanceRequestConcurrency": 80, "timeout": "300s"}),
        },
    );
    if template["serviceAccount"]
        .as_str()
        .unwrap_or_default()
        .is_empty()
    {
        template["serviceAccount"] =
            json!(format!("{number}-compute@developer.gserviceaccount.com"));
    }
    Ok(())
}

/// The containers of a job share what one alone gets. CPU only during requests is a default of all the resources of a
/// service: who gives some of them has to say that, too.
/// <https://cloud.google.com/run/docs/reference/rest/v2/Container#resourcerequirements>
fn resources(kind: Kind, alone: bool) -> Value {
    let memory = if alone || kind == Kind::Service {
        "512Mi"
    } else {
        "256Mi"
    };
    let limits = json!({"cpu": "1000m", "memory": memory});
    match kind {
        Kind::Job => json!({"resources": {"limits": limits}}),
        Kind::Service => json!({"resources": {"limits": limits, "cpuIdle": true}}),
    }
}

/// The container of a service that gets its requests has a port, and is ready when that can be connected to.
fn listen(container: &mut Value) {
    fill(container, &json!({"ports": [{}]}));
    container["ports"][0] = filled(
        &container["ports"][0],
        &json!({"name": "http1", "containerPort": PORT}),
    );
    let probe = json!({
        "timeoutSeconds": 240, "periodSeconds": 240, "failureThreshold": 1, "tcpSocket": {"port": port(container)},
    });
    fill(container, &json!({ "startupProbe": probe }));
}

/// <https://cloud.google.com/run/docs/reference/rest/v2/Container#probe>
fn probes(container: &mut Value) {
    let port = port(container);
    for field in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let Some(probe) = container.get_mut(field).filter(|probe| probe.is_object()) else {
            continue;
        };
        fill(
            probe,
            &json!({"failureThreshold": 3, "periodSeconds": 10, "timeoutSeconds": 1}),
        );
        for action in ["httpGet", "tcpSocket", "grpc"] {
            if let Some(action) = probe.get_mut(action) {
                fill(action, &json!({ "port": port }));
            }
        }
    }
}

/// "The value of container.ports[0].containerPort."
fn port(container: &Value) -> Value {
    match &container["ports"][0]["containerPort"] {
        Value::Null => json!(PORT),
        port => port.clone(),
    }
}

fn socket_volumes(template: &Value) -> Vec<Value> {
    let volumes = template["volumes"].as_array().into_iter().flatten();
    volumes
        .filter(|volume| volume["cloudSqlInstance"].is_object())
        .map(|volume| volume["name"].clone())
        .collect()
}

fn mount_sockets(container: &mut Value, volumes: &[Value]) {
    let mounts = container
        .get_mut("volumeMounts")
        .and_then(Value::as_array_mut);
    for mount in mounts
        .into_iter()
        .flatten()
        .filter(|mount| volumes.contains(&mount["name"]))
    {
        mount["mountPath"] = json!(SOCKETS);
    }
}

/// The message in a field, made where it is missing.
fn object<'a>(value: &'a mut Value, field: &str) -> Result<&'a mut Value, ApiError> {
    let wrong = || ApiError::malformed(field, format!("Invalid value at '{field}' (TYPE_MESSAGE)"));
    let inner = value
        .as_object_mut()
        .ok_or_else(wrong)?
        .entry(field)
        .or_insert_with(|| json!({}));
    if inner.is_object() {
        Ok(inner)
    } else {
        Err(wrong())
    }
}

/// Adds the fields that are missing.
pub fn fill(value: &mut Value, defaults: &Value) {
    let (Some(value), Some(defaults)) = (value.as_object_mut(), defaults.as_object()) else {
        return;
    };
    for (field, default) in defaults {
        value.entry(field).or_insert_with(|| default.clone());
    }
}

fn filled(value: &Value, defaults: &Value) -> Value {
    let mut value = if value.is_object() {
        value.clone()
    } else {
        Value::Object(Map::new())
    };
    fill(&mut value, defaults);
    value
}
