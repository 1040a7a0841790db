//! Credentials and how they stand: of `rotate`, `rollback` and `status`.

use jiff::Timestamp;
use serde::Serialize;

use super::Stop;
use crate::model::{InstanceName, RoleName, SecretName, Strategy};
use crate::plan::Failure;
use crate::rotation::{self, Blocker, Held, Phase, Step};

/// How one credential stands.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    /// The role.
    pub role: RoleName,
    /// How it is replaced.
    pub strategy: Strategy,
    /// Its secret.
    pub secret: SecretName,
    /// The login in use.
    pub login: Option<RoleName>,
    /// The version in use.
    pub version: Option<i64>,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// Seconds since then.
    pub age: Option<i64>,
    /// When the next rotation is due.
    pub due: Option<Timestamp>,
    /// How far a rotation is.
    pub phase: PhaseSeen,
    /// The credential before, while it is not given up.
    pub previous: Option<Before>,
    /// Who still uses the credential before.
    pub still_used_by: Vec<User>,
    /// What is next.
    pub next: String,
}

/// The credential before.
#[derive(Debug, Clone, Serialize)]
pub struct Before {
    /// Its login.
    pub login: RoleName,
    /// Its version.
    pub version: i64,
    /// It works until then at least; absent where its password was replaced in place, and is refused already.
    pub until: Option<Timestamp>,
}

/// The progress of a rotation, or that it is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseSeen {
    /// It can be seen.
    Known(Phase),
    /// The server or Google could not be asked.
    Unknown,
}

impl Serialize for PhaseSeen {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(phase) => phase.serialize(serializer),
            Self::Unknown => serializer.serialize_str("unknown"),
        }
    }
}

/// A user of a credential. Fields that do not apply or cannot be read are `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// The login of a session.
    pub login: Option<RoleName>,
    /// The `application_name` of the session.
    pub application: Option<String>,
    /// Where it comes from.
    pub address: Option<String>,
    /// A Cloud Run job or service.
    pub resource: Option<String>,
    /// Its revision or execution.
    pub holder: Option<String>,
    /// The version it is pinned to.
    pub version: Option<i64>,
    /// Since when; of several sessions, the oldest.
    pub since: Option<Timestamp>,
    /// How many sessions of this application at this address there are.
    pub count: Option<usize>,
    /// All that in a sentence.
    pub text: String,
}

impl User {
    /// What is known of `blocker`.
    pub fn of(blocker: &Blocker) -> Self {
        let nobody = Self {
            login: None,
            application: None,
            address: None,
            resource: None,
            holder: None,
            version: None,
            since: None,
            count: None,
            text: blocker.to_string(),
        };
        match blocker.clone() {
            Blocker::Session {
                login,
                session,
                count,
            } => Self {
                login: Some(login),
                count: Some(count),
                application: Some(session.application),
                address: session.address,
                since: session.since,
                ..nobody
            },
            Blocker::Pin { resource, version } => Self {
                resource: Some(resource),
                version: Some(version),
                ..nobody
            },
            Blocker::Alias { alias: _, version } => Self {
                version: Some(version),
                ..nobody
            },
            Blocker::Holder {
                resource,
                name,
                since,
            } => Self {
                resource: Some(resource),
                holder: Some(name),
                since,
                ..nobody
            },
        }
    }
}

