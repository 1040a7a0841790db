//! Stored credentials put to the test: each logs in with the stored bytes, and shows what it can do and what it cannot.
//! Everything is rolled back.

mod credential;
mod proof;
mod refused;

pub use credential::{Probed, probe, refused};
pub use proof::{Proofs, prove};
