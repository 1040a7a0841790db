//! What people and programs read: every format on values made by hand, and transcripts of the command line.

mod documents;
mod endpoint;
mod formats;
mod sample;
mod supply;
mod transcripts;
