//! What a caller may do with jobs, services and the accounts that they run as.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::error::{Answer, ApiError, Code};
use super::super::shape::Shape;
use super::super::world::World;
use super::v2::Collection;
use super::{Kind, RunName};

const TEST: Shape = Shape::Message(&[("permissions", Shape::List(&Shape::Str))]);

const ACT_AS: &str = "iam.serviceAccounts.actAs";

/// `POST …/jobs/J:testIamPermissions`, `POST …/services/S:testIamPermissions`. Whoever asks needs no permission. "If the
/// resource does not exist, this will return an empty set of permissions, not a NOT_FOUND error."
/// <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/testIamPermissions>
pub fn test_permissions(world: &mut World, call: &Call, of: Collection<'_>, id: &str) -> Answer {
    let asked = asked(call, &format!("run.{}.", of.kind.collection()))?;
    let project = world.projects.resolve(of.project);
    let name = project.map(|project| RunName {
        kind: of.kind,
        project: project.id,
        region: of.region.to_owned(),
        id: id.to_owned(),
    });
    let exists = name.is_some_and(|name| world.run.resources.contains_key(&name));
    Ok(held(world, call, if exists { asked } else { Vec::new() }))
}

/// `POST …/serviceAccounts/A:testIamPermissions`, of the IAM API.
/// <https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts/testIamPermissions>
pub fn test_account(world: &mut World, call: &Call, _project: &str, _account: &str) -> Answer {
    if call.view.is_denied {
        return Err(ApiError::new(
            Code::PermissionDenied,
            "Identity and Access Management (IAM) API has not been used.",
        ));
    }
    let asked = asked(call, "iam.serviceAccounts.")?;
    Ok(held(world, call, asked))
}

fn asked(call: &Call, prefix: &str) -> Result<Vec<String>, ApiError> {
    call.only_query(&[])?;
    let body = call.body(&TEST, "")?;
    let list = body["permissions"].as_array().cloned().unwrap_or_default();
    let asked: Vec<_> = list
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    match asked
        .iter()
        .find(|permission| !permission.starts_with(prefix) || permission.contains('*'))
    {
        Some(wrong) => Err(ApiError::invalid(format!(
            "Permission {wrong} is not valid for this resource."
        ))),
        None => Ok(asked),
    }
}

fn held(world: &World, call: &Call, asked: Vec<String>) -> Value {
    let holds = |permission: &String| world.permissions.holds(&call.caller, permission, None);
    let held: Vec<_> = asked.into_iter().filter(holds).collect();
    if held.is_empty() {
        json!({})
    } else {
        json!({ "permissions": held })
    }
}

/// Whoever makes or changes a job or service hands it the account that it runs as.
/// <https://cloud.google.com/run/docs/configuring/services/service-identity#permissions_required_to_deploy_services>
///
/// # Errors
/// 403 without the permission for that account.
pub fn check(world: &World, call: &Call, kind: Kind, resource: &Value) -> Result<(), ApiError> {
    if world.permissions.holds(&call.caller, ACT_AS, None) {
        return Ok(());
    }
    let account = kind.workload(resource)["serviceAccount"]
        .as_str()
        .unwrap_or_default();
    let message = format!(
        "Permission 'iam.serviceaccounts.actAs' denied on service account {account} (or it may not exist)."
    );
    Err(ApiError::new(Code::PermissionDenied, message))
}
