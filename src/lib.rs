//! Least privilege for Google Cloud SQL for PostgreSQL.
#![warn(missing_docs)]

#[cfg(feature = "live")]
pub mod cli;
#[cfg(feature = "live")]
pub mod commands;
pub mod model;
#[cfg(feature = "live")]
pub mod output;
pub mod plan;
