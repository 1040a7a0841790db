//! One small file a command: wires edges, core and output together, and does nothing else.

mod completions;
mod connection;
mod exit;
mod man;
mod usage;

pub use connection::admin_url;
pub use exit::Exit;
pub use usage::Usage;

use crate::cli::{Cli, Command};
use crate::plan::Failure;

/// Runs one command.
///
/// # Errors
/// Whatever kept it from giving a result.
pub async fn run(cli: Cli) -> anyhow::Result<Exit> {
    match cli.command {
        Command::Completions(args) => completions::run(args.shell),
        Command::Man => man::run(),
        Command::Validate(_) | Command::Schema | Command::Plan(_) | Command::Apply(_) | Command::Check(_) => {
            anyhow::bail!("not wired yet")
        }
    }
}

/// What an error that ended a command means: what to say, and the exit code.
pub fn ending(error: &anyhow::Error) -> (Failure, Exit) {
    let usage = error.chain().find_map(|cause| cause.downcast_ref::<Usage>());
    let hint = usage.and_then(Usage::hint);
    (Failure::new(error.as_ref(), hint), if usage.is_some() { Exit::Usage } else { Exit::Failed })
}
