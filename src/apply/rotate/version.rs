//! The end of versions, which nobody may need any more at that very moment. Secret Manager guards a version by its etag,
//! which aliases do not change, and Cloud Run guards nothing: so they are looked at right before, and again after.

use super::Turn;
use super::look::consumers;
use crate::apply::ApplyError;
use crate::model::{Version, VersionState};
use crate::rotation::{self, Reading};

impl Turn<'_> {
    /// Disables or destroys a version as it was seen, unless somebody refers to it since.
    pub(super) async fn end_version(
        &mut self,
        number: i64,
        state: VersionState,
    ) -> Result<(), ApplyError> {
        let version = self.run.google()?.version(self.secret, number).await?;
        let as_seen =
            self.seen.state.versions.get(&number) == Some(&version.state) && !version.doomed;
        if !as_seen || self.is_named_now(number).await? {
            self.found_to_be(&version);
            return Ok(());
        }
        let ended = self
            .run
            .google_to_change()
            .await?
            .set_version_state(self.secret, &version, state)
            .await?;
        self.found_to_be(&ended);
        let verb = if state == VersionState::Destroyed {
            "destroyed"
        } else {
            "disabled"
        };
        self.run.report.events.push(format!(
            "version {number} is {verb}: no alias and no reader that the policy names refers to it"
        ));
        self.is_named_now(number).await.map(drop)
    }

    pub(super) async fn enable(&mut self, number: i64) -> Result<(), ApplyError> {
        let version = self.run.google()?.version(self.secret, number).await?;
        if version.state == VersionState::Disabled {
            let enabled = self.run.google_to_change().await?;
            let enabled = enabled
                .set_version_state(self.secret, &version, VersionState::Enabled)
                .await?;
            self.found_to_be(&enabled);
            self.run.report.events.push(format!(
                "version {number} is enabled again: somebody refers to it now"
            ));
        } else {
            self.found_to_be(&version);
        }
        Ok(())
    }

    fn found_to_be(&mut self, version: &Version) {
        let state = &mut self.seen.state;
        state.versions.insert(version.number, version.state);
        if version.doomed || version.state == VersionState::Destroyed {
            state.doomed.insert(version.number);
        } else {
            state.doomed.remove(&version.number);
        }
    }

    /// Whether a job or service names the version by now, which the next decision is told.
    ///
    /// # Errors
    /// [`ApplyError::Named`] where an alias does. What shows neither the word of this run nor that it gave the version up
    /// is older than both: then the next write tells, which is refused where somebody has written since.
    async fn is_named_now(&mut self, number: i64) -> Result<bool, ApplyError> {
        let notes = self.run.google()?.notes(self.secret).await?;
        let read = |secret| rotation::read(secret, &self.seen.own, Some(self.seen.now()));
        let Reading {
            ledger,
            problems: _,
        } = notes.as_ref().map(read).unwrap_or_default();
        let state = &self.seen.state;
        let is_newer = ledger
            .lease
            .as_ref()
            .is_some_and(|lease| lease.owner == state.owner)
            && ledger
                .retired
                .as_ref()
                .is_some_and(|retired| retired.versions.contains(&number));
        if is_newer && ledger.aliases.values().any(|named| *named == number) {
            return Err(ApplyError::Named {
                secret: self.secret.clone(),
                version: number,
            });
        }
        self.look_at_consumers().await?;
        Ok(self
            .seen
            .state
            .consumers
            .iter()
            .any(|consumer| consumer.names(number)))
    }

    /// The jobs and services as they are now. Only they are looked at again: what is read of the secret may be older than
    /// what was written just now. A revision that was made a moment ago is there, whether it shows already or not.
    pub(super) async fn look_at_consumers(&mut self) -> Result<(), ApplyError> {
        let found = consumers(self.run.google()?, self.run.wanted(self.role)?).await?;
        self.seen.knows_consumers = true;
        let before = std::mem::replace(&mut self.seen.state.consumers, found);
        for consumer in &mut self.seen.state.consumers {
            let known = before
                .iter()
                .find(|known| known.resource == consumer.resource);
            consumer.noted = consumer.noted.max(known.and_then(|known| known.noted));
        }
        Ok(())
    }
}
