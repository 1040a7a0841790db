//! Least privilege for Google Cloud SQL for PostgreSQL.
#![warn(missing_docs)]

pub mod model;
pub mod policy;
