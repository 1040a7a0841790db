//! What a secret remembers: annotations and aliases, read and written as one value.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::mark::Mark;
use super::seal::Seal;
use crate::model::{Annotations, Login, Payload};

/// Attempts that were given up and may still turn up as a version.
const REMEMBERED: usize = 4;

/// The rotation of one credential, as its secret remembers it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ledger {
    /// The login in the version in use.
    pub login: Option<Login>,
    /// The number of that version when it was published: `current` names it.
    pub version: Option<i64>,
    /// What shows that it was published here, by the version whose payload is the key.
    pub vouchers: BTreeMap<i64, Seal>,
    /// When that version was published.
    pub published: Option<Timestamp>,
    /// Every alias; `current` and `previous` are ours.
    pub aliases: BTreeMap<String, i64>,
    /// The login in the version that `previous` names.
    pub previous_login: Option<Login>,
    /// The number of that version.
    pub previous_version: Option<i64>,
    /// What shows that it was in use before, with the payload in use as the key.
    pub previous_seal: Option<Seal>,
    /// The attempt under way.
    pub pending: Option<Pending>,
    /// Attempts given up.
    pub abandoned: Vec<Mark>,
    /// Versions of ours that nothing needs any more, and since when.
    pub retired: Option<Retired>,
    /// What earlier runs saw of the login that is closed next.
    pub unseen: Option<Unseen>,
    /// The run at work.
    pub lease: Option<Lease>,
    /// The version that the run at work is about to disable or destroy.
    pub ending: Option<i64>,
}

/// An attempt to publish a credential.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pending {
    /// Its payload.
    pub mark: Mark,
    /// The login in it; `None`: an attempt of `apply`, which nobody began to rotate.
    pub login: Option<Login>,
    /// The version whose password it has; `None`: a new one.
    pub source: Option<i64>,
}

/// A login of which no run has seen a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unseen {
    /// Since when.
    pub since: Timestamp,
    /// The login.
    pub login: Login,
    /// The version before the one in use that it stood for, where it did: what was seen of it as another part tells nothing.
    pub version: Option<i64>,
}

/// The credential before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous<'a> {
    /// Its version.
    pub version: i64,
    /// Its login.
    pub login: &'a Login,
}

/// Versions that nothing needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Retired {
    /// Since when.
    pub since: Timestamp,
    /// Their numbers, oldest first.
    pub versions: Vec<i64>,
    /// What shows that the number was written by a run that could read the credential in use. A number without one is not
    /// written.
    pub seals: BTreeMap<i64, Seal>,
}

/// The run that is at work on a secret. It is no lock, which the server has: writing it changes the secret's etag, so that
/// whoever had it before and does not know yet cannot write any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// The run.
    pub owner: String,
    /// Until when somebody who only looks may take it for alive.
    pub until: Timestamp,
}

impl Ledger {
    /// The annotations that say the same, among those of others in `before`.
    pub fn annotations(&self, before: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let Self {
            login,
            version,
            vouchers,
            published,
            aliases: _,
            previous_login,
            ..
        } = self;
        let Self {
            previous_version,
            previous_seal,
            pending,
            abandoned,
            retired,
            unseen,
            lease,
            ending,
            ..
        } = self;
        let vouchers: Vec<_> = vouchers
            .iter()
            .map(|(version, seal)| format!("{version}:{seal}"))
            .collect();
        let seal = previous_seal
            .as_ref()
            .map(|seal| format!(":{seal}"))
            .unwrap_or_default();
        let marks: Vec<_> = abandoned.iter().map(Mark::to_string).collect();
        let of_attempt = |part: fn(&Pending) -> Option<String>| pending.as_ref().and_then(part);
        let ours = [
            (Annotations::LOGIN, login.as_ref().map(ToString::to_string)),
            (
                Annotations::VERSION,
                version.map(|number| number.to_string()),
            ),
            (
                Annotations::SEAL,
                (!vouchers.is_empty()).then(|| vouchers.join(" ")),
            ),
            (
                Annotations::PUBLISHED,
                published.map(|time| time.to_string()),
            ),
            (
                Annotations::PREVIOUS_VERSION,
                previous_version.map(|number| format!("{number}{seal}")),
            ),
            (
                Annotations::PREVIOUS_LOGIN,
                previous_login.as_ref().map(ToString::to_string),
            ),
            (
                Annotations::PENDING,
                of_attempt(|one| Some(one.mark.to_string())),
            ),
            (
                Annotations::NEXT,
                of_attempt(|one| one.login.as_ref().map(ToString::to_string)),
            ),
            (
                Annotations::SOURCE,
                of_attempt(|one| one.source.map(|number| number.to_string())),
            ),
            (
                Annotations::ABANDONED,
                (!marks.is_empty()).then(|| marks.join(" ")),
            ),
            (
                Annotations::RETIRED,
                retired.as_ref().map(ToString::to_string),
            ),
            (
                Annotations::UNSEEN,
                unseen.as_ref().map(ToString::to_string),
            ),
            (Annotations::LEASE, lease.as_ref().map(ToString::to_string)),
            (Annotations::ENDING, ending.map(|number| number.to_string())),
        ];
        let mut all = before.clone();
        for (key, value) in ours {
            match value {
                Some(value) => all.insert(key.to_owned(), value),
                None => all.remove(key),
            };
        }
        all
    }

