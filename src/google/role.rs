//! What a role of IAM includes. Custom roles, and predefined ones that are not known here, are looked up.
//! <https://cloud.google.com/iam/docs/reference/rest/v1/roles/get>

use serde::Deserialize;

use super::request::{Request, Service};
use super::{Call, Google, Operation};
use crate::model::PayloadAccess;

/// The permission to read a payload.
const ACCESS: &str = "secretmanager.versions.access";

/// Roles that include it. <https://cloud.google.com/secret-manager/docs/access-control>
const GRANTING: [&str; 3] = [
    "roles/secretmanager.secretAccessor",
    "roles/secretmanager.admin",
    "roles/owner",
];

/// Roles that secrets are often shared by, and that do not.
const OTHERS: [&str; 6] = [
    "roles/secretmanager.viewer",
    "roles/secretmanager.secretVersionAdder",
    "roles/secretmanager.secretVersionManager",
    "roles/viewer",
    "roles/editor",
    "roles/browser",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Role {
    #[serde(default)]
    included_permissions: Vec<String>,
}

impl Google {
    /// Whether `role` includes reading payloads.
    pub(super) async fn payload_access(&self, role: &str) -> PayloadAccess {
        if GRANTING.contains(&role) {
            return PayloadAccess::Granted;
        }
        if OTHERS.contains(&role) {
            return PayloadAccess::NotGranted;
        }
        let project = role
            .strip_prefix("projects/")
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_default();
        let call = Call {
            operation: Operation::GetRole,
            project: project.to_owned(),
            object: role.to_owned(),
        };
        let path = std::iter::once("v1")
            .chain(role.split('/'))
            .map(String::from)
            .collect();
        match self
            .http
            .json::<Role>(&Request::read(call, Service::Iam, path))
            .await
        {
            Ok(found) if found.included_permissions.iter().any(|one| one == ACCESS) => {
                PayloadAccess::Granted
            }
            Ok(_) => PayloadAccess::NotGranted,
            Err(error) => {
                tracing::debug!(%error, role, "the role cannot be looked up");
                PayloadAccess::Unknown
            }
        }
    }
}
