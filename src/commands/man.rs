//! `rolewright man`.

use anyhow::Context as _;
use clap_mangen::Man;

use super::Exit;
use crate::cli;
use crate::output::{Rendered, stream};

/// One page: the program, then every command with its options.
pub(super) fn run() -> anyhow::Result<Exit> {
    stream::result(&Rendered::Exact(page()?)).context("cannot write to standard output")?;
    Ok(Exit::Done)
}

fn page() -> anyhow::Result<String> {
    let mut definition = cli::definition();
    definition.build();
    let whole = Man::new(definition.clone());
    let mut page = Vec::new();
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    whole.render_extra_section(&mut page)?;
    let mut page = String::from_utf8(page)?.replace(".SH EXTRA", ".SH \"EXIT STATUS\"");
    for command in definition.get_subcommands() {
        page += &format!(".SH \"{}\"\n", command.get_name().to_uppercase());
        page += &command_sections(command)?;
    }
    Ok(page)
}

/// The sections of one command, one level lower, without the options that all share.
fn command_sections(command: &cli::Definition) -> anyhow::Result<String> {
    let command = command.clone().mut_args(|arg| {
        let shared = arg.is_global_set();
        arg.hide(shared)
    });
    let command = Man::new(command);
    let mut sections = Vec::new();
    command.render_synopsis_section(&mut sections)?;
    command.render_description_section(&mut sections)?;
    command.render_options_section(&mut sections)?;
    command.render_extra_section(&mut sections)?;
    Ok(String::from_utf8(sections)?
        .replace(".SH EXTRA", ".SH EXAMPLES")
        .replace(".SH ", ".SS "))
}
