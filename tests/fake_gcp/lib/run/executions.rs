//! Executions of jobs, <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs.executions>.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::clock::rfc3339;
use super::super::error::{Answer, ApiError};
use super::super::list;
use super::super::world::World;
use super::v2::Collection;
use super::{Kind, RunName};

/// `GET …/jobs/J/executions`, newest first; `-` for those of all jobs.
pub fn list(world: &mut World, call: &Call, of: Collection<'_>, job: &str) -> Answer {
    call.only_query(&["pageSize", "pageToken", "showDeleted"])?;
    let name = authorized(world, call, of, "list", job)?;
    let all = match job {
        "-" => {
            let here = RunName {
                id: String::new(),
                ..name
            }
            .to_string();
            let jobs = world
                .run
                .executions
                .iter()
                .filter(|(job, _)| job.starts_with(&here));
            jobs.flat_map(|(_, executions)| executions.clone())
                .collect()
        }
        _ => world
            .run
            .executions
            .get(&name.to_string())
            .cloned()
            .unwrap_or_default(),
    };
    list::page(call, "executions", all.into_iter().rev().collect())
}

/// `GET …/jobs/J/executions/E`.
pub fn get(world: &mut World, call: &Call, of: Collection<'_>, job: &str, id: &str) -> Answer {
    call.only_query(&[])?;
    let name = authorized(world, call, of, "get", job)?;
    let wanted = format!("{name}/executions/{id}");
    let mut executions = world
        .run
        .executions
        .get(&name.to_string())
        .into_iter()
        .flatten();
    let found = executions
        .find(|execution| execution["name"] == wanted)
        .cloned();
    found.ok_or_else(|| ApiError::not_found(format!("Execution '{wanted}' does not exist.")))
}

fn authorized(
    world: &mut World,
    call: &Call,
    of: Collection<'_>,
    action: &str,
    id: &str,
) -> Result<RunName, ApiError> {
    let project = world.project(call, &format!("run.executions.{action}"), of.project)?;
    Ok(RunName {
        kind: Kind::Job,
        project: project.id,
        region: of.region.to_owned(),
        id: id.to_owned(),
    })
}

/// Puts an execution of a job there, with the job's template as it is written; `given` says what is to be seen of it
/// besides its names and times.
pub fn seed(world: &mut World, name: &RunName, id: &str, given: &Value) -> Answer {
    let now = rfc3339(world.clock.now());
    let full_name = format!("{name}/executions/{id}");
    let uid = format!("00000000-0000-4000-8000-{:012x}", world.next_change());
    let resource = world
        .run
        .resources
        .get_mut(name)
        .ok_or_else(|| name.not_found())?;
    let mut execution = json!({
        "uid": uid,
        "generation": "1",
        "createTime": now,
        "startTime": now,
        "taskCount": 1,
        "runningCount": 1,
        "template": resource["template"]["template"],
    });
    if let (Some(execution), Some(given)) = (execution.as_object_mut(), given.as_object()) {
        execution.extend(given.clone());
    }
    execution["name"] = json!(full_name);
    execution["job"] = json!(name.id);
    let mut latest = json!({ "name": full_name, "createTime": execution["createTime"] });
    if !execution["completionTime"].is_null() {
        latest["completionTime"] = execution["completionTime"].clone();
    }
    resource["latestCreatedExecution"] = latest;
    let executions = world.run.executions.entry(name.to_string()).or_default();
    executions.retain(|other| other["name"] != full_name);
    executions.push(execution.clone());
    resource["executionCount"] = json!(executions.len());
    Ok(execution)
}
