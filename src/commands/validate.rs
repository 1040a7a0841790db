//! `validate`: parse and lint; contacts nothing.

use super::{Exit, load, publish};
use crate::cli::ValidateArgs;
use crate::output;

pub(super) fn run(args: &ValidateArgs) -> anyhow::Result<Exit> {
    let validation = load::validation(load::load(&args.policy)?);
    publish::publish(&args.output, |format| output::validate(&validation, format))?;
    Ok(Exit::from(&validation))
}
