//! A version that works is what consumers get.

use super::Job;
use crate::apply::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Annotations, Secret};

impl Run<'_> {
    /// One call: the alias moves and what it stands for is recorded, or neither.
    pub(super) async fn publish(&self, job: &Job<'_>, number: i64) -> Result<(), ApplyError> {
        self.update(job.secret, |secret| Ok(self.publication(job, secret, number))).await
    }

    fn publication(&self, job: &Job<'_>, secret: &Secret, number: i64) -> SecretUpdate {
        let mut annotations = secret.annotations.clone();
        annotations.extend(self.ownership(job.role));
        annotations.insert(Annotations::LOGIN.into(), job.login.to_string());
        annotations.remove(Annotations::PENDING);
        let mut aliases = secret.aliases.clone();
        if aliases.insert(Annotations::CURRENT.into(), number) != Some(number) {
            annotations.insert(Annotations::PUBLISHED.into(), (self.edges.clock)().to_string());
        }
        SecretUpdate { annotations: Some(annotations), aliases: Some(aliases), ..SecretUpdate::default() }
    }
}
