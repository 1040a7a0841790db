//! Whose the versions of a secret are: told from their payloads, and from the seals beside the numbers of retired ones.

use std::collections::{BTreeMap, BTreeSet};

use super::Turn;
use super::look::newer;
use crate::apply::{ApplyError, Run};
use crate::model::{Identity, Login, Payload, RoleName, VersionState};
use crate::rotation::{Found, Keys, Ledger, Mark, Pending, SealKey};

/// How many versions above the newest that is listed are tried by their numbers: lists may lag, numbers do not.
const BEYOND: i64 = 3;

/// Payloads by which others are recognised.
type Originals = BTreeMap<i64, Payload>;

impl Turn<'_> {
    /// Tells the versions apart that are newer than the one in use, and takes the payload of the attempt under way. An
    /// attempt that goes back already is all there is to going back, and stays so when it is over.
    pub(super) async fn find(&mut self) -> Result<(), ApplyError> {
        if self.seen.state.off_limits.is_some() {
            return Ok(());
        }
        self.seen.state.order = self.seen.state.order_left();
        let mut found = Found::default();
        let Ledger {
            pending, abandoned, ..
        } = self.seen.state.ledger.clone();
        if pending.is_some() || !newer(&self.seen.state).is_empty() {
            self.read_current().await?;
        }
        let marks = pending
            .iter()
            .map(|pending| &pending.mark)
            .chain(&abandoned);
        let originals = self.originals(marks).await?;
        let hand = self.hand.take();
        self.hand = hand.filter(|payload| self.is_pending(pending.as_ref(), payload, &originals));
        self.made = self.made && self.hand.is_some();
        if pending
            .as_ref()
            .is_some_and(|pending| pending.login.is_some())
        {
            self.look_beyond().await?;
        }
        for number in newer(&self.seen.state) {
            let payload = self.run.google()?.access(self.secret, number).await?;
            let is_own = self.identity_of(&payload)? != Identity::Foreign;
            if is_own && self.is_pending(pending.as_ref(), &payload, &originals) {
                found.pending = Some(number);
                self.made = self.made
                    && self
                        .hand
                        .as_ref()
                        .is_some_and(|made| made.expose() == payload.expose());
                self.hand = Some(payload);
            } else if is_own
                && abandoned
                    .iter()
                    .any(|mark| self.is_marked(mark, &payload, &originals, originals.values()))
            {
                found.orphans.push(number);
            } else {
                found.foreign.push(number);
            }
        }
        self.seen.state.found = found;
        Ok(())
    }

    /// A version that was just added may not be listed yet.
    async fn look_beyond(&mut self) -> Result<(), ApplyError> {
        let versions = &mut self.seen.state.versions;
        let newest = versions.keys().next_back().copied().unwrap_or_default();
        for number in newest + 1..=newest + BEYOND {
            match self.run.google()?.access(self.secret, number).await {
                Err(error) if error.is_not_found() => break,
                Err(error) if error.status().is_some() => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    versions.insert(number, VersionState::Enabled);
                }
            }
        }
        Ok(())
    }

    /// The versions whose passwords `marks` are recognised by, and those whose payloads may be their keys, as far as they can be
    /// read.
    async fn originals(&self, marks: impl Iterator<Item = &Mark>) -> Result<Originals, ApplyError> {
        let mut numbers: BTreeSet<_> = marks.filter_map(Mark::copy_of).collect();
        // What was given up may have been made while the credential before was in use.
        let ledger = &self.seen.state.ledger;
        if !ledger.abandoned.is_empty() && !newer(&self.seen.state).is_empty() {
            numbers.extend(ledger.previous().map(|previous| previous.version));
            numbers.extend(ledger.retired_numbers());
        }
        let mut originals = Originals::new();
        for number in numbers
            .into_iter()
            .filter(|number| self.is_enabled(*number))
        {
            originals.insert(
                number,
                self.run.google()?.access(self.secret, number).await?,
            );
        }
        Ok(originals)
    }

    /// Whether it is the payload of the attempt, and of the login that the attempt is for.
    fn is_pending(
        &self,
        pending: Option<&Pending>,
        payload: &Payload,
        originals: &Originals,
    ) -> bool {
        let Some(Pending { mark, login, .. }) = pending else {
            return false;
        };
        let is_for = |login: &Login| {
            self.run
                .holds_credential_of(self.role, payload, login, self.shape().as_ref())
        };
        login.as_ref().is_none_or(is_for) && self.is_marked(mark, payload, originals, [])
    }

    /// Whether the mark was made for the payload, with the payload in use as the key or one of the `older` ones.
    fn is_marked<'p>(
        &'p self,
        mark: &Mark,
        payload: &Payload,
        originals: &Originals,
        older: impl IntoIterator<Item = &'p Payload>,
    ) -> bool {
        let (logins, shape) = (self.seen.own.every_login(), self.shape());
        let is_copy = |version| {
            // What is stored again was in use before.
            let original = originals
                .get(&version)
                .filter(|_| Some(version) <= self.seen.state.ledger.current());
            original.is_some_and(|original| {
                self.run
                    .is_copy(self.role, original, payload, logins, shape.as_ref())
            })
        };
        let mut keys = self.current().into_iter().chain(older);
        keys.any(|key| mark.is_of(payload, Some(key), is_copy))
    }

    fn identity_of(&self, payload: &Payload) -> Result<Identity, ApplyError> {
        Ok(self
            .run
            .wanted(self.role)?
            .identify(payload, &self.seen.own, self.shape().as_ref()))
    }

    fn is_enabled(&self, version: i64) -> bool {
        self.seen.state.versions.get(&version) == Some(&VersionState::Enabled)
    }

    /// Looks into a version.
    pub(super) async fn identify(&mut self, version: i64) -> Result<(), ApplyError> {
        let identity = match self.run.google()?.access(self.secret, version).await {
            Ok(payload) => self.identity_of(&payload)?,
            // Lists may lag: it was disabled or destroyed meanwhile.
            Err(error) if error.is_failed_precondition() || error.is_not_found() => {
                Identity::Unknown
            }
            Err(error) => return Err(error.into()),
        };
        self.seen.state.identities.insert(version, identity);
        Ok(())
    }

    /// Looks at the seal beside the number of a retired version.
    pub(super) async fn check_seal(&mut self, version: i64) -> Result<(), ApplyError> {
        self.read_current().await?;
        let ledger = &self.seen.state.ledger;
        let is_previous = ledger
            .previous()
            .is_some_and(|previous| previous.version == version);
        let is_sealed = self.key_before()?.is_some_and(|key| match is_previous {
            true => ledger.is_previous_sealed(&key),
            false => ledger.is_sealed(version, &key),
        });
        self.seen.state.seals.insert(version, is_sealed);
        Ok(())
    }

    /// `ledger` with every number of a retired version sealed by the credential that is in use once it is written.
    pub(super) async fn sealed(&mut self, ledger: Ledger) -> Result<Ledger, ApplyError> {
        let before = &self.seen.state.ledger;
        let is_same = ledger.current() == before.current();
        if is_same
            && (ledger.retired.is_none() || ledger.retired_numbers() == before.sealed_numbers())
        {
            return Ok(ledger);
        }
        self.read_current().await?;
        let others = if is_same {
            Originals::new()
        } else {
            self.readable_beside(&ledger).await?
        };
        let (state, wanted) = (&self.seen.state, self.run.wanted(self.role)?);
        let of_hand = |login: &Login| SealKey::of(wanted, self.hand.as_ref()?, login);
        let before = self.key_before()?;
        let after = if is_same {
            self.key_before()?
        } else {
            ledger.login.as_ref().and_then(of_hand)
        };
        let is_ours =
            |identity: &Identity| matches!(identity, Identity::Of(_) | Identity::Generated);
        let identified = state
            .identities
            .iter()
            .filter(|(_, identity)| is_ours(identity));
        let mut identified: BTreeSet<i64> = identified.map(|(version, _)| *version).collect();
        identified.extend(&state.found.orphans);
        let sealed = ledger.sealed(&identified, before.as_ref(), after.as_ref());
        if is_same {
            return Ok(sealed);
        }
        let key = |(number, payload)| {
            Some((
                number,
                SealKey::of_any(wanted, payload, self.seen.own.every_login())?,
            ))
        };
        let others = others
            .iter()
            .map(|(number, payload)| (*number, payload))
            .filter_map(key)
            .collect();
        let is_proven = state
            .ledger
            .pending
            .as_ref()
            .is_some_and(|pending| pending.mark.is_proven());
        Ok(sealed.vouched(
            &state.ledger,
            &Keys {
                before,
                now: after,
                others,
            },
            is_proven,
        ))
    }

    /// The versions of ours that can be read beside the one that comes into use with `ledger`.
    async fn readable_beside(&self, ledger: &Ledger) -> Result<Originals, ApplyError> {
        let before = &self.seen.state.ledger;
        let previous = [before, ledger].map(|one| one.previous().map(|previous| previous.version));
        let numbers = previous
            .into_iter()
            .flatten()
            .chain(before.current())
            .chain(ledger.retired_numbers());
        let numbers: BTreeSet<_> = numbers
            .filter(|number| Some(*number) != ledger.current())
            .collect();
        let mut payloads = Originals::new();
        for number in numbers
            .into_iter()
            .filter(|number| self.is_enabled(*number))
        {
            match self.run.google()?.access(self.secret, number).await {
                Ok(payload) => drop(payloads.insert(number, payload)),
                // Lists may lag: it was disabled or destroyed meanwhile.
                Err(error) if error.is_failed_precondition() || error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(payloads)
    }

    /// The payload in use, where it was read.
    pub(super) fn current(&self) -> Option<&Payload> {
        self.current.as_ref().map(|(_, payload)| payload)
    }

    /// The server takes the credential in use.
    pub(super) fn is_proven(&self) -> bool {
        let state = &self.seen.state;
        let in_use = state.ledger.current().zip(state.ledger.login.as_ref());
        in_use.is_some_and(|(version, login)| state.takes(version, login) == Some(true))
    }

    /// Reads the version in use, once.
    pub(super) async fn read_current(&mut self) -> Result<(), ApplyError> {
        let Some(number) = self
            .seen
            .state
            .ledger
            .current()
            .filter(|number| self.is_enabled(*number))
        else {
            self.current = None;
            return Ok(());
        };
        if self
            .current
            .as_ref()
            .is_none_or(|(known, _)| *known != number)
        {
            self.current = Some((
                number,
                self.run.google()?.access(self.secret, number).await?,
            ));
        }
        Ok(())
    }

    /// What the numbers of retired versions are sealed with as long as the version in use is.
    fn key_before(&self) -> Result<Option<SealKey<'_>>, ApplyError> {
        let wanted = self.run.wanted(self.role)?;
        let payload = self.current();
        let login = self.seen.state.ledger.login.as_ref();
        Ok(payload
            .zip(login)
            .and_then(|(payload, login)| SealKey::of(wanted, payload, login)))
    }
}

impl Run<'_> {
    fn holds_credential_of(
        &self,
        role: &RoleName,
        payload: &Payload,
        login: &Login,
        shape: Option<&crate::model::Shape>,
    ) -> bool {
        self.wanted(role)
            .is_ok_and(|wanted| wanted.credential_of(payload, login, shape).is_some())
    }

    /// Whether both hold the same password of the same login.
    fn is_copy(
        &self,
        role: &RoleName,
        original: &Payload,
        payload: &Payload,
        logins: &[Login],
        shape: Option<&crate::model::Shape>,
    ) -> bool {
        let Ok(wanted) = self.wanted(role) else {
            return false;
        };
        logins.iter().any(|login| {
            let of = |payload| wanted.credential_of(payload, login, shape);
            of(original)
                .zip(of(payload))
                .is_some_and(|(one, other)| one.password.is_same(&other.password))
        })
    }
}
