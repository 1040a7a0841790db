//! Revisions of services, <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services.revisions>.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::clock::rfc3339;
use super::super::error::{Answer, ApiError, Code};
use super::super::list;
use super::super::world::World;
use super::readiness::Failure;
use super::v2::Collection;
use super::{Kind, RunName};

/// What a revision takes over from the template of its service.
const OF_TEMPLATE: [&str; 10] = [
    "annotations",
    "containers",
    "executionEnvironment",
    "labels",
    "maxInstanceRequestConcurrency",
    "scaling",
    "serviceAccount",
    "timeout",
    "volumes",
    "vpcAccess",
];

/// `GET …/services/S/revisions`, newest first; `-` for those of all services.
pub fn list(world: &mut World, call: &Call, of: Collection<'_>, service: &str) -> Answer {
    call.only_query(&["pageSize", "pageToken", "showDeleted"])?;
    let name = authorized(world, call, of, "list", service)?;
    let names: Vec<RunName> = world.run.resources.keys().cloned().collect();
    let here = |other: &RunName| match service {
        "-" => {
            RunName {
                id: String::new(),
                ..other.clone()
            } == RunName {
                id: String::new(),
                ..name.clone()
            }
        }
        _ => *other == name,
    };
    let found = names
        .iter()
        .filter(|other| here(other))
        .flat_map(|other| shown(world, other));
    list::page(call, "revisions", found.collect())
}

/// `GET …/services/S/revisions/V`.
pub fn get(world: &mut World, call: &Call, of: Collection<'_>, service: &str, id: &str) -> Answer {
    call.only_query(&[])?;
    let name = authorized(world, call, of, "get", service)?;
    let wanted = format!("{name}/revisions/{id}");
    let found = shown(world, &name)
        .into_iter()
        .find(|revision| revision["name"] == wanted);
    found.ok_or_else(|| {
        let RunName {
            region, project, ..
        } = &name;
        let place = format!("in region '{region}' in project '{project}'");
        ApiError::not_found(format!(
            "Resource '{id}' of kind 'REVISION' {place} does not exist."
        ))
    })
}

fn authorized(
    world: &mut World,
    call: &Call,
    of: Collection<'_>,
    action: &str,
    id: &str,
) -> Result<RunName, ApiError> {
    let project = world.project(call, &format!("run.revisions.{action}"), of.project)?;
    Ok(RunName {
        kind: Kind::Service,
        project: project.id,
        region: of.region.to_owned(),
        id: id.to_owned(),
    })
}

/// Names the revision that a new template makes.
///
/// # Errors
/// 409 where the template names one that is there already, 400 where it is not named after its service.
pub fn name_new(world: &mut World, name: &RunName, service: &mut Value) -> Result<(), ApiError> {
    let generation = service["generation"].as_str().unwrap_or("1").to_owned();
    let id = match service["template"]["revision"].as_str().unwrap_or_default() {
        "" => format!(
            "{}-{generation:0>5}-{}",
            name.id,
            suffix(world.next_change())
        ),
        given if !given.starts_with(&format!("{}-", name.id)) => {
            let message =
                format!("Revision names must start with the service name and a hyphen: '{given}'.");
            return Err(ApiError::invalid(message));
        }
        given => given.to_owned(),
    };
    let full = format!("{name}/revisions/{id}");
    if find(world, name, &full).is_some() {
        let message = format!("Revision named '{id}' with different configuration already exists.");
        return Err(ApiError::new(Code::AlreadyExists, message));
    }
    service["latestCreatedRevision"] = json!(full);
    Ok(())
}

/// # Errors
/// 400 for shares that are not 100 percent together, and for a revision that is not there.
pub fn check_traffic(world: &World, name: &RunName, service: &Value) -> Result<(), ApiError> {
    let targets = service["traffic"].as_array().cloned().unwrap_or_default();
    let shares = targets
        .iter()
        .map(|target| target["percent"].as_i64().unwrap_or(0))
        .sum::<i64>();
    if shares != 100 {
        return Err(ApiError::invalid(format!(
            "Traffic targets must sum to 100 percent, not {shares}."
        )));
    }
    for revision in targets
        .iter()
        .filter_map(|target| target["revision"].as_str())
    {
        let full = format!("{name}/revisions/{revision}");
        if service["latestCreatedRevision"] != full && find(world, name, &full).is_none() {
            return Err(ApiError::invalid(format!(
                "Revision '{revision}' is not found."
            )));
        }
    }
    Ok(())
}

