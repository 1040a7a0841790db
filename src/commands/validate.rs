//! `rolewright validate`: contacts nothing.

use super::publish::publish;
use super::{Exit, policies};
use crate::cli::ValidateArgs;
use crate::output::{self, Diagnostic, Validation};
use crate::plan::Severity;
use crate::policy::{self, Problem};

pub(super) fn run(args: &ValidateArgs) -> anyhow::Result<Exit> {
    let policies = policies::read(&args.policy)?;
    let (severity, problems) = match &policies.read {
        Ok(read) => (Severity::Warning, read.iter().flat_map(policy::warnings).collect()),
        Err(problems) => (Severity::Error, problems.0.clone()),
    };
    let diagnostics = problems.into_iter().map(|problem| diagnostic(severity, problem)).collect();
    let validation = Validation { files: policies.files, diagnostics };
    publish(&args.output, |format| output::validate(&validation, format))?;
    Ok(Exit::from(&validation))
}

/// A problem as it is printed.
pub(super) fn diagnostic(severity: Severity, problem: Problem) -> Diagnostic {
    let Problem { origin, message, hint } = problem;
    Diagnostic { severity, origin, message, hint }
}
