//! From a published credential to the end of the one before it.

use jiff::Timestamp;

use super::ledger::{Previous, Unseen};
use super::schedule::after;
use super::{Blocker, Held, Ledger, LoginFacts, Order, Publication, State, Step, Wait};
use crate::model::{Identity, Login, Strategy, VersionState};

impl State {
    /// What is left to do with the credential before, if there is one.
    pub(super) fn drain(&self) -> Option<Step> {
        let step = self.draining()?;
        // What the server refuses is nothing to wait for: a rotation that is asked for replaces it at once.
        let waits = self.order == Order::Now
            && matches!(step, Step::Wait(_) | Step::Hold(Held::StillUsed(..)));
        let (Some(version), Some(login)) = (
            self.ledger.current(),
            self.ledger.login.clone().filter(|_| waits),
        ) else {
            return Some(step);
        };
        match self.takes(version, &login) {
            None => Some(Step::Probe { version, login }),
            Some(true) => Some(step),
            Some(false) => None,
        }
    }

    fn draining(&self) -> Option<Step> {
        let previous = self.ledger.previous()?;
        let current = self.ledger.current()?;
        let published = self.ledger.published?;
        if let Some(step) = self.deadline(&previous) {
            return Some(step);
        }
        let grace = after(published, self.terms.grace);
        // One that was replaced in place is always refused; its version stays readable for `grace` all the same.
        let is_other = self.ledger.login.as_ref() != Some(previous.login);
        let refused = is_other && self.takes(previous.version, previous.login) == Some(false);
        if is_other
            && !self.is_shut(&previous)
            && let Some(step) = self.noted(previous.login)
        {
            return Some(step);
        }
        if self.now < grace && !(refused && self.in_use(&previous, current).is_empty()) {
            let in_place = self.ledger.login.as_ref() == Some(previous.login);
            return Some(Step::Wait(if in_place {
                Wait::Kept(grace)
            } else {
                Wait::Grace(grace)
            }));
        }
        Some(self.retire(&previous, current))
    }

    /// Looks whether the version before holds a credential of the login that is said to be in it, as far as it can be read: the
    /// login is closed. One that the policy does not declare is closed only where a seal shows that it was in use here: its
    /// name and its `role` setting are those of any role that an admin makes so.
    fn unlike(&self, previous: &Previous<'_>) -> Option<Step> {
        let is_other = self.ledger.login.as_ref() != Some(previous.login);
        if is_other && self.is_undeclared(previous.login) {
            match self.seals.get(&previous.version) {
                None => return Some(Step::CheckSeal(previous.version)),
                Some(false) => return Some(Step::Hold(self.not_ours(previous.version))),
                Some(true) => {}
            }
        }
        if !is_other || !self.is_enabled(previous.version) {
            return None;
        }
        match self.identities.get(&previous.version) {
            None => Some(Step::Identify(previous.version)),
            Some(Identity::Of(login)) if login == previous.login => None,
            // A password without its login: the alternative has none.
            Some(Identity::Generated | Identity::Unknown) => None,
            Some(_) => Some(Step::Hold(self.not_ours(previous.version))),
        }
    }

    /// Whether the policy has no such role: one of a pair beside a role that logs in itself.
    fn is_undeclared(&self, login: &Login) -> bool {
        self.terms.strategy == Strategy::Single && self.terms.former.contains(login)
    }

    fn retire(&self, previous: &Previous<'_>, current: i64) -> Step {
        let other = self.ledger.login.as_ref() != Some(previous.login);
        let expired = self
            .login(previous.login)
            .valid_until
            .is_some_and(|until| until <= self.now);
        // What the server refuses already is closed, whoever would still like to use it.
        let blockers = if expired {
            Vec::new()
        } else {
            self.in_use(previous, current)
        };
        if !blockers.is_empty() {
            let deadline = self.terms.deadline.filter(|_| other);
            let refused =
                deadline.and_then(|deadline| Some(after(self.ledger.published?, deadline)));
            return Step::Hold(Held::StillUsed(blockers, refused));
        }
        if other && self.login(previous.login).can_login {
            let is_shut = self.is_shut(previous);
            if let Some(step) = self.kept_open(previous.login).filter(|_| !is_shut) {
                return step;
            }
            // It is not the login that `current` names.
            let close = || self.with_lease(Step::Close(previous.login.clone()));
            return self.unlike(previous).unwrap_or_else(close);
        }
        self.forget(previous.version)
    }

