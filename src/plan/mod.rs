//! Difference → plan → statements. No I/O, no clock, no randomness.

mod change;
mod draft;
mod finding;
mod sentence;
mod verdict;

pub use change::{Aim, Attribute, Change, CredentialSource, Edge, Extent};
pub use draft::{Pending, Plan, Report, Step, Withheld, WithheldKind};
pub use finding::{Finding, Plane, Rule, Severity};
pub use sentence::Loss;
pub use verdict::{Credential, Failure, InstanceVerdict, Status, Verdict};
