//! Tests of the pure core.

mod policies;

mod layers;

mod plan;
mod rotation;
mod statements;
mod supply;
