//! The v2 methods.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::clock::rfc3339;
use super::super::error::{Answer, ApiError, Code};
use super::super::list;
use super::super::shape::Shape;
use super::super::world::World;
use super::{Kind, RunName, defaults, secret_access};

/// The collection a request is about: project as given, region, jobs or services.
#[derive(Clone, Copy)]
pub struct Collection<'a> {
    pub project: &'a str,
    pub region: &'a str,
    pub kind: Kind,
}

impl Collection<'_> {
    /// The name in this collection and the project's number, if the caller holds the permission.
    fn name(self, world: &mut World, call: &Call, action: &str, id: &str) -> Result<(RunName, u64), ApiError> {
        let permission = format!("run.{}.{action}", self.kind.collection());
        let project = world.project(call, &permission, self.project)?;
        let name = RunName { kind: self.kind, project: project.id, region: self.region.to_owned(), id: id.to_owned() };
        Ok((name, project.number))
    }
}

/// `GET …/jobs/J`, `GET …/services/S`.
pub fn get(world: &mut World, call: &Call, of: Collection<'_>, id: &str) -> Answer {
    call.only_query(&[])?;
    let (name, _) = of.name(world, call, "get", id)?;
    let found = world.run.resources.get(&name);
    found.cloned().ok_or_else(|| name.not_found())
}

/// `GET …/jobs`, `GET …/services`.
pub fn list(world: &mut World, call: &Call, of: Collection<'_>) -> Answer {
    call.only_query(&["pageSize", "pageToken", "showDeleted"])?;
    if of.region == "-" {
        return Err(ApiError::invalid("The location wildcard '-' is not supported."));
    }
    let (prefix, _) = of.name(world, call, "list", "")?;
    let resources = world.run.resources.iter();
    let here = |name: &RunName| RunName { id: String::new(), ..name.clone() } == prefix;
    let found = resources.filter(|(name, _)| here(name)).map(|(_, resource)| resource.clone());
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
    let given = call.body(&Shape::Any, "")?;
    let (name, number) = of.name(world, call, "create", id)?;
    check_id(id)?;
    if world.run.resources.contains_key(&name) {
        let message = format!("Resource '{id}' already exists.");
        return Err(ApiError::new(Code::AlreadyExists, message));
    }
    let resource = defaults::completed(world, &name, number, given)?;
    secret_access::check(world, &name, &resource)?;
    if call.query("validateOnly") != Some("true") {
        world.run.resources.insert(name.clone(), resource.clone());
    }
    Ok(operation(world, &name, resource))
}

/// `DELETE …/jobs/J`, `DELETE …/services/S`.
pub fn delete(world: &mut World, call: &Call, of: Collection<'_>, id: &str) -> Answer {
    call.only_query(&["validateOnly", "etag"])?;
    let (name, _) = of.name(world, call, "delete", id)?;
    let resource = world.run.resources.remove(&name);
    let resource = resource.ok_or_else(|| name.not_found())?;
    world.run.executions.remove(&name.to_string());
    Ok(operation(world, &name, resource))
}

fn operation(world: &mut World, name: &RunName, mut response: Value) -> Value {
    let kind = match name.kind {
        Kind::Job => "Job",
        Kind::Service => "Service",
    };
    response["@type"] = json!(format!("type.googleapis.com/google.cloud.run.v2.{kind}"));
    let place = format!("projects/{}/locations/{}", name.project, name.region);
    let operation_name = format!("{place}/operations/{:016x}", world.next_change());
    let operation = json!({
        "name": operation_name,
        "metadata": response,
        "done": true,
        "response": response,
    });
    world.run.operations.insert(operation_name, operation.clone());
    operation
}

/// `GET …/operations/O`.
pub fn get_operation(world: &mut World, call: &Call, project: &str, region: &str, id: &str) -> Answer {
    call.only_query(&[])?;
    let project = world.project(call, "run.operations.get", project)?;
    let name = format!("projects/{}/locations/{region}/operations/{id}", project.id);
    let found = world.run.operations.get(&name);
    found.cloned().ok_or_else(|| ApiError::not_found(format!("Operation '{name}' does not exist.")))
}

/// `GET …/jobs/J/executions`, newest first, or one of them.
pub fn executions(world: &mut World, call: &Call, of: Collection<'_>, job: &str, id: Option<&str>) -> Answer {
    call.only_query(&["pageSize", "pageToken", "showDeleted"])?;
    let (name, _) = of.name(world, call, "get", job)?;
    let job = name.to_string();
    let all = world.run.executions.get(&job).cloned().unwrap_or_default();
    match id {
        None => list::page(call, "executions", all.into_iter().rev().collect()),
        Some(id) => {
            let wanted = format!("{job}/executions/{id}");
            let found = all.into_iter().find(|execution| execution["name"] == wanted);
            found.ok_or_else(|| ApiError::not_found(format!("Execution '{wanted}' does not exist.")))
        }
    }
}

/// Puts a job or service there whatever its account may read, as one that has been there for long.
pub fn seed(world: &mut World, of: Collection<'_>, id: &str, given: Value) -> Answer {
    check_id(id)?;
    let project = world.projects.resolve(of.project);
    let project = project.ok_or_else(|| ApiError::not_found(format!("Project '{}' does not exist.", of.project)))?;
    let name = RunName { kind: of.kind, project: project.id, region: of.region.to_owned(), id: id.to_owned() };
    let resource = defaults::completed(world, &name, project.number, given)?;
    world.run.resources.insert(name, resource.clone());
    Ok(resource)
}

/// Puts an execution of a job there; `given` says what is to be seen of it besides its names and times.
pub fn seed_execution(world: &mut World, of: Collection<'_>, job: &str, id: &str, given: Value) -> Answer {
    let project = world.projects.resolve(of.project);
    let project = project.ok_or_else(|| ApiError::not_found(format!("Project '{}' does not exist.", of.project)))?;
    let name = RunName { kind: of.kind, project: project.id, region: of.region.to_owned(), id: job.to_owned() };
    let now = rfc3339(world.clock.now());
    let full_name = format!("{name}/executions/{id}");
    let resource = world.run.resources.get_mut(&name).ok_or_else(|| name.not_found())?;
    let mut execution = json!({ "createTime": now, "startTime": now, "taskCount": 1, "runningCount": 1 });
    if let (Some(execution), Some(given)) = (execution.as_object_mut(), given.as_object()) {
        execution.extend(given.clone());
    }
    execution["name"] = json!(full_name);
    execution["job"] = json!(job);
    resource["latestCreatedExecution"] = json!({ "name": full_name, "createTime": execution["createTime"] });
    let executions = world.run.executions.entry(name.to_string()).or_default();
    executions.retain(|other| other["name"] != full_name);
    executions.push(execution.clone());
    resource["executionCount"] = json!(executions.len());
    Ok(execution)
}

/// "Must be unique within the project and region, lower case letters, digits and hyphens, begin with a letter,
/// not end with a hyphen, and be at most 49 characters long" (63 for jobs).
fn check_id(id: &str) -> Result<(), ApiError> {
    let letters = id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let valid = letters && id.starts_with(|c: char| c.is_ascii_lowercase()) && !id.ends_with('-') && id.len() <= 63;
    match valid {
        true => Ok(()),
        false => Err(ApiError::invalid(format!(
            "Violation in resource id '{id}': only lowercase, digits, and hyphens; must begin with letter, and may not end with hyphen; must be less than 64 characters."
        ))),
    }
}
