//! What people and programs read: every format on values made by hand, and transcripts of the command line.

mod formats;
mod sample;
mod transcripts;
