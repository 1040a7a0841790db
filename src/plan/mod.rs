//! Difference → plan → statements. No I/O, no clock, no randomness.

pub mod advice;
mod allow;
mod batch;
mod change;
mod departure;
mod diff;
mod draft;
mod expected;
mod finding;
mod findings;
mod fix;
pub mod gcloud;
mod grounds;
mod iam_only;
mod left;
mod left_sessions;
mod list;
mod lock_holder;
mod merge;
mod other_readers;
mod path;
mod phase;
mod proof;
mod reach;
mod role_uses;
mod script;
mod sentence;
mod session_settings;
mod shelter;
mod spelling;
mod standing;
mod statement;
mod take_over;
mod together;
mod untried;
mod verdict;

pub use allow::accept;
pub use change::{Aim, Attribute, Change, CredentialSource, Edge, Extent, Objects};
pub use departure::departures;
pub use diff::{Options, Phase as Direction, code_run_as_owner, diff};
pub use draft::{
    Asked, Pending, Plan, Refusal, RefusalCause, Report, Step, Withheld, WithheldKind, digest,
};
pub use finding::{Finding, Plane, Rule, Severity};
pub use grounds::{ApplyOption, Grounds};
pub use iam_only::{IamOnly, iam_only};
pub use left::{Left, left};
pub use left_sessions::end_sessions;
pub use lock_holder::{LOCK_DATABASE, end_lock_holder, end_orphaned_lock_holder};
pub use other_readers::{OtherReader, advice_about_readers, other_readers};
pub use phase::Phase;
pub use proof::{
    Charter, Expected, Found, Held, Holdings, Proof, Proven, Right, Trial, Tried, Way, charters,
    untrusted_owners,
};
pub use role_uses::{possible_jobs, role_uses};
pub use script::{
    Batch, LOCK_TIMEOUT, Transaction, administer, begin, may_connect, rehearsal, script,
};
pub use sentence::Loss;
pub use session_settings::{UndeclaredSetting, reset_settings, undeclared_settings};
pub use standing::retiring;
pub use statement::{close_login, expire_login, open_login, set_closed_password, set_password};
pub use take_over::TakeOver;
pub use untried::untried;
pub use verdict::{Credential, Failure, InstanceVerdict, Status, Verdict};
