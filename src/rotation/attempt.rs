//! From a payload to a published credential.

use jiff::Timestamp;

use super::ledger::{Lease, Ledger, Pending};
use super::problem::{Fault, Place, Problem};
use super::schedule::after;
use super::{Blocker, Held, Order, ServerSide, Source, State, Step};
use crate::model::{Annotations, CloudRunKind, Identity, Login, RoleName, VersionState};

/// Seconds for which somebody who only looks may take a run for alive.
pub(super) const LEASE: i64 = 600;

impl State {
    /// The attempt under way, if there is one: its next step, or a new one where nobody has its payload any more.
    pub(super) fn attempt(&self) -> Option<Step> {
        let pending = self.ledger.pending.as_ref()?;
        let login = pending.login.clone()?;
        if self.found.pending.is_none() && !self.in_hand {
            return Some(self.again(pending, login));
        }
        if self.server == ServerSide::Refused {
            // Its password is never offered a second time.
            return Some(Step::Record(self.ledger.given_up().into()));
        }
        let found = self
            .found
            .pending
            .filter(|_| !self.made && self.server == ServerSide::Unknown);
        let in_place = self.ledger.login.as_ref() == Some(&login);
        let step = match found {
            Some(version) => self.found_again(pending, login, version),
            None if in_place => self.replaced(login),
            None => self.alternated(login),
        };
        Some(match step {
            Step::Hold(_) => step,
            step => self.with_lease(step),
        })
    }

    /// A version that an earlier run stored, as its mark says, which others may have written. It is put to work where the
    /// server takes its password already: it does if it is another login's, which gets it before it is stored, or after
    /// COMMIT. Otherwise the login gets it only where the version is shown to be ours by a credential that the server takes.
    fn found_again(&self, pending: &Pending, login: Login, version: i64) -> Step {
        let in_place = self.ledger.login.as_ref() == Some(&login);
        let Some(is_taken) = self.takes(version, &login) else {
            return Step::Probe { version, login };
        };
        match (is_taken, in_place) {
            // What is committed is what the login has.
            (true, true) => self.promote(version),
            (false, false) => Step::Record(self.ledger.given_up().into()),
            (true, false) | (false, true) => match self.unasked_back(pending, version) {
                Some(step) => step,
                None if is_taken => self.promote(version),
                None => self.if_ours(pending, login),
            },
        }
    }

    /// A way back that stored a version and did not bring it into use, where this run is not asked to go back: the one who
    /// began it may have decided otherwise since. A new rotation gives it up.
    fn unasked_back(&self, pending: &Pending, version: i64) -> Option<Step> {
        pending.source.filter(|source| self.is_unasked(*source))?;
        Some(match self.order {
            Order::Now => Step::Record(self.ledger.given_up().into()),
            Order::Due | Order::Finish | Order::Back => Step::Hold(Held::BackNotFinished {
                version,
                role: self.role.clone(),
            }),
        })
    }

    /// The next step with a version that is in place only after COMMIT.
    fn if_ours(&self, pending: &Pending, login: Login) -> Step {
        let give_up = || Step::Record(self.ledger.given_up().into());
        let previous = self.ledger.previous().map(|previous| previous.version);
        let Some(current) = self.ledger.current() else {
            return give_up();
        };
        let is_shown = match pending.mark.copy_of() {
            None => pending.mark.is_proven().then_some(true),
            Some(version) if Some(version) == previous => match self.seals.get(&version) {
                None => return Step::CheckSeal(version),
                Some(is_sealed) => Some(*is_sealed),
            },
            Some(_) => None,
        };
        match (is_shown, self.takes(current, &login)) {
            (Some(true), None) => Step::Probe {
                version: current,
                login,
            },
            (Some(true), Some(true)) => self.replaced(login),
            _ => give_up(),
        }
    }

    /// `step`, or first the word that this run takes it: what was read may be old, and is the latest where it can be written.
    pub(super) fn with_lease(&self, step: Step) -> Step {
        match &self.ledger.lease {
            Some(lease) if lease.owner == self.owner => step,
            _ => Step::Record(self.ledger.leased(self.lease()).into()),
        }
    }

