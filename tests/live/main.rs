//! Tests against a real PostgreSQL and `fake-gcp`.

#[path = "../fake_gcp/lib/mod.rs"]
mod fake_gcp;
mod fidelity;
mod google;
