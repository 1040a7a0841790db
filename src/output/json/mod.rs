//! For programs. Keys are part of the interface; what does not apply is null.

mod apply;
mod check;
mod credential;
mod explain;
mod plan;
mod validate;
mod verify;
mod visible;

use serde::Serialize;

pub(super) use apply::apply;
pub(super) use check::check;
pub(super) use credential::credentials;
pub(super) use explain::explain;
pub(super) use plan::plan;
pub(super) use validate::{no_plan, validate};
pub(super) use verify::verify;
pub(super) use visible::visible;

use crate::model::Origin;

/// The version of every document here: counted up when a key is renamed or removed.
const VERSION: u32 = 1;

/// `value` as an indented document. Serialisation fails on keys that are no strings only, and there are none.
pub(super) fn document(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut out, visible::Indented::default());
    value
        .serialize(&mut serializer)
        .expect("every key is a string");
    out.push(b'\n');
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// A place in a policy, among the keys of what it is the place of.
#[derive(Serialize)]
struct Place<'a> {
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
}

impl<'a> Place<'a> {
    fn of(origin: Option<&'a Origin>) -> Self {
        Self {
            file: origin.map(|origin| origin.file.as_str()),
            line: origin.map(|origin| origin.line),
            column: origin.map(|origin| origin.column),
        }
    }
}
