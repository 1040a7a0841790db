//! Tests of the pure core.

mod policies;

mod layers;

mod plan;
mod rotation;
mod security;
mod statements;
mod supply;
