//! The v2 methods.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::caller::ANONYMOUS;
use super::super::error::{Answer, ApiError, Code};
use super::super::list;
use super::super::shape::normalise;
use super::super::world::World;
use super::readiness::{self, Failure};
use super::{Kind, RunName, acting, defaults, executions, revisions};

/// The collection a request is about: project as given, region, jobs or services.
#[derive(Clone, Copy)]
pub struct Collection<'a> {
    pub project: &'a str,
    pub region: &'a str,
    pub kind: Kind,
}

impl Collection<'_> {
    /// The name in this collection and the project's number, if the caller holds the permission.
    pub fn name(
        self,
        world: &mut World,
        call: &Call,
        action: &str,
        id: &str,
    ) -> Result<(RunName, u64), ApiError> {
        let permission = format!("run.{}.{action}", self.kind.collection());
        let project = world.project(call, &permission, self.project)?;
        let name = RunName {
            kind: self.kind,
            project: project.id,
            region: self.region.to_owned(),
            id: id.to_owned(),
        };
        Ok((name, project.number))
    }

    /// The same for what is seeded, which everybody may do.
    fn seeded(self, world: &mut World, id: &str) -> Result<(RunName, u64), ApiError> {
        let project = world.projects.resolve(self.project);
        let missing = || ApiError::not_found(format!("Project '{}' does not exist.", self.project));
        let project = project.ok_or_else(missing)?;
        let name = RunName {
            kind: self.kind,
            project: project.id,
            region: self.region.to_owned(),
            id: id.to_owned(),
        };
        Ok((name, project.number))
    }
}

/// `GET …/jobs/J`, `GET …/services/S`.
pub fn get(world: &mut World, call: &Call, of: Collection<'_>, id: &str) -> Answer {
    call.only_query(&[])?;
    let (name, _) = of.name(world, call, "get", id)?;
    let found = world
        .run
        .resources
        .get(&name)
        .cloned()
        .ok_or_else(|| name.not_found())?;
    Ok(defaults::shown(of.kind, world.clock.now(), found))
}

/// `GET …/jobs`, `GET …/services`.
pub fn list(world: &mut World, call: &Call, of: Collection<'_>) -> Answer {
    call.only_query(&["pageSize", "pageToken", "showDeleted"])?;
    if of.region == "-" {
        return Err(ApiError::invalid(
            "The location wildcard '-' is not supported.",
        ));
    }
    let (prefix, _) = of.name(world, call, "list", "")?;
    let resources = world.run.resources.iter();
    let here = |name: &RunName| {
        RunName {
            id: String::new(),
            ..name.clone()
        } == prefix
    };
    let now = world.clock.now();
    let shown = |resource: &Value| defaults::shown(of.kind, now, resource.clone());
    let found = resources
        .filter(|(name, _)| here(name))
        .map(|(_, resource)| shown(resource));
    list::page(call, of.kind.collection(), found.collect())
}

/// `POST …/jobs?jobId=J`, `POST …/services?serviceId=S`: an operation that is done at once.
pub fn create(world: &mut World, call: &Call, of: Collection<'_>) -> Answer {
    let parameter = match of.kind {
        Kind::Job => "jobId",
        Kind::Service => "serviceId",
    };
    call.only_query(&[parameter, "validateOnly"])?;
    let id = call.query(parameter).unwrap_or_default();
    let given = call.body(of.kind.shape(), "")?;
    let (name, number) = of.name(world, call, "create", id)?;
    create_named(world, call, &name, number, &given)
}

pub fn create_named(
    world: &mut World,
    call: &Call,
    name: &RunName,
    number: u64,
    given: &Value,
) -> Answer {
    let id = &name.id;
    check_id(id)?;
    if world.run.resources.contains_key(name) {
        let message = format!("Resource '{id}' already exists.");
        return Err(ApiError::new(Code::AlreadyExists, message));
    }
    let given = defaults::writable(name.kind, given);
    let mut resource = defaults::completed(world, name, number, &call.caller, given)?;
    acting::check(world, call, name.kind, &resource)?;
    if name.kind == Kind::Service {
        revisions::name_new(world, name, &mut resource)?;
        revisions::check_traffic(world, name, &resource)?;
    }
    if call.query("validateOnly") == Some("true") {
        readiness::succeed(world, name, &mut resource);
        return Ok(operation(world, name, resource, None));
    }
    let failure = readiness::reconcile(world, name, &mut resource, true);
    Ok(keep(world, name, resource, failure))
}

