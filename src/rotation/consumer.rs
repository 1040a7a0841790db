//! Who gets the credential from the secret, and which version they hold.

use jiff::Timestamp;

use crate::model::CloudRunKind;

/// A Cloud Run job or service among the readers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Consumer {
    /// `projects/P/locations/R/jobs/J`.
    pub resource: String,
    /// Job or service.
    pub kind: CloudRunKind,
    /// How it names the secret, once for every place.
    pub references: Vec<Reference>,
    /// What runs of it, or may still be sent work.
    pub holders: Vec<Holder>,
    /// When the newest of its revisions was made, whether that gets requests or not.
    pub newest: Option<Timestamp>,
}

/// How a version is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// The most recently created one.
    Latest,
    /// What an alias stands for.
    Alias(String),
    /// This one.
    Pinned(i64),
}

impl Reference {
    /// Reads what Cloud Run calls the version.
    pub fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Self::Pinned(number),
            Err(_) if text.is_empty() || text == "latest" => Self::Latest,
            Err(_) => Self::Alias(text.to_owned()),
        }
    }
}

/// A revision or an execution that may hold a credential: Cloud Run resolves a secret when an instance starts.
/// <https://cloud.google.com/run/docs/configuring/services/secrets>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// Its name.
    pub name: String,
    /// Which of the two.
    pub kind: HolderKind,
    /// When it was made; `None`: it cannot be seen.
    pub started: Option<Timestamp>,
    /// How it names the secret.
    pub references: Vec<Reference>,
}

/// What may hold a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderKind {
    /// Of a service: instances of it start and end as there are requests.
    Revision,
    /// Of a job.
    Execution,
}

impl Consumer {
    /// Pinned to a version that is not `current`.
    pub fn pinned_behind(&self, current: i64) -> Option<i64> {
        pins(&self.references).find(|number| *number != current)
    }

    /// Pinned to an older version: a newer one would be moved back where what is read of the secret lags behind.
    pub fn may_move(&self, current: i64) -> bool {
        pins(&self.references).any(|number| number < current)
    }

    /// Whether another credential has it changed, where that is allowed: a pin, or a service that runs.
    pub fn will_move(&self) -> bool {
        pins(&self.references).next().is_some() || (self.kind == CloudRunKind::Service && !self.holders.is_empty())
    }

    /// What of it may still hold a credential from before `published`.
    pub fn holding(&self, current: i64, published: Timestamp) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(move |holder| holder.holds_old(current, published))
    }

    /// Whether it names the version by its number, itself or in something that runs of it.
    pub fn names(&self, version: i64) -> bool {
        let running = self.holders.iter().flat_map(|holder| pins(&holder.references));
        pins(&self.references).chain(running).any(|number| number == version)
    }

    /// Whether it gets whatever was stored last.
    pub fn follows_latest(&self) -> bool {
        self.references.contains(&Reference::Latest)
    }

    /// Only a new revision holds the new credential. Where there is one already, an older one gets requests because whoever
    /// runs the service wants it so: another revision would change nothing.
    pub fn wants_revision(&self, current: i64, published: Timestamp) -> bool {
        self.kind == CloudRunKind::Service
            && self.newest.is_none_or(|newest| newest <= published)
            && self.holding(current, published).next().is_some()
    }
}

impl Holder {
    /// A pinned one holds what it names; any other what counted when it started.
    fn holds_old(&self, current: i64, published: Timestamp) -> bool {
        let by_pin = pins(&self.references).any(|number| number != current);
        let by_age = self.references.iter().any(|one| !matches!(one, Reference::Pinned(_)))
            && self.started.is_none_or(|started| started <= published);
        by_pin || by_age
    }
}

fn pins(references: &[Reference]) -> impl Iterator<Item = i64> {
    references.iter().filter_map(|reference| match reference {
        Reference::Pinned(number) => Some(*number),
        Reference::Latest | Reference::Alias(_) => None,
    })
}
