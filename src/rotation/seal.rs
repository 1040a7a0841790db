//! What an annotation says of versions, sealed: whoever may update a secret can write any number into its annotations, and
//! only a run that can read a credential can make a code with it.

use std::collections::{BTreeMap, BTreeSet};

use super::Ledger;
use crate::model::{Login, Payload, RoleName, SecretName, SecretPolicy};

/// Characters of a seal: 128 bits in hexadecimal.
const LENGTH: usize = 32;

/// What shows that something in an annotation was written here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seal(String);

impl Seal {
    /// Reads it off an annotation.
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = text.len() == LENGTH
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Display for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What seals are made with: the payload of a version.
pub struct SealKey<'a> {
    secret: &'a SecretName,
    payload: &'a Payload,
}

impl<'a> SealKey<'a> {
    /// The key in a payload of `login`; `None` where its password was not generated, so that a seal would help to guess it.
    pub fn of(wanted: &'a SecretPolicy, payload: &'a Payload, login: &RoleName) -> Option<Self> {
        let credential = wanted.credential_of(payload, login, None)?;
        credential.password.is_random().then_some(Self {
            secret: &wanted.name,
            payload,
        })
    }

    /// The key in a payload of any of `logins`.
    pub fn of_any(
        wanted: &'a SecretPolicy,
        payload: &'a Payload,
        logins: &[Login],
    ) -> Option<Self> {
        logins
            .iter()
            .find_map(|login| Self::of(wanted, payload, login))
    }

    /// The seal of the number of a retired version.
    pub fn retired(&self, version: i64) -> Seal {
        self.seal(&format!("rolewright retired {} {version}", self.secret.id))
    }

    /// The seal of the version before the one in use, and of its login.
    pub fn previous(&self, version: i64, login: &Login) -> Seal {
        self.seal(&format!(
            "rolewright previous {} {version} {login}",
            self.secret.id
        ))
    }

    /// The seal of a version that is published for `login`.
    pub fn published(&self, version: i64, login: &Login) -> Seal {
        self.seal(&format!(
            "rolewright published {} {version} {login}",
            self.secret.id
        ))
    }

    fn seal(&self, text: &str) -> Seal {
        let code = self.payload.authentication_code(text);
        Seal(code.chars().take(LENGTH).collect())
    }
}

/// The keys that a version has when it comes into use.
#[derive(Default)]
pub struct Keys<'a> {
    /// The payload that was in use before.
    pub before: Option<SealKey<'a>>,
    /// The payload that is in use from then on.
    pub now: Option<SealKey<'a>>,
    /// Those of versions that can be read beside it.
    pub others: Vec<(i64, SealKey<'a>)>,
}

impl Ledger {
    /// Whether the number of a retired version was sealed with this key.
    pub fn is_sealed(&self, version: i64, key: &SealKey<'_>) -> bool {
        let seal = self
            .retired
            .as_ref()
            .and_then(|retired| retired.seals.get(&version));
        seal.is_some_and(|seal| *seal == key.retired(version))
    }

    /// Whether the version before the one in use was sealed with this key.
    pub fn is_previous_sealed(&self, key: &SealKey<'_>) -> bool {
        let seal = self
            .previous()
            .map(|previous| key.previous(previous.version, previous.login));
        self.previous_seal.is_some() && self.previous_seal == seal
    }

    /// Whether the version in use was published here, as far as `key` shows, the payload of `version`.
    pub fn is_vouched_by(&self, version: i64, key: &SealKey<'_>) -> bool {
        let published = self.current().zip(self.login.as_ref());
        let seal = published.map(|(current, login)| key.published(current, login));
        seal.is_some() && self.vouchers.get(&version) == seal.as_ref()
    }

    /// Whether each of `versions`, those that can be read, has a seal of the version in use: then `apply`, which reads them, can find
    /// that it was published here.
    pub fn may_be_vouched_for(&self, versions: impl IntoIterator<Item = i64>) -> bool {
        let is_told = self.version.is_some() && self.version == self.current();
        let mut versions = versions.into_iter();
        is_told && versions.all(|version| self.vouchers.contains_key(&version))
    }

    /// The same with every number of a retired version sealed with the key `now`. Those that neither `before` had sealed nor
    /// this run has `identified` are left alone, as all are where there is no key.
    #[must_use]
    pub fn sealed(
        &self,
        identified: &BTreeSet<i64>,
        before: Option<&SealKey<'_>>,
        now: Option<&SealKey<'_>>,
    ) -> Self {
        let was_sealed = |version: i64| before.is_some_and(|key| self.is_sealed(version, key));
        let is_ours = |version: i64| identified.contains(&version) || was_sealed(version);
        let mut after = self.without(|version| now.is_none() || !is_ours(version));
        if let (Some(retired), Some(key)) = (&mut after.retired, now) {
            retired.seals = retired
                .versions
                .iter()
                .map(|version| (*version, key.retired(*version)))
                .collect();
        }
        let retired = after.retired.as_ref();
        after.ending = after
            .ending
            .filter(|ending| retired.is_some_and(|retired| retired.versions.contains(ending)));
        after
    }

    /// The same with the version before it sealed with the key `now`, where `old` had it sealed with the key `was`.
    #[must_use]
    pub fn resealed(
        &self,
        old: &Self,
        was: Option<&SealKey<'_>>,
        now: Option<&SealKey<'_>>,
    ) -> Self {
        let is_known = was.is_some_and(|key| old.is_previous_sealed(key));
        self.with_previous_seal(if is_known { now } else { None })
    }

    /// The same with what shows that its version in use was published here. The version before it is sealed where it was in
    /// use in the ledger `old` and the server had taken it (`proven`), or was sealed there.
    #[must_use]
    pub fn vouched(&self, old: &Self, keys: &Keys<'_>, proven: bool) -> Self {
        let (was, now) = (keys.before.as_ref(), keys.now.as_ref());
        let replaces = self
            .previous()
            .is_some_and(|previous| old.current() == Some(previous.version));
        let mut after = match replaces {
            true => self.with_previous_seal(now.filter(|_| proven)),
            false => self.resealed(old, was, now),
        };
        let (Some(version), Some(login)) = (self.current(), &self.login) else {
            return after;
        };
        let now = now.map(|key| (version, key));
        let keys = keys
            .others
            .iter()
            .map(|(number, key)| (*number, key))
            .chain(now);
        after.vouchers = keys
            .map(|(number, key)| (number, key.published(version, login)))
            .collect::<BTreeMap<_, _>>();
        after
    }

    fn with_previous_seal(&self, key: Option<&SealKey<'_>>) -> Self {
        let seal = || {
            self.previous()
                .zip(key)
                .map(|(previous, key)| key.previous(previous.version, previous.login))
        };
        Self {
            previous_seal: seal(),
            ..self.clone()
        }
    }
}
