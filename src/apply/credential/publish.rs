//! A version that works is what consumers get.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Job;
use crate::apply::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Annotations, Login, Payload, RoleName, Secret, Shape};
use crate::postgres::activity;

impl Run<'_> {
    /// One call: the alias moves and what it stands for is recorded, or neither.
    pub(super) async fn publish(&self, job: &Job<'_>, number: i64, stored: &Payload) -> Result<(), ApplyError> {
        let now = self.server_time().await?;
        self.update(job.secret, |secret| self.publication(job, secret, number, stored, now)).await
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
        number: i64,
        stored: &Payload,
        now: Timestamp,
    ) -> Result<SecretUpdate, ApplyError> {
        let mut annotations = secret.annotations.clone();
        self.note_shape(&mut annotations, job.role, job.login, stored)?;
        annotations.extend(self.ownership(job.role));
        annotations.insert(Annotations::LOGIN.into(), job.login.to_string());
        for key in [Annotations::PENDING, Annotations::NEXT, Annotations::SOURCE] {
            annotations.remove(key);
        }
        let mut aliases = secret.aliases.clone();
        if aliases.insert(Annotations::CURRENT.into(), number) != Some(number) {
            annotations.insert(Annotations::PUBLISHED.into(), now.to_string());
            // Their seals are of the version that was in use before: those versions stay as they are.
            [Annotations::RETIRED, Annotations::ENDING].iter().for_each(|key| drop(annotations.remove(*key)));
        }
        Ok(SecretUpdate { annotations: Some(annotations), aliases: Some(aliases), ..SecretUpdate::default() })
    }

    /// How what is published is written, as far as anybody here can tell.
    pub(in crate::apply) fn note_shape(
        &self,
        annotations: &mut BTreeMap<String, String>,
        role: &RoleName,
        login: &Login,
        stored: &Payload,
    ) -> Result<(), ApplyError> {
        let before = annotations.remove(Annotations::SHAPE).and_then(|text| Shape::parse(&text));
        let shape = Shape::find(stored, self.wanted(role)?, before, login);
        annotations.extend(shape.map(|shape| (Annotations::SHAPE.to_owned(), shape.to_string())));
        Ok(())
    }
}
