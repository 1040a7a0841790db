//! The decision.

use super::schedule::{due, is_due};
use super::{Held, Ledger, Order, State, Step};
use crate::model::{Annotations, Login, VersionState};

/// What is next for one credential. Doing it and asking again ends in [`Step::Rest`], [`Step::Wait`] or [`Step::Hold`];
/// so does every run that begins where another one was killed. What the secret says is other people's input: no version is
/// put to work that the server does not take, and that no credential shows to be ours which the server takes.
pub fn next(state: &State) -> Step {
    let step = decided(state);
    let is_held = |held: &Held| {
        matches!(
            held,
            Held::StillUsed(..)
                | Held::Outage(_)
                | Held::NotIdle(_)
                | Held::Promised { .. }
                | Held::RefusedAndInUse { .. }
                | Held::Full(..)
                | Held::BackNotFinished { .. }
        )
    };
    let is_over = match &step {
        Step::Rest(_) | Step::Wait(_) => true,
        Step::Hold(held) => is_held(held),
        _ => false,
    };
    // Nobody is at work any more: neither this run, nor the one that was killed here.
    let is_at_work = state.ledger.lease.is_some() || state.ledger.ending.is_some();
    if is_over && is_at_work {
        Step::Record(state.ledger.released().into())
    } else {
        step
    }
}

fn decided(state: &State) -> Step {
    if let Some(held) = state.off_limits.clone() {
        return Step::Hold(held);
    }
    let Some(current) = state
        .ledger
        .current()
        .filter(|_| state.ledger.login.is_some())
    else {
        return Step::Hold(state.not_told());
    };
    // What has begun is finished first: until then the server may have a password that nobody is told.
    if let Some(step) = state.attempt() {
        return state.unless_refused(step);
    }
    if !state.ledger.is_told() {
        return Step::Hold(state.not_told());
    }
    let is_readable = state.versions.get(&current) == Some(&VersionState::Enabled);
    if let Some(step) = state.restore().filter(|_| is_readable) {
        return state.or_replaced(state.once_taken(step));
    }
    if !is_readable {
        return Step::Hold(Held::Unreadable(current));
    }
    let under_way = || {
        state
            .repair(current)
            .or_else(|| state.roll(current))
            .or_else(|| state.tidy(current))
            .or_else(|| state.drain())
    };
    match state.back(current).or_else(under_way) {
        Some(step) => state.or_replaced(state.once_taken(step)),
        None => state.unless_refused(state.begin()),
    }
}

impl State {
    /// `step`; but a refused credential is replaced on request before what is under way goes on.
    fn or_replaced(&self, step: Step) -> Step {
        match step {
            Step::Hold(Held::Refused { .. }) if self.order == Order::Now => {
                self.unless_refused(self.begin())
            }
            step => step,
        }
    }

    /// Why it is not known which credential is in use.
    fn not_told(&self) -> Held {
        let Ledger {
            login,
            version,
            published,
            aliases,
            ..
        } = &self.ledger;
        let has_alias = [Annotations::CURRENT, Annotations::PREVIOUS]
            .iter()
            .any(|alias| aliases.contains_key(*alias));
        let was_published =
            has_alias || login.is_some() || version.is_some() || published.is_some();
        if was_published {
            Held::NotTold
        } else {
            Held::NotPublished
        }
    }

    fn nothing_before(&self, why: &'static str) -> Held {
        Held::NothingBefore {
            why,
            role: self.role.clone(),
        }
    }

    /// Back to the credential before, which has to work.
    fn back(&self, current: i64) -> Option<Step> {
        if self.order != Order::Back {
            return None;
        }
        let refuse = |why| Some(Step::Hold(self.nothing_before(why)));
        let Some(previous) = self
            .ledger
            .previous()
            .filter(|previous| previous.version != current)
        else {
            return refuse("no rotation is under way, and what was before the last one is closed");
        };
        if self.versions.get(&previous.version) != Some(&VersionState::Enabled) {
            return refuse("the version before cannot be read any more");
        }
        let login = self.login(previous.login);
        let in_place = self.ledger.login.as_ref() == Some(previous.login);
        if !in_place
            && (!login.can_login || login.valid_until.is_some_and(|until| until <= self.now))
        {
            return refuse("the server does not take the credential before any more");
        }
        if let Some(held) = self.full(previous.login).filter(|_| in_place) {
            return Some(Step::Hold(held));
        }
        let (login, version) = (previous.login.clone(), previous.version);
        let refused = match in_place {
            true => "nothing that works shows that the version before was in use",
            false => "the server does not take the credential before any more",
        };
        Some(self.begin_back(login, version, || Step::Hold(self.nothing_before(refused))))
    }

    /// A version that turned up late, or that somebody stored and took back, is what `latest` means: the one in use is
    /// stored again, above it.
    fn repair(&self, current: i64) -> Option<Step> {
        let login = self.ledger.login.clone()?;
        let late = self.found.orphans.iter().any(|orphan| *orphan > current);
        let newest = self
            .versions
            .last_key_value()
            .filter(|(number, _)| **number > current);
        // A rotation that is wanted stores another one anyway.
        let taken_back =
            newest.is_some_and(|(_, state)| *state != VersionState::Enabled) && !self.is_wanted();
        let ours = self.found.foreign.is_empty() && (late || taken_back);
        let given_up = self.is_wanted() && self.takes(current, &login) == Some(false);
        (ours && !given_up).then(|| self.begin_from(login, current))
    }

    /// Who is in the way of another password for `login`. Where the server does not take the credential in use as that of the
    /// login that the secret names, any login of the role may be the one in use.
    pub(super) fn in_the_way(&self, login: &Login) -> Option<Held> {
        let in_place = self.ledger.login.as_ref() == Some(login);
        if in_place {
            return self.outage(login).or_else(|| self.full(login));
        }
        let sessions = self.sessions(login);
        if !self.is_refused() {
            return (!sessions.is_empty()).then_some(Held::NotIdle(sessions));
        }
        if sessions.is_empty() {
            return self.outage(login);
        }
        Some(Held::RefusedAndInUse {
            role: self.role.clone(),
            login: login.clone(),
            end: None,
            by: sessions,
        })
    }

    /// Nothing is under way: begin, if it is time.
    fn begin(&self) -> Step {
        let Some(login) = self.next_login().cloned() else {
            return Step::Hold(Held::NotPublished);
        };
        if let Some(step) = self.shut_sessions(&login) {
            return step;
        }
        if !self.is_wanted() {
            if let Some(step) = self.stray() {
                return step;
            }
            let due = |published| due(&self.terms, &self.secret, published);
            return Step::Rest(self.ledger.published.and_then(due));
        }
        if let Some(foreign) = self.found.foreign.first() {
            return Step::Hold(Held::Foreign(*foreign));
        }
        if let Some(step) = self.promised(&login) {
            return step;
        }
        let held = self.in_the_way(&login).map(Step::Hold);
        held.or_else(|| self.still_carried(&login))
            .unwrap_or_else(|| self.begin_anew(login))
    }

    /// Asked for, due, or in use is a login of another strategy.
    fn is_wanted(&self) -> bool {
        let moves = self
            .ledger
            .login
            .as_ref()
            .is_some_and(|login| !self.terms.logins.contains(login));
        match self.order {
            Order::Now => true,
            Order::Due => {
                moves || is_due(&self.terms, &self.secret, self.ledger.published, self.now)
            }
            Order::Finish | Order::Back => false,
        }
    }
}
