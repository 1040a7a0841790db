//! `rolewright man`.

use std::io;

use anyhow::Context as _;
use clap_mangen::Man;

use super::Exit;
use crate::cli;
use crate::output::stream;

/// One page: the program, then every command with its options.
pub(super) fn run() -> anyhow::Result<Exit> {
    stream::result(&page()?).context("cannot write to standard output")?;
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
    let mut page = String::from_utf8(page)?;
    for command in definition.get_subcommands() {
        page += &format!(".SH \"{}\"\n", command.get_name().to_uppercase());
        page += &command_sections(&Man::new(command.clone()))?;
    }
    Ok(page)
}

/// The sections of one command, one level lower.
fn command_sections(command: &Man) -> anyhow::Result<String> {
    let mut sections = Vec::new();
    let renders: [fn(&Man, &mut dyn io::Write) -> io::Result<()>; 3] =
        [Man::render_synopsis_section, Man::render_description_section, Man::render_options_section];
    for render in renders {
        render(command, &mut sections)?;
    }
    Ok(String::from_utf8(sections)?.replace(".SH ", ".SS "))
}
