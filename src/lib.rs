//! Least privilege for Google Cloud SQL for PostgreSQL.
#![warn(missing_docs)]

pub mod model;
#[cfg(feature = "live")]
pub mod postgres;
