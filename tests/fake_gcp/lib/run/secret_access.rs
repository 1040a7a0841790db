//! Whether the account that runs can read the secrets that a job or service refers to.

use serde_json::Value;

use super::super::permissions::grants;
use super::super::secret_name::SecretName;
use super::super::versions::State;
use super::super::world::World;
use super::RunName;

/// A place in a template where a version of a secret stands.
struct Reference {
    /// In the words of v1, in which Cloud Run speaks of it.
    place: String,
    /// Its id, or `projects/P/secrets/S`.
    secret: String,
    version: String,
}

/// What Cloud Run says of each secret that cannot be read.
pub fn unreadable(world: &mut World, name: &RunName, resource: &Value) -> Vec<String> {
    let workload = name.kind.workload(resource);
    let account = workload["serviceAccount"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let said = |reference: Reference| {
        let reason = refusal(world, name, &account, &reference)?;
        Some(format!("{}: {reason}", reference.place))
    };
    references(workload).into_iter().filter_map(said).collect()
}

fn refusal(
    world: &mut World,
    name: &RunName,
    account: &str,
    reference: &Reference,
) -> Option<String> {
    let Reference {
        secret, version, ..
    } = reference;
    let (project, id) = match secret.split('/').collect::<Vec<_>>().as_slice() {
        ["projects", project, "secrets", id] => (*project, *id),
        _ => (name.project.as_str(), secret.as_str()),
    };
    let number = world
        .projects
        .resolve(project)
        .map_or(0, |project| project.number);
    let full = format!("projects/{number}/secrets/{id}/versions/{version}");
    let missing = || Some(format!("Secret {full} was not found"));
    let found = SecretName::new(number, id)
        .ok()
        .and_then(|name| world.secrets.get(&name));
    let Some(found) = found else { return missing() };
    if !grants(&found.policy, account, "secretmanager.versions.access") {
        // Of a job, too, it speaks as of a revision.
        return Some(format!(
            "Permission denied on secret: {full} for Revision service account {account}. The service account used must be \
             granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the secret, project \
             or higher level."
        ));
    }
    match found.state_of(version) {
        None => missing(),
        Some(State::Enabled) => None,
        Some(state) => Some(format!(
            "Secret Version [{full}] is in {} state.",
            state.word()
        )),
    }
}

/// The secrets of the environment variables and volumes, with their versions.
fn references(workload: &Value) -> Vec<Reference> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for (at, container) in list(&workload["containers"]).iter().enumerate() {
        for (variable, value) in list(&container["env"]).iter().enumerate() {
            let reference = &value["valueSource"]["secretKeyRef"];
            let place = format!("containers[{at}].env[{variable}].value_from.secret_key_ref.name");
            found.extend(
                reference
                    .is_object()
                    .then(|| Reference::at(&place, reference, &reference["version"])),
            );
        }
    }
    for (at, volume) in list(&workload["volumes"]).iter().enumerate() {
        let secret = &volume["secret"];
        let items = list(&secret["items"]);
        for (item, value) in items.iter().enumerate() {
            let place = format!("volumes[{at}].secret.items[{item}].key");
            found.push(Reference::at(&place, secret, &value["version"]));
        }
        if secret.is_object() && items.is_empty() {
            found.push(Reference::at(
                &format!("volumes[{at}].secret.secret_name"),
                secret,
                &Value::Null,
            ));
        }
    }
    found
}

impl Reference {
    fn at(place: &str, secret: &Value, version: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let version = match text(version) {
            none if none.is_empty() => "latest".to_owned(),
            named => named,
        };
        Self {
            place: format!("spec.template.spec.{place}"),
            secret: text(&secret["secret"]),
            version,
        }
    }
}
