//! Tests against a real PostgreSQL and `fake-gcp`.

#[path = "../support/mod.rs"]
mod support;

mod credentials;
#[path = "../fake_gcp/lib/mod.rs"]
mod fake_gcp;
mod fidelity;
mod inspect;
mod kills;
mod stage;
mod world;
