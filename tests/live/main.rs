//! Tests against a real PostgreSQL and `fake-gcp`.

#[path = "../support/mod.rs"]
mod support;

mod adoption;
mod advice;
mod authentication;
mod big;
mod bindings;
mod claims;
mod clocks;
mod connect;
mod consumers;
mod converge;
mod credentials;
mod drift;
mod dump;
mod encodings;
mod explain;
#[path = "../fake_gcp/lib/mod.rs"]
mod fake_gcp;
mod faults;
mod fidelity;
mod foreign;
mod google;
mod hygiene;
mod inspect;
mod keeping;
mod killed;
mod kills;
mod lane;
mod leaks;
mod left_open;
mod lock_holders;
mod lost;
mod messages;
mod migrations;
mod oracle;
mod payloads;
mod policies;
mod poolers;
mod races;
mod readers;
mod refusals;
mod restarts;
mod rotation;
mod row_security;
mod scene;
mod script;
mod session;
mod signals;
mod stage;
mod untrusted;
mod verify;
mod views;
mod world;
mod zombies;
