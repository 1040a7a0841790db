//! `schema`: the JSON Schema of policy files.

use anyhow::Context as _;

use super::Exit;
use crate::output::{Rendered, stream};
use crate::policy;

pub(super) fn run() -> anyhow::Result<Exit> {
    let text =
        serde_json::to_string_pretty(&policy::json_schema()).context("cannot write the schema")?;
    stream::result(&Rendered::Exact(text + "\n")).context("cannot write to standard output")?;
    Ok(Exit::Done)
}
