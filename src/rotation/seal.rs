//! The numbers of retired versions, sealed: whoever may update a secret can write any number into its annotations, and only
//! a run that can read the credential in use can seal one.

use std::collections::BTreeSet;

use super::Ledger;
use crate::model::{Payload, RoleName, SecretName, SecretPolicy};

/// Characters of a seal: 128 bits in hexadecimal.
const LENGTH: usize = 32;

/// What shows that a number in an annotation was written here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seal(String);

impl Seal {
    /// Reads it off an annotation.
    pub fn parse(text: &str) -> Option<Self> {
        let is_one = text.len() == LENGTH && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| Self(text.to_owned()))
    }
}

impl std::fmt::Display for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What seals are made with: the payload of the version in use.
pub struct SealKey<'a> {
    secret: &'a SecretName,
    payload: &'a Payload,
}

impl<'a> SealKey<'a> {
    /// The key in a payload of `login`; `None` where its password was not generated, so that a seal would help to guess it.
    pub fn of(wanted: &'a SecretPolicy, payload: &'a Payload, login: &RoleName) -> Option<Self> {
        let credential = wanted.credential_of(payload, login, None)?;
        credential.password.is_random().then_some(Self { secret: &wanted.name, payload })
    }

    /// The seal of a number.
    pub fn seal(&self, version: i64) -> Seal {
        let code = self.payload.authentication_code(&format!("rolewright retired {} {version}", self.secret.id));
        Seal(code.chars().take(LENGTH).collect())
    }
}

impl Ledger {
    /// Whether the number of a retired version was sealed with this key.
    pub fn is_sealed(&self, version: i64, key: &SealKey<'_>) -> bool {
        let seal = self.retired.as_ref().and_then(|retired| retired.seals.get(&version));
        seal.is_some_and(|seal| *seal == key.seal(version))
    }

    /// The same with every number of a retired version sealed with the key `now`. Those that neither `before` had sealed nor
    /// this run has `identified` are left alone, as all are where there is no key.
    #[must_use]
    pub fn sealed(&self, identified: &BTreeSet<i64>, before: Option<&SealKey<'_>>, now: Option<&SealKey<'_>>) -> Self {
        let was_sealed = |version: i64| before.is_some_and(|key| self.is_sealed(version, key));
        let is_ours = |version: i64| identified.contains(&version) || was_sealed(version);
        let mut after = self.without(|version| now.is_none() || !is_ours(version));
        if let (Some(retired), Some(key)) = (&mut after.retired, now) {
            retired.seals = retired.versions.iter().map(|version| (*version, key.seal(*version))).collect();
        }
        let retired = after.retired.as_ref();
        after.ending = after.ending.filter(|ending| retired.is_some_and(|retired| retired.versions.contains(ending)));
        after
    }
}
