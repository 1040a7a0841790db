//! For people: text with ANSI styles.

mod alike;
mod apply;
mod check;
mod credential;
mod explain;
mod plan;
mod validate;
mod verify;

pub(super) use apply::apply;
pub(super) use check::{check, standing};
pub(super) use credential::{status, turned};
pub(super) use explain::explain;
pub(super) use plan::plan;
pub(super) use validate::{problem, totals, validate};
pub(super) use verify::verify;
