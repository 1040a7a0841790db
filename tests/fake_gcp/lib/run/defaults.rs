//! What Cloud Run adds to a job or service besides its template.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::super::clock::rfc3339;
use super::super::error::ApiError;
use super::super::world::World;
use super::template::{self, fill};
use super::{Kind, RunName};

/// "For a deleted resource, the time after which it will be permanently deleted."
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The resource as it is made by `creator`, before it is known whether it becomes ready.
///
/// # Errors
/// 400 when there is no container to run.
pub fn completed(
    world: &mut World,
    name: &RunName,
    number: u64,
    creator: &str,
    mut given: Value,
) -> Result<Value, ApiError> {
    let now = rfc3339(world.clock.now());
    template::complete(name.kind, number, &mut given)?;
    let uid = format!("00000000-0000-4000-8000-{:012x}", world.next_change());
    for (field, value) in [
        ("name", json!(name.to_string())),
        ("uid", json!(uid)),
        ("generation", json!("1")),
        ("observedGeneration", json!("1")),
        ("createTime", json!(now)),
        ("updateTime", json!(now)),
        ("etag", json!(world.next_etag())),
    ] {
        given[field] = value;
    }
    fill(
        &mut given,
        &json!({"creator": creator, "lastModifier": creator, "launchStage": "GA"}),
    );
    let of_kind = match name.kind {
        Kind::Job => json!({"latestCreatedExecution": {}}),
        Kind::Service => json!({
            "ingress": "INGRESS_TRAFFIC_ALL",
            "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
        }),
    };
    fill(&mut given, &of_kind);
    Ok(given)
}

/// What stays the same whatever is written.
const KEPT: [&str; 11] = [
    "conditions",
    "createTime",
    "creator",
    "executionCount",
    "latestCreatedExecution",
    "latestCreatedRevision",
    "latestReadyRevision",
    "terminalCondition",
    "trafficStatuses",
    "uid",
    "uri",
];

/// The resource after an update to `wanted` by `modifier`, with the next generation.
///
/// # Errors
/// 400 when there is no container to run.
pub fn updated(
    world: &mut World,
    name: &RunName,
    number: u64,
    modifier: &str,
    current: &Value,
    wanted: Value,
) -> Result<Value, ApiError> {
    let mut next = completed(world, name, number, modifier, wanted)?;
    for field in KEPT.iter().filter(|field| !current[**field].is_null()) {
        next[*field] = current[*field].clone();
    }
    count(&mut next, current);
    Ok(next)
}

/// The resource when it is deleted by `modifier`.
pub fn deleted(world: &mut World, modifier: &str, mut resource: Value) -> Value {
    let now = world.clock.now();
    let before = resource.clone();
    count(&mut resource, &before);
    for (field, value) in [
        ("updateTime", rfc3339(now)),
        ("deleteTime", rfc3339(now)),
        ("expireTime", rfc3339(now + KEPT_FOR)),
        ("lastModifier", modifier.to_owned()),
        ("etag", world.next_etag()),
    ] {
        resource[field] = json!(value);
    }
    resource
}

/// The first day for which jobs are known to name who made and who changed them: a recording of September 2024 has neither,
/// those of September 2025 have both.
const JOBS_NAME_THEIR_MAKERS: Date = jiff::civil::date(2025, 1, 1);

/// The resource as v2 shows it at `now`.
pub fn shown(kind: Kind, now: Timestamp, mut resource: Value) -> Value {
    let names_makers =
        kind == Kind::Service || now.to_zoned(TimeZone::UTC).date() >= JOBS_NAME_THEIR_MAKERS;
    if let Some(fields) = resource.as_object_mut().filter(|_| !names_makers) {
        fields.remove("creator");
        fields.remove("lastModifier");
    }
    resource
}

/// Gives `next` the generation that follows that of `current`.
fn count(next: &mut Value, current: &Value) {
    let generation = current["generation"]
        .as_str()
        .and_then(|generation| generation.parse::<u64>().ok());
    let generation = json!((generation.unwrap_or(0) + 1).to_string());
    next["observedGeneration"] = generation.clone();
    next["generation"] = generation;
}

/// What can be written of `given`: what is output only is not looked at.
pub fn writable(kind: Kind, given: &Value) -> Value {
    let fields = kind
        .writable()
        .iter()
        .filter(|field| !given[**field].is_null());
    let fields: Map<String, Value> = fields
        .map(|field| ((*field).to_owned(), given[*field].clone()))
        .collect();
    Value::Object(fields)
}
