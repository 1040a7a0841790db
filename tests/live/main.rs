//! Tests against a real PostgreSQL and `fake-gcp`.

#[path = "../support/mod.rs"]
mod support;

mod world;
#[path = "../fake_gcp/lib/mod.rs"]
mod fake_gcp;
