//! Which method a request is for. One table answers requests, names them in the records and gives faults their aim.

use super::call::Call;
use super::error::Answer;
use super::run::{self, Collection, Kind};
use super::secret_name::SecretPath;
use super::world::World;
use super::{control, iam, projects, roles, secrets, versions};

/// A method of a Google API.
struct Method {
    /// As Google calls it, without the service and what every resource is below: `secrets.addVersion`.
    id: &'static str,
    /// HTTP method and path; `*` takes one segment.
    request: &'static str,
    /// Is given what the asterisks took.
    answer: fn(&mut World, &Call, &[&str]) -> Answer,
}

const fn method(
    id: &'static str,
    request: &'static str,
    answer: fn(&mut World, &Call, &[&str]) -> Answer,
) -> Method {
    Method {
        id,
        request,
        answer,
    }
}

/// <https://cloud.google.com/secret-manager/docs/reference/rest>, <https://cloud.google.com/run/docs/reference/rest>,
/// <https://cloud.google.com/resource-manager/reference/rest>
const METHODS: &[Method] = &[
    method(
        "secrets.create",
        "POST v1/projects/*/secrets",
        |world, call, at| secrets::create(world, call, at[0]),
    ),
    method(
        "secrets.list",
        "GET v1/projects/*/secrets",
        |world, call, at| secrets::list(world, call, at[0]),
    ),
    method(
        "secrets.get",
        "GET v1/projects/*/secrets/*",
        |world, call, at| secrets::get(world, call, secret(at)),
    ),
    method(
        "secrets.patch",
        "PATCH v1/projects/*/secrets/*",
        |world, call, at| secrets::patch(world, call, secret(at)),
    ),
    method(
        "secrets.delete",
        "DELETE v1/projects/*/secrets/*",
        |world, call, at| secrets::delete(world, call, secret(at)),
    ),
    method(
        "secrets.addVersion",
        "POST v1/projects/*/secrets/*:addVersion",
        |world, call, at| versions::add(world, call, secret(at)),
    ),
    method(
        "secrets.getIamPolicy",
        "GET v1/projects/*/secrets/*:getIamPolicy",
        |world, call, at| iam::get_policy(world, call, secret(at)),
    ),
    method(
        "secrets.setIamPolicy",
        "POST v1/projects/*/secrets/*:setIamPolicy",
        |world, call, at| iam::set_policy(world, call, secret(at)),
    ),
    method(
        "secrets.testIamPermissions",
        "POST v1/projects/*/secrets/*:testIamPermissions",
        |world, call, at| iam::test_permissions(world, call, secret(at)),
    ),
    method(
        "versions.list",
        "GET v1/projects/*/secrets/*/versions",
        |world, call, at| versions::list(world, call, secret(at)),
    ),
    method(
        "versions.get",
        "GET v1/projects/*/secrets/*/versions/*",
        |world, call, at| versions::get(world, call, secret(at), at[2]),
    ),
    method(
        "versions.access",
        "GET v1/projects/*/secrets/*/versions/*:access",
        |world, call, at| versions::access(world, call, secret(at), at[2]),
    ),
    method(
        "versions.enable",
        "POST v1/projects/*/secrets/*/versions/*:enable",
        |world, call, at| versions::change(world, call, secret(at), at[2]),
    ),
    method(
        "versions.disable",
        "POST v1/projects/*/secrets/*/versions/*:disable",
        |world, call, at| versions::change(world, call, secret(at), at[2]),
    ),
    method(
        "versions.destroy",
        "POST v1/projects/*/secrets/*/versions/*:destroy",
        |world, call, at| versions::change(world, call, secret(at), at[2]),
    ),
    method(
        "jobs.create",
        "POST v2/projects/*/locations/*/jobs",
        |world, call, at| run::create(world, call, jobs(at)),
    ),
    method(
        "jobs.list",
        "GET v2/projects/*/locations/*/jobs",
        |world, call, at| run::list(world, call, jobs(at)),
    ),
    method(
        "jobs.get",
        "GET v2/projects/*/locations/*/jobs/*",
        |world, call, at| run::get(world, call, jobs(at), at[2]),
    ),
    method(
        "jobs.delete",
        "DELETE v2/projects/*/locations/*/jobs/*",
        |world, call, at| run::delete(world, call, jobs(at), at[2]),
    ),
    method(
        "jobs.patch",
        "PATCH v2/projects/*/locations/*/jobs/*",
        |world, call, at| run::patch(world, call, jobs(at), at[2]),
    ),
    method(
        "jobs.testIamPermissions",
        "POST v2/projects/*/locations/*/jobs/*:testIamPermissions",
        |world, call, at| run::test_permissions(world, call, jobs(at), at[2]),
    ),
    method(
        "executions.list",
        "GET v2/projects/*/locations/*/jobs/*/executions",
        |world, call, at| run::list_executions(world, call, jobs(at), at[2]),
    ),
    method(
        "executions.get",
        "GET v2/projects/*/locations/*/jobs/*/executions/*",
        |world, call, at| run::get_execution(world, call, jobs(at), at[2], at[3]),
    ),
    method(
        "services.create",
        "POST v2/projects/*/locations/*/services",
        |world, call, at| run::create(world, call, services(at)),
    ),
    method(
        "services.list",
        "GET v2/projects/*/locations/*/services",
        |world, call, at| run::list(world, call, services(at)),
    ),
    method(
        "services.get",
        "GET v2/projects/*/locations/*/services/*",
        |world, call, at| run::get(world, call, services(at), at[2]),
    ),
    method(
        "services.delete",
        "DELETE v2/projects/*/locations/*/services/*",
        |world, call, at| run::delete(world, call, services(at), at[2]),
    ),
    method(
        "services.patch",
        "PATCH v2/projects/*/locations/*/services/*",
        |world, call, at| run::patch(world, call, services(at), at[2]),
    ),
    method(
        "services.testIamPermissions",
        "POST v2/projects/*/locations/*/services/*:testIamPermissions",
        |world, call, at| run::test_permissions(world, call, services(at), at[2]),
    ),
    method(
        "serviceAccounts.testIamPermissions",
        "POST v1/projects/*/serviceAccounts/*:testIamPermissions",
        |world, call, at| run::test_account(world, call, at[0], at[1]),
    ),
    method(
        "revisions.list",
        "GET v2/projects/*/locations/*/services/*/revisions",
        |world, call, at| run::list_revisions(world, call, services(at), at[2]),
    ),
    method(
        "revisions.get",
        "GET v2/projects/*/locations/*/services/*/revisions/*",
        |world, call, at| run::get_revision(world, call, services(at), at[2], at[3]),
    ),
    method(
        "operations.get",
        "GET v2/projects/*/locations/*/operations/*",
        |world, call, at| run::get_operation(world, call, at[0], at[1], at[2]),
    ),
    method("roles.get", "GET v1/roles/*", |world, call, at| {
        roles::get_predefined(world, call, at[0])
    }),
    method(
        "projects.roles.get",
        "GET v1/projects/*/roles/*",
        |world, call, at| {
            roles::get_custom(world, call, &format!("projects/{}/roles/{}", at[0], at[1]))
        },
    ),
    method(
        "projects.roles.create",
        "POST v1/projects/*/roles",
        |world, call, at| roles::create(world, call, &format!("projects/{}", at[0])),
    ),
    method(
        "organizations.roles.get",
        "GET v1/organizations/*/roles/*",
        |world, call, at| {
            roles::get_custom(
                world,
                call,
                &format!("organizations/{}/roles/{}", at[0], at[1]),
            )
        },
    ),
    method("projects.get", "GET v3/projects/*", |world, call, at| {
        projects::get(world, call, at[0])
    }),
    method(
        "namespaces.jobs.list",
        "GET apis/run.googleapis.com/v1/namespaces/*/jobs",
        |world, call, at| run::list_v1(world, call, Kind::Job, at[0]),
    ),
    method(
        "namespaces.jobs.get",
        "GET apis/run.googleapis.com/v1/namespaces/*/jobs/*",
        |world, call, at| run::get_v1(world, call, Kind::Job, at[0], at[1]),
    ),
    method(
        "namespaces.services.list",
        "GET apis/serving.knative.dev/v1/namespaces/*/services",
        |world, call, at| run::list_v1(world, call, Kind::Service, at[0]),
    ),
    method(
        "namespaces.services.get",
        "GET apis/serving.knative.dev/v1/namespaces/*/services/*",
        |world, call, at| run::get_v1(world, call, Kind::Service, at[0], at[1]),
    ),
];

