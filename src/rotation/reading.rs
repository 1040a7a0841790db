//! A secret's annotations and aliases, read as a ledger: parsed for one role, at one moment. Whoever may update the secret
//! has written them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::attempt::LEASE;
use super::ledger::{Lease, Ledger, Pending, Retired, Unseen};
use super::mark::Mark;
use super::problem::{Fault, Place, Problem};
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
    let latest = now
        .and_then(|now| now.checked_add(ALLOWANCE).ok())
        .unwrap_or(Timestamp::MAX);
    let mut texts = Texts {
        annotations: &secret.annotations,
        logins,
        latest,
        faults: Vec::new(),
    };
    let (pending, next, source) = (
        texts.read(Annotations::PENDING, Texts::mark),
        texts.read(Annotations::NEXT, Texts::login),
        texts.read(Annotations::SOURCE, Texts::number),
    );
    let previous = texts.read(Annotations::PREVIOUS_VERSION, Texts::perhaps_sealed);
    let mut ledger = Ledger {
        login: texts.read(Annotations::LOGIN, Texts::login),
        version: texts.read(Annotations::VERSION, Texts::number),
        vouchers: texts
            .read(Annotations::SEAL, Texts::vouchers)
            .unwrap_or_default(),
        published: texts.read(Annotations::PUBLISHED, Texts::past),
        aliases: secret.aliases.clone(),
        previous_login: texts.read(Annotations::PREVIOUS_LOGIN, Texts::login),
        previous_version: previous.as_ref().map(|(number, _)| *number),
        previous_seal: previous.and_then(|(_, seal)| seal),
        pending: pending.map(|mark| Pending {
            mark,
            login: next,
            source,
        }),
        abandoned: texts
            .read(Annotations::ABANDONED, Texts::marks)
            .unwrap_or_default(),
        retired: texts
            .read(Annotations::RETIRED, Texts::retired)
            .filter(|retired| !retired.versions.is_empty()),
        unseen: texts.read(Annotations::UNSEEN, Texts::unseen),
        lease: texts.read(Annotations::LEASE, Texts::lease),
        ending: texts.read(Annotations::ENDING, Texts::number),
    };
    let mut faults = texts.faults;
    faults.extend(
        ledger
            .drop_strange_source()
            .map(|fault| (Annotations::SOURCE, fault)),
    );
    faults.extend(
        ledger
            .drop_strange_ending()
            .map(|fault| (Annotations::ENDING, fault)),
    );
    let problem = |(key, fault)| Problem::of(key, fault, &secret.annotations);
    let mut problems: Vec<_> = faults.into_iter().map(problem).collect();
    problems.extend(ledger.moved_aliases());
    Reading { ledger, problems }
}

impl Reading {
    /// For a way back: the same as if `current` had not been moved to the version before, where that is all that is wrong.
    #[must_use]
    pub fn put_back(self) -> Self {
        let Self {
            mut ledger,
            problems,
        } = self;
        let all_moved = problems
            .iter()
            .all(|problem| matches!(problem.fault, Fault::Moved { .. }));
        let to_previous =
            ledger.previous_version.is_some() && ledger.current() == ledger.previous_version;
        // The first thing that is written is the attempt, with the aliases as they were.
        if problems.is_empty() || !all_moved || !to_previous || ledger.pending.is_some() {
            return Self { ledger, problems };
        }
        for (alias, number) in ledger.published_aliases() {
            ledger.aliases.insert(alias.to_owned(), number);
        }
        Self {
            ledger,
            problems: Vec::new(),
        }
    }
}

impl Ledger {
    /// What our aliases named when they were written here.
    fn published_aliases(&self) -> impl Iterator<Item = (&'static str, i64)> + use<> {
        let ours = [
            (Annotations::CURRENT, self.version),
            (Annotations::PREVIOUS, self.previous_version),
        ];
        ours.into_iter()
            .filter_map(|(alias, number)| Some((alias, number?)))
    }

    /// Aliases that others have moved. One that was removed is put back by `apply`, if its version works.
    fn moved_aliases(&self) -> Vec<Problem> {
        let moved = |(alias, from): (&'static str, i64)| {
            let to = self.aliases.get(alias).copied()?;
            let back = alias == Annotations::CURRENT && Some(to) == self.previous_version;
            let fault = Fault::Moved { from, to, back };
            (to != from).then(|| Problem {
                place: Place::Alias(alias),
                fault,
                with: Vec::new(),
            })
        };
        let mut problems: Vec<_> = self.published_aliases().filter_map(moved).collect();
        problems.extend(self.strange_previous());
        problems
    }