    /// Versions that this ledger speaks of, and `after` does not.
    pub fn let_go(&self, after: &Self) -> Vec<i64> {
        let named = |ledger: &Self| {
            let previous = ledger.previous().map(|previous| previous.version);
            ledger
                .retired_numbers()
                .into_iter()
                .chain(ledger.current())
                .chain(previous)
                .collect::<Vec<_>>()
        };
        let kept = named(after);
        named(self)
            .into_iter()
            .filter(|version| !kept.contains(version))
            .collect()
    }

    /// The numbers of retired versions.
    pub fn retired_numbers(&self) -> Vec<i64> {
        self.retired
            .iter()
            .flat_map(|retired| &retired.versions)
            .copied()
            .collect()
    }

    /// Those of them that stand in an annotation.
    pub fn sealed_numbers(&self) -> Vec<i64> {
        self.retired
            .iter()
            .flat_map(|retired| retired.seals.keys())
            .copied()
            .collect()
    }

    /// The version in use.
    pub fn current(&self) -> Option<i64> {
        self.aliases.get(Annotations::CURRENT).copied()
    }

    /// The credential before, while it is not given up.
    pub fn previous(&self) -> Option<Previous<'_>> {
        let version = *self.aliases.get(Annotations::PREVIOUS)?;
        Some(Previous {
            version,
            login: self.previous_login.as_ref()?,
        })
    }

    /// It says whose credentials the aliases stand for, and since when. What is missing is never guessed.
    pub fn is_told(&self) -> bool {
        let names_previous = self.aliases.contains_key(Annotations::PREVIOUS)
            || self.previous_version.is_some()
            || self.previous_login.is_some();
        let in_use = self.current().is_some() && self.login.is_some() && self.published.is_some();
        in_use && (!names_previous || self.previous().is_some())
    }

    /// An attempt begins; one that is under way is given up for it.
    #[must_use]
    pub fn begun(&self, pending: Pending, lease: Lease) -> Self {
        Self {
            pending: Some(pending),
            lease: Some(lease),
            ..self.given_up()
        }
    }

    /// The attempt under way is given up. Should its version turn up later, it will be known.
    #[must_use]
    pub fn given_up(&self) -> Self {
        // What was about to end, and is named by now, is brought back all the same.
        let mut after = Self {
            pending: None,
            lease: None,
            ..self.clone()
        };
        after
            .abandoned
            .extend(self.pending.iter().map(|pending| pending.mark.clone()));
        let surplus = after.abandoned.len().saturating_sub(REMEMBERED);
        after.abandoned.drain(..surplus);
        after
    }

    /// The run at work is another one.
    #[must_use]
    pub fn leased(&self, lease: Lease) -> Self {
        Self {
            lease: Some(lease),
            ..self.clone()
        }
    }

    /// No run is at work.
    #[must_use]
    pub fn released(&self) -> Self {
        Self {
            lease: None,
            ending: None,
            ..self.clone()
        }
    }

    /// The version that nothing needs once the one of the attempt is in use: the same credential in an older version, or
    /// the one before that in use.
    pub fn displaced(&self) -> Option<i64> {
        let (pending, current) = (self.pending.as_ref()?, self.current()?);
        let before = || self.previous().map(|previous| previous.version);
        if pending.source == Some(current) {
            Some(current)
        } else {
            before()
        }
    }

    /// The version of the attempt is the one in use. `surplus`: older versions of ours that nothing will need.
    #[must_use]
    pub fn promoted(&self, version: i64, surplus: &[i64], now: Timestamp) -> Self {
        let (Some(pending), Some(current)) = (&self.pending, self.current()) else {
            return self.clone();
        };
        let mut after = Self {
            pending: None,
            lease: None,
            ..self.clone()
        };
        after.aliases.insert(Annotations::CURRENT.into(), version);
        (after.version, after.vouchers, after.previous_seal) =
            (Some(version), BTreeMap::new(), None);
        // Otherwise it is the same credential in a newer version.
        if pending.source != Some(current) {
            after.login.clone_from(&pending.login);
            after.previous_login.clone_from(&self.login);
            after.previous_version = Some(current);
            after.published = Some(now);
            after.unseen = None;
            after.aliases.insert(Annotations::PREVIOUS.into(), current);
        }
        after.retire(
            surplus.iter().copied().filter(|number| *number < version),
            now,
        )
    }

    /// The credential before is given up, and its version is retired.
    #[must_use]
    pub fn forgotten(&self, now: Timestamp) -> Self {
        let version = self.previous().map(|previous| previous.version);
        self.left_alone().retire(version, now)
    }

    /// The credential before is given up, and its version stays as it is.
    #[must_use]
    pub fn left_alone(&self) -> Self {
        let mut after = Self {
            previous_login: None,
            previous_version: None,
            unseen: None,
            ..self.released()
        };
        after.previous_seal = None;
        after.aliases.remove(Annotations::PREVIOUS);
        after
    }

    /// The same with this version, its login and its seal as the credential before.
    #[must_use]
    pub fn with_previous(&self, previous: Option<(i64, Login, Option<Seal>)>) -> Self {
        let mut after = self.clone();
        after.aliases.remove(Annotations::PREVIOUS);
        (
            after.previous_login,
            after.previous_version,
            after.previous_seal,
        ) = (None, None, None);
        if let Some((version, login, seal)) = previous {
            after.aliases.insert(Annotations::PREVIOUS.into(), version);
            (
                after.previous_login,
                after.previous_version,
                after.previous_seal,
            ) = (Some(login), Some(version), seal);
        }
        after
    }

    /// Versions that are gone need not be remembered.
    #[must_use]
    pub fn without(&self, gone: impl Fn(i64) -> bool) -> Self {
        let mut after = self.clone();
        if let Some(retired) = &mut after.retired {
            retired.versions.retain(|version| !gone(*version));
            retired.seals.retain(|version, _| !gone(*version));
        }
        after.retired = after.retired.filter(|retired| !retired.versions.is_empty());
        after
    }

    fn retire(mut self, versions: impl IntoIterator<Item = i64>, now: Timestamp) -> Self {
        let versions: Vec<_> = versions.into_iter().collect();
        if versions.is_empty() {
            return self;
        }
        let retired = self.retired.get_or_insert(Retired {
            since: now,
            ..Retired::default()
        });
        retired.since = now;
        retired.versions.extend(versions);
        retired.versions.sort_unstable();
        retired.versions.dedup();
        self
    }
}

impl Pending {
    /// Whether it announced this payload, with the password in the version `source`, whose payload is the `key`.
    pub fn is_of(&self, payload: &Payload, source: i64, key: &Payload) -> bool {
        self.mark
            .is_of(payload, Some(key), |version| version == source)
    }
}

impl std::fmt::Display for Retired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.since)?;
        self.seals
            .iter()
            .try_for_each(|(version, seal)| write!(f, " {version}:{seal}"))
    }
}

impl std::fmt::Display for Unseen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.since, self.login)?;
        self.version
            .map_or(Ok(()), |version| write!(f, " {version}"))
    }
}

impl std::fmt::Display for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.owner, self.until)
    }
}
