//! Tests of the pure core.

mod layers;
mod plan;
mod policies;
mod references;
mod rotation;
mod statements;
mod supply;
