//! Tests against a real PostgreSQL and `fake-gcp`.
