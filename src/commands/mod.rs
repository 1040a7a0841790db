//! One small file a command: wires edges, core and output together, and does nothing else.

mod apply;
mod check;
mod completions;
mod connection;
mod exit;
mod explain;
mod files;
mod interrupt;
mod load;
mod lock;
mod man;
mod plan;
mod publish;
mod rotate;
mod schema;
mod status;
mod usage;
mod validate;
mod verify;

pub use exit::Exit;
pub use usage::Usage;

use crate::apply::ApplyError;
use crate::cli::{Cli, Command};
use crate::google::GoogleError;
use crate::plan::Failure;
use crate::policy::ObjectError;
use crate::postgres::{LockError, LoginError, PostgresError, RouteError};

/// Runs one command.
///
/// # Errors
/// Whatever kept it from giving a result.
pub async fn run(cli: Cli) -> anyhow::Result<Exit> {
    if let Some(connection) = cli.command.connection() {
        connection::announce(connection);
    }
    match cli.command {
        Command::Validate(args) => validate::run(&args),
        Command::Plan(args) => plan::run(&args).await,
        Command::Apply(args) => apply::run(&args).await,
        Command::Check(args) => check::run(&args).await,
        Command::Verify(args) => verify::run(&args).await,
        Command::Rotate(args) => rotate::run(&args).await,
        Command::Rollback(args) => rotate::back(&args).await,
        Command::Status(args) => status::run(&args).await,
        Command::Explain(args) => explain::run(&args).await,
        Command::Schema => schema::run(),
        Command::Completions(args) => completions::run(args.shell),
        Command::Man => man::run(),
    }
}

/// What was wrong has been said already.
#[derive(Debug, thiserror::Error)]
#[error("the policy cannot be used")]
struct Stopped;

/// What an error that ended a command means: what to say, if anything, and the exit code.
pub fn ending(error: &anyhow::Error) -> (Option<Failure>, Exit) {
    if error.is::<Stopped>() {
        return (None, Exit::Failed);
    }
    let usage = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Usage>());
    let exit = if usage.is_some() {
        Exit::Usage
    } else {
        Exit::Failed
    };
    (Some(described(error)), exit)
}

/// An error of a command, with the advice of the first of its causes that has any.
fn described(error: &anyhow::Error) -> Failure {
    Failure::new(error.as_ref(), error.chain().find_map(hint))
}

/// The advice of the first error in a chain that has one.
fn hint(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let usage = || cause.downcast_ref().and_then(Usage::hint);
    let apply = || cause.downcast_ref().and_then(ApplyError::hint);
    let route = || cause.downcast_ref().and_then(RouteError::hint);
    let lock = || cause.downcast_ref().and_then(LockError::hint);
    let login = || cause.downcast_ref().and_then(LoginError::hint);
    let postgres = || cause.downcast_ref().and_then(PostgresError::hint);
    let object = || cause.downcast_ref().and_then(ObjectError::hint);
    let google = || cause.downcast_ref().and_then(GoogleError::hint);
    usage()
        .or_else(apply)
        .or_else(route)
        .or_else(lock)
        .or_else(login)
        .or_else(postgres)
        .or_else(object)
        .or_else(google)
}
