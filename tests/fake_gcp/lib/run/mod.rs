//! Cloud Run: jobs and services in v2, <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs>,
//! and read-only in the v1 (Knative) form that gcloud asks for.

mod acting;
mod defaults;
mod executions;
mod knative;
mod readiness;
mod revisions;
mod secret_access;
mod shape;
mod template;
mod update;
mod v2;

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{ApiError, Code};

pub use acting::{test_account, test_permissions};
pub use executions::{get as get_execution, list as list_executions};
pub use knative::{get as get_v1, list as list_v1};
pub use revisions::{get as get_revision, list as list_revisions};
pub use update::patch;
pub use v2::{Collection, create, delete, get, get_operation, list, seed, seed_below};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Job,
    Service,
}

impl Kind {
    pub fn from_collection(collection: &str) -> Option<Self> {
        match collection {
            "jobs" => Some(Kind::Job),
            "services" => Some(Kind::Service),
            _ => None,
        }
    }

    fn collection(self) -> &'static str {
        match self {
            Kind::Job => "jobs",
            Kind::Service => "services",
        }
    }

    /// The part of the resource that describes what runs: a job's task template lies one level deeper.
    fn workload(self, resource: &Value) -> &Value {
        match self {
            Kind::Job => &resource["template"]["template"],
            Kind::Service => &resource["template"],
        }
    }
}

/// Where a job or service is: everything its name holds, with the project's id as Cloud Run answers it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunName {
    pub kind: Kind,
    pub project: String,
    pub region: String,
    pub id: String,
}

impl std::fmt::Display for RunName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let collection = self.kind.collection();
        write!(
            f,
            "projects/{}/locations/{}/{collection}/{}",
            self.project, self.region, self.id
        )
    }
}

impl RunName {
    fn not_found(&self) -> ApiError {
        let kind = match self.kind {
            Kind::Job => "JOB",
            Kind::Service => "SERVICE",
        };
        ApiError::not_found(format!(
            "Resource '{}' of kind '{kind}' in region '{}' in project '{}' does not exist.",
            self.id, self.region, self.project
        ))
    }

    /// "May be used to detect modification conflict during updates."
    fn check_etag(&self, current: &Value, given: &str) -> Result<(), ApiError> {
        if given.is_empty() || current["etag"] == given {
            return Ok(());
        }
        let id = &self.id;
        let message = format!(
            "Conflict for resource '{id}': version '{given}' was specified but current version is {}.",
            current["etag"]
        );
        Err(ApiError::new(Code::Aborted, message))
    }
}

/// What runs, by name; executions and revisions, oldest first, under the full name of their job or service.
#[derive(Default)]
pub struct Run {
    resources: BTreeMap<RunName, Value>,
    revisions: BTreeMap<String, Vec<Value>>,
    executions: BTreeMap<String, Vec<Value>>,
    operations: BTreeMap<String, Value>,
}

#[cfg(test)]
mod tests;
