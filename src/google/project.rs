//! Projects. <https://cloud.google.com/resource-manager/reference/rest/v3/projects/get>

use serde::Deserialize;

use super::request::{Request, Service};
use super::{Call, Google, GoogleError, Operation};
use crate::model::ProjectId;

#[derive(Deserialize)]
struct Project {
    /// `projects/415104041262`, by whatever the project was asked for.
    name: String,
}

impl Google {
    /// The number of a project, by which Google names it in service accounts and conditions.
    ///
    /// # Errors
    /// Refused, for a project that does not exist too, or unreachable.
    pub async fn project_number(&self, project: &ProjectId) -> Result<String, GoogleError> {
        if project.as_str().bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(project.to_string());
        }
        let call = Call {
            operation: Operation::GetProject,
            project: project.to_string(),
            object: project.to_string(),
        };
        let path = ["v3", "projects", project.as_str()]
            .map(String::from)
            .into();
        let request = Request::read(call, Service::ResourceManager, path);
        let found: Project = self.http.json(&request).await?;
        match found.name.strip_prefix("projects/") {
            Some(number) => Ok(number.to_owned()),
            None => Err(GoogleError::Malformed {
                call: request.call,
                reason: "the project has no number",
            }),
        }
    }
}
