//! What an interrupted run left is found and finished.

use rand::CryptoRng;

use super::{Job, newest, readable, shape};
use crate::apply::{ApplyError, Run};
use crate::model::{Payload, Secret, Strategy};
use crate::plan::{Finding, Rule, Withheld, WithheldKind};

impl Run<'_> {
    pub(super) async fn resume(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        match self.interrupted(job, secret).await? {
            Some((number, stored)) => return self.finish(job, secret, number, &stored).await,
            // A single login is armed only after its version is stored: what it has is not of ours.
            None if job.strategy == Strategy::Single && self.logs_in(job) && !self.options.reset_passwords => {
                return Ok(Some(not_stored(job)));
            }
            None => self.generate(job, secret, random).await?,
        }
        Ok(None)
    }

    /// The version that an interrupted run left: the published one that no longer logs in, or the one it was adding.
    async fn interrupted(&self, job: &Job<'_>, secret: &Secret) -> Result<Option<(i64, Payload)>, ApplyError> {
        if let Some(current) = secret.current() {
            return Ok(Some((current.number, self.google()?.access(job.secret, current.number).await?)));
        }
        let Some(pending) = self.ledger(job.role, secret)?.pending else { return Ok(None) };
        // What was copied has a version in use.
        let is_it = |payload: &Payload| pending.mark.is_of(payload, |_| false);
        for number in readable(secret) {
            let payload = self.google()?.access(job.secret, number).await?;
            if is_it(&payload) {
                return Ok(Some((number, payload)));
            }
        }
        Ok(self.google()?.find_after(job.secret, newest(secret), is_it).await?)
    }

    /// Whether the server got the password of the stored version is not known: a login tells, and sets it if not.
    async fn finish(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        number: i64,
        stored: &Payload,
    ) -> Result<Option<Withheld>, ApplyError> {
        let before = shape(secret);
        let Some(credential) = self.wanted(job.role)?.credential_of(stored, job.login, before.as_ref()) else {
            return Ok(Some(not_its_own(job, number)));
        };
        let works = self.logs_in(job) && self.works(job, &credential.password).await?;
        if !works {
            self.arm(job, &credential.password).await?;
        }
        self.put_to_work(job, number, stored, before.as_ref()).await?;
        Ok(None)
    }

    fn logs_in(&self, job: &Job<'_>) -> bool {
        self.state.roles.get(job.login.name()).is_some_and(|role| role.login)
    }
}

/// The version that is to be put to work is another login's.
fn not_its_own(job: &Job<'_>, number: i64) -> Withheld {
    let name = job.secret;
    let finding = Finding {
        role: Some(job.role.to_string()),
        object: Some(format!("secret {name}")),
        ..Finding::new(
            Rule::SecretForeign,
            format!("version {number} of {name} does not hold a credential of `{}`", job.login),
        )
    };
    Withheld {
        findings: vec![finding],
        summary: None,
        reason: "others have stored it, or moved an alias to it".into(),
        advice: format!(
            "let `current` name a version of `{}`: gcloud secrets update {} --project={} \
             --update-version-aliases=current=VERSION",
            job.login, name.id, name.project
        ),
        kind: WithheldKind::Decision,
    }
}

fn not_stored(job: &Job<'_>) -> Withheld {
    let finding = Finding {
        role: Some(job.role.to_string()),
        object: Some(format!("secret {}", job.secret)),
        ..Finding::new(Rule::SecretMissing, format!("{} has no version for `{}`", job.secret, job.login))
    };
    Withheld {
        findings: vec![finding],
        summary: None,
        reason: format!(
            "login `{}` exists with a password that nobody stored, and somebody may be using it",
            job.login
        ),
        advice: "store it in the secret yourself, or use --reset-passwords to replace it".into(),
        kind: WithheldKind::Decision,
    }
}
