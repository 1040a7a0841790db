//! What may still hold a credential: executions of jobs, revisions of services.
//! <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.services.revisions>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::cloud_run::Template;
use super::request::{Request, Service};
use super::{Call, Google, GoogleError, Operation};
use crate::model::{CloudRunHolder, CloudRunKind, ProjectId};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Executions {
    #[serde(default)]
    executions: Vec<Execution>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Execution {
    name: String,
    create_time: Option<String>,
    /// It has ended.
    completion_time: Option<String>,
    #[serde(default)]
    template: Template,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Revisions {
    #[serde(default)]
    revisions: Vec<Revision>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Revision {
    name: String,
    create_time: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    conditions: Vec<Condition>,
    #[serde(flatten)]
    template: Template,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    revision_reason: String,
}

impl Revision {
    /// It may have instances. One that has retired gets no requests any more; what is not known is taken for active, and so
    /// is one that is about to retire.
    /// <https://cloud.google.com/run/docs/reference/rest/v2/Condition#RevisionReason>
    fn is_active(&self) -> bool {
        let active = self.conditions.iter().find(|condition| condition.kind == "Active");
        active.is_none_or(|active| active.state != "CONDITION_FAILED" || active.revision_reason == "RETIRING")
    }
}

impl Google {
    /// The executions of a job that have not ended, or the revisions of a service.
    ///
    /// # Errors
    /// Refused or unreachable.
    pub async fn cloud_run_holders(
        &self,
        kind: CloudRunKind,
        project: &ProjectId,
        region: &str,
        name: &str,
    ) -> Result<Vec<CloudRunHolder>, GoogleError> {
        match kind {
            CloudRunKind::Job => {
                let object = format!("projects/{project}/locations/{region}/jobs/{name}/executions");
                let pages: Vec<Executions> = self
                    .pages(Operation::ListExecutions, project, &object, |page: &Executions| &page.next_page_token)
                    .await?;
                let running = pages.into_iter().flat_map(|page| page.executions);
                let running = running.filter(|one| one.completion_time.is_none());
                Ok(running.map(|one| holder(&one.name, one.create_time, true, one.template)).collect())
            }
            CloudRunKind::Service => {
                let object = format!("projects/{project}/locations/{region}/services/{name}/revisions");
                let pages: Vec<Revisions> = self
                    .pages(Operation::ListRevisions, project, &object, |page: &Revisions| &page.next_page_token)
                    .await?;
                let revisions = pages.into_iter().flat_map(|page| page.revisions);
                let seen = |mut one: Revision| {
                    let note = one.annotations.remove(CloudRunHolder::NOTE);
                    let (created, active) = (one.create_time.take(), one.is_active());
                    CloudRunHolder { note, ..holder(&one.name, created, active, one.template) }
                };
                Ok(revisions.map(seen).collect())
            }
        }
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        operation: Operation,
        project: &ProjectId,
        object: &str,
        token: fn(&T) -> &str,
    ) -> Result<Vec<T>, GoogleError> {
        let call = Call { operation, project: project.to_string(), object: object.to_owned() };
        let path = std::iter::once("v2").chain(object.split('/')).map(String::from).collect();
        self.http.pages(Request::read(call, Service::CloudRun, path), token).await
    }
}

fn holder(name: &str, started: Option<String>, at_work: bool, template: Template) -> CloudRunHolder {
    let short = name.rsplit('/').next().unwrap_or_default().to_owned();
    CloudRunHolder { name: short, started, at_work, secrets: template.reference().secrets, note: None }
}
