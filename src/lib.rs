//! Least privilege for Google Cloud SQL for PostgreSQL.
#![warn(missing_docs)]

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
