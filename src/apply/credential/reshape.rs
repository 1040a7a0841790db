//! The password in use is stored once more, in the form that the policy declares by now. Nothing changes on the server, and
//! whoever still reads the version before logs in with it as ever.

use rand::{CryptoRng, RngExt as _};

use super::{Job, newest, readable};
use crate::apply::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Annotations, Password, Payload, Secret, Shape};
use crate::plan::{Finding, Rule, Withheld, WithheldKind};
use crate::rotation::{Ledger, Mark, Pending};

impl Run<'_> {
    pub(super) async fn reshape(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        let Some(current) = secret.current().map(|current| current.number) else { return Err(vanished(job)) };
        let Some(password) = self.password_in(job, secret, current).await? else {
            return Ok(Some(not_of_its_form(job, current)));
        };
        let payload = self.wanted(job.role)?.payload(job.login, &password);
        let number = match self.reshaped(job, secret, current, &payload).await? {
            Some(number) => number,
            None => self.store_again(job, secret, current, &payload, random).await?,
        };
        self.prove(job, &password).await?;
        self.promote(job, current, number, &payload).await?;
        self.report.events.push(format!("version {number} of {} is in use for `{}`", job.secret, job.login));
        Ok(None)
    }

    /// The password in the version in use, read as it was written.
    async fn password_in(&self, job: &Job<'_>, secret: &Secret, number: i64) -> Result<Option<Password>, ApplyError> {
        let shape = secret.annotations.get(Annotations::SHAPE).and_then(|text| Shape::parse(text));
        let Some(shape) = shape else { return Err(vanished(job)) };
        let stored = self.google()?.access(job.secret, number).await?;
        let found = shape.of(self.wanted(job.role)?).credential(&stored, std::slice::from_ref(job.login));
        let is_its = |user: &Option<String>| user.as_deref().is_none_or(|user| user == job.login.as_str());
        Ok(found.filter(|found| is_its(&found.user)).map(|found| found.password))
    }

    /// The version that an interrupted run added already.
    async fn reshaped(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        current: i64,
        payload: &Payload,
    ) -> Result<Option<i64>, ApplyError> {
        let Some(pending) = Ledger::read(secret).pending.filter(|pending| pending.mark.is_of(payload)) else {
            return Ok(None);
        };
        for number in readable(secret).into_iter().filter(|number| *number > current) {
            if pending.mark.is_of(&self.google()?.access(job.secret, number).await?) {
                return Ok(Some(number));
            }
        }
        let is_it = |found: &Payload| pending.mark.is_of(found);
        Ok(self.google()?.find_after(job.secret, newest(secret), is_it).await?.map(|(number, _)| number))
    }

    async fn store_again(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        current: i64,
        payload: &Payload,
        random: &mut impl CryptoRng,
    ) -> Result<i64, ApplyError> {
        let id = format!("{:016x}", random.random::<u64>());
        let mark = Mark { fingerprint: payload.fingerprint(&id), id };
        self.assure_newest(job, secret).await?;
        self.update(job.secret, |found| {
            if found.versions != secret.versions || found.aliases != secret.aliases {
                return Err(vanished(job));
            }
            let pending = Pending { mark: mark.clone(), login: None, source: Some(current) };
            let ledger = Ledger { pending: Some(pending), ..Ledger::read(found).given_up() };
            let mut annotations = ledger.annotations(&found.annotations);
            annotations.extend(self.ownership(job.role));
            Ok(SecretUpdate { annotations: Some(annotations), ..SecretUpdate::default() })
        })
        .await?;
        let number = self.store(job, secret, payload).await?;
        let stored = self.google()?.access(job.secret, number).await?;
        if stored.expose() != payload.expose() {
            return Err(ApplyError::ReadBack { secret: job.secret.clone(), version: number });
        }
        Ok(number)
    }

    /// The same credential in a newer version: `previous`, and since when it is in use, stay as they are.
    async fn promote(&self, job: &Job<'_>, current: i64, number: i64, payload: &Payload) -> Result<(), ApplyError> {
        let now = self.server_time().await?;
        self.update(job.secret, |found| {
            let before = Ledger::read(found);
            if before.current() == Some(number) {
                return Ok(SecretUpdate { annotations: Some(found.annotations.clone()), ..SecretUpdate::default() });
            }
            let ours = before.pending.as_ref().is_some_and(|pending| pending.mark.is_of(payload));
            if before.current() != Some(current) || !ours {
                return Err(vanished(job));
            }
            let ledger = before.promoted(number, &[], now);
            let mut annotations = ledger.annotations(&found.annotations);
            self.note_shape(&mut annotations, job.role, job.login, payload)?;
            Ok(SecretUpdate {
                annotations: Some(annotations),
                aliases: Some(ledger.aliases),
                ..SecretUpdate::default()
            })
        })
        .await
    }
}

fn vanished(job: &Job<'_>) -> ApplyError {
    ApplyError::Vanished(format!("{} as the plan was made for it", job.secret))
}

fn not_of_its_form(job: &Job<'_>, number: i64) -> Withheld {
    let finding = Finding {
        role: Some(job.role.to_string()),
        object: Some(format!("secret {}", job.secret)),
        ..Finding::new(Rule::SecretVersion, format!("version {number} of {} is of no form that is known", job.secret))
    };
    Withheld {
        findings: vec![finding],
        reason: "its password cannot be told from what is around it".into(),
        advice: format!("rolewright rotate --role {} --now stores a new one in the declared form", job.role),
        kind: WithheldKind::Decision,
    }
}
