//! A version that works is what consumers get.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Job;
use crate::apply::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Annotations, Login, Payload, RoleName, Secret, Shape};
use crate::postgres::activity;
use crate::rotation::Seal;

/// What a publication says beside its version.
#[derive(Default)]
pub(super) struct Told {
    /// Since when it is in use, where nothing says so yet.
    pub(super) at: Timestamp,
    /// What was known of the version before is replaced.
    pub(super) replaces_previous: bool,
    /// The version before, its login, and what shows it.
    pub(super) previous: Option<(i64, Login, Option<Seal>)>,
}

impl Run<'_> {
    /// One call: the alias moves and what it stands for is recorded, or neither.
    pub(super) async fn publish(
        &self,
        job: &Job<'_>,
        number: i64,
        stored: &Payload,
    ) -> Result<(), ApplyError> {
        let told = Told {
            at: self.server_time().await?,
            ..Told::default()
        };
        self.publish_as(job, number, stored, told).await
    }

    /// The same, with what is `told` of it beside.
    pub(super) async fn publish_as(
        &self,
        job: &Job<'_>,
        number: i64,
        stored: &Payload,
        told: Told,
    ) -> Result<(), ApplyError> {
        let secret = self.present(job.secret).await?;
        let vouchers = self
            .vouchers(job.role, job.login, &secret, (number, stored))
            .await?;
        self.update(job.secret, |secret| {
            self.publication(job, secret, (number, stored), &told, &vouchers)
        })
        .await
    }

    /// The present by the server's clock, which everything is judged by later: this machine's may be wrong, and the run may
    /// have waited for its turn.
    pub(super) async fn server_time(&self) -> Result<Timestamp, ApplyError> {
        let mut session = self.session(None).await?;
        let found = activity(&mut session, &[], None).await?;
        session.close().await;
        Ok(Timestamp::from_millisecond(found.at).unwrap_or_default())
    }

    fn publication(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        (number, stored): (i64, &Payload),
        told: &Told,
        vouchers: &BTreeMap<i64, Seal>,
    ) -> Result<SecretUpdate, ApplyError> {
        let mut ledger = self.ledger(job.role, secret)?;
        let moves = ledger.aliases.insert(Annotations::CURRENT.into(), number) != Some(number);
        (ledger.login, ledger.version, ledger.pending) =
            (Some(job.login.clone()), Some(number), None);
        ledger.vouchers.clone_from(vouchers);
        if moves || ledger.published.is_none() {
            ledger.published = Some(told.at);
        }
        if moves {
            // Their seals are of the version that was in use before: those versions stay as they are.
            (ledger.retired, ledger.ending) = (None, None);
        }
        if told.replaces_previous {
            ledger = ledger.with_previous(told.previous.clone());
        }
        let mut annotations = ledger.annotations(&secret.annotations);
        self.note_shape(&mut annotations, job.role, job.login, stored)?;
        annotations.extend(self.ownership(job.role));
        Ok(SecretUpdate {
            annotations: Some(annotations),
            aliases: Some(ledger.aliases),
            ..SecretUpdate::default()
        })
    }

    /// How what is published is written, as far as anybody here can tell.
    pub(in crate::apply) fn note_shape(
        &self,
        annotations: &mut BTreeMap<String, String>,
        role: &RoleName,
        login: &Login,
        stored: &Payload,
    ) -> Result<(), ApplyError> {
        let before = annotations
            .remove(Annotations::SHAPE)
            .and_then(|text| Shape::parse(&text));
        let shape = Shape::find(stored, self.wanted(role)?, before, login);
        annotations.extend(shape.map(|shape| (Annotations::SHAPE.to_owned(), shape.to_string())));
        Ok(())
    }
}
