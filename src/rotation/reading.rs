//! A secret's annotations and aliases, read as a ledger: parsed for one role, at one moment. Whoever may update the secret
//! has written them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::attempt::LEASE;
use super::ledger::{Lease, Ledger, Mark, Pending, Retired};
use super::problem::{Fault, Problem};
use super::seal::Seal;
use crate::model::{Annotations, Login, Logins, Secret};

/// How far ahead of the server's clock a time may be: the clock of a server that took over from another one may be behind.
const ALLOWANCE: SignedDuration = SignedDuration::from_mins(5);

/// What a secret remembers, and what about it is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// What is understood. An annotation with a problem counts as missing.
    pub ledger: Ledger,
    /// What keeps the secret from being written.
    pub problems: Vec<Problem>,
}

/// Reads the annotations and aliases of `secret` as those of a role with these `logins`; `now` by the server's clock, where
/// it is known.
pub fn read(secret: &Secret, logins: &Logins, now: Option<Timestamp>) -> Reading {
    let latest = now.and_then(|now| now.checked_add(ALLOWANCE).ok()).unwrap_or(Timestamp::MAX);
    let mut texts = Texts { annotations: &secret.annotations, logins, latest, faults: Vec::new() };
    let (pending, next, source) = (
        texts.read(Annotations::PENDING, Texts::mark),
        texts.read(Annotations::NEXT, Texts::login),
        texts.read(Annotations::SOURCE, Texts::number),
    );
    let mut ledger = Ledger {
        login: texts.read(Annotations::LOGIN, Texts::login),
        published: texts.read(Annotations::PUBLISHED, Texts::past),
        aliases: secret.aliases.clone(),
        previous_login: texts.read(Annotations::PREVIOUS_LOGIN, Texts::login),
        pending: pending.map(|mark| Pending { mark, login: next, source }),
        abandoned: texts.read(Annotations::ABANDONED, Texts::marks).unwrap_or_default(),
        retired: texts.read(Annotations::RETIRED, Texts::retired),
        used: texts.read(Annotations::USED, Texts::past),
        lease: texts.read(Annotations::LEASE, Texts::lease),
        ending: texts.read(Annotations::ENDING, Texts::number),
    };
    let mut faults = texts.faults;
    faults.extend(ledger.drop_strange_source().map(|fault| (Annotations::SOURCE, fault)));
    faults.extend(ledger.drop_strange_ending().map(|fault| (Annotations::ENDING, fault)));
    let problem = |(key, fault)| Problem::of(key, fault, &secret.annotations);
    Reading { ledger, problems: faults.into_iter().map(problem).collect() }
}

impl Ledger {
    /// An attempt stores again what is in use, or what was before.
    fn drop_strange_source(&mut self) -> Option<Fault> {
        let known = [self.current(), self.aliases.get(Annotations::PREVIOUS).copied()];
        let pending = self.pending.as_mut()?;
        let source = pending.source.filter(|source| !known.contains(&Some(*source)))?;
        pending.source = None;
        Some(Fault::OtherVersion(source))
    }

    /// Only what is retired ends.
    fn drop_strange_ending(&mut self) -> Option<Fault> {
        let is_retired = |version: &i64| self.retired.as_ref().is_some_and(|one| one.versions.contains(version));
        let ending = self.ending.filter(|ending| !is_retired(ending))?;
        self.ending = None;
        Some(Fault::OtherVersion(ending))
    }
}

/// Annotations on their way to what they mean.
struct Texts<'a> {
    annotations: &'a BTreeMap<String, String>,
    logins: &'a Logins,
    latest: Timestamp,
    faults: Vec<(&'static str, Fault)>,
}

impl Texts<'_> {
    fn read<T>(&mut self, key: &'static str, parse: fn(&Self, &str) -> Result<T, Fault>) -> Option<T> {
        let parsed = parse(self, self.annotations.get(key)?);
        parsed.map_err(|fault| self.faults.push((key, fault))).ok()
    }

    fn login(&self, text: &str) -> Result<Login, Fault> {
        self.logins.parse(text).ok_or_else(|| Fault::OtherLogin(text.to_owned()))
    }

    fn number(&self, text: &str) -> Result<i64, Fault> {
        text.parse().map_err(|_| Fault::Malformed)
    }

    fn past(&self, text: &str) -> Result<Timestamp, Fault> {
        let time = text.parse().map_err(|_| Fault::Malformed)?;
        if time > self.latest { Err(Fault::Future(time)) } else { Ok(time) }
    }

    fn mark(&self, text: &str) -> Result<Mark, Fault> {
        Mark::parse(text).ok_or(Fault::Malformed)
    }

    fn marks(&self, text: &str) -> Result<Vec<Mark>, Fault> {
        text.split(' ').map(|mark| self.mark(mark)).collect()
    }

    fn retired(&self, text: &str) -> Result<Retired, Fault> {
        let mut words = text.split(' ');
        let since = self.past(words.next().unwrap_or_default())?;
        let seals = words.map(|word| self.sealed(word)).collect::<Result<BTreeMap<_, _>, _>>()?;
        Ok(Retired { since, versions: seals.keys().copied().collect(), seals })
    }

    /// A number without its seal is not of ours.
    fn sealed(&self, word: &str) -> Result<(i64, Seal), Fault> {
        let (number, seal) = word.split_once(':').unwrap_or((word, ""));
        let number = self.number(number)?;
        Ok((number, Seal::parse(seal).ok_or(Fault::OtherVersion(number))?))
    }

    fn lease(&self, text: &str) -> Result<Lease, Fault> {
        let (owner, until) = text.rsplit_once(' ').ok_or(Fault::Malformed)?;
        let until: Timestamp = until.parse().map_err(|_| Fault::Malformed)?;
        let longest = self.latest.checked_add(SignedDuration::from_secs(LEASE)).unwrap_or(Timestamp::MAX);
        if until > longest { Err(Fault::Future(until)) } else { Ok(Lease { owner: owner.to_owned(), until }) }
    }
}
