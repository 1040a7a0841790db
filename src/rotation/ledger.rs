//! What a secret remembers: annotations and aliases, read and written as one value.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{Annotations, Payload, RoleName, Secret};

/// Attempts that were given up and may still turn up as a version.
const REMEMBERED: usize = 4;

/// The rotation of one credential, as its secret remembers it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ledger {
    /// The login in the version in use.
    pub login: Option<RoleName>,
    /// When that version was published.
    pub published: Option<Timestamp>,
    /// Every alias; `current` and `previous` are ours.
    pub aliases: BTreeMap<String, i64>,
    /// The login in the version that `previous` names.
    pub previous_login: Option<RoleName>,
    /// The attempt under way.
    pub pending: Option<Pending>,
    /// Attempts given up.
    pub abandoned: Vec<Mark>,
    /// Versions of ours that nothing needs any more, and since when.
    pub retired: Option<Retired>,
    /// When the login of the strategy before was seen in use last.
    pub used: Option<Timestamp>,
    /// The run at work.
    pub lease: Option<Lease>,
    /// The version that the run at work is about to disable or destroy.
    pub ending: Option<i64>,
}

/// How a stored payload is told again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// A random word.
    pub id: String,
    /// SHA-256 over it and the payload.
    pub fingerprint: String,
}

/// An attempt to publish a credential.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pending {
    /// Its payload.
    pub mark: Mark,
    /// The login in it; `None`: an attempt of `apply`, which nobody began to rotate.
    pub login: Option<RoleName>,
    /// The version whose password it has; `None`: a new one.
    pub source: Option<i64>,
}

/// The credential before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous<'a> {
    /// Its version.
    pub version: i64,
    /// Its login.
    pub login: &'a RoleName,
}

