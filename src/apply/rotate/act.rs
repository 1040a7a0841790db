//! The effects at Google, and who does which.

use rand::{CryptoRng, RngExt as _};

use super::{End, Turn};
use crate::apply::ApplyError;
use crate::google::SecretUpdate;
use crate::model::{Annotations, Login, Password, VersionState};
use crate::rotation::{self, Held, Ledger, Mark, Order, Pending, ServerSide, Source, Step};

/// Google takes a time for the next rotation that is at least so many seconds ahead.
const AHEAD: i64 = 300;

impl Turn<'_> {
    /// Does `step`. Whatever happens between two steps, the next run begins with what it sees.
    pub(super) async fn act(
        &mut self,
        step: Step,
        random: &mut impl CryptoRng,
    ) -> Result<(), ApplyError> {
        match step {
            Step::Begin { login, source } => self.begin(login, source, random).await,
            Step::Identify(number) => self.identify(number).await,
            Step::CheckSeal(number) => self.check_seal(number).await,
            Step::Probe { version, login } => self.probe(version, login).await,
            Step::Record(ledger) => self.write(*ledger).await,
            Step::Arm(login) => self.arm(&login).await,
            Step::Prepare(login) => self.prepare(&login).await,
            Step::Commit(login) => self.commit(&login).await,
            Step::Prove(login) => self.prove(&login).await,
            Step::Store => self.store().await,
            Step::Roll { resource, version } => self.roll(&resource, version).await,
            Step::Expire { login, at } => self.expire(&login, at).await,
            Step::EndSessions(login) => self.end_sessions(&login).await,
            Step::Close(login) => self.close(&login).await,
            Step::Enable(number) => self.enable(number).await,
            Step::Disable(number) => self.end_version(number, VersionState::Disabled).await,
            Step::Destroy(number) => self.end_version(number, VersionState::Destroyed).await,
            Step::Rest(_) | Step::Wait(_) | Step::Hold(_) => Ok(()),
        }
    }

    /// Whoever is said to be in the way may use a credential that was published since: what is read of a secret may be as it
    /// was minutes ago, and a version that is added then shows by its number alone.
    /// <https://cloud.google.com/secret-manager/docs/reference/rest#consistency>
    pub(super) async fn behind(&self) -> Result<Option<ApplyError>, ApplyError> {
        let newest = self.seen.state.newest();
        let behind = self
            .run
            .google()?
            .has_version(self.secret, newest + 1)
            .await?;
        Ok(behind.then(|| ApplyError::Behind {
            secret: self.secret.clone(),
            version: newest + 1,
        }))
    }

    /// A login that is not as the policy says is put right by `apply`, which shows what it does.
    pub(super) fn unready(&self, step: &Step) -> Option<End> {
        let Step::Begin {
            login,
            source: Source::Fresh,
        } = step
        else {
            return None;
        };
        let wrong = crate::plan::departures(self.run.policy, &self.seen.server, login);
        (!wrong.is_empty()).then_some(End::Held(Held::NotReady(wrong)))
    }

    async fn begin(
        &mut self,
        login: Login,
        source: Source,
        random: &mut impl CryptoRng,
    ) -> Result<(), ApplyError> {
        let (payload, source) = match source {
            Source::Fresh => (
                self.run
                    .wanted(self.role)?
                    .payload(&login, &Password::generate(random)),
                None,
            ),
            Source::Version(number) => (
                self.run.google()?.access(self.secret, number).await?,
                Some(number),
            ),
        };
        let id = format!("{:016x}", random.random::<u64>());
        let credential =
            self.run
                .wanted(self.role)?
                .credential_of(&payload, &login, self.shape().as_ref());
        let is_random = credential.is_some_and(|credential| credential.password.is_random());
        self.read_current().await?;
        let mark = match (source.filter(|_| !is_random), self.current()) {
            (Some(number), _) => Mark::copy(id, number),
            (None, Some(key)) => Mark::keyed(id, &payload, key, self.is_proven()),
            (None, None) => {
                return Err(ApplyError::Vanished(format!(
                    "the version of {} in use",
                    self.secret
                )));
            }
        };
        let pending = Pending {
            mark,
            login: Some(login),
            source,
        };
        let ledger = self
            .seen
            .state
            .ledger
            .begun(pending, self.seen.state.lease());
        self.write(ledger).await?;
        (self.hand, self.made) = (Some(payload), true);
        self.seen.state.order = Order::Finish;
        Ok(())
    }

    /// One call: annotations and aliases together, or neither. Where somebody else changed the secret since it was read, it
    /// is refused.
    pub(super) async fn write(&mut self, ledger: Ledger) -> Result<(), ApplyError> {
        let ledger = self.sealed(ledger).await?;
        let Some(secret) = &self.seen.secret else {
            return Err(ApplyError::Vanished(self.secret.to_string()));
        };
        let mut annotations = ledger.annotations(&secret.annotations);
        annotations.extend(self.run.ownership(self.role));
        if ledger.current() != self.seen.state.ledger.current() {
            match (&self.hand, &ledger.login) {
                (Some(stored), Some(login)) => {
                    self.run
                        .note_shape(&mut annotations, self.role, login, stored)?
                }
                _ => drop(annotations.remove(Annotations::SHAPE)),
            }
        }
        let state = &self.seen.state;
        let due = ledger
            .published
            .and_then(|published| rotation::due(&state.terms, self.secret, published));
        match due {
            Some(due) => annotations.insert(Annotations::DUE.into(), due.to_string()),
            None => annotations.remove(Annotations::DUE),
        };
        let reminds = |due: &i64| secret.has_topics && *due >= state.now.as_second() + AHEAD;
        let next_rotation = due.map(|due| due.as_second()).filter(reminds);
        let update = SecretUpdate {
            annotations: Some(annotations.clone()),
            aliases: Some(ledger.aliases.clone()),
            next_rotation: next_rotation.filter(|_| state.ledger.published != ledger.published),
            ..SecretUpdate::default()
        };
        let etag = self
            .run
            .google_to_change()
            .await?
            .update_secret(self.secret, &secret.etag, &update)
            .await?;
        if let Some(secret) = &mut self.seen.secret {
            (secret.etag, secret.annotations, secret.aliases) =
                (etag, annotations, ledger.aliases.clone());
        }
        self.written(ledger);
        Ok(())
    }

    /// What follows from a ledger that is written.
    fn written(&mut self, ledger: Ledger) {
        let state = &mut self.seen.state;
        let (before, now) = (state.ledger.current(), ledger.current());
        if now != before
            && let (Some(version), Some(login)) = (now, &ledger.login)
        {
            self.run
                .report
                .events
                .push(format!("version {version} is in use, for `{login}`"));
        }
        for version in state.ledger.let_go(&ledger) {
            if state
                .versions
                .get(&version)
                .is_some_and(|state| *state != VersionState::Destroyed)
            {
                let event = format!(
                    "version {version} stays as it is: nothing shows that it was stored here"
                );
                self.run.report.events.push(event);
            }
        }
        if ledger.pending.as_ref().map(|one| &one.mark)
            != state.ledger.pending.as_ref().map(|one| &one.mark)
        {
            if let (Some(version), Some(login), ServerSide::Proven) =
                (now, &ledger.login, state.server)
            {
                state.taken.insert((version, login.clone()), true);
            }
            (self.hand, self.made, state.server) = (None, false, ServerSide::Unknown);
            state.found.orphans.extend(
                state
                    .found
                    .pending
                    .take()
                    .filter(|version| Some(*version) != now),
            );
        }
        state.found.orphans.retain(|version| Some(*version) > now);
        state.found.foreign.retain(|version| Some(*version) > now);
        state.ledger = ledger;
    }

    /// Added once, read back by its number, and the same byte by byte.
    async fn store(&mut self) -> Result<(), ApplyError> {
        let payload = self
            .hand
            .as_ref()
            .ok_or_else(|| ApplyError::Vanished("the payload".into()))?;
        let newest = self.seen.state.newest();
        let number = self
            .run
            .google_to_change()
            .await?
            .store(self.secret, payload, newest)
            .await?;
        let stored = self.run.google()?.access(self.secret, number).await?;
        if stored.expose() != payload.expose() {
            return Err(ApplyError::ReadBack {
                secret: self.secret.clone(),
                version: number,
            });
        }
        self.seen
            .state
            .versions
            .insert(number, VersionState::Enabled);
        self.seen.state.found.pending = Some(number);
        Ok(())
    }

    async fn roll(&mut self, resource: &str, version: i64) -> Result<(), ApplyError> {
        self.run.assure_lock().await?;
        self.run
            .google()?
            .move_reference(resource, self.secret, version)
            .await?;
        self.run
            .report
            .events
            .push(format!("{resource} gets version {version}"));
        let state = &mut self.seen.state;
        let rolled = state
            .consumers
            .iter_mut()
            .find(|consumer| consumer.resource == resource);
        rolled
            .into_iter()
            .for_each(|consumer| consumer.noted = consumer.noted.max(Some(version)));
        self.look_at_consumers().await
    }
}
