//! A new password, from nothing to published.

use rand::{CryptoRng, RngExt as _};

use super::{Job, newest};
use crate::apply::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Annotations, Password, Payload, Secret, Strategy};

impl Run<'_> {
    pub(super) async fn generate(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        random: &mut impl CryptoRng,
    ) -> Result<(), ApplyError> {
        let password = Password::generate(random);
        let payload = self.wanted(job.role)?.payload(job.login, &password);
        let id = format!("{:016x}", random.random::<u64>());
        self.assure_newest(job, secret).await?;
        self.announce(job, secret, &format!("{id}:{}", payload.fingerprint(&id))).await?;
        if job.strategy == Strategy::Alternate {
            // Nobody uses this login yet: it is armed and proven before anything is stored.
            self.arm(job, &password).await?;
            self.prove(job, &password).await?;
        }
        let number = self.store(job, secret, &payload).await?;
        let stored = self.google()?.access(job.secret, number).await?;
        if stored.expose() != payload.expose() {
            return Err(ApplyError::ReadBack { secret: job.secret.clone(), version: number });
        }
        if job.strategy == Strategy::Single {
            // Durable first: from here on the server takes what is stored.
            self.arm(job, &password).await?;
        }
        self.put_to_work(job, number, &stored, None).await
    }

    /// Leaves word of the version that is about to be added. Whoever added one since the secret was read goes first.
    async fn announce(&self, job: &Job<'_>, secret: &Secret, pending: &str) -> Result<(), ApplyError> {
        let announcement = |found: &Secret| {
            if found.versions != secret.versions {
                return Err(ApplyError::Vanished(format!("{} as the plan was made for it", job.secret)));
            }
            let mut annotations = found.annotations.clone();
            annotations.extend(self.ownership(job.role));
            annotations.insert(Annotations::PENDING.into(), pending.into());
            // They would speak of the attempt before.
            [Annotations::NEXT, Annotations::SOURCE].iter().for_each(|key| drop(annotations.remove(*key)));
            Ok(SecretUpdate { annotations: Some(annotations), ..SecretUpdate::default() })
        };
        self.update(job.secret, announcement).await
    }

    /// Adds the version. Where the answer was lost, it is looked for.
    pub(super) async fn store(&self, job: &Job<'_>, secret: &Secret, payload: &Payload) -> Result<i64, ApplyError> {
        Ok(self.google_to_change().await?.store(job.secret, payload, newest(secret)).await?)
    }

    /// A list of versions may lag behind: whoever added one goes first.
    pub(super) async fn assure_newest(&self, job: &Job<'_>, secret: &Secret) -> Result<(), ApplyError> {
        match self.google()?.find_after(job.secret, newest(secret), |_| true).await? {
            None => Ok(()),
            Some(_) => Err(ApplyError::Vanished(format!("{} as the plan was made for it", job.secret))),
        }
    }
}
