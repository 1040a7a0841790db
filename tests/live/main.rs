//! Tests against a real PostgreSQL and `fake-gcp`.

#[path = "../support/mod.rs"]
mod support;

mod inspect;
mod world;
