//! IAM v1 roles: custom ones of projects and organizations, and the predefined ones of Secret Manager.
//! <https://cloud.google.com/iam/docs/reference/rest/v1/projects.roles>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::error::{Answer, ApiError, Code};
use super::permissions::role_contains;
use super::shape::Shape;
use super::world::World;

/// Custom roles by name, with their permissions.
pub type Roles = BTreeMap<String, Vec<String>>;

/// The permissions that predefined roles are asked about.
const PERMISSIONS: [&str; 14] = [
    "secretmanager.secrets.create",
    "secretmanager.secrets.delete",
    "secretmanager.secrets.get",
    "secretmanager.secrets.getIamPolicy",
    "secretmanager.secrets.list",
    "secretmanager.secrets.setIamPolicy",
    "secretmanager.secrets.update",
    "secretmanager.versions.access",
    "secretmanager.versions.add",
    "secretmanager.versions.destroy",
    "secretmanager.versions.disable",
    "secretmanager.versions.enable",
    "secretmanager.versions.get",
    "secretmanager.versions.list",
];

const CREATE: Shape = Shape::Message(&[("roleId", Shape::Str), ("role", Shape::Any)]);

/// `GET /v1/roles/R`: anyone may.
pub fn get_predefined(_: &mut World, call: &Call, id: &str) -> Answer {
    call.only_query(&[])?;
    let name = format!("roles/{id}");
    let held: Vec<_> = PERMISSIONS
        .into_iter()
        .filter(|permission| role_contains(&name, permission))
        .collect();
    if held.is_empty() {
        return Err(not_found(&name));
    }
    Ok(json!({ "name": name, "includedPermissions": held, "stage": "GA", "etag": "AA==" }))
}

/// `GET /v1/projects/P/roles/R`, or of an organization.
pub fn get_custom(world: &mut World, call: &Call, name: &str) -> Answer {
    call.only_query(&[])?;
    if call.view.is_denied || !world.permissions.holds(&call.caller, "iam.roles.get", None) {
        let message = format!("You don't have permission to get the role at {name}.");
        return Err(ApiError::new(Code::PermissionDenied, message));
    }
    let held = world.roles.get(name).ok_or_else(|| not_found(name))?;
    Ok(json!({ "name": name, "includedPermissions": held, "etag": "BwY=" }))
}

/// `POST /v1/projects/P/roles`, or of an organization.
pub fn create(world: &mut World, call: &Call, parent: &str) -> Answer {
    call.only_query(&[])?;
    let body = call.body(&CREATE, "")?;
    let id = body["roleId"].as_str().unwrap_or_default();
    let name = format!("{parent}/roles/{id}");
    let listed = body["role"]["includedPermissions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let held: Vec<String> = listed
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let answer = json!({ "name": name, "includedPermissions": held, "etag": "BwY=" });
    world.roles.insert(name, held);
    Ok(answer)
}

fn not_found(name: &str) -> ApiError {
    ApiError::new(
        Code::NotFound,
        format!("The role named {name} was not found."),
    )
}
