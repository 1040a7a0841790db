//! `rolewright completions SHELL`.

use anyhow::Context as _;
use clap_complete::{Shell, generate};

use super::Exit;
use crate::cli;
use crate::output::{Rendered, stream};

pub(super) fn run(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    generate(shell, &mut cli::definition(), "rolewright", &mut script);
    stream::result(&Rendered::Exact(String::from_utf8(script)?))
        .context("cannot write to standard output")?;
    Ok(Exit::Done)
}
