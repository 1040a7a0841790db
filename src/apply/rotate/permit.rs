//! What `--roll` will do once the new credential is published is asked for before anything begins: a password in place that
//! is committed, and a job that then may not be moved to it, would be an outage.

use super::Turn;
use crate::apply::ApplyError;
use crate::google::{Google, GoogleError};
use crate::model::{ProjectId, Reader};
use crate::rotation::{Source, Step};

impl Turn<'_> {
    /// Makes sure that this identity may move what `step` leads to having to be moved. What has begun is not held up: the
    /// server may have its password already.
    pub(super) async fn assure_roll(&mut self, step: &Step) -> Result<(), ApplyError> {
        let current = self.seen.state.ledger.current();
        let replaces = match step {
            Step::Begin {
                source: Source::Fresh,
                ..
            } => true,
            Step::Begin {
                source: Source::Version(number),
                ..
            } => Some(*number) != current,
            _ => false,
        };
        if !replaces || !self.ask.leave.roll {
            return Ok(());
        }
        let google = self.run.google()?;
        let mut unknown = Vec::new();
        for reader in &self.run.wanted(self.role)?.readers {
            let Reader::CloudRun {
                kind,
                project,
                region,
                name,
                ..
            } = reader
            else {
                continue;
            };
            let Some(resource) = reader.resource() else {
                continue;
            };
            let consumers = &self.seen.state.consumers;
            if !consumers
                .iter()
                .any(|consumer| consumer.resource == resource && consumer.will_move())
            {
                continue;
            }
            google.may_update(&resource).await?;
            if let Some(found) = google.cloud_run(*kind, project, region, name).await? {
                unknown.extend(acts_as(google, &found.service_account, project).await?);
            }
        }
        self.run.report.events.extend(unknown);
        Ok(())
    }
}

/// The IAM API need not be enabled in the project: what cannot be asked is said, and tried.
async fn acts_as(
    google: &Google,
    account: &str,
    project: &ProjectId,
) -> Result<Option<String>, ApplyError> {
    match google.may_act_as(account, project.as_str()).await {
        Ok(()) => Ok(None),
        Err(error @ GoogleError::Forbidden { .. }) => Err(error.into()),
        Err(error) => {
            let why = error
                .status()
                .map_or_else(|| error.to_string(), ToString::to_string);
            Ok(Some(format!(
                "whether this identity may deploy as {account} cannot be asked: {why}"
            )))
        }
    }
}
