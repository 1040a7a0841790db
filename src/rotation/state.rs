//! What `next` decides from: everything that can be seen of one credential, and the time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Consumer, Held, Ledger};
use crate::model::{Identity, Login, RoleName, SecretName, Strategy, VersionState};

/// One credential as it is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The present, by the clock of the database server.
    pub now: Timestamp,
    /// When all this was seen, by the same clock.
    pub seen: Timestamp,
    /// The role.
    pub role: RoleName,
    /// The secret.
    pub secret: SecretName,
    /// What the policy says.
    pub terms: Terms,
    /// What is asked for.
    pub order: Order,
    /// What is allowed.
    pub leave: Leave,
    /// This run.
    pub owner: String,
    /// What the secret remembers.
    pub ledger: Ledger,
    /// The secret is not to be written.
    pub off_limits: Option<Held>,
    /// Every version that is there.
    pub versions: BTreeMap<i64, VersionState>,
    /// Versions whose end is set already: `versionDestroyTtl` keeps them for a while.
    pub doomed: BTreeSet<i64>,
    /// Whose the versions are that are newer than the one in use.
    pub found: Found,
    /// Whose credentials those versions hold that were looked into.
    pub identities: BTreeMap<i64, Identity>,
    /// Whether the number of a retired version, or of the one before, is sealed with the credential in use, as far as it was
    /// looked at.
    pub seals: BTreeMap<i64, bool>,
    /// Whether the server takes the credential in a version, as far as a login has told.
    pub taken: BTreeMap<(i64, Login), bool>,
    /// The logins that matter: those of the policy, and those in the ledger.
    pub logins: BTreeMap<RoleName, LoginFacts>,
    /// Cloud Run jobs and services that read the secret.
    pub consumers: Vec<Consumer>,
    /// This run has the payload of the attempt in hand.
    pub in_hand: bool,
    /// This run has made that payload itself: nobody else has chosen its password.
    pub made: bool,
    /// How far this run has brought the server with it.
    pub server: ServerSide,
}

/// The policy's word on one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// One login, or two in turn.
    pub strategy: Strategy,
    /// The logins of the role.
    pub logins: Vec<Login>,
    /// Its logins that the policy does not declare any more, or never did: the role itself beside a pair, a pair beside it.
    pub former: Vec<Login>,
    /// Seconds between rotations.
    pub every: Option<i64>,
    /// Least seconds the old credential works.
    pub grace: i64,
    /// Seconds after which the server refuses the old one.
    pub deadline: Option<i64>,
    /// Versions kept.
    pub keep: u32,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Begin nothing, finish what is under way.
    Finish,
    /// Rotate what is due.
    Due,
    /// Rotate, due or not.
    Now,
    /// Back to the credential before.
    Back,
}

/// What the caller allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leave {
    /// Move pins, make new revisions.
    pub roll: bool,
    /// Consumers may fail for a moment.
    pub outage: bool,
    /// Sessions of logins that the server lets in no more may be ended.
    pub end_sessions: bool,
}

/// Versions newer than the one in use, told apart by their fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The one that the attempt under way stored.
    pub pending: Option<i64>,
    /// Those that attempts given up before had stored, or stored too late.
    pub orphans: Vec<i64>,
    /// Somebody else's.
    pub foreign: Vec<i64>,
}

/// A login on the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoginFacts {
    /// LOGIN
    pub can_login: bool,
    /// VALID UNTIL
    pub valid_until: Option<Timestamp>,
    /// Its sessions.
    pub sessions: Vec<Session>,
    /// What keeps it from another session.
    pub full: Option<Full>,
}

/// A CONNECTION LIMIT that is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Full {
    /// Of which role or database.
    pub of: String,
    /// The limit.
    pub limit: u64,
    /// Sessions that count against it.
    pub sessions: u64,
}

