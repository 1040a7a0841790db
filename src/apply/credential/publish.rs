//! A version that works is what consumers get.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::Job;
use crate::apply::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Annotations, Secret};

impl Run<'_> {
    /// One call: the alias moves and what it stands for is recorded, or neither. Where somebody else changed the secret
    /// since it was read, it is read again: labels and annotations of others stay.
    pub(super) async fn publish(&self, job: &Job<'_>, number: i64) -> Result<(), ApplyError> {
        let pauses =
            ExponentialBuilder::default().with_jitter().with_min_delay(Duration::from_millis(200)).with_max_times(5);
        let is_stale = |error: &ApplyError| matches!(error, ApplyError::Google(error) if error.is_stale());
        (|| self.try_publish(job, number)).retry(pauses).when(is_stale).await
    }

    async fn try_publish(&self, job: &Job<'_>, number: i64) -> Result<(), ApplyError> {
        let secret = self.present(job.secret).await?;
        let update = self.publication(job, &secret, number);
        self.google_to_change().await?.update_secret(job.secret, &secret.etag, &update).await?;
        Ok(())
    }

    fn publication(&self, job: &Job<'_>, secret: &Secret, number: i64) -> SecretUpdate {
        let mut annotations = secret.annotations.clone();
        annotations.extend(self.ownership(job.role));
        annotations.insert(Annotations::LOGIN.into(), job.login.to_string());
        annotations.remove(Annotations::PENDING);
        let mut aliases = secret.aliases.clone();
        if aliases.insert(Annotations::CURRENT.into(), number) != Some(number) {
            annotations.insert(Annotations::PUBLISHED.into(), self.edges.now.to_string());
        }
        SecretUpdate { annotations: Some(annotations), aliases: Some(aliases), ..SecretUpdate::default() }
    }
}
