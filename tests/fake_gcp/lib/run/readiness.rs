//! Whether a job or service became ready, and what it says of that.
//! <https://cloud.google.com/run/docs/reference/rest/v2/Condition>

use serde_json::{Value, json};

use super::super::clock::rfc3339;
use super::super::world::World;
use super::{Kind, RunName, revisions, secret_access};

/// Why one did not become ready.
pub struct Failure {
    /// What cannot be read and why, a line each.
    reasons: String,
    /// The same as the operation and the resource itself say it.
    pub message: String,
}

/// The code of the operation. Reports of later years show 9, `FAILED_PRECONDITION`, with the same words.
const INTERNAL: u8 = 13;

impl Failure {
    /// The `error` of the operation.
    pub fn status(&self) -> Value {
        json!({"code": INTERNAL, "message": self.message})
    }

    /// The conditions of the revision that failed.
    pub fn of_revision(&self, now: &Value) -> Value {
        json!([failed("Ready", &self.reasons, now)])
    }
}

/// Brings what is declared to work, as far as its secrets can be read; `is_new` where a service gets another revision.
pub fn reconcile(
    world: &mut World,
    name: &RunName,
    resource: &mut Value,
    is_new: bool,
) -> Option<Failure> {
    if name.kind == Kind::Service && !is_new {
        serve(resource);
        return None;
    }
    let reasons = secret_access::unreadable(world, name, resource).join("\n");
    match reasons.is_empty() {
        true => {
            succeed(world, name, resource);
            None
        }
        false => Some(fail(world, name, resource, reasons)),
    }
}

/// Says that it is ready, as all that is seeded is.
pub fn succeed(world: &mut World, name: &RunName, resource: &mut Value) {
    let now = json!(rfc3339(world.clock.now()));
    match name.kind {
        // A job that stays ready does not become so again.
        Kind::Job => {
            resource["terminalCondition"] =
                succeeded("Ready", since(&resource["terminalCondition"], &now))
        }
        Kind::Service => {
            let configured = resource["conditions"][1].clone();
            resource["terminalCondition"] = succeeded("Ready", &now);
            let conditions = [
                succeeded("RoutesReady", &now),
                succeeded("ConfigurationsReady", since(&configured, &now)),
            ];
            resource["conditions"] = json!(conditions);
            resource["latestReadyRevision"] = resource["latestCreatedRevision"].clone();
            let number = world
                .projects
                .resolve(&name.project)
                .map_or(0, |project| project.number);
            resource["uri"] = json!(format!(
                "https://{}-{number}.{}.run.app",
                name.id, name.region
            ));
            serve(resource);
        }
    }
}

/// The traffic is where it was declared to be, as soon as there is a revision for it.
fn serve(service: &mut Value) {
    if !service["latestReadyRevision"].is_null() {
        service["trafficStatuses"] = service["traffic"].clone();
    }
}

fn fail(world: &World, name: &RunName, resource: &mut Value, reasons: String) -> Failure {
    let now = json!(rfc3339(world.clock.now()));
    let message = match name.kind {
        Kind::Job => reasons.clone(),
        Kind::Service => {
            let revision = revisions::short(&resource["latestCreatedRevision"]);
            format!("Revision '{revision}' is not ready and cannot serve traffic. {reasons}")
        }
    };
    resource["terminalCondition"] = failed("Ready", &message, &now);
    if name.kind == Kind::Service {
        // Requests go on to the revision before, if there is one.
        let routes = match resource["latestReadyRevision"].is_null() {
            true => failed("RoutesReady", &message, &now),
            false => resource["conditions"][0].clone(),
        };
        resource["conditions"] = json!([routes, failed("ConfigurationsReady", &reasons, &now)]);
        serve(resource);
    }
    Failure { reasons, message }
}

fn succeeded(kind: &str, since: &Value) -> Value {
    json!({"type": kind, "state": "CONDITION_SUCCEEDED", "lastTransitionTime": since})
}

fn failed(kind: &str, message: &str, since: &Value) -> Value {
    json!({
        "type": kind, "state": "CONDITION_FAILED", "message": message, "lastTransitionTime": since,
        "reason": "SECRETS_ACCESS_CHECK_FAILED",
    })
}

/// Since when the condition that was there before has succeeded.
fn since<'a>(before: &'a Value, now: &'a Value) -> &'a Value {
    if before["state"] == "CONDITION_SUCCEEDED" {
        &before["lastTransitionTime"]
    } else {
        now
    }
}
