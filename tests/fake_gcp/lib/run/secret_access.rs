//! Cloud Run refuses a job or service whose account may not read the secrets it refers to.

use serde_json::Value;

use super::super::error::{ApiError, Code};
use super::super::permissions::grants;
use super::super::secret_name::SecretName;
use super::super::world::World;
use super::{Kind, RunName};

/// # Errors
/// 404 for a secret or version that does not exist, 403 when the account that runs may not read one.
pub fn check(world: &mut World, name: &RunName, resource: &Value) -> Result<(), ApiError> {
    let workload = name.kind.workload(resource);
    let account = workload["serviceAccount"].as_str().unwrap_or_default().to_owned();
    for (secret, version) in references(workload) {
        let (project, id) = match secret.split('/').collect::<Vec<_>>().as_slice() {
            ["projects", project, "secrets", id] => (*project, *id),
            _ => (name.project.as_str(), secret.as_str()),
        };
        let number = world.projects.resolve(project).map_or(0, |project| project.number);
        let secret = SecretName::new(number, id)?;
        let found = world.secrets.get(&secret);
        let found = found.ok_or_else(|| not_found(&secret, &version))?;
        if !grants(&found.policy, &account, "secretmanager.versions.access") {
            return Err(denied(name.kind, &secret, &version, &account));
        }
    }
    Ok(())
}

/// The secrets of the environment variables and volumes, with their versions.
fn references(workload: &Value) -> Vec<(String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for variable in list(&workload["containers"]).iter().flat_map(|c| list(&c["env"])) {
        let reference = &variable["valueSource"]["secretKeyRef"];
        if reference.is_object() {
            found.push((text(&reference["secret"]), text(&reference["version"])));
        }
    }
    for volume in list(&workload["volumes"]) {
        for item in list(&volume["secret"]["items"]) {
            found.push((text(&volume["secret"]["secret"]), text(&item["version"])));
        }
    }
    found
}

fn not_found(secret: &SecretName, version: &str) -> ApiError {
    ApiError::not_found(format!("Secret {} was not found", secret.version(version)))
}

fn denied(kind: Kind, secret: &SecretName, version: &str, account: &str) -> ApiError {
    let what = match kind {
        Kind::Job => "Job",
        Kind::Service => "Revision",
    };
    let message = format!(
        "Permission denied on secret: {} for {what} service account {account}. The service account used must be \
         granted the 'Secret Manager Secret Accessor' role (roles/secretmanager.secretAccessor) at the secret, \
         project or higher level.",
        secret.version(version)
    );
    ApiError::new(Code::PermissionDenied, message)
}
