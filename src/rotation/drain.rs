//! From a published credential to the end of the one before it.

use super::ledger::Previous;
use super::schedule::after;
use super::{Blocker, Held, Ledger, LoginFacts, Order, Publication, State, Step, Wait};
use crate::model::{Identity, Login, VersionState};

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
    /// login is closed.
    fn unlike(&self, previous: &Previous<'_>) -> Option<Step> {
        let is_other = self.ledger.login.as_ref() != Some(previous.login);
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

    fn retire(&self, previous: &Previous<'_>, current: i64) -> Step {
        let other = self.ledger.login.as_ref() != Some(previous.login);
        let expired = self
            .login(previous.login)
            .valid_until
            .is_some_and(|until| until <= self.now);
        if let Some(step) = self.unused(previous).filter(|_| other && !expired) {
            return step;
        }
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

    /// The login of the strategy before has to be unused for as long as `grace`: nobody was told that it would go.
    fn unused(&self, previous: &Previous<'_>) -> Option<Step> {
        if self.terms.logins.contains(previous.login) {
            return None;
        }
        if !self.login(previous.login).sessions.is_empty() && self.ledger.used < Some(self.seen) {
            let mut ledger = self.ledger.clone();
            ledger.used = Some(self.seen);
            return Some(Step::Record(ledger.into()));
        }
        let until = after(self.ledger.used?, self.terms.grace);
        (self.now < until && self.login(previous.login).sessions.is_empty()).then(|| {
            Step::Wait(Wait::Unused {
                login: previous.login.clone(),
                until,
            })
        })
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

    /// A login of the role that is neither in use nor the one before: it had a password that nobody stored, or the secret does not
    /// remember it any more. It is closed once it was unused for as long as `grace`.
    pub(super) fn stray(&self) -> Option<Step> {
        let in_use = self.ledger.login.as_ref()?;
        let is_open = |login: &&Login| *login != in_use && self.login(login).can_login;
        let login = self
            .terms
            .former
            .iter()
            .chain(&self.terms.logins)
            .find(is_open)?
            .clone();
        let is_used = !self.login(&login).sessions.is_empty();
        if self.ledger.used.is_none() || (is_used && self.ledger.used < Some(self.seen)) {
            let mut ledger = self.ledger.clone();
            ledger.used = Some(self.seen);
            return Some(Step::Record(ledger.into()));
        }
        let until = after(self.ledger.used?, self.terms.grace);
        if is_used || self.now < until {
            return Some(Step::Wait(Wait::Unused { login, until }));
        }
        Some(self.with_lease(Step::Close(login)))
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
