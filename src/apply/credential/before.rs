//! The credential before is meant to work until its `grace` is over: where the server has another password of its login, the stored
//! one is set again.

use super::resume::{not_its_own, not_vouched};
use super::{Job, shape};
use crate::apply::{ApplyError, Run};
use crate::model::Secret;
use crate::plan::Withheld;
use crate::rotation::SealKey;

impl Run<'_> {
    pub(super) async fn restore_before(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
    ) -> Result<Option<Withheld>, ApplyError> {
        let ledger = self.ledger(job.role, secret)?;
        let previous = ledger
            .previous()
            .filter(|previous| previous.login == job.login);
        let Some(number) = previous.map(|previous| previous.version) else {
            return Err(ApplyError::Vanished(format!(
                "{} as the plan was made for it",
                job.secret
            )));
        };
        let stored = self.google()?.access(job.secret, number).await?;
        let credential =
            self.wanted(job.role)?
                .credential_of(&stored, job.login, shape(secret).as_ref());
        let Some(credential) = credential else {
            return Ok(Some(not_its_own(job, number)));
        };
        if !self.works(job, &credential.password).await? {
            if !self.was_in_use(job, secret).await? {
                return Ok(Some(not_vouched(job, number)));
            }
            self.arm(job, &credential.password).await?;
            self.prove(job, &credential.password).await?;
        }
        self.report.events.push(format!(
            "version {number} of {} works again for `{}`",
            job.secret, job.login
        ));
        Ok(None)
    }

    /// Whether the version in use was published here, and shows that the one before was in use before it.
    async fn was_in_use(&self, job: &Job<'_>, secret: &Secret) -> Result<bool, ApplyError> {
        let ledger = self.ledger(job.role, secret)?;
        let (Some(current), Some(login)) = (ledger.current(), &ledger.login) else {
            return Ok(false);
        };
        if !self.vouched(job.role, secret).await? {
            return Ok(false);
        }
        let stored = self.google()?.access(job.secret, current).await?;
        let key = SealKey::of(self.wanted(job.role)?, &stored, login);
        Ok(key.is_some_and(|key| ledger.is_previous_sealed(&key)))
    }
}
