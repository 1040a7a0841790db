//! Cloud Run jobs and services: whom they run as and which secrets they name.
//! <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs>

use serde::Deserialize;

use super::request::{Request, Service};
use super::{Call, Google, GoogleError, Operation};
use crate::model::{CloudRunKind, CloudRunReference, ProjectId};

#[derive(Deserialize)]
pub(super) struct Job {
    pub(super) template: ExecutionTemplate,
}

#[derive(Deserialize)]
pub(super) struct ExecutionTemplate {
    pub(super) template: Template,
}

#[derive(Deserialize)]
pub(super) struct RunService {
    pub(super) template: Template,
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
        let Some(mut template) = self.template(kind, project, region, name).await? else {
            return Ok(None);
        };
        // <https://cloud.google.com/run/docs/securing/service-identity#default_service_account>
        if template.service_account.is_empty() {
            let number = self.project_number(project).await?;
            template.service_account = format!("{number}-compute@developer.gserviceaccount.com");
        }
        Ok(Some(template.reference()))
    }

    async fn template(
        &self,
        kind: CloudRunKind,
        project: &ProjectId,
        region: &str,
        name: &str,
    ) -> Result<Option<Template>, GoogleError> {
        let (operation, collection) = match kind {
            CloudRunKind::Job => (Operation::GetJob, "jobs"),
            CloudRunKind::Service => (Operation::GetService, "services"),
        };
        let object = format!("projects/{project}/locations/{region}/{collection}/{name}");
        let path = std::iter::once("v2").chain(object.split('/')).map(String::from).collect();
        let call = Call { operation, project: project.to_string(), object };
        let request = Request::read(call, Service::CloudRun, path);
        let found = match kind {
            CloudRunKind::Job => self.http.json(&request).await.map(|job: Job| job.template.template),
            CloudRunKind::Service => self.http.json(&request).await.map(|service: RunService| service.template),
        };
        match found {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }
}

impl Template {
    pub(super) fn reference(self) -> CloudRunReference {
        let env = self.containers.into_iter().flat_map(|container| container.env);
        let from_env = env
            .filter_map(|variable| variable.value_source?.secret_key_ref)
            .map(|selector| (selector.secret, selector.version));
        let from_volumes = self.volumes.into_iter().filter_map(|volume| volume.secret).flat_map(in_volume);
        let named = from_env.chain(from_volumes);
        let secrets = named.map(|(secret, version)| (secret, or_latest(version))).collect();
        CloudRunReference { service_account: self.service_account, secrets }
    }
}

/// A volume without items holds one file, of the version `latest`.
fn in_volume(volume: SecretVolumeSource) -> Vec<(String, String)> {
    let SecretVolumeSource { secret, items } = volume;
    if items.is_empty() {
        return vec![(secret, String::new())];
    }
    items.into_iter().map(|item| (secret.clone(), item.version)).collect()
}

fn or_latest(version: String) -> String {
    if version.is_empty() { "latest".into() } else { version }
}

#[cfg(test)]
mod tests {
    use super::*;

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