impl Full {
    /// Whether so many `sessions` reach `limit`, which is none where it is negative.
    pub fn of(of: String, limit: i32, sessions: u64) -> Option<Self> {
        let limit = u64::try_from(limit).ok()?;
        (sessions >= limit).then_some(Self {
            of,
            limit,
            sessions,
        })
    }
}

/// A session of a login.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Session {
    /// `application_name`
    pub application: String,
    /// Where it comes from; `None`: a socket, or not to be seen.
    pub address: Option<String>,
    /// Since when; `None`: not to be seen.
    pub since: Option<Timestamp>,
}

/// How far a rotation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// There is no credential yet.
    Unpublished,
    /// One credential, and nothing to do.
    Settled,
    /// A rotation began, and has not published anything.
    Beginning,
    /// The new credential is published, and the old one works for sure.
    Grace,
    /// The old credential may go as soon as nobody uses it.
    Draining,
}

/// What the server knows of the password in hand, as far as this run can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ServerSide {
    /// Nothing, or nobody can tell.
    #[default]
    Unknown,
    /// It has it in a transaction that is still open.
    Prepared,
    /// It definitely does not take it.
    Refused,
    /// It has it.
    Set,
    /// A login with it worked.
    Proven,
}

impl State {
    /// The number of the newest version, 0 where there is none.
    pub fn newest(&self) -> i64 {
        self.versions
            .keys()
            .next_back()
            .copied()
            .unwrap_or_default()
    }

    /// Facts of a login; one that is not there has none.
    pub fn login(&self, name: &RoleName) -> LoginFacts {
        self.logins.get(name).cloned().unwrap_or_default()
    }

    /// Whether the server takes the credential in the version as that of the login, as far as it was tried.
    pub fn takes(&self, version: i64, login: &Login) -> Option<bool> {
        self.taken.get(&(version, login.clone())).copied()
    }

    /// Until when the credential before works for sure, if there is one.
    pub fn grace(&self) -> Option<Timestamp> {
        self.ledger.previous()?;
        self.ledger
            .published
            .map(|published| super::schedule::after(published, self.terms.grace))
    }

    /// How far a rotation is.
    pub fn phase(&self) -> Phase {
        let grace = self.grace();
        if self.ledger.current().is_none() {
            Phase::Unpublished
        } else if self
            .ledger
            .pending
            .as_ref()
            .is_some_and(|pending| pending.login.is_some())
        {
            Phase::Beginning
        } else if self.ledger.previous().is_some() {
            if grace.is_some_and(|grace| self.now < grace) {
                Phase::Grace
            } else {
                Phase::Draining
            }
        } else {
            Phase::Settled
        }
    }

    /// What is left of the order: an attempt under way that goes back already is all there is to going back.
    pub fn order_left(&self) -> Order {
        let source = self
            .ledger
            .pending
            .as_ref()
            .and_then(|pending| pending.source);
        let goes_back =
            source.is_some() && source == self.ledger.previous().map(|previous| previous.version);
        if self.order == Order::Back && goes_back {
            Order::Finish
        } else {
            self.order
        }
    }

    /// The login the next password is for: of a pair the one that is not in use.
    pub fn next_login(&self) -> Option<&Login> {
        let in_use = self.ledger.login.as_ref();
        let mut others = self
            .terms
            .logins
            .iter()
            .filter(|login| Some(*login) != in_use);
        match self.terms.strategy {
            Strategy::Alternate => others.next(),
            Strategy::Single => self.terms.logins.first(),
        }
    }

    /// Something may still ask for the version by its number or an alias.
    pub fn is_referenced(&self, version: i64) -> bool {
        // Whoever follows `latest` gets it, whatever its state.
        self.is_named(version) || self.versions.keys().next_back() == Some(&version)
    }

    /// An alias or a job or service names it.
    pub fn is_named(&self, version: i64) -> bool {
        self.ledger
            .aliases
            .values()
            .any(|number| *number == version)
            || self
                .consumers
                .iter()
                .any(|consumer| consumer.names(version))
    }
}
