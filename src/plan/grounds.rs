//! On what grounds a change is withheld, and what that leaves to be typed.

use std::collections::BTreeSet;
use std::fmt;

use super::{Plane, TakeOver, WithheldKind};
use crate::model::RoleName;

/// On what grounds a change is withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// An option of `apply` decides: with it a run makes the change.
    Option(ApplyOption),
    /// The policy decides, or others on whom the change depends: what they declare, store or undo.
    Decision,
    /// The role has to be proven first: others may act as it.
    Unproven(RoleName),
    /// This admin lacks the rights: another one grants them, or makes the change.
    Rights,
}

/// An option of `apply` without which a change is withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyOption {
    /// What undeclared roles hold or live on is taken from them.
    Prune,
    /// Passwords that are stored nowhere are replaced.
    ResetPasswords,
    /// The part of a deployment that gives comes before the part that takes away.
    ExpandFirst,
    /// Objects of these kinds get another owner.
    TakeOver(BTreeSet<TakeOver>),
}

impl fmt::Display for ApplyOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prune => f.write_str("--prune"),
            Self::ResetPasswords => f.write_str("--reset-passwords"),
            Self::ExpandFirst => f.write_str("--phase expand"),
            Self::TakeOver(kinds) => {
                let words: Vec<_> = kinds.iter().map(|kind| kind.word()).collect();
                write!(f, "--take-over={}", words.join(","))
            }
        }
    }
}

impl Grounds {
    /// The grounds of what waits for something else that is withheld.
    pub(super) fn after(kind: WithheldKind) -> Self {
        match kind {
            WithheldKind::Decision => Self::Decision,
            WithheldKind::Impossible => Self::Rights,
        }
    }

    /// Whether a decision is wanted, or this admin cannot at all.
    pub fn kind(&self) -> WithheldKind {
        match self {
            Self::Option(_) | Self::Decision | Self::Unproven(_) => WithheldKind::Decision,
            Self::Rights => WithheldKind::Impossible,
        }
    }

    /// What is typed against a finding on `plane` whose change is withheld on these grounds. It is never the statement of the
    /// change: by hand that would do what is withheld for the sake of others, or fail for want of rights. What a decision about
    /// a secret takes at Google is the advice itself; an option of `apply` is named by the advice and decided by people.
    pub(super) fn fix(&self, plane: Plane, advice: &str) -> Option<String> {
        match self {
            Self::Decision => (plane != Plane::Database).then(|| advice.to_owned()),
            Self::Option(_) | Self::Unproven(_) | Self::Rights => None,
        }
    }
}
