//! Least privilege for Google Cloud SQL for PostgreSQL.
//!
//! ```text
//! policies/*.yaml ──parse──▶ Policy ─────────────────────────┐
//!                                                            ├─diff─▶ Plan ──render──▶ SQL, text, JSON, a comment
//! pg_catalog, Secret Manager, IAM, Run ──inspect──▶ State ───┘          └───apply──▶ Report
//! ```
//!
//! One value is printed, tested and applied: the [`plan::Plan`]. What makes it knows no server, no clock, no randomness
//! and no environment; a build without the feature `live` has nothing else.
//!
//! - [`model`]: the vocabulary, parsed once.
//! - [`policy`]: policy files, strictly read and resolved.
//! - [`access`]: who can do what, by which path.
//! - [`plan`]: who is to have what, what differs, which statements mend it.
//! - [`rotation`]: what is next for a credential.
//! - `postgres`, `google`: the edges. Neither knows the other, a policy or a plan.
//! - `apply`: a plan carried out over the edges. `verify`: credentials put to the test over them.
//! - `cli`, `commands`, `output`: the command line.
#![warn(missing_docs)]

pub mod access;
#[cfg(feature = "live")]
pub mod apply;
#[cfg(feature = "live")]
pub mod cli;
#[cfg(feature = "live")]
pub mod commands;
#[cfg(feature = "live")]
pub mod google;
pub mod model;
#[cfg(feature = "live")]
pub mod output;
pub mod plan;
pub mod policy;
#[cfg(feature = "live")]
pub mod postgres;
pub mod rotation;
#[cfg(feature = "live")]
pub mod verify;