    /// Whether the version was stored here decides whether it ends with its credential.
    fn forget(&self, version: i64) -> Step {
        let gone = |version| self.versions.get(&version) == Some(&VersionState::Destroyed);
        let ledger = self.ledger.without(gone);
        let identity = self.identities.get(&version);
        match identity.filter(|_| self.is_enabled(version)) {
            None if self.is_enabled(version) => Step::Identify(version),
            Some(Identity::Foreign) => Step::Hold(self.not_ours(version)),
            // What others disabled, or what nothing shows to be ours, stays as it is.
            None | Some(Identity::Unknown) => Step::Record(ledger.left_alone().into()),
            Some(Identity::Of(_) | Identity::Generated) => {
                // It is disabled next, in the name of the same run.
                let (lease, ending) = (Some(self.lease()), Some(version));
                Step::Record(
                    Ledger {
                        lease,
                        ending,
                        ..ledger.forgotten(self.now)
                    }
                    .into(),
                )
            }
        }
    }

    /// What is known of the sessions of `login` with this look: since when no run has seen one. The run that publishes another
    /// credential has looked before, which says nothing.
    fn unseen(&self, login: &Login) -> Option<Unseen> {
        let is_later = |since: Timestamp| self.ledger.published.is_some_and(|at| at < since);
        if !self.login(login).sessions.is_empty() {
            return None;
        }
        let known = self.ledger.unseen.clone();
        let previous = self.ledger.previous().filter(|one| one.login == login);
        let first = || Unseen {
            since: self.seen,
            login: login.clone(),
            version: previous.as_ref().map(|one| one.version),
        };
        let is_same = |one: &Unseen| {
            Unseen {
                since: one.since,
                ..first()
            } == *one
        };
        let known = known.filter(|one| is_same(one) && is_later(one.since));
        known.or_else(|| is_later(self.seen).then(first))
    }

    /// The word on the secret that this look at `login` tells something new.
    fn noted(&self, login: &Login) -> Option<Step> {
        let unseen = self.unseen(login);
        let ledger = self.ledger.clone();
        (unseen != ledger.unseen).then(|| Step::Record(Ledger { unseen, ..ledger }.into()))
    }

    /// What keeps `login`, which has no session, open: no earlier run, `grace` ago, has seen it without one as well.
    fn seen_lately(&self, login: &Login) -> Option<Wait> {
        let since = self.unseen(login).map_or(self.seen, |one| one.since);
        let until = after(since, self.terms.grace);
        (self.seen < until).then(|| Wait::Unseen {
            login: login.clone(),
            until,
        })
    }

    /// What keeps `login`, which is not in use, has no session and is let in, from being closed: what refers to it, or a look that
    /// is not long enough ago.
    fn kept_open(&self, login: &Login) -> Option<Step> {
        match self.referrers(login) {
            Err(step) => Some(step),
            Ok(found) if !found.is_empty() => Some(Step::Hold(Held::StillUsed(found, None))),
            Ok(_) => self.seen_lately(login).map(Step::Wait),
        }
    }

    /// The ledger once this look is noted, as a run does that changes something.
    pub fn with_look(&self) -> Ledger {
        let is_other = |one: &Previous<'_>| self.ledger.login.as_ref() != Some(one.login);
        let previous = self.ledger.previous().filter(is_other);
        let watched = previous.filter(|one| !self.is_shut(one));
        let watched = watched
            .map(|one| one.login.clone())
            .or_else(|| self.first_stray());
        let unseen = watched.and_then(|login| self.unseen(&login));
        Ledger {
            unseen,
            ..self.ledger.clone()
        }
    }

    /// The server refuses the credential before, as far as it was tried: nothing is taken away with its login.
    pub(super) fn is_shut(&self, previous: &Previous<'_>) -> bool {
        let LoginFacts {
            can_login,
            valid_until,
            ..
        } = self.login(previous.login);
        let has_expired = valid_until.is_some_and(|until| until <= self.now);
        !can_login || has_expired || self.takes(previous.version, previous.login) == Some(false)
    }

