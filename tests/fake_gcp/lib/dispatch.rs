//! Which method a request is for.

use super::call::Call;
use super::error::Answer;
use super::run::{self, Collection, Kind};
use super::secret_name::SecretPath;
use super::world::World;
use super::{control, iam, projects, secrets, versions};

/// The answer of the method, or nothing where Google has none and its front end answers with a page.
pub fn dispatch(world: &mut World, call: &Call) -> Option<Answer> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["_fake", rest @ ..] => control::dispatch(world, call, rest),
        ["v1", "projects", project, "secrets", rest @ ..] => secret_manager(world, call, project, rest),
        ["v2", "projects", project, "locations", region, rest @ ..] => cloud_run(world, call, project, region, rest),
        ["v3", "projects", project] if is(call, "GET") => Some(projects::get(world, call, project)),
        ["apis", "run.googleapis.com", "v1", "namespaces", project, "jobs", rest @ ..] => {
            knative(world, call, Kind::Job, project, rest)
        }
        ["apis", "serving.knative.dev", "v1", "namespaces", project, "services", rest @ ..] => {
            knative(world, call, Kind::Service, project, rest)
        }
        _ => None,
    }
}

/// A standard method: no verb after a colon.
fn is(call: &Call, method: &str) -> bool {
    call.method == method && call.verb.is_empty()
}

fn secret_manager(world: &mut World, call: &Call, project: &str, rest: &[&str]) -> Option<Answer> {
    let (secret, rest) = match rest {
        [] => {
            return match (call.method.as_str(), call.verb.as_str()) {
                ("POST", "") => Some(secrets::create(world, call, project)),
                ("GET", "") => Some(secrets::list(world, call, project)),
                _ => None,
            };
        }
        [secret, rest @ ..] => (secret, rest),
    };
    let path = SecretPath { project, secret };
    let answer = match (call.method.as_str(), rest, call.verb.as_str()) {
        ("GET", [], "") => secrets::get(world, call, path),
        ("PATCH", [], "") => secrets::patch(world, call, path),
        ("DELETE", [], "") => secrets::delete(world, call, path),
        ("POST", [], "addVersion") => versions::add(world, call, path),
        ("GET", [], "getIamPolicy") => iam::get_policy(world, call, path),
        ("POST", [], "setIamPolicy") => iam::set_policy(world, call, path),
        ("POST", [], "testIamPermissions") => iam::test_permissions(world, call, path),
        ("GET", ["versions"], "") => versions::list(world, call, path),
        ("GET", ["versions", version], "") => versions::get(world, call, path, version),
        ("GET", ["versions", version], "access") => versions::access(world, call, path, version),
        ("POST", ["versions", version], "enable" | "disable" | "destroy") => {
            versions::change(world, call, path, version)
        }
        _ => return None,
    };
    Some(answer)
}

fn cloud_run(world: &mut World, call: &Call, project: &str, region: &str, rest: &[&str]) -> Option<Answer> {
    if let (true, ["operations", id]) = (is(call, "GET"), rest) {
        return Some(run::get_operation(world, call, project, region, id));
    }
    let kind = rest.first().and_then(|collection| Kind::from_collection(collection))?;
    let of = Collection { project, region, kind };
    let answer = match (call.method.as_str(), &rest[1..], call.verb.as_str()) {
        ("GET", [], "") => run::list(world, call, of),
        ("POST", [], "") => run::create(world, call, of),
        ("GET", [id], "") => run::get(world, call, of, id),
        ("DELETE", [id], "") => run::delete(world, call, of, id),
        ("GET", [job, "executions"], "") => run::executions(world, call, of, job, None),
        ("GET", [job, "executions", id], "") => run::executions(world, call, of, job, Some(id)),
        _ => return None,
    };
    Some(answer)
}

fn knative(world: &mut World, call: &Call, kind: Kind, project: &str, rest: &[&str]) -> Option<Answer> {
    match rest {
        [] if is(call, "GET") => Some(run::list_v1(world, call, kind, project)),
        [id] if is(call, "GET") => Some(run::get_v1(world, call, kind, project, id)),
        _ => None,
    }
}