    /// Whoever made the payload took it along; the server may have its password, which nobody knows.
    fn again(&self, pending: &Pending, login: Login) -> Step {
        match pending.source {
            Some(version) if !self.is_enabled(version) => {
                Step::Record(self.ledger.given_up().into())
            }
            Some(version) if self.is_unasked(version) => match self.begin_from(login, version) {
                Step::Begin { .. } => Step::Record(self.ledger.given_up().into()),
                step => step,
            },
            Some(version) if self.ledger.current() == Some(version) => {
                self.while_taken(|| self.begin_from(login, version))
            }
            Some(version) => self.begin_back(login, version, || {
                Step::Record(self.ledger.given_up().into())
            }),
            None => self.anew(pending, &login),
        }
    }

    /// The attempt once more, with another password.
    fn anew(&self, pending: &Pending, login: &Login) -> Step {
        if let Some(version) = self.found.foreign.first() {
            return Step::Hold(Held::Foreign(*version));
        }
        // What nothing shows to be ours began nothing here, and no attempt is for the login of the credential before.
        let is_ours = pending.mark.is_proven() && !self.is_before(login);
        // The policy may be another one by now.
        match self
            .next_login()
            .filter(|next| is_ours && !self.is_before(next))
        {
            Some(next) => self.another(next, next == login),
            None => Step::Record(self.ledger.given_up().into()),
        }
    }

    /// Whether it is the login of the credential before alone, which works until it is closed.
    fn is_before(&self, login: &Login) -> bool {
        let previous = self.ledger.previous();
        previous.is_some_and(|previous| previous.login == login)
            && self.ledger.login.as_ref() != Some(login)
    }

    /// Whether it is a way back, in a run that is not asked to go back.
    fn is_unasked(&self, source: i64) -> bool {
        let is_back = self
            .ledger
            .previous()
            .is_some_and(|previous| previous.version == source);
        is_back && matches!(self.order, Order::Due | Order::Now)
    }

    /// `step`, where the server takes the credential in use: what does not log in has not been published here, or is not what
    /// the server has any more.
    pub(super) fn while_taken(&self, step: impl FnOnce() -> Step) -> Step {
        let (Some(version), Some(login)) = (self.ledger.current(), self.ledger.login.clone())
        else {
            return Step::Hold(Held::NotPublished);
        };
        match self.takes(version, &login) {
            None => Step::Probe { version, login },
            Some(true) => step(),
            Some(false) => Step::Hold(Held::Refused {
                version,
                login,
                role: self.role.clone(),
            }),
        }
    }

    /// `step`, which is no more than a look, or for which the server has taken the credential in use: until then nothing shows
    /// that the secret says which that is.
    pub(super) fn once_taken(&self, step: Step) -> Step {
        if step.only_looks() {
            step
        } else {
            self.while_taken(|| step)
        }
    }

    /// The same for a step to another credential, which the attempt under way may have brought into use already, and which is
    /// asked for by name where the one in use is refused.
    pub(super) fn unless_refused(&self, step: Step) -> Step {
        let has_it = self.made || matches!(self.server, ServerSide::Set | ServerSide::Proven);
        let is_at_work = self.in_hand && has_it;
        let pending = self
            .ledger
            .pending
            .as_ref()
            .and_then(|pending| pending.login.as_ref())
            .zip(self.found.pending);
        let works = pending.map(|(login, version)| (self.takes(version, login), login, version));
        let is_asked_for = self.order == Order::Now && self.is_refused();
        let is_gone = self
            .ledger
            .current()
            .is_none_or(|version| !self.is_enabled(version));
        match works {
            _ if is_at_work || is_asked_for || is_gone => step,
            Some((Some(true), ..)) => step,
            Some((None, login, version)) if self.is_refused() => Step::Probe {
                version,
                login: login.clone(),
            },
            _ => self.once_taken(step),
        }
    }

    /// Whether the server is known not to take the credential in use.
    pub(super) fn is_refused(&self) -> bool {
        let in_use = self.ledger.current().zip(self.ledger.login.as_ref());
        in_use.is_some_and(|(version, login)| self.takes(version, login) == Some(false))
    }

