//! Whether jobs and services may be changed, asked before anything is.
//! <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/testIamPermissions>

use serde::Deserialize;
use serde_json::json;

use super::request::{Body, Request, Service};
use super::{Call, Google, GoogleError, Operation};

#[derive(Deserialize)]
struct Held {
    #[serde(default)]
    permissions: Vec<String>,
}

impl Google {
    /// Makes sure that this identity may change the job or service `resource`.
    ///
    /// # Errors
    /// [`GoogleError::Forbidden`]; unreachable.
    pub async fn may_update(&self, resource: &str) -> Result<(), GoogleError> {
        let (ask, update) = match resource.contains("/services/") {
            true => (Operation::TestService, Operation::UpdateService),
            false => (Operation::TestJob, Operation::UpdateJob),
        };
        let project = resource.split('/').nth(1).unwrap_or_default();
        let path = std::iter::once("v2")
            .chain(resource.split('/'))
            .map(String::from)
            .collect();
        let call = |operation| Call {
            operation,
            project: project.to_owned(),
            object: resource.to_owned(),
        };
        self.holds(call(ask), Service::CloudRun, path, call(update))
            .await
    }

    /// Makes sure that this identity may deploy as `account`, which changing a job or service requires.
    /// <https://cloud.google.com/run/docs/configuring/services/service-identity>
    ///
    /// # Errors
    /// [`GoogleError::Forbidden`]; refused where the IAM API is not enabled, so that the answer is unknown; unreachable.
    pub async fn may_act_as(&self, account: &str, project: &str) -> Result<(), GoogleError> {
        let path = ["v1", "projects", "-", "serviceAccounts", account]
            .map(String::from)
            .into();
        let call = |operation| Call {
            operation,
            project: project.to_owned(),
            object: account.to_owned(),
        };
        self.holds(
            call(Operation::TestAccount),
            Service::Iam,
            path,
            call(Operation::ActAs),
        )
        .await
    }

    async fn holds(
        &self,
        ask: Call,
        service: Service,
        path: Vec<String>,
        wanted: Call,
    ) -> Result<(), GoogleError> {
        let permission = wanted.operation.permission();
        let question = Body::Post(json!({ "permissions": [permission] }));
        let request = Request::read(ask, service, path)
            .verb("testIamPermissions")
            .body(question);
        let held: Held = self.http.json(&request).await?;
        match held.permissions.iter().any(|held| held == permission) {
            true => Ok(()),
            false => Err(GoogleError::Forbidden { call: wanted }),
        }
    }
}
