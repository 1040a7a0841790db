//! From a payload to a published credential.

use jiff::Timestamp;

use super::ledger::{Lease, Ledger, Pending};
use super::problem::{Fault, Place, Problem};
use super::schedule::after;
use super::{Blocker, Held, ServerSide, Source, State, Step};
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
        let in_place = self.ledger.login.as_ref() == Some(&login);
        Some(self.with_lease(if in_place { self.replaced(login) } else { self.alternated(login) }))
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
            Some(version) if !self.is_enabled(version) => Step::Record(self.ledger.given_up().into()),
            Some(version) => self.begin_from(login, version),
            // The policy may be another one by now.
            None => match self.next_login() {
                Some(next) => self.another(next, *next == login),
                None => Step::Record(self.ledger.given_up().into()),
            },
        }
    }

    /// Nothing of the attempt is in anybody's hands: with another password it may be a bad moment, as it may for a first
    /// one. An idle login that was armed already has no sessions but those of the run that died, which proved it.
    fn another(&self, login: &Login, is_armed: bool) -> Step {
        let is_idle = is_armed && self.ledger.login.as_ref() != Some(login);
        let foreign = self.found.foreign.first().map(|version| Held::Foreign(*version));
        let held = foreign.or_else(|| if is_idle { None } else { self.in_the_way(login) });
        held.map_or_else(|| Step::Begin { login: login.clone(), source: Source::Fresh }, Step::Hold)
    }

    /// An idle login is armed and proven before anybody can read its password.
    fn alternated(&self, login: Login) -> Step {
        match (self.server, self.found.pending) {
            (ServerSide::Unknown | ServerSide::Prepared | ServerSide::Refused, _) => Step::Arm(login),
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
        let mut surplus = self.found.orphans.clone();
        if let Some(displaced) = self.ledger.displaced().filter(|version| self.is_enabled(*version)) {
            match self.identities.get(&displaced) {
                None => return Step::Identify(displaced),
                Some(Identity::Of(_) | Identity::Generated) => surplus.push(displaced),
                // What is not known to be ours stays as it is.
                Some(Identity::Unknown | Identity::Foreign) => {}
            }
        }
        let after = self.ledger.promoted(version, &surplus, self.now);
        // The login before gets its deadline next, in the name of the same run.
        let lease = self.ledger.lease.clone().filter(|_| self.terms.deadline.is_some());
        Step::Record(Ledger { lease, ..after }.into())
    }

    /// A password that is stored already, for a login that it is known not to be of another one.
    pub(super) fn begin_from(&self, login: Login, version: i64) -> Step {
        match self.identities.get(&version) {
            None => Step::Identify(version),
            Some(Identity::Of(found)) if *found != login => Step::Hold(self.not_ours(version)),
            Some(Identity::Foreign) => Step::Hold(self.not_ours(version)),
            Some(Identity::Of(_) | Identity::Generated | Identity::Unknown) => {
                Step::Begin { login, source: Source::Version(version) }
            }
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
        let ending = self.ledger.ending.filter(|_| alias.is_none()).map(|_| Annotations::ENDING);
        let problem = Problem { place, fault, with: ending.into_iter().collect() };
        Held::Untrusted { secret: self.secret.clone(), problems: vec![problem] }
    }

    /// The right of this run to write the secret.
    pub fn lease(&self) -> Lease {
        self.lease_at(self.now)
    }

    /// The same, as it was taken at that moment.
    pub(super) fn lease_at(&self, moment: Timestamp) -> Lease {
        Lease { owner: self.owner.clone(), until: after(moment, LEASE) }
    }

    /// Who is still on the login that is to get a password.
    pub(super) fn not_idle(&self, login: &RoleName) -> Option<Held> {
        let blockers = self.sessions(login);
        (!blockers.is_empty()).then_some(Held::NotIdle(blockers))
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
            let pin = consumer.references.iter().find_map(|reference| match reference {
                super::Reference::Pinned(version) => Some(*version),
                _ => None,
            });
            // A service with nothing running has nothing to lose; a pinned job fails at its next execution.
            let pinned = pin.filter(|_| !self.leave.roll || consumer.kind == CloudRunKind::Service);
            blockers.extend(pinned.map(|version| Blocker::Pin { resource: consumer.resource.clone(), version }));
        }
        (!blockers.is_empty()).then_some(Held::Outage(blockers))
    }

    /// A password in place is committed before it can be tried: not where a limit keeps the login out.
    pub(super) fn full(&self, login: &RoleName) -> Option<Held> {
        let full = self.login(login).full?;
        Some(Held::Full(full, self.sessions(login)))
    }

    pub(super) fn sessions(&self, login: &RoleName) -> Vec<Blocker> {
        let of = |session: super::Session| Blocker::Session { login: login.clone(), session };
        self.login(login).sessions.into_iter().map(of).collect()
    }
}
