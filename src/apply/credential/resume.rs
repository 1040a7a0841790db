//! What an interrupted run left is found and finished; a credential that the server does not take any more is put back. Neither
//! puts a password to work that others may have stored.

use rand::CryptoRng;

use super::{Job, newest, readable, shape};
use crate::apply::{ApplyError, Run};
use crate::model::{Password, Payload, Secret, Strategy, Version};
use crate::plan::{Finding, Grounds, Rule, Withheld};

impl Run<'_> {
    pub(super) async fn resume(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        if let Some(current) = secret.current() {
            return self.restore(job, secret, current, random).await;
        }
        match self.interrupted(job, secret).await? {
            Some((number, stored)) => self.finish(job, secret, number, &stored, random).await,
            // A single login can log in only after its version is stored: what it has is not of ours.
            None if job.strategy == Strategy::Single
                && self.logs_in(job)
                && !self.options.reset_passwords =>
            {
                Ok(Some(not_stored(job)))
            }
            None => self.generate(job, secret, random).await.map(|()| None),
        }
    }

    /// The version that an interrupted run was adding: the first one that is published.
    async fn interrupted(
        &self,
        job: &Job<'_>,
        secret: &Secret,
    ) -> Result<Option<(i64, Payload)>, ApplyError> {
        let Some(pending) = self.ledger(job.role, secret)?.pending else {
            return Ok(None);
        };
        // What was copied, or has a key, has a version in use.
        let is_it = |payload: &Payload| pending.mark.is_of(payload, None, |_| false);
        for number in readable(secret) {
            let payload = self.google()?.access(job.secret, number).await?;
            if is_it(&payload) {
                return Ok(Some((number, payload)));
            }
        }
        Ok(self
            .google()?
            .find_after(job.secret, newest(secret), is_it)
            .await?)
    }

    /// The server got the password of the stored version before it was stored, or not at all: a login tells, also where the
    /// login is closed. The mark does not, which others can write.
    async fn finish(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        number: i64,
        stored: &Payload,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        let before = shape(secret);
        let Some(credential) =
            self.wanted(job.role)?
                .credential_of(stored, job.login, before.as_ref())
        else {
            return Ok(Some(not_its_own(job, number)));
        };
        if self.works(job, &credential.password).await? {
            self.open(job).await?;
            self.put_to_work(job, number, stored, before.as_ref())
                .await?;
            return Ok(None);
        }
        self.reset_or(job, secret, not_taken(job, number), random)
            .await
    }

    /// The published version does not log in: its login is closed or gone, or the server has another password.
    async fn restore(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        current: &Version,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        let (number, before) = (current.number, shape(secret));
        let stored = self.google()?.access(job.secret, number).await?;
        let Some(credential) =
            self.wanted(job.role)?
                .credential_of(&stored, job.login, before.as_ref())
        else {
            return Ok(Some(not_its_own(job, number)));
        };
        if self.works_by_scram(job, &credential.password).await? {
            self.open(job).await?;
        } else if self.vouched(job.role, secret).await? {
            self.arm(job, &credential.password).await?;
        } else {
            return self
                .reset_or(job, secret, not_vouched(job, number), random)
                .await;
        }
        self.put_to_work(job, number, &stored, before.as_ref())
            .await?;
        Ok(None)
    }

    /// Whether the server has the password, kept for SCRAM-SHA-256: another verifier of it was not made here.
    async fn works_by_scram(&self, job: &Job<'_>, password: &Password) -> Result<bool, ApplyError> {
        match self.works(job, password).await {
            Err(ApplyError::Login { source, .. }) if source.asks_for_another_verifier() => {
                Ok(false)
            }
            tried => tried,
        }
    }

    /// A new password where that is wanted; else what is found is left, and `withheld`.
    pub(super) async fn reset_or(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        withheld: Withheld,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        if !self.options.reset_passwords {
            return Ok(Some(withheld));
        }
        self.generate(job, secret, random).await.map(|()| None)
    }

    /// Whether the login could log in when the server was looked at.
    pub(super) fn logs_in(&self, job: &Job<'_>) -> bool {
        self.state
            .roles
            .get(job.login.name())
            .is_some_and(|role| role.login)
    }
}

/// The version that is to be put to work is another login's.
pub(super) fn not_its_own(job: &Job<'_>, number: i64) -> Withheld {
    let name = job.secret;
    Withheld {
        reason: "others have stored it, or moved an alias to it".into(),
        advice: format!(
            "let `current` name a version of `{}`: gcloud secrets update {} --project={} \
             --update-version-aliases=current=VERSION",
            job.login, name.id, name.project
        ),
        ..foreign(
            job,
            format!(
                "version {number} of {name} does not hold a credential of `{}`",
                job.login
            ),
        )
    }
}

/// An announced version that the server does not take.
fn not_taken(job: &Job<'_>, number: i64) -> Withheld {
    Withheld {
        reason: "a run that was interrupted had given the server its password before; others may have stored it".into(),
        advice: "let `current` name the version that is to count, or use --reset-passwords to store a new one".into(),
        ..foreign(job, format!("version {number} of {} does not log in as `{}`", job.secret, job.login))
    }
}

/// A published version that the server does not take, and that nothing but annotations shows to be ours.
pub(super) fn not_vouched(job: &Job<'_>, number: i64) -> Withheld {
    Withheld {
        reason: "nothing that others could not write shows that it was published here, so that its password is not set"
            .into(),
        advice: "set that password yourself if it is the right one, or use --reset-passwords to store a new one".into(),
        ..foreign(job, format!("version {number} of {} does not log in as `{}`", job.secret, job.login))
    }
}

fn foreign(job: &Job<'_>, message: String) -> Withheld {
    let finding = Finding {
        role: Some(job.role.to_string()),
        object: Some(format!("secret {}", job.secret)),
        ..Finding::new(Rule::SecretForeign, message)
    };
    let (reason, advice) = (String::new(), String::new());
    Withheld {
        findings: vec![finding],
        summary: None,
        reason,
        advice,
        grounds: Grounds::Decision,
    }
}

fn not_stored(job: &Job<'_>) -> Withheld {
    let finding = Finding {
        role: Some(job.role.to_string()),
        object: Some(format!("secret {}", job.secret)),
        ..Finding::new(
            Rule::SecretMissing,
            format!("{} has no version for `{}`", job.secret, job.login),
        )
    };
    Withheld {
        findings: vec![finding],
        summary: None,
        reason: format!(
            "login `{}` exists with a password that nobody stored, and somebody may be using it",
            job.login
        ),
        advice: "store it in the secret yourself, or use --reset-passwords to replace it".into(),
        grounds: Grounds::Decision,
    }
}