/// The revision that the service calls its newest is kept, if it is not there already. A job has none.
pub fn keep_newest(world: &mut World, name: &RunName, service: &Value, failure: Option<&Failure>) {
    let Some(full) = service["latestCreatedRevision"].as_str() else {
        return;
    };
    if find(world, name, full).is_none() {
        let mut revision = made_of(world, name, full, &service["template"]);
        if let Some(failure) = failure {
            revision["conditions"] = failure.of_revision(&revision["createTime"]);
        }
        world
            .run
            .revisions
            .entry(name.to_string())
            .or_default()
            .push(revision);
    }
}

/// Puts a revision of a service there; `given` says what is to be seen of it besides its names.
pub fn seed(world: &mut World, name: &RunName, id: &str, given: &Value) -> Answer {
    let service = world
        .run
        .resources
        .get(name)
        .ok_or_else(|| name.not_found())?;
    let template = service["template"].clone();
    let full = format!("{name}/revisions/{id}");
    let mut revision = made_of(world, name, &full, &template);
    if let (Some(revision), Some(given)) = (revision.as_object_mut(), given.as_object()) {
        revision.extend(given.clone());
    }
    revision["name"] = json!(full);
    let revisions = world.run.revisions.entry(name.to_string()).or_default();
    revisions.retain(|other| other["name"] != full);
    // The newest stays last: what is seeded has been there before.
    revisions.insert(revisions.len().saturating_sub(1), revision.clone());
    Ok(revision)
}

fn made_of(world: &mut World, name: &RunName, full: &str, template: &Value) -> Value {
    let now = rfc3339(world.clock.now());
    let mut revision = json!({
        "name": full,
        "uid": format!("00000000-0000-4000-8000-{:012x}", world.next_change()),
        "generation": "1",
        "createTime": now,
        "updateTime": now,
        "service": name.id,
        "etag": world.next_etag(),
        "observedGeneration": "1",
    });
    for field in OF_TEMPLATE
        .iter()
        .filter(|field| !template[**field].is_null())
    {
        revision[*field] = template[*field].clone();
    }
    revision
}

fn find<'a>(world: &'a World, name: &RunName, full: &str) -> Option<&'a Value> {
    let of_service = world.run.revisions.get(&name.to_string());
    of_service
        .into_iter()
        .flatten()
        .find(|revision| revision["name"] == full)
}

/// Newest first, each active while traffic goes to it, unless it was seeded otherwise.
fn shown(world: &World, name: &RunName) -> Vec<Value> {
    let Some(service) = world.run.resources.get(name) else {
        return Vec::new();
    };
    let revisions = world
        .run
        .revisions
        .get(&name.to_string())
        .into_iter()
        .flatten()
        .rev();
    let with_conditions = |revision: &Value| {
        let mut revision = revision.clone();
        if revision["conditions"].is_null() {
            revision["conditions"] =
                conditions(&revision, is_served(service, name, &revision["name"]));
        }
        revision
    };
    revisions.map(with_conditions).collect()
}

/// Whether traffic goes there, by share or by tag.
fn is_served(service: &Value, name: &RunName, revision: &Value) -> bool {
    let mut targets = service["traffic"].as_array().into_iter().flatten();
    targets.any(|target| match target["revision"].as_str() {
        Some(id) => *revision == format!("{name}/revisions/{id}"),
        None => service["latestReadyRevision"] == *revision,
    })
}

fn conditions(revision: &Value, active: bool) -> Value {
    let since = &revision["createTime"];
    let succeeded = |kind: &str| json!({"type": kind, "state": "CONDITION_SUCCEEDED", "lastTransitionTime": since});
    let retired = json!({
        "type": "Active", "state": "CONDITION_FAILED", "severity": "INFO", "revisionReason": "RETIRED",
        "lastTransitionTime": since,
    });
    json!([
        succeeded("Ready"),
        if active { succeeded("Active") } else { retired }
    ])
}

/// The last part of the name of a revision.
pub fn short(full: &Value) -> &str {
    full.as_str()
        .unwrap_or_default()
        .rsplit('/')
        .next()
        .unwrap_or_default()
}

/// Three letters, as generated names end.
fn suffix(change: u64) -> String {
    let letter = |shift: u64| {
        char::from(b'a' + u8::try_from((change / 26_u64.pow(shift as u32)) % 26).unwrap_or(0))
    };
    [2, 1, 0].map(letter).iter().collect()
}
