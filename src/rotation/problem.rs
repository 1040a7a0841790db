//! Annotations and aliases that are not what this program writes: they are other people's input.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use crate::model::{Annotations, Given, RoleName, SecretName};

/// An annotation or alias that is not trusted. Nothing is done with the secret until it is mended.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub fault: Fault,
    /// Annotations that are there and mean nothing without it.
    pub with: Vec<&'static str>,
}

/// A part of a secret that whoever may update it can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// An annotation.
    Annotation(&'static str),
    /// A version alias.
    Alias(&'static str),
}

/// What is wrong with an annotation or alias.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It does not have the form in which it is written here.
    Malformed,
    /// It names something else than a login of the secret's own role.
    OtherLogin(String),
    /// It is a time in the future.
    Future(Timestamp),
    /// It names a version that was not stored here.
    OtherVersion(i64),
    /// It was moved from one version to another one.
    Moved {
        /// The version that it is to name.
        from: i64,
        /// The version that it names.
        to: i64,
        /// That is the version before: somebody went back to it by hand.
        back: bool,
    },
}

/// Annotations that mean something only together: one of them is removed with the others.
const TOGETHER: [&[&str]; 2] = [
    &[Annotations::PENDING, Annotations::NEXT, Annotations::SOURCE],
    &[Annotations::RETIRED, Annotations::ENDING],
];

impl Problem {
    /// One of an annotation, among those that the secret has.
    pub fn of(key: &'static str, fault: Fault, annotations: &BTreeMap<String, String>) -> Self {
        let group = TOGETHER
            .into_iter()
            .find(|group| group.contains(&key))
            .unwrap_or_default();
        let is_other = |other: &&'static str| *other != key && annotations.contains_key(*other);
        let with = group.iter().copied().filter(is_other).collect();
        Self {
            place: Place::Annotation(key),
            fault,
            with,
        }
    }

    /// What to do about all of them.
    pub fn advice(
        problems: &[Self],
        secret: &SecretName,
        role: Option<&RoleName>,
        given: &Given,
    ) -> String {
        let command = Self::remedy(problems, secret);
        let is_moved = |problem: &Self| matches!(problem.fault, Fault::Moved { .. });
        let is_back = |problem: &Self| matches!(problem.fault, Fault::Moved { back: true, .. });
        if !problems.iter().all(is_moved) {
            let apply = given.command("apply", &[]);
            return format!("put back what stood there, or remove it and run `{apply}`: {command}");
        }
        match role.filter(|_| problems.iter().any(is_back)) {
            None => format!("put it back: {command}"),
            Some(role) => {
                let rollback = given.command_for("rollback", role, &[]);
                format!(
                    "put it back: {command}; or, to use the credential before again while it works: {rollback}"
                )
            }
        }
    }

    /// The command that removes what is not trusted, or puts an alias back. It names nothing that is not there, which gcloud would refuse.
    pub fn remedy(problems: &[Self], secret: &SecretName) -> String {
        let (mut annotations, mut aliases, mut moved) = (Vec::new(), Vec::new(), Vec::new());
        for problem in problems {
            match (problem.place, &problem.fault) {
                (Place::Annotation(key), _) => annotations.push(key.to_owned()),
                (Place::Alias(alias), Fault::Moved { from, .. }) => {
                    moved.push(format!("{alias}={from}"))
                }
                (Place::Alias(alias), _) => aliases.push(alias.to_owned()),
            }
            annotations.extend(problem.with.iter().map(|key| (*key).to_owned()));
        }
        let mut command = format!(
            "gcloud secrets update {} --project={}",
            secret.id, secret.project
        );
        for (flag, mut names) in [
            ("remove-annotations", annotations),
            ("remove-version-aliases", aliases),
            ("update-version-aliases", moved),
        ] {
            names.sort_unstable();
            names.dedup();
            if !names.is_empty() {
                command.push_str(&format!(" --{flag}={}", names.join(",")));
            }
        }
        command
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Annotation(key) => write!(f, "the annotation `{key}`"),
            Self::Alias(alias) => write!(f, "the alias `{alias}`"),
        }
    }
}

/// Characters of a foreign text that are shown.
const SHOWN: usize = 63;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            fault,
            with: _,
        } = self;
        match fault {
            Fault::Malformed => write!(f, "{place} is malformed"),
            Fault::OtherLogin(text) => {
                let shown: String = text
                    .chars()
                    .take(SHOWN)
                    .flat_map(char::escape_debug)
                    .collect();
                write!(f, "{place} names `{shown}`, which is no login of this role")
            }
            Fault::Future(time) => write!(f, "{place} is in the future: {time}"),
            Fault::OtherVersion(version) => write!(
                f,
                "{place} names version {version}, which was not stored here"
            ),
            Fault::Moved { from, to, back: _ } => {
                write!(f, "{place} was moved from version {from} to version {to}")
            }
        }
    }
}