/// Versions that nothing needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Retired {
    /// Since when.
    pub since: Timestamp,
    /// Their numbers, oldest first.
    pub versions: Vec<i64>,
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
    /// Reads it off a secret. What is not of the form that is written here counts as not there; [`Ledger::garbled`] names it.
    pub fn read(secret: &Secret) -> Self {
        Self::parsed(secret).0
    }

    /// The annotations of ours whose text is not of the form that is written here.
    pub fn garbled(secret: &Secret) -> Vec<&'static str> {
        Self::parsed(secret).1
    }

    fn parsed(secret: &Secret) -> (Self, Vec<&'static str>) {
        let mut texts = Texts { annotations: &secret.annotations, garbled: Vec::new() };
        let login = |text: &str| RoleName::new(text).ok();
        let time = |text: &str| text.parse().ok();
        let (next, source) =
            (texts.read(Annotations::NEXT, login), texts.read(Annotations::SOURCE, |t| t.parse().ok()));
        let marks = |text: &str| text.split(' ').map(Mark::parse).collect::<Option<Vec<_>>>();
        let ledger = Self {
            login: texts.read(Annotations::LOGIN, login),
            published: texts.read(Annotations::PUBLISHED, time),
            aliases: secret.aliases.clone(),
            previous_login: texts.read(Annotations::PREVIOUS_LOGIN, login),
            pending: texts.read(Annotations::PENDING, Mark::parse).map(|mark| Pending { mark, login: next, source }),
            abandoned: texts.read(Annotations::ABANDONED, marks).unwrap_or_default(),
            retired: texts.read(Annotations::RETIRED, Retired::parse),
            used: texts.read(Annotations::USED, time),
            lease: texts.read(Annotations::LEASE, Lease::parse),
            ending: texts.read(Annotations::ENDING, |text| text.parse().ok()),
        };
        (ledger, texts.garbled)
    }

    /// The annotations that say the same, among those of others in `before`.
    pub fn annotations(&self, before: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let Self { login, published, aliases: _, previous_login, pending, abandoned, retired, used, lease, ending } =
            self;
        let marks: Vec<_> = abandoned.iter().map(Mark::to_string).collect();
        let of_attempt = |part: fn(&Pending) -> Option<String>| pending.as_ref().and_then(part);
        let ours = [
            (Annotations::LOGIN, login.as_ref().map(ToString::to_string)),
            (Annotations::PUBLISHED, published.map(|time| time.to_string())),
            (Annotations::PREVIOUS_LOGIN, previous_login.as_ref().map(ToString::to_string)),
            (Annotations::PENDING, of_attempt(|one| Some(one.mark.to_string()))),
            (Annotations::NEXT, of_attempt(|one| one.login.as_ref().map(ToString::to_string))),
            (Annotations::SOURCE, of_attempt(|one| one.source.map(|number| number.to_string()))),
            (Annotations::ABANDONED, (!marks.is_empty()).then(|| marks.join(" "))),
            (Annotations::RETIRED, retired.as_ref().map(ToString::to_string)),
            (Annotations::USED, used.map(|time| time.to_string())),
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

    /// The version in use.
    pub fn current(&self) -> Option<i64> {
        self.aliases.get(Annotations::CURRENT).copied()
    }

    /// The credential before, while it is not given up.
    pub fn previous(&self) -> Option<Previous<'_>> {
        let version = *self.aliases.get(Annotations::PREVIOUS)?;
        Some(Previous { version, login: self.previous_login.as_ref().or(self.login.as_ref())? })
    }

    /// An attempt begins; one that is under way is given up for it.
    #[must_use]
    pub fn begun(&self, pending: Pending, lease: Lease) -> Self {
        Self { pending: Some(pending), lease: Some(lease), ..self.given_up() }
    }

    /// The attempt under way is given up. Should its version turn up later, it will be known.
    #[must_use]
    pub fn given_up(&self) -> Self {
        let mut after = Self { pending: None, ..self.released() };
        after.abandoned.extend(self.pending.iter().map(|pending| pending.mark.clone()));
        let surplus = after.abandoned.len().saturating_sub(REMEMBERED);
        after.abandoned.drain(..surplus);
        after
    }

    /// The run at work is another one.
    #[must_use]
    pub fn leased(&self, lease: Lease) -> Self {
        Self { lease: Some(lease), ..self.clone() }
    }

    /// No run is at work.
    #[must_use]
    pub fn released(&self) -> Self {
        Self { lease: None, ending: None, ..self.clone() }
    }

    /// The version of the attempt is the one in use. `orphans`: versions between that nobody will ever need.
    #[must_use]
    pub fn promoted(&self, version: i64, orphans: &[i64], now: Timestamp) -> Self {
        let (Some(pending), Some(current)) = (&self.pending, self.current()) else { return self.clone() };
        let mut after = Self { pending: None, ..self.released() };
        after.aliases.insert(Annotations::CURRENT.into(), version);
        let mut surplus: Vec<_> = orphans.iter().copied().filter(|orphan| *orphan < version).collect();
        if pending.source == Some(current) {
            // The same credential in a newer version.
            surplus.push(current);
        } else {
            after.login.clone_from(&pending.login);
            after.previous_login.clone_from(&self.login);
            after.published = Some(now);
            after.used = None;
            surplus.extend(after.aliases.insert(Annotations::PREVIOUS.into(), current));
        }
        after.retire(surplus, now)
    }

    /// The credential before is given up.
    #[must_use]
    pub fn forgotten(&self, now: Timestamp) -> Self {
        let mut after = Self { previous_login: None, used: None, ..self.released() };
        let version = after.aliases.remove(Annotations::PREVIOUS);
        after.retire(version, now)
    }

    /// Versions that are gone need not be remembered.
    #[must_use]
    pub fn without(&self, gone: impl Fn(i64) -> bool) -> Self {
        let mut after = self.clone();
        if let Some(retired) = &mut after.retired {
            retired.versions.retain(|version| !gone(*version));
        }
        after.retired = after.retired.filter(|retired| !retired.versions.is_empty());
        after
    }

    fn retire(mut self, versions: impl IntoIterator<Item = i64>, now: Timestamp) -> Self {
        let versions: Vec<_> = versions.into_iter().collect();
        if versions.is_empty() {
            return self;
        }
        let retired = self.retired.get_or_insert(Retired { since: now, versions: Vec::new() });
        retired.since = now;
        retired.versions.extend(versions);
        retired.versions.sort_unstable();
        retired.versions.dedup();
        self
    }
}

/// Annotations, and which of those that were read say nothing that is understood.
struct Texts<'a> {
    annotations: &'a BTreeMap<String, String>,
    garbled: Vec<&'static str>,
}

impl Texts<'_> {
    fn read<T>(&mut self, key: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.annotations.get(key)?;
        let parsed = parse(text);
        if parsed.is_none() {
            self.garbled.push(key);
        }
        parsed
    }
}

impl Mark {
    /// Whether it was made for this payload.
    pub fn is_of(&self, payload: &Payload) -> bool {
        payload.fingerprint(&self.id) == self.fingerprint
    }

    fn parse(text: &str) -> Option<Self> {
        let (id, fingerprint) = text.split_once(':')?;
        Some(Self { id: id.to_owned(), fingerprint: fingerprint.to_owned() })
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.id, self.fingerprint)
    }
}

impl Retired {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let since = words.next()?.parse().ok()?;
        let versions = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
        Some(Self { since, versions })
    }
}

impl std::fmt::Display for Retired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.since)?;
        self.versions.iter().try_for_each(|version| write!(f, " {version}"))
    }
}

impl Lease {
    fn parse(text: &str) -> Option<Self> {
        let (owner, until) = text.rsplit_once(' ')?;
        Some(Self { owner: owner.to_owned(), until: until.parse().ok()? })
    }
}

impl std::fmt::Display for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.owner, self.until)
    }
}