fn secret<'a>(at: &[&'a str]) -> SecretPath<'a> {
    SecretPath {
        project: at[0],
        secret: at[1],
    }
}

fn jobs<'a>(at: &[&'a str]) -> Collection<'a> {
    Collection {
        project: at[0],
        region: at[1],
        kind: Kind::Job,
    }
}

fn services<'a>(at: &[&'a str]) -> Collection<'a> {
    Collection {
        project: at[0],
        region: at[1],
        kind: Kind::Service,
    }
}

/// The answer of the method, or nothing where Google has none and its front end answers with a page.
pub fn dispatch(world: &mut World, call: &Call) -> Option<Answer> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    if let ["_fake", rest @ ..] = segments.as_slice() {
        return control::dispatch(world, call, rest);
    }
    METHODS.iter().find_map(|method| {
        Some((method.answer)(
            world,
            call,
            &method.taken(&call.method, &segments, &call.verb)?,
        ))
    })
}

/// The method that a request is for; empty where there is none.
pub fn method_id(http: &str, segments: &[String], verb: &str) -> &'static str {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let found = METHODS
        .iter()
        .find(|method| method.taken(http, &segments, verb).is_some());
    found.map_or("", |method| method.id)
}

/// Whether there is a method of this name.
pub fn is_method(name: &str) -> bool {
    METHODS.iter().any(|method| is_called(method.id, name))
}