impl Standing {
    /// How the credential of `role` stands, of which `next` is next.
    pub fn of(role: &RoleName, state: &rotation::State, next: &Step) -> Self {
        let ledger = &state.ledger;
        Self {
            role: role.clone(),
            strategy: state.terms.strategy,
            secret: state.secret.clone(),
            login: ledger.login.as_ref().map(|login| login.name().clone()),
            version: ledger.current(),
            published: ledger.published,
            age: ledger
                .published
                .map(|published| state.now.duration_since(published).as_secs().max(0)),
            due: match ledger.published {
                Some(published) => rotation::due(&state.terms, &state.secret, published),
                // Its age is unknown, as of one that was adopted.
                None => state.terms.every.and(ledger.current()).map(|_| state.now),
            },
            phase: match state.off_limits {
                Some(Held::Untrusted { .. }) => PhaseSeen::Unknown,
                _ => PhaseSeen::Known(state.phase()),
            },
            previous: ledger.previous().map(|before| Before {
                login: before.login.name().clone(),
                version: before.version,
                until: state
                    .grace()
                    .filter(|_| ledger.login.as_ref() != Some(before.login)),
            }),
            still_used_by: state.users_of_previous().iter().map(User::of).collect(),
            next: next.to_string(),
        }
    }

    /// A credential of which nothing could be seen.
    pub fn unknown(role: &RoleName, strategy: Strategy, secret: &SecretName) -> Self {
        Self {
            role: role.clone(),
            strategy,
            secret: secret.clone(),
            login: None,
            version: None,
            published: None,
            age: None,
            due: None,
            phase: PhaseSeen::Unknown,
            previous: None,
            still_used_by: Vec::new(),
            next: "unknown".into(),
        }
    }
}

/// What `rotate` and `rollback` did to one credential.
#[derive(Debug, Clone)]
pub struct Turn {
    /// How it stands now.
    pub standing: Standing,
    /// What was done.
    pub events: Vec<String>,
    /// How it ended.
    pub ended: Ended,
}

/// How it ended with one credential.
#[derive(Debug, Clone)]
pub enum Ended {
    /// All that can be done now is done.
    Done,
    /// Something has to happen first.
    Held {
        /// What.
        reason: String,
        /// What to do about it.
        advice: String,
        /// What blocks it.
        by: Vec<User>,
    },
    /// It failed.
    Failed(Failure),
}

/// What `rotate`, `rollback` and `status` say of one instance.
pub struct CredentialsOf {
    /// The instance; absent if only an admin URL names the server.
    pub instance: Option<InstanceName>,
    /// Its credentials.
    pub turns: Vec<Turn>,
    /// What kept it from being looked at.
    pub stop: Option<Stop>,
}

/// What `rotate`, `rollback` and `status` say.
pub struct Credentials {
    /// One entry an instance.
    pub instances: Vec<CredentialsOf>,
}

/// How `rotate` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnStatus {
    /// All that can be done now is done.
    Done,
    /// Something has to happen first.
    Held,
    /// Something failed, or could not be seen.
    Failed,
}

impl Ended {
    /// Without the reason.
    pub fn status(&self) -> TurnStatus {
        match self {
            Self::Done => TurnStatus::Done,
            Self::Held { .. } => TurnStatus::Held,
            Self::Failed(_) => TurnStatus::Failed,
        }
    }
}

impl Credentials {
    /// The worst of all credentials.
    pub fn status(&self) -> TurnStatus {
        let stops = self
            .instances
            .iter()
            .filter_map(|one| one.stop.as_ref())
            .map(|stop| match stop {
                Stop::Held(_) => TurnStatus::Held,
                Stop::Failed(_) => TurnStatus::Failed,
            });
        let turns = self
            .instances
            .iter()
            .flat_map(|one| &one.turns)
            .map(|turn| turn.ended.status());
        turns.chain(stops).max().unwrap_or(TurnStatus::Done)
    }

    /// What failed, for standard error.
    pub fn failures(&self) -> impl Iterator<Item = &Failure> {
        let stops = self
            .instances
            .iter()
            .filter_map(|one| one.stop.as_ref())
            .map(Stop::failure);
        let turns = self
            .instances
            .iter()
            .flat_map(|one| &one.turns)
            .filter_map(|turn| match &turn.ended {
                Ended::Failed(failure) => Some(failure),
                Ended::Done | Ended::Held { .. } => None,
            });
        stops.chain(turns)
    }
}