    /// Whether the credential before is one to go back to: the server takes it; or it was replaced in place, which the
    /// credential in use shows, and which the server takes.
    pub(super) fn works_before(&self) -> Result<bool, Step> {
        let (Some(previous), Some(current)) = (self.ledger.previous(), self.ledger.current())
        else {
            return Ok(false);
        };
        let login = previous.login.clone();
        if self.ledger.login.as_ref() != Some(&login) {
            let version = previous.version;
            return self
                .takes(version, &login)
                .ok_or(Step::Probe { version, login });
        }
        let is_sealed = self
            .seals
            .get(&previous.version)
            .copied()
            .ok_or(Step::CheckSeal(previous.version))?;
        let is_taken = || {
            self.takes(current, &login).ok_or_else(|| Step::Probe {
                version: current,
                login: login.clone(),
            })
        };
        Ok(is_sealed && is_taken()?)
    }

    /// Back to the credential before; `refused` where it is none.
    pub(super) fn begin_back(
        &self,
        login: Login,
        version: i64,
        refused: impl FnOnce() -> Step,
    ) -> Step {
        let begin = self.begin_from(login, version);
        if !matches!(begin, Step::Begin { .. }) {
            return begin;
        }
        match self.works_before() {
            Ok(true) => self.once_tried(begin),
            Ok(false) => refused(),
            Err(step) => step,
        }
    }

    /// Nothing of the attempt is in anybody's hands: with another password it may be a bad moment, as it may for a first
    /// one. An idle login that was armed already has no sessions but those of the run that died, which proved it.
    fn another(&self, login: &Login, is_armed: bool) -> Step {
        let is_idle = is_armed && self.ledger.login.as_ref() != Some(login);
        let held = if is_idle {
            None
        } else {
            self.in_the_way(login)
        };
        held.map_or_else(|| self.begin_anew(login.clone()), Step::Hold)
    }

    /// A new password.
    pub(super) fn begin_anew(&self, login: Login) -> Step {
        self.once_tried(Step::Begin {
            login,
            source: Source::Fresh,
        })
    }

    /// `begin`, once it is known whether the server takes the credential in use. That is noted with the attempt: only one that
    /// works shows later what is ours, and is one to come back to.
    fn once_tried(&self, begin: Step) -> Step {
        match (self.ledger.current(), self.ledger.login.clone()) {
            (Some(version), Some(login))
                if self.is_enabled(version) && self.takes(version, &login).is_none() =>
            {
                Step::Probe { version, login }
            }
            _ => begin,
        }
    }

    /// An idle login is armed and proven before anybody can read its password.
    fn alternated(&self, login: Login) -> Step {
        match (self.server, self.found.pending) {
            (ServerSide::Unknown | ServerSide::Prepared | ServerSide::Refused, _) => {
                Step::Arm(login)
            }
            (ServerSide::Set, _) => Step::Prove(login),
            (ServerSide::Proven, None) => Step::Store,
            (ServerSide::Proven, Some(version)) => self.promote(version),
        }
    }

    /// A password in use is stored before the server takes it, and in a transaction that has shown that it will.
    fn replaced(&self, login: Login) -> Step {
        match (self.server, self.found.pending) {
            (ServerSide::Unknown | ServerSide::Refused, _) => Step::Prepare(login),
            (ServerSide::Prepared, None) => Step::Store,
            (ServerSide::Prepared, Some(_)) => Step::Commit(login),
            (ServerSide::Set, _) => Step::Prove(login),
            (ServerSide::Proven, Some(version)) => self.promote(version),
            // What works and is not there: gone since.
            (ServerSide::Proven, None) => Step::Store,
        }
    }

    fn promote(&self, version: i64) -> Step {
        // They are ours as far as the credential shows that was in use when this one was made.
        let is_proven = self
            .ledger
            .pending
            .as_ref()
            .is_some_and(|pending| pending.mark.is_proven());
        let mut surplus = if is_proven {
            self.found.orphans.clone()
        } else {
            Vec::new()
        };
        if let Some(displaced) = self
            .ledger
            .displaced()
            .filter(|version| self.is_enabled(*version))
        {
            match self.identities.get(&displaced) {
                None => return Step::Identify(displaced),
                Some(Identity::Of(_) | Identity::Generated) => surplus.push(displaced),
                // What is not known to be ours stays as it is.
                Some(Identity::Unknown | Identity::Foreign) => {}
            }
        }
        let after = self.ledger.promoted(version, &surplus, self.now);
        // The login before gets its deadline next, in the name of the same run.
        let lease = self
            .ledger
            .lease
            .clone()
            .filter(|_| self.terms.deadline.is_some());
        Step::Record(Ledger { lease, ..after }.into())
    }