    /// A job or service that only a change of it brings to the version in use.
    pub(super) fn roll(&self, current: i64) -> Option<Step> {
        let since = self.ledger.previous().zip(self.ledger.published);
        let since = since.map(|(previous, at)| Publication {
            version: current,
            before: previous.version,
            at,
        });
        let behind = |one: &&super::Consumer| {
            one.may_move(current) || since.is_some_and(|since| one.wants_revision(since))
        };
        let consumer = self
            .consumers
            .iter()
            .filter(|_| self.leave.roll)
            .find(behind)?;
        Some(Step::Roll {
            resource: consumer.resource.clone(),
            version: current,
        })
    }

    fn deadline(&self, previous: &Previous<'_>) -> Option<Step> {
        let login = self.login(previous.login);
        let at = after(self.ledger.published?, self.terms.deadline?);
        // A session may have locked the row of its own role: nothing about the role can be changed then.
        let ends = at <= self.now && self.ledger.login.as_ref() != Some(previous.login);
        if let Some(step) = self.left_sessions(previous.login).filter(|_| ends) {
            return Some(self.unlike(previous).unwrap_or(step));
        }
        let open = self.ledger.login.as_ref() != Some(previous.login) && login.can_login;
        let expire = || {
            self.with_lease(Step::Expire {
                login: previous.login.clone(),
                at,
            })
        };
        (open && login.valid_until != Some(at))
            .then(|| self.unlike(previous).unwrap_or_else(expire))
    }

    /// Ends the sessions of `login`, where that is allowed and there are some.
    pub(super) fn left_sessions(&self, login: &Login) -> Option<Step> {
        let ends = self.leave.end_sessions && !self.login(login).sessions.is_empty();
        ends.then(|| self.with_lease(Step::EndSessions(login.clone())))
    }

    /// The same for a login that is not in use, once the server lets it in no more.
    pub(super) fn shut_sessions(&self, login: &Login) -> Option<Step> {
        let LoginFacts {
            can_login,
            valid_until,
            ..
        } = self.login(login);
        let is_shut = !can_login || valid_until.is_some_and(|until| until <= self.now);
        self.left_sessions(login)
            .filter(|_| is_shut && self.ledger.login.as_ref() != Some(login))
    }

    /// Who still uses the credential before, if there is one, or is left in a session of a login that is given up.
    pub fn users_of_previous(&self) -> Vec<Blocker> {
        let users = self.ledger.previous().zip(self.ledger.current());
        let mut users = users
            .map(|(previous, current)| self.in_use(&previous, current))
            .unwrap_or_default();
        let previous = self.ledger.previous().map(|previous| previous.login);
        let pending = self
            .ledger
            .pending
            .as_ref()
            .and_then(|pending| pending.login.as_ref());
        let in_use = [self.ledger.login.as_ref(), previous, pending]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>();
        let own = self
            .terms
            .logins
            .iter()
            .chain(&self.terms.former)
            .filter(|login| !in_use.contains(login));
        users.extend(
            own.filter(|_| self.ledger.login.is_some())
                .flat_map(|login| self.sessions(login)),
        );
        users
    }

    /// A declared login of the role that is neither in use nor the one before: it had a password that nobody stored, or the secret
    /// does not remember it any more. It is closed like the one before.
    pub(super) fn stray(&self) -> Option<Step> {
        let login = self.first_stray()?;
        if let Some(step) = self.noted(&login) {
            return Some(step);
        }
        let kept = self.kept_open(&login);
        Some(kept.unwrap_or_else(|| self.with_lease(Step::Close(login))))
    }

    fn first_stray(&self) -> Option<Login> {
        let in_use = self.ledger.login.as_ref()?;
        let is_open = |login: &&Login| *login != in_use && self.login(login).can_login;
        let former = self.terms.former.iter();
        let mut own = former
            .filter(|login| !self.is_undeclared(login))
            .chain(&self.terms.logins);
        own.find(is_open).cloned()
    }

    /// Who still uses the credential before.
    fn in_use(&self, previous: &Previous<'_>, current: i64) -> Vec<Blocker> {
        let at = self.ledger.published.unwrap_or(self.now);
        let publication = Publication {
            version: current,
            before: previous.version,
            at,
        };
        let in_place = self.ledger.login.as_ref() == Some(previous.login);
        let mut blockers = if in_place {
            Vec::new()
        } else {
            self.sessions(previous.login)
        };
        for consumer in &self.consumers {
            let resource = || consumer.resource.clone();
            blockers.extend(consumer.pinned_behind(current).map(|version| Blocker::Pin {
                resource: resource(),
                version,
            }));
            let holders = consumer.holding(publication);
            blockers.extend(holders.map(|holder| Blocker::Holder {
                resource: resource(),
                name: holder.name.clone(),
                since: holder.started,
            }));
        }
        if !in_place {
            blockers.extend(self.aliases_of_others(previous.version));
        }
        blockers
    }

