//! Exit codes.

use crate::output::credential::TurnStatus;
use crate::output::{ApplyStatus, Validation};
use crate::plan::Status;

/// How a run ended. Of several, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Done, or in sync.
    Done,
    /// Drift.
    Drift,
    /// It must wait or needs a decision.
    Held,
    /// Failed, or could not tell.
    Failed,
    /// Wrong usage, as in BSD's `sysexits.h`.
    Usage,
}

impl Exit {
    /// The code for the shell.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Drift => 2,
            Self::Held => 3,
            Self::Usage => 64,
        }
    }
}

impl From<Status> for Exit {
    fn from(status: Status) -> Self {
        match status {
            Status::InSync => Self::Done,
            Status::Drift => Self::Drift,
            Status::Unknown => Self::Failed,
        }
    }
}

impl From<ApplyStatus> for Exit {
    fn from(status: ApplyStatus) -> Self {
        match status {
            ApplyStatus::NothingToDo | ApplyStatus::Applied => Self::Done,
            ApplyStatus::Held => Self::Held,
            ApplyStatus::Failed => Self::Failed,
        }
    }
}

impl From<TurnStatus> for Exit {
    fn from(status: TurnStatus) -> Self {
        match status {
            TurnStatus::Done => Self::Done,
            TurnStatus::Held => Self::Held,
            TurnStatus::Failed => Self::Failed,
        }
    }
}

impl From<&Validation> for Exit {
    fn from(validation: &Validation) -> Self {
        if validation.is_valid() {
            Self::Done
        } else {
            Self::Failed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_failure_wins_then_what_is_held_then_drift() {
        let worst = |exits: &[Exit]| exits.iter().max().unwrap().code();
        assert_eq!(worst(&[Exit::Drift, Exit::Failed, Exit::Held]), 1);
        assert_eq!(worst(&[Exit::Done, Exit::Drift, Exit::Held]), 3);
        assert_eq!(worst(&[Exit::Drift, Exit::Done]), 2);
        assert_eq!(worst(&[Exit::Failed, Exit::Usage]), 64);
    }
}
