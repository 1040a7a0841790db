//! For people: text with ANSI styles.

mod apply;
mod check;
mod plan;
mod validate;

pub(super) use apply::apply;
pub(super) use check::{check, standing};
pub(super) use plan::plan;
pub(super) use validate::{problem, totals, validate};
