//! One small file a command: wires edges, core and output together, and does nothing else.

mod completions;
mod connection;
mod exit;
mod failure;
mod files;
mod man;
mod policies;
mod publish;
mod schema;
mod usage;
mod validate;

pub use connection::admin_url;
pub use exit::Exit;
pub use failure::report;
pub use usage::Usage;

use crate::cli::{Cli, Command};

/// Runs one command.
///
/// # Errors
/// Whatever kept it from giving a result.
pub async fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Validate(args) => validate::run(&args),
        Command::Schema => schema::run(),
        Command::Completions(args) => completions::run(args.shell),
        Command::Man => man::run(),
        Command::Plan(_) | Command::Apply(_) | Command::Check(_) => anyhow::bail!("not wired yet"),
    }
}
