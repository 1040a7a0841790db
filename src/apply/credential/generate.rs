//! A new password, from nothing to published.

use rand::{CryptoRng, RngExt as _};

use super::{Job, newest};
use crate::apply::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Annotations, Password, Payload, Secret, Strategy};
use crate::postgres::Session;
use crate::rotation::Mark;

/// How the server has a password that is not stored yet.
enum Ahead {
    /// Its login is idle.
    Committed,
    /// Its login is closed.
    Closed,
    /// In a transaction that is still open.
    Prepared(Box<Session>),
}

impl Run<'_> {
    pub(super) async fn generate(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        random: &mut impl CryptoRng,
    ) -> Result<(), ApplyError> {
        let password = Password::generate(random);
        let payload = self.wanted(job.role)?.payload(job.login, &password);
        let mark = Mark::first(format!("{:016x}", random.random::<u64>()), &payload);
        self.assure_newest(job, secret).await?;
        self.announce(job, secret, &mark.to_string()).await?;
        let open = self.arm_ahead(job, &password).await?;
        let number = self.store(job, secret, &payload).await?;
        let stored = self.google()?.access(job.secret, number).await?;
        if stored.expose() != payload.expose() {
            return Err(ApplyError::ReadBack {
                secret: job.secret.clone(),
                version: number,
            });
        }
        match open {
            Ahead::Committed => {}
            Ahead::Closed => self.open(job).await?,
            Ahead::Prepared(mut session) => {
                self.commit_password(job.login, &mut session).await?;
                session.close().await;
            }
        }
        self.put_to_work(job, number, &stored, None).await
    }

    /// The server has the password before anybody can read it, so that a version which an interrupted run has left is told by
    /// a login. Nobody logs in with it before it is stored.
    async fn arm_ahead(&self, job: &Job<'_>, password: &Password) -> Result<Ahead, ApplyError> {
        let is_live =
            self.logs_in(job) && (self.options.reset_passwords || job.strategy == Strategy::Single);
        if is_live {
            // Somebody may be using it: what they have works until COMMIT.
            return Ok(Ahead::Prepared(Box::new(
                self.prepare(job.login, password).await?,
            )));
        }
        if job.strategy == Strategy::Single {
            self.arm_closed(job, password).await?;
            return Ok(Ahead::Closed);
        }
        // Nobody uses this login yet: it is proven before anything is stored.
        self.arm(job, password).await?;
        self.prove(job, password).await?;
        Ok(Ahead::Committed)
    }

    /// Leaves word of the version that is about to be added. Whoever added one since the secret was read goes first.
    async fn announce(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        pending: &str,
    ) -> Result<(), ApplyError> {
        let announcement = |found: &Secret| {
            if found.versions != secret.versions {
                return Err(ApplyError::Vanished(format!(
                    "{} as the plan was made for it",
                    job.secret
                )));
            }
            let mut annotations = found.annotations.clone();
            annotations.extend(self.ownership(job.role));
            annotations.insert(Annotations::PENDING.into(), pending.into());
            // They would speak of the attempt before.
            [Annotations::NEXT, Annotations::SOURCE]
                .iter()
                .for_each(|key| drop(annotations.remove(*key)));
            Ok(SecretUpdate {
                annotations: Some(annotations),
                ..SecretUpdate::default()
            })
        };
        self.update(job.secret, announcement).await
    }

    /// Adds the version. Where the answer was lost, it is looked for.
    pub(super) async fn store(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        payload: &Payload,
    ) -> Result<i64, ApplyError> {
        Ok(self
            .google_to_change()
            .await?
            .store(job.secret, payload, newest(secret))
            .await?)
    }

    /// A list of versions may lag behind: whoever added one goes first.
    pub(super) async fn assure_newest(
        &self,
        job: &Job<'_>,
        secret: &Secret,
    ) -> Result<(), ApplyError> {
        match self
            .google()?
            .find_after(job.secret, newest(secret), |_| true)
            .await?
        {
            None => Ok(()),
            Some(_) => Err(ApplyError::Vanished(format!(
                "{} as the plan was made for it",
                job.secret
            ))),
        }
    }
}
