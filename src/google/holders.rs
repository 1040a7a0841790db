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
    /// is one that is about to retire. One that failed gets none as long as nothing says otherwise.
    /// <https://cloud.google.com/run/docs/reference/rest/v2/Condition#RevisionReason>
    fn is_active(&self) -> bool {
        match self.condition("Active") {
            Some(active) => {
                active.state != "CONDITION_FAILED" || active.revision_reason == "RETIRING"
            }
            None => !self.has_failed(),
        }
    }

    /// It is not ready, and never will be: a service goes on with the revision before.
    fn has_failed(&self) -> bool {
        self.condition("Ready")
            .is_some_and(|ready| ready.state == "CONDITION_FAILED")
    }

    fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| condition.kind == kind)
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
                let object =
                    format!("projects/{project}/locations/{region}/jobs/{name}/executions");
                let pages: Vec<Executions> = self
                    .pages(
                        Operation::ListExecutions,
                        project,
                        &object,
                        |page: &Executions| &page.next_page_token,
                    )
                    .await?;
                let running = pages.into_iter().flat_map(|page| page.executions);
                let running = running.filter(|one| one.completion_time.is_none());
                Ok(running
                    .map(|one| holder(&one.name, one.create_time, true, one.template))
                    .collect())
            }
            CloudRunKind::Service => {
                let object =
                    format!("projects/{project}/locations/{region}/services/{name}/revisions");
                let pages: Vec<Revisions> = self
                    .pages(
                        Operation::ListRevisions,
                        project,
                        &object,
                        |page: &Revisions| &page.next_page_token,
                    )
                    .await?;
                let revisions = pages.into_iter().flat_map(|page| page.revisions);
                let seen = |mut one: Revision| {
                    let note = one.annotations.remove(CloudRunHolder::NOTE);
                    let (created, active, failed) =
                        (one.create_time.take(), one.is_active(), one.has_failed());
                    CloudRunHolder {
                        note,
                        failed,
                        ..holder(&one.name, created, active, one.template)
                    }
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
        let call = Call {
            operation,
            project: project.to_string(),
            object: object.to_owned(),
        };
        let path = std::iter::once("v2")
            .chain(object.split('/'))
            .map(String::from)
            .collect();
        self.http
            .pages(Request::read(call, Service::CloudRun, path), token)
            .await
    }
}

fn holder(
    name: &str,
    started: Option<String>,
    at_work: bool,
    template: Template,
) -> CloudRunHolder {
    let short = name.rsplit('/').next().unwrap_or_default().to_owned();
    CloudRunHolder {
        name: short,
        started,
        at_work,
        secrets: template.reference().secrets,
        note: None,
        failed: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Cloud Run reports of the readiness and the activity of a revision; whether it may have instances, and has failed.
    #[test]
    fn a_revision_that_failed_has_no_instances_unless_it_is_active() {
        let ready = |state: &str| format!(r#"{{"type": "Ready", "state": "{state}"}}"#);
        let active = |state: &str, reason: &str| {
            format!(r#"{{"type": "Active", "state": "{state}"{reason}}}"#)
        };
        let retiring = r#", "revisionReason": "RETIRING""#;
        let (succeeded, failed) = (ready("CONDITION_SUCCEEDED"), ready("CONDITION_FAILED"));
        for (conditions, expected) in [
            (String::new(), (true, false)),
            (succeeded.clone(), (true, false)),
            (
                format!("{succeeded}, {}", active("CONDITION_FAILED", "")),
                (false, false),
            ),
            (
                format!("{succeeded}, {}", active("CONDITION_FAILED", retiring)),
                (true, false),
            ),
            (failed.clone(), (false, true)),
            (
                format!("{failed}, {}", active("CONDITION_SUCCEEDED", "")),
                (true, true),
            ),
            (
                format!("{failed}, {}", active("CONDITION_FAILED", "")),
                (false, true),
            ),
        ] {
            let revision: Revision =
                serde_json::from_str(&format!(r#"{{"name": "r", "conditions": [{conditions}]}}"#))
                    .unwrap();
            assert_eq!(
                (revision.is_active(), revision.has_failed()),
                expected,
                "{conditions}"
            );
        }
    }
}
