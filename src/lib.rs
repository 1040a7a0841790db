//! Least privilege for Google Cloud SQL for PostgreSQL.
#![warn(missing_docs)]

#[cfg(feature = "live")]
pub mod apply;
#[cfg(feature = "live")]
pub mod google;
pub mod model;
pub mod plan;
#[cfg(feature = "live")]
pub mod postgres;
