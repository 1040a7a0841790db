//! What `--take-over` takes over beyond what is taken over unasked.

use std::fmt;

/// A kind of object that is handed over only on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TakeOver {
    /// Views and materialized views: they read with the rights of their owner.
    Views,
    /// Functions and procedures of untrusted roles, SECURITY DEFINER ones of any role, and what runs untrusted code as its owner.
    Routines,
    /// Relations whose rules act with the rights of their owner.
    Rules,
    /// Objects of undeclared logins.
    Foreign,
}

impl TakeOver {
    /// Every kind: `--take-over` without a list.
    pub const ALL: [Self; 4] = [Self::Views, Self::Routines, Self::Rules, Self::Foreign];

    /// The word in the list of `--take-over`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Views => "views",
            Self::Routines => "routines",
            Self::Rules => "rules",
            Self::Foreign => "foreign",
        }
    }
}

impl fmt::Display for TakeOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
