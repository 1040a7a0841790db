//! What can be next.

use jiff::Timestamp;

use super::problem::Problem;
use super::{Full, Ledger, Session};
use crate::model::{Login, RoleName, SecretName};

/// The next thing to do with one credential. Each is done or not done, never half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing; due at this moment, or never.
    Rest(Option<Timestamp>),
    /// Nothing before this moment.
    Wait(Wait),
    /// Nothing that this run may do: something has to happen first.
    Hold(Held),
    /// Make a payload, and leave word of it on the secret in the name of this run.
    Begin {
        /// Whose password it is to be.
        login: Login,
        /// Where it comes from.
        source: Source,
    },
    /// Look into a version: whose credential does it hold?
    Identify(i64),
    /// Look at the number of a retired version, or of the one before: was it written here?
    CheckSeal(i64),
    /// Log in with the credential in a version: does the server take it?
    Probe {
        /// The version.
        version: i64,
        /// The login that it is for.
        login: Login,
    },
    /// Write the ledger to the secret.
    Record(Box<Ledger>),
    /// Give the idle login the password in hand.
    Arm(Login),
    /// Give the login in use the password in hand, in a transaction that stays open.
    Prepare(Login),
    /// Commit that transaction.
    Commit(Login),
    /// Log in with the password in hand.
    Prove(Login),
    /// Add a version with the payload in hand, and read it back.
    Store,
    /// Move a consumer to the version in use.
    Roll {
        /// The job or service.
        resource: String,
        /// The version in use.
        version: i64,
    },
    /// From then on the server refuses the login's password.
    Expire {
        /// The login.
        login: Login,
        /// The moment.
        at: Timestamp,
    },
    /// The server ends its sessions, which it would not let in any more.
    EndSessions(Login),
    /// NOLOGIN, and no password.
    Close(Login),
    /// Enable a version again: somebody referred to it while it was disabled.
    Enable(i64),
    /// Disable a version.
    Disable(i64),
    /// Destroy a version.
    Destroy(i64),
}

impl Step {
    /// Whether it changes nothing: neither the secret nor the server.
    pub fn only_looks(&self) -> bool {
        match self {
            Self::Rest(_) | Self::Wait(_) | Self::Hold(_) => true,
            Self::Identify(_) | Self::CheckSeal(_) | Self::Probe { .. } => true,
            Self::Begin { .. } | Self::Record(_) | Self::Store | Self::Roll { .. } => false,
            Self::Arm(_) | Self::Prepare(_) | Self::Commit(_) | Self::Prove(_) => false,
            Self::Expire { .. } | Self::EndSessions(_) | Self::Close(_) => false,
            Self::Enable(_) | Self::Disable(_) | Self::Destroy(_) => false,
        }
    }
}

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A new one.
    Fresh,
    /// The one in this version.
    Version(i64),
}

/// What is waited for; nothing is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// The old credential works until then at least.
    Grace(Timestamp),
    /// The old password was replaced: the server refuses it, and its version stays readable until then at least.
    Kept(Timestamp),
    /// A login is closed once no run has seen a session of it for as long as `grace`.
    Unseen {
        /// The login.
        login: Login,
        /// When it can be closed, if no run sees one until then.
        until: Timestamp,
    },
}

/// Why nothing may be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// There is no published credential yet.
    NotPublished,
    /// The secret lacks an alias or annotation that shows which version is in use.
    NotTold,
    /// The version in use cannot be read.
    Unreadable(i64),
    /// The server does not take the credential in use.
    Refused {
        /// Its version.
        version: i64,
        /// Its login.
        login: Login,
        /// Of this role.
        role: RoleName,
    },
    /// Google's managed rotation keeps the secret.
    Managed,
    /// The secret holds another credential.
    Others {
        /// Of this role.
        of: String,
        /// On this instance.
        on: String,
    },
    /// Annotations or aliases are not what is written here.
    Untrusted {
        /// The secret.
        secret: SecretName,
        /// The role whose credential it holds, where a way back may be meant.
        role: Option<RoleName>,
        /// What is wrong with it.
        problems: Vec<Problem>,
    },
    /// Somebody else stored a newer version.
    Foreign(i64),
    /// The login that is to get the next password is in use.
    NotIdle(Vec<Blocker>),
    /// The server refuses the credential in use, and the other login of the pair, which is to get the next password, has sessions.
    RefusedAndInUse {
        /// The role.
        role: RoleName,
        /// The other login.
        login: Login,
        /// The statements that end its sessions, where this admin can.
        end: Option<Vec<String>>,
        /// The sessions.
        by: Vec<Blocker>,
    },
    /// The server refuses the credential in use of a pair, and the other login, which is to get the next password, has the one
    /// before, which is to work for a while.
    Promised {
        /// The role.
        role: RoleName,
        /// The other login.
        login: Login,
        /// The end of its `grace`.
        until: Timestamp,
        /// What may hold it, as far as it shows.
        by: Vec<Blocker>,
    },
    /// Consumers would fail until they have read the new password.
    Outage(Vec<Blocker>),
    /// No login can prove another password: a limit is reached.
    Full(Full, Vec<Blocker>),
    /// The old credential is still in use; the server refuses it from that moment.
    StillUsed(Vec<Blocker>, Option<Timestamp>),
    /// A way back has stored a version, and did not bring it into use: this run is not asked to go back.
    BackNotFinished {
        /// The version.
        version: i64,
        /// The role.
        role: RoleName,
    },
    /// There is no credential before, or it does not work any more.
    NothingBefore {
        /// Why.
        why: &'static str,
        /// Of this role.
        role: RoleName,
    },
    /// The login that is to get the next password is not as the policy says.
    NotReady(Vec<String>),
    /// Members that the policy does not declare could read the next password.
    ReadByOthers {
        /// They, in words.
        readers: Vec<String>,
        /// What to do about it.
        advice: String,
    },
}

impl Held {
    /// What was read may be as it was minutes ago: somebody may have published another credential since.
    pub fn may_be_over(&self) -> bool {
        !self.blockers().is_empty()
            || matches!(
                self,
                Self::Refused { .. }
                    | Self::Promised { .. }
                    | Self::NothingBefore { .. }
                    | Self::BackNotFinished { .. }
            )
    }
}

/// Somebody in the way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blocker {
    /// The sessions of one application at one address.
    Session {
        /// Of this login.
        login: RoleName,
        /// What it says of itself; of several, the oldest.
        session: Session,
        /// How many there are of this application at this address.
        count: usize,
    },
    /// A job or service that names a version by number.
    Pin {
        /// The job or service.
        resource: String,
        /// The version.
        version: i64,
    },
    /// An alias that others have given a version.
    Alias {
        /// The alias.
        alias: String,
        /// The version.
        version: i64,
    },
    /// A revision or execution that may hold the old credential.
    Holder {
        /// The job or service.
        resource: String,
        /// The revision or execution.
        name: String,
        /// Since when.
        since: Option<Timestamp>,
    },
}
