//! Credentials for life: what is to be done next with one of them, decided from what can be seen. No I/O, no clock, no
//! memory: the secret's annotations and aliases, the states of its versions, the logins on the server and the
//! references of its consumers are all there is, so that a run killed anywhere is finished by the next one.
//!
//! ```text
//! begin ─▶ arm ─▶ prove ─▶ store ─▶ promote ─▶ roll, deadline ─▶ grace ─▶ drain ─▶ close ─▶ forget ─▶ disable ─▶ destroy
//!          one of a pair                       └──────────────── the old credential still works ──┘
//! begin ─▶ prepare ─▶ store ─▶ commit ─▶ prove ─▶ promote ─▶ roll ─▶ grace ─▶ drain ─▶ forget ─▶ disable ─▶ destroy
//!          a password in place
//! ```
//!
//! Which of the two it is follows from the login: another one than in use is armed beside it, the same one gets another
//! password. So a change of strategy is a rotation like any other, and so is the way back: its password is an old one.

mod attempt;
mod carried;
mod claim;
mod consumer;
mod drain;
mod ledger;
mod mark;
mod next;
mod overlap;
mod problem;
mod reading;
mod schedule;
mod seal;
mod sentence;
mod state;
mod step;

pub use claim::{claim, owner};
pub use consumer::{Consumer, Holder, HolderKind, Publication, Reference};
pub use ledger::{Lease, Ledger, Pending, Previous, Retired, Unseen};
pub use mark::{Mark, Sign};
pub use next::next;
pub use overlap::overlap;
pub use problem::{Fault, Place, Problem};
pub use reading::{Reading, read};
pub use schedule::{due, is_due};
pub use seal::{Keys, Seal, SealKey};
pub use state::{Found, Full, Leave, LoginFacts, Order, Phase, ServerSide, Session, State, Terms};
pub use step::{Blocker, Held, Source, Step, Wait};