/// The operation that makes `resource` what it is from now on.
pub fn keep(world: &mut World, name: &RunName, resource: Value, failure: Option<Failure>) -> Value {
    revisions::keep_newest(world, name, &resource, failure.as_ref());
    world.run.resources.insert(name.clone(), resource.clone());
    operation(world, name, resource, failure)
}

/// `DELETE …/jobs/J`, `DELETE …/services/S`.
pub fn delete(world: &mut World, call: &Call, of: Collection<'_>, id: &str) -> Answer {
    call.only_query(&["validateOnly", "etag"])?;
    let (name, _) = of.name(world, call, "delete", id)?;
    let current = world
        .run
        .resources
        .get(&name)
        .cloned()
        .ok_or_else(|| name.not_found())?;
    name.check_etag(&current, call.query("etag").unwrap_or_default())?;
    let deleted = defaults::deleted(world, &call.caller, current);
    if call.query("validateOnly") != Some("true") {
        world.run.resources.remove(&name);
        world.run.executions.remove(&name.to_string());
        world.run.revisions.remove(&name.to_string());
    }
    Ok(operation(world, &name, deleted, None))
}

/// An operation that is done: what it makes of the resource is its response, unless it failed.
pub fn operation(
    world: &mut World,
    name: &RunName,
    resource: Value,
    failure: Option<Failure>,
) -> Value {
    let mut resource = defaults::shown(name.kind, world.clock.now(), resource);
    let kind = match name.kind {
        Kind::Job => "Job",
        Kind::Service => "Service",
    };
    resource["@type"] = json!(format!("type.googleapis.com/google.cloud.run.v2.{kind}"));
    let place = format!("projects/{}/locations/{}", name.project, name.region);
    let operation_name = format!("{place}/operations/{:016x}", world.next_change());
    let mut operation = json!({ "name": operation_name, "metadata": resource, "done": true });
    match failure {
        None => operation["response"] = resource,
        Some(failure) => operation["error"] = failure.status(),
    }
    world
        .run
        .operations
        .insert(operation_name, operation.clone());
    operation
}

/// `GET …/operations/O`.
pub fn get_operation(
    world: &mut World,
    call: &Call,
    project: &str,
    region: &str,
    id: &str,
) -> Answer {
    call.only_query(&[])?;
    let project = world.project(call, "run.operations.get", project)?;
    let name = format!("projects/{}/locations/{region}/operations/{id}", project.id);
    let found = world.run.operations.get(&name);
    found
        .cloned()
        .ok_or_else(|| ApiError::not_found(format!("Operation '{name}' does not exist.")))
}

/// Puts a job or service there whatever its account may read, as one that has been there for long, and is ready.
pub fn seed(world: &mut World, of: Collection<'_>, id: &str, given: Value) -> Answer {
    check_id(id)?;
    let given = normalise(given, of.kind.shape(), "")?;
    let (name, number) = of.seeded(world, id)?;
    world.run.revisions.remove(&name.to_string());
    let mut resource = defaults::completed(world, &name, number, ANONYMOUS, given)?;
    if of.kind == Kind::Service {
        revisions::name_new(world, &name, &mut resource)?;
        revisions::check_traffic(world, &name, &resource)?;
    }
    readiness::succeed(world, &name, &mut resource);
    keep(world, &name, resource.clone(), None);
    Ok(resource)
}

/// Puts an execution of a job, or a revision of a service, there.
pub fn seed_below(
    world: &mut World,
    of: Collection<'_>,
    id: &str,
    below: [&str; 2],
    given: &Value,
) -> Option<Answer> {
    let seed = match (of.kind, below[0]) {
        (Kind::Job, "executions") => executions::seed,
        (Kind::Service, "revisions") => revisions::seed,
        _ => return None,
    };
    let name = of.seeded(world, id).map(|(name, _)| name);
    Some(name.and_then(|name| seed(world, &name, below[1], given)))
}

/// "Must be unique within the project and region, lower case letters, digits and hyphens, begin with a letter,
/// not end with a hyphen, and be at most 49 characters long" (63 for jobs).
fn check_id(id: &str) -> Result<(), ApiError> {
    let letters = id
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let valid = letters
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.len() <= 63;
    match valid {
        true => Ok(()),
        false => Err(ApiError::invalid(format!(
            "Violation in resource id '{id}': only lowercase, digits, and hyphens; must begin with letter, and may not end with hyphen; must be less than 64 characters."
        ))),
    }
}