    /// A version that a run ended at the same moment as somebody referred to it: that run has still its word on the secret,
    /// which it takes back only on the etag that it had before. What others have disabled stays so.
    pub(super) fn restore(&self) -> Option<Step> {
        let ending = self.ledger.ending?;
        let ended = self.versions.get(&ending) == Some(&VersionState::Disabled);
        (ended && self.is_named(ending))
            .then(|| self.if_sealed(ending, |step| self.with_lease(step), Step::Enable(ending)))
    }

    /// `step`, where the number of the version is sealed.
    fn if_sealed(&self, version: i64, then: impl FnOnce(Step) -> Step, step: Step) -> Step {
        match self.seals.get(&version) {
            None => Step::CheckSeal(version),
            Some(true) => then(step),
            Some(false) => Step::Hold(self.not_ours(version)),
        }
    }

    /// Versions that nothing needs: disabled when their credential is given up, or `grace` after another version took their place,
    /// since the alias may still be read as it was; destroyed when they were so for as long as `grace` and more are there
    /// than are to be kept. Never one that something refers to, and never one that is not ours. Both between two words of
    /// this run on the secret: whoever moves an alias between them is noticed, since the second one is refused.
    pub(super) fn tidy(&self, current: i64) -> Option<Step> {
        let retired = self.ledger.retired.as_ref()?;
        let state = |version: &i64| {
            self.versions
                .get(version)
                .copied()
                .unwrap_or(VersionState::Destroyed)
        };
        let mut idle = retired
            .versions
            .iter()
            .copied()
            .filter(|version| *version != current && !self.is_referenced(*version));
        let soaked = self.now >= after(retired.since, self.terms.grace);
        let may_end = |version: &i64| soaked || self.ledger.ending == Some(*version);
        if let Some(version) = idle
            .clone()
            .find(|version| state(version) == VersionState::Enabled && may_end(version))
        {
            return Some(self.if_sealed(
                version,
                |step| self.ending(version, step),
                Step::Disable(version),
            ));
        }
        let is_kept = |version: &&i64| {
            state(version) != VersionState::Destroyed && !self.doomed.contains(*version)
        };
        let billed = retired.versions.iter().filter(is_kept).count();
        let kept = billed + 1 + usize::from(self.ledger.previous().is_some());
        let surplus =
            soaked && kept > usize::try_from(self.terms.keep.max(1)).unwrap_or(usize::MAX);
        idle.find(|version| {
            surplus && state(version) == VersionState::Disabled && !self.doomed.contains(version)
        })
        .map(|version| {
            self.if_sealed(
                version,
                |step| self.ending(version, step),
                Step::Destroy(version),
            )
        })
    }

    /// `step`, or first the word of this run that it is about to end the version. What is disabled rests from when the last of
    /// them is, not since it was meant to be.
    fn ending(&self, version: i64, step: Step) -> Step {
        let retired = self.ledger.retired_numbers();
        let is_left = |other: &i64| {
            *other != version && self.is_enabled(*other) && !self.is_referenced(*other)
        };
        let disables = matches!(step, Step::Disable(_)) && !retired.iter().any(is_left);
        let said = if disables {
            self.ledger.retired.as_ref().map(|retired| retired.since)
        } else {
            None
        };
        let is_said = said.map_or_else(
            || {
                self.ledger
                    .lease
                    .as_ref()
                    .is_some_and(|lease| lease.owner == self.owner)
            },
            |since| self.ledger.lease == Some(self.lease_at(since)),
        );
        if is_said && self.ledger.ending == Some(version) {
            return step;
        }
        let mut ledger = Ledger {
            ending: Some(version),
            ..self.ledger.leased(self.lease())
        };
        ledger
            .retired
            .iter_mut()
            .filter(|_| disables)
            .for_each(|retired| retired.since = self.now);
        Step::Record(ledger.into())
    }
}