    /// A password that is stored already, for a login that it is known not to be of another one.
    pub(super) fn begin_from(&self, login: Login, version: i64) -> Step {
        match self.identities.get(&version) {
            None => Step::Identify(version),
            Some(Identity::Of(found)) if *found != login => Step::Hold(self.not_ours(version)),
            Some(Identity::Foreign) => Step::Hold(self.not_ours(version)),
            Some(Identity::Of(_) | Identity::Generated | Identity::Unknown) => Step::Begin {
                login,
                source: Source::Version(version),
            },
        }
    }

    /// Its payload can be accessed.
    pub(super) fn is_enabled(&self, version: i64) -> bool {
        self.versions.get(&version) == Some(&VersionState::Enabled)
    }

    /// The version was not stored here, whatever names it as if it were.
    pub(super) fn not_ours(&self, version: i64) -> Held {
        let fault = Fault::OtherVersion(version);
        let alias = [Annotations::CURRENT, Annotations::PREVIOUS]
            .into_iter()
            .find(|alias| self.ledger.aliases.get(*alias) == Some(&version));
        let place = alias.map_or(Place::Annotation(Annotations::RETIRED), Place::Alias);
        let Ledger {
            ending,
            previous_login,
            previous_version,
            ..
        } = &self.ledger;
        let is_previous = alias == Some(Annotations::PREVIOUS);
        let with = [
            ending
                .filter(|_| alias.is_none())
                .map(|_| Annotations::ENDING),
            previous_login
                .as_ref()
                .filter(|_| is_previous)
                .map(|_| Annotations::PREVIOUS_LOGIN),
            previous_version
                .filter(|_| is_previous)
                .map(|_| Annotations::PREVIOUS_VERSION),
        ];
        let problem = Problem {
            place,
            fault,
            with: with.into_iter().flatten().collect(),
        };
        Held::Untrusted {
            secret: self.secret.clone(),
            role: None,
            problems: vec![problem],
        }
    }

    /// The right of this run to write the secret.
    pub fn lease(&self) -> Lease {
        self.lease_at(self.now)
    }

    /// The same, as it was taken at that moment.
    pub(super) fn lease_at(&self, moment: Timestamp) -> Lease {
        Lease {
            owner: self.owner.clone(),
            until: after(moment, LEASE),
        }
    }

    /// Who would fail from the moment the password is another one until they have read it.
    pub(super) fn outage(&self, login: &RoleName) -> Option<Held> {
        if self.leave.outage {
            return None;
        }
        let mut blockers = self.sessions(login);
        for consumer in &self.consumers {
            let holders = consumer.holders.iter().map(|holder| Blocker::Holder {
                resource: consumer.resource.clone(),
                name: holder.name.clone(),
                since: holder.started,
            });
            blockers.extend(holders);
            let pin = consumer
                .references
                .iter()
                .find_map(|reference| match reference {
                    super::Reference::Pinned(version) => Some(*version),
                    _ => None,
                });
            // A service with nothing running has nothing to lose; a pinned job fails at its next execution.
            let pinned = pin.filter(|_| !self.leave.roll || consumer.kind == CloudRunKind::Service);
            blockers.extend(pinned.map(|version| Blocker::Pin {
                resource: consumer.resource.clone(),
                version,
            }));
        }
        (!blockers.is_empty()).then_some(Held::Outage(blockers))
    }

    /// A password in place is committed before it can be tried: not where a limit keeps the login out.
    pub(super) fn full(&self, login: &RoleName) -> Option<Held> {
        let full = self.login(login).full?;
        Some(Held::Full(full, self.sessions(login)))
    }

    /// The sessions of `login`, those of one application at one address together.
    pub fn sessions(&self, login: &RoleName) -> Vec<Blocker> {
        let mut found: Vec<(super::Session, usize)> = Vec::new();
        // Oldest first: the one that is kept is the oldest of its kind.
        for session in self.login(login).sessions {
            let same = |(one, _): &&mut (super::Session, usize)| {
                one.application == session.application && one.address == session.address
            };
            match found.iter_mut().find(same) {
                Some((_, count)) => *count += 1,
                None => found.push((session, 1)),
            }
        }
        let of = |(session, count)| Blocker::Session {
            login: login.clone(),
            session,
            count,
        };
        found.into_iter().map(of).collect()
    }
}
