//! Cloud Run jobs and services: whom they run as and which secrets they name.
//! <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs>

use serde::Deserialize;

use super::operation::one_line;
use super::request::{Request, Service};
use super::{Call, Google, GoogleError, Operation};
use crate::model::{CloudRunKind, CloudRunReference, ProjectId};

/// A job or service: what runs, and whether it can.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deployed<T> {
    template: T,
    #[serde(default)]
    terminal_condition: Condition,
}

pub(super) type Job = Deployed<ExecutionTemplate>;

pub(super) type RunService = Deployed<Template>;

/// <https://cloud.google.com/run/docs/reference/rest/v2/Condition>
#[derive(Deserialize, Default)]
#[serde(default)]
struct Condition {
    state: String,
    reason: String,
    message: String,
}

#[derive(Deserialize)]
pub(super) struct ExecutionTemplate {
    template: Template,
}

/// `TaskTemplate` of a job, `RevisionTemplate` of a service.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub(super) struct Template {
    service_account: String,
    containers: Vec<Container>,
    volumes: Vec<Volume>,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    env: Vec<EnvVar>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvVar {
    value_source: Option<EnvVarSource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EnvVarSource {
    secret_key_ref: Option<SecretKeySelector>,
}

#[derive(Deserialize)]
struct SecretKeySelector {
    secret: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
struct Volume {
    secret: Option<SecretVolumeSource>,
}

#[derive(Deserialize)]
struct SecretVolumeSource {
    secret: String,
    #[serde(default)]
    items: Vec<VersionToPath>,
}

#[derive(Deserialize)]
struct VersionToPath {
    #[serde(default)]
    version: String,
}

impl Google {
    /// Whom the job or service runs as, and by which version it refers to each secret; `None` where it does not exist.
    ///
    /// # Errors
    /// Refused or unreachable.
    pub async fn cloud_run(
        &self,
        kind: CloudRunKind,
        project: &ProjectId,
        region: &str,
        name: &str,
    ) -> Result<Option<CloudRunReference>, GoogleError> {
        let Some(mut found) = self.reference(kind, project, region, name).await? else {
            return Ok(None);
        };
        // <https://cloud.google.com/run/docs/securing/service-identity#default_service_account>
        if found.service_account.is_empty() {
            let number = self.project_number(project).await?;
            found.service_account = format!("{number}-compute@developer.gserviceaccount.com");
        }
        Ok(Some(found))
    }

    async fn reference(
        &self,
        kind: CloudRunKind,
        project: &ProjectId,
        region: &str,
        name: &str,
    ) -> Result<Option<CloudRunReference>, GoogleError> {
        let (operation, collection) = match kind {
            CloudRunKind::Job => (Operation::GetJob, "jobs"),
            CloudRunKind::Service => (Operation::GetService, "services"),
        };
        let object = format!("projects/{project}/locations/{region}/{collection}/{name}");
        let path = std::iter::once("v2")
            .chain(object.split('/'))
            .map(String::from)
            .collect();
        let call = Call {
            operation,
            project: project.to_string(),
            object,
        };
        let request = Request::read(call, Service::CloudRun, path);
        let found = match kind {
            CloudRunKind::Job => self.http.json(&request).await.map(Job::reference),
            CloudRunKind::Service => self.http.json(&request).await.map(RunService::reference),
        };
        match found {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }
}

impl Job {
    pub(super) fn reference(self) -> CloudRunReference {
        CloudRunReference {
            failure: self.terminal_condition.failure(),
            ..self.template.template.reference()
        }
    }
}

impl RunService {
    pub(super) fn reference(self) -> CloudRunReference {
        CloudRunReference {
            failure: self.terminal_condition.failure(),
            ..self.template.reference()
        }
    }
}

impl Condition {
    /// What could not be read. Any other reason not to be ready is none of ours.
    fn failure(self) -> Option<String> {
        let unreadable =
            self.state == "CONDITION_FAILED" && self.reason == "SECRETS_ACCESS_CHECK_FAILED";
        unreadable.then(|| one_line(&self.message))
    }
}

impl Template {
    pub(super) fn reference(self) -> CloudRunReference {
        let env = self
            .containers
            .into_iter()
            .flat_map(|container| container.env);
        let from_env = env
            .filter_map(|variable| variable.value_source?.secret_key_ref)
            .map(|selector| (selector.secret, selector.version));
        let from_volumes = self
            .volumes
            .into_iter()
            .filter_map(|volume| volume.secret)
            .flat_map(in_volume);
        let named = from_env.chain(from_volumes);
        let secrets = named
            .map(|(secret, version)| (secret, or_latest(version)))
            .collect();
        CloudRunReference {
            service_account: self.service_account,
            secrets,
            failure: None,
        }
    }
}

/// A volume without items holds one file, of the version `latest`.
fn in_volume(volume: SecretVolumeSource) -> Vec<(String, String)> {
    let SecretVolumeSource { secret, items } = volume;
    if items.is_empty() {
        return vec![(secret, String::new())];
    }
    items
        .into_iter()
        .map(|item| (secret.clone(), item.version))
        .collect()
}

fn or_latest(version: String) -> String {
    if version.is_empty() {
        "latest".into()
    } else {
        version
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_secrets_that_cannot_be_read_are_a_failure_of_ours() {
        for (condition, failure) in [
            (r"{}", None),
            (r#"{"state": "CONDITION_SUCCEEDED"}"#, None),
            (
                r#"{"state": "CONDITION_FAILED", "reason": "CONTAINER_MISSING", "message": "no image"}"#,
                None,
            ),
            (
                r#"{"state": "CONDITION_PENDING", "reason": "SECRETS_ACCESS_CHECK_FAILED", "message": "x"}"#,
                None,
            ),
            (
                r#"{"state": "CONDITION_FAILED", "reason": "SECRETS_ACCESS_CHECK_FAILED", "message": "a: x\nb: y"}"#,
                Some("a: x; b: y"),
            ),
        ] {
            let job = format!(
                r#"{{"template": {{"template": {{}}}}, "terminalCondition": {condition}}}"#
            );
            let service = format!(r#"{{"template": {{}}, "terminalCondition": {condition}}}"#);
            let job: Job = serde_json::from_str(&job).unwrap();
            let service: RunService = serde_json::from_str(&service).unwrap();
            assert_eq!(job.reference().failure.as_deref(), failure, "{condition}");
            assert_eq!(
                service.reference().failure.as_deref(),
                failure,
                "{condition}"
            );
        }
        let bare: RunService = serde_json::from_str(r#"{"template": {}}"#).unwrap();
        assert_eq!(bare.reference().failure, None);
    }

    #[test]
    fn secrets_are_found_in_variables_and_volumes() {
        let template: Template = serde_json::from_str(
            r#"{"serviceAccount":"a@p.iam.gserviceaccount.com",
                "containers":[{"image":"i"},{"env":[
                    {"name":"PLAIN","value":"x"},
                    {"name":"A","valueSource":{"secretKeyRef":{"secret":"app","version":"current"}}},
                    {"name":"B","valueSource":{"secretKeyRef":{"secret":"projects/q/secrets/other"}}}]}],
                "volumes":[
                    {"name":"sql","cloudSqlInstance":{"instances":["p:r:i"]}},
                    {"name":"v","secret":{"secret":"files","items":[{"path":"x","version":"3"}]}},
                    {"name":"w","secret":{"secret":"bare"}}]}"#,
        )
        .unwrap();
        let found = template.reference();
        let pair = |secret: &str, version: &str| (secret.to_owned(), version.to_owned());
        let expected = [
            pair("app", "current"),
            pair("projects/q/secrets/other", "latest"),
            pair("files", "3"),
            pair("bare", "latest"),
        ];
        assert_eq!(found.secrets, expected);
    }
}