    /// A version is stored above the one that it replaces.
    fn strange_previous(&self) -> Option<Problem> {
        let previous = self
            .aliases
            .get(Annotations::PREVIOUS)
            .copied()
            .or(self.previous_version)?;
        let ours = [self.current(), self.version];
        let is_newer = ours.into_iter().flatten().any(|current| previous > current);
        let with = [
            (Annotations::PREVIOUS_LOGIN, self.previous_login.is_some()),
            (
                Annotations::PREVIOUS_VERSION,
                self.previous_version.is_some(),
            ),
        ];
        let with = with
            .into_iter()
            .filter(|(_, is_there)| *is_there)
            .map(|(key, _)| key)
            .collect();
        let place = Place::Alias(Annotations::PREVIOUS);
        is_newer.then_some(Problem {
            place,
            fault: Fault::OtherVersion(previous),
            with,
        })
    }

    /// An attempt stores again what is in use, or what was before.
    fn drop_strange_source(&mut self) -> Option<Fault> {
        let known = [
            self.current(),
            self.aliases.get(Annotations::PREVIOUS).copied(),
        ];
        let pending = self.pending.as_mut()?;
        let source = pending
            .source
            .filter(|source| !known.contains(&Some(*source)))?;
        pending.source = None;
        Some(Fault::OtherVersion(source))
    }

    /// Only what is retired ends.
    fn drop_strange_ending(&mut self) -> Option<Fault> {
        let is_retired = |version: &i64| {
            self.retired
                .as_ref()
                .is_some_and(|one| one.versions.contains(version))
        };
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
    fn read<T>(
        &mut self,
        key: &'static str,
        parse: fn(&Self, &str) -> Result<T, Fault>,
    ) -> Option<T> {
        let parsed = parse(self, self.annotations.get(key)?);
        parsed.map_err(|fault| self.faults.push((key, fault))).ok()
    }

    fn login(&self, text: &str) -> Result<Login, Fault> {
        self.logins
            .parse(text)
            .ok_or_else(|| Fault::OtherLogin(text.to_owned()))
    }

    fn number(&self, text: &str) -> Result<i64, Fault> {
        text.parse().map_err(|_| Fault::Malformed)
    }

    fn past(&self, text: &str) -> Result<Timestamp, Fault> {
        let time = text.parse().map_err(|_| Fault::Malformed)?;
        if time > self.latest {
            Err(Fault::Future(time))
        } else {
            Ok(time)
        }
    }

    fn unseen(&self, text: &str) -> Result<Unseen, Fault> {
        let (since, login) = text.split_once(' ').ok_or(Fault::Malformed)?;
        let (login, version) = match login.split_once(' ') {
            None => (login, None),
            Some((login, version)) => (login, Some(self.number(version)?)),
        };
        Ok(Unseen {
            since: self.past(since)?,
            login: self.login(login)?,
            version,
        })
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
        let words = words
            .map(|word| self.perhaps_sealed(word))
            .collect::<Result<Vec<_>, _>>()?;
        // An older build wrote numbers alone: nothing shows that they are ours, so that those versions are left alone.
        let seals: BTreeMap<_, _> = words
            .into_iter()
            .filter_map(|(number, seal)| Some((number, seal?)))
            .collect();
        Ok(Retired {
            since,
            versions: seals.keys().copied().collect(),
            seals,
        })
    }

    /// A number, and its seal if it has one.
    fn perhaps_sealed(&self, word: &str) -> Result<(i64, Option<Seal>), Fault> {
        let Some((number, seal)) = word.split_once(':') else {
            return Ok((self.number(word)?, None));
        };
        let number = self.number(number)?;
        Ok((
            number,
            Some(Seal::parse(seal).ok_or(Fault::OtherVersion(number))?),
        ))
    }

    fn vouchers(&self, text: &str) -> Result<BTreeMap<i64, Seal>, Fault> {
        let one = |word: &str| match self.perhaps_sealed(word)? {
            (number, Some(seal)) => Ok((number, seal)),
            (_, None) => Err(Fault::Malformed),
        };
        text.split(' ').map(one).collect()
    }

    fn lease(&self, text: &str) -> Result<Lease, Fault> {
        let (owner, until) = text.rsplit_once(' ').ok_or(Fault::Malformed)?;
        let until: Timestamp = until.parse().map_err(|_| Fault::Malformed)?;
        let longest = self
            .latest
            .checked_add(SignedDuration::from_secs(LEASE))
            .unwrap_or(Timestamp::MAX);
        if until > longest {
            Err(Fault::Future(until))
        } else {
            Ok(Lease {
                owner: owner.to_owned(),
                until,
            })
        }
    }
}
