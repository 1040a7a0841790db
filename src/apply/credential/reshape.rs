//! The password in use is stored once more, in the form that the policy declares by now. Nothing changes on the server, and
//! whoever still reads the version before logs in with it as ever.

use rand::{CryptoRng, RngExt as _};

use super::{Job, newest, readable, shape};
use crate::apply::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Given, Password, Payload, Secret};
use crate::plan::{Finding, Grounds, Rule, Withheld};
use crate::rotation::{Ledger, Mark, Pending, SealKey};

impl Run<'_> {
    pub(super) async fn reshape(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        let Some(current) = secret.current().map(|current| current.number) else {
            return Err(vanished(job));
        };
        let before = self.google()?.access(job.secret, current).await?;
        let password = match self.password_in(job, secret, &before)? {
            // What the server does not take was not written as the annotation has it, or is not what is in use.
            Some(password) if self.works(job, &password).await? => password,
            _ => {
                let withheld = not_of_its_form(job, current, &self.policy.given);
                return self.reset_or(job, secret, withheld, random).await;
            }
        };
        let payload = self.wanted(job.role)?.payload(job.login, &password);
        let old = Version {
            number: current,
            payload: &before,
        };
        let number = match self.reshaped(job, secret, old, &payload).await? {
            Some(number) => number,
            None => {
                let mark = mark_of(&password, &payload, old, random);
                self.store_again(job, secret, current, &payload, mark)
                    .await?
            }
        };
        self.promote(
            job,
            secret,
            old,
            Version {
                number,
                payload: &payload,
            },
        )
        .await?;
        self.report.events.push(format!(
            "version {number} of {} is in use for `{}`",
            job.secret, job.login
        ));
        Ok(None)
    }

    /// The password in the version in use, read as it was written.
    fn password_in(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        stored: &Payload,
    ) -> Result<Option<Password>, ApplyError> {
        let Some(shape) = shape(secret) else {
            return Err(vanished(job));
        };
        let found = shape
            .of(self.wanted(job.role)?)
            .credential(stored, &[job.login]);
        Ok(found.ok().map(|found| found.password))
    }

    /// The version that an interrupted run added already.
    async fn reshaped(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        old: Version<'_>,
        payload: &Payload,
    ) -> Result<Option<i64>, ApplyError> {
        let current = old.number;
        let is_it = |found: &Payload| found.expose() == payload.expose();
        let pending = self.ledger(job.role, secret)?.pending;
        if !pending.is_some_and(|pending| pending.is_of(payload, current, old.payload)) {
            return Ok(None);
        }
        for number in readable(secret)
            .into_iter()
            .filter(|number| *number > current)
        {
            if is_it(&self.google()?.access(job.secret, number).await?) {
                return Ok(Some(number));
            }
        }
        Ok(self
            .google()?
            .find_after(job.secret, newest(secret), is_it)
            .await?
            .map(|(number, _)| number))
    }

    async fn store_again(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        current: i64,
        payload: &Payload,
        mark: Mark,
    ) -> Result<i64, ApplyError> {
        self.assure_newest(job, secret).await?;
        self.update(job.secret, |found| {
            if found.versions != secret.versions || found.aliases != secret.aliases {
                return Err(vanished(job));
            }
            let pending = Pending {
                mark: mark.clone(),
                login: None,
                source: Some(current),
            };
            let ledger = Ledger {
                pending: Some(pending),
                ..self.ledger(job.role, found)?.given_up()
            };
            let mut annotations = ledger.annotations(&found.annotations);
            annotations.extend(self.ownership(job.role));
            Ok(SecretUpdate {
                annotations: Some(annotations),
                ..SecretUpdate::default()
            })
        })
        .await?;
        let number = self.store(job, secret, payload).await?;
        let stored = self.google()?.access(job.secret, number).await?;
        if stored.expose() != payload.expose() {
            return Err(ApplyError::ReadBack {
                secret: job.secret.clone(),
                version: number,
            });
        }
        Ok(number)
    }

    /// The same credential in a newer version: `previous`, and since when it is in use, stay as they are.
    async fn promote(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        old: Version<'_>,
        new: Version<'_>,
    ) -> Result<(), ApplyError> {
        let vouchers = self
            .vouchers(job.role, job.login, secret, (new.number, new.payload))
            .await?;
        let now = self.server_time().await?;
        let wanted = self.wanted(job.role)?;
        let [before, after] =
            [old, new].map(|version| SealKey::of(wanted, version.payload, job.login));
        self.update(job.secret, |found| {
            let ledger = self.ledger(job.role, found)?;
            if ledger.current() == Some(new.number) {
                return Ok(SecretUpdate {
                    annotations: Some(found.annotations.clone()),
                    ..SecretUpdate::default()
                });
            }
            let is_it = |pending: &Pending| pending.is_of(new.payload, old.number, old.payload);
            if ledger.current() != Some(old.number) || !ledger.pending.as_ref().is_some_and(is_it) {
                return Err(vanished(job));
            }
            // What is replaced held the password that was just proven.
            let promoted = ledger.promoted(new.number, &[old.number], now);
            let promoted = promoted.sealed(&[old.number].into(), before.as_ref(), after.as_ref());
            let [was, is] = [&before, &after].map(|key| key.as_ref());
            let ledger = Ledger {
                vouchers: vouchers.clone(),
                ..promoted.resealed(&ledger, was, is)
            };
            let mut annotations = ledger.annotations(&found.annotations);
            self.note_shape(&mut annotations, job.role, job.login, new.payload)?;
            Ok(SecretUpdate {
                annotations: Some(annotations),
                aliases: Some(ledger.aliases),
                ..SecretUpdate::default()
            })
        })
        .await
    }
}

/// A version and what it holds.
#[derive(Clone, Copy)]
struct Version<'a> {
    number: i64,
    payload: &'a Payload,
}

/// A password that was not generated is announced by the version that holds it: a digest would help to guess it.
fn mark_of(
    password: &Password,
    payload: &Payload,
    current: Version<'_>,
    random: &mut impl CryptoRng,
) -> Mark {
    let id = format!("{:016x}", random.random::<u64>());
    match password.is_random() {
        true => Mark::keyed(id, payload, current.payload, true),
        false => Mark::copy(id, current.number),
    }
}

fn vanished(job: &Job<'_>) -> ApplyError {
    ApplyError::Vanished(format!("{} as the plan was made for it", job.secret))
}

fn not_of_its_form(job: &Job<'_>, number: i64, given: &Given) -> Withheld {
    let finding = Finding {
        role: Some(job.role.to_string()),
        object: Some(format!("secret {}", job.secret)),
        ..Finding::new(
            Rule::SecretVersion,
            format!(
                "version {number} of {} is of no form that is known",
                job.secret
            ),
        )
    };
    Withheld {
        findings: vec![finding],
        summary: None,
        reason: "its password cannot be told from what is around it".into(),
        advice: format!(
            "{} stores a new one in the declared form",
            given.command_for("rotate", job.role, &["--now"])
        ),
        grounds: Grounds::Decision,
    }
}
