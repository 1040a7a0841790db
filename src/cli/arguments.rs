//! The arguments of each command.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::ValueParser;

use super::{
    ApplyFormat, CheckFormat, ConnectionArgs, OutputArgs, PlanFormat, PolicyArgs, ScopeArgs,
    VariableArgs, value,
};
use crate::model::{Privilege, RoleName};

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// The policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// The result.
    #[command(flatten)]
    pub output: OutputArgs<CheckFormat>,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Where the instance is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// What may be planned.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// The result.
    #[command(flatten)]
    pub output: OutputArgs<PlanFormat>,
}

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// The policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Where the instance is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// What may be planned.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Do not ask for confirmation; required without a terminal
    #[arg(long, help_heading = "Apply")]
    pub yes: bool,
    /// Apply only if the plan still has this digest
    #[arg(long, value_name = "DIGEST", help_heading = "Apply")]
    pub expect: Option<String>,
    /// How long to wait for another run on the same instance, and for a server that restarts, for example 90s or 5m
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        help_heading = "Apply"
    )]
    #[arg(value_parser = ValueParser::from(value::duration))]
    pub wait: Duration,
    /// The result.
    #[command(flatten)]
    pub output: OutputArgs<ApplyFormat>,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Where the instance is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Also log in once with each stored credential
    #[arg(long, help_heading = "Check")]
    pub probe: bool,
    /// The result.
    #[command(flatten)]
    pub output: OutputArgs<CheckFormat>,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Where the instance is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// The result.
    #[command(flatten)]
    pub output: OutputArgs<CheckFormat>,
}

/// Arguments of `rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// The policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Where the instance is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Rotate credentials that are not due yet, too
    #[arg(long, help_heading = "Rotation")]
    pub now: bool,
    /// Only the credential of this role
    #[arg(long, value_name = "ROLE", help_heading = "Rotation")]
    #[arg(value_parser = ValueParser::from(value::role))]
    pub role: Option<RoleName>,
    /// Move pinned Cloud Run jobs and services to the new version, and make new revisions of services
    #[arg(long, help_heading = "Rotation")]
    pub roll: bool,
    /// Accept that consumers fail until they have read the new password
    #[arg(long, help_heading = "Rotation")]
    pub accept_outage: bool,
    /// With `strategy: alternate`: end the sessions of a login that is closed, or whose `deadline` has passed
    #[arg(long, help_heading = "Rotation")]
    pub end_sessions: bool,
    /// How long to wait for another run on the same instance, and for a server that restarts
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        help_heading = "Rotation"
    )]
    #[arg(value_parser = ValueParser::from(value::duration))]
    pub wait: Duration,
    /// The result.
    #[command(flatten)]
    pub output: OutputArgs<ApplyFormat>,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Where the instance is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// The role whose previous credential is used again
    #[arg(long, value_name = "ROLE", help_heading = "Rotation")]
    #[arg(value_parser = ValueParser::from(value::role))]
    pub role: RoleName,
    /// Move pinned Cloud Run jobs and services too, and make new revisions of services
    #[arg(long, help_heading = "Rotation")]
    pub roll: bool,
    /// How long to wait for another run on the same instance, and for a server that restarts
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        help_heading = "Rotation"
    )]
    #[arg(value_parser = ValueParser::from(value::duration))]
    pub wait: Duration,
    /// The result.
    #[command(flatten)]
    pub output: OutputArgs<ApplyFormat>,
}

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Where the instance is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Only the credential of this role
    #[arg(long, value_name = "ROLE")]
    #[arg(value_parser = ValueParser::from(value::role))]
    pub role: Option<RoleName>,
    /// The result.
    #[command(flatten)]
    pub output: OutputArgs<ApplyFormat>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The policy file, or a directory of files of one instance
    #[arg(value_name = "FILE|DIR")]
    pub file: PathBuf,
    /// The role, declared in the policy or not
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// One privilege instead of everything: SELECT, EXECUTE, …
    #[arg(value_name = "PRIVILEGE", requires = "object", value_parser = ValueParser::from(value::privilege))]
    pub privilege: Option<Privilege>,
    /// The object, written as under `grants:` in a policy: "table public.orders"
    #[arg(value_name = "OBJECT")]
    pub object: Option<String>,
    /// The database the object is in; needed where the policy has several
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// The values of the policy's variables.
    #[command(flatten)]
    pub variables: VariableArgs,
    /// Where the instance is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// The result.
    #[command(flatten)]
    pub output: OutputArgs<ApplyFormat>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