/// Whether a method has this name, in full or without its collection.
pub fn is_called(id: &str, name: &str) -> bool {
    id == name || id.rsplit_once('.').is_some_and(|(_, last)| last == name)
}

impl Method {
    /// What the asterisks take of this request; nothing where it is for another method.
    fn taken<'a>(&self, http: &str, segments: &[&'a str], verb: &str) -> Option<Vec<&'a str>> {
        let (wanted_http, path) = self.request.split_once(' ')?;
        let (path, wanted_verb) = path.rsplit_once(':').unwrap_or((path, ""));
        let wanted: Vec<&str> = path.split('/').collect();
        if wanted_http != http || wanted_verb != verb || wanted.len() != segments.len() {
            return None;
        }
        let pairs = || wanted.iter().zip(segments);
        let fits = pairs().all(|(wanted, given)| *wanted == "*" || wanted == given);
        fits.then(|| {
            pairs()
                .filter(|(wanted, _)| **wanted == "*")
                .map(|(_, given)| *given)
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_method_has_a_name_and_a_request_of_its_own() {
        let ids: BTreeSet<_> = METHODS.iter().map(|method| method.id).collect();
        let requests: BTreeSet<_> = METHODS.iter().map(|method| method.request).collect();
        assert_eq!((ids.len(), requests.len()), (METHODS.len(), METHODS.len()));
        for method in METHODS {
            let (http, path) = method.request.split_once(' ').unwrap();
            let (path, verb) = path.rsplit_once(':').unwrap_or((path, ""));
            let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
            assert_eq!(method_id(http, &segments, verb), method.id);
            let ends_like = method.id.rsplit('.').next().unwrap();
            assert!(verb.is_empty() || verb == ends_like, "{}", method.id);
        }
    }

    #[test]
    fn names_are_whole_or_the_last_part() {
        assert!(is_method("secrets.addVersion") && is_method("addVersion") && is_method("get"));
        for unknown in [
            "",
            "secrets",
            "secrets.",
            "version.add",
            "ecrets.get",
            "POST",
        ] {
            assert!(!is_method(unknown), "{unknown}");
        }
    }
}
