//! Arguments that several commands have.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::ValueParser;
use clap::{ArgAction, Args, ValueEnum};

use super::{AdminUrl, SecretReference, value};
use crate::google::Endpoint;

/// Which policy.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// Policy files, or directories, searched for *.yaml and *.yml; together they declare one desired state
    #[arg(value_name = "FILE|DIR", required = true)]
    pub files: Vec<PathBuf>,
    /// The values of its variables.
    #[command(flatten)]
    pub variables: VariableArgs,
}

/// The values of ${NAME}.
#[derive(Debug, Clone, Args)]
pub struct VariableArgs {
    /// The value of ${NAME} in the policy; repeatable. Without it and --var-file, the environment variable
    /// ROLEWRIGHT_VAR_NAME counts
    #[arg(long = "var", value_name = "NAME=VALUE", action = ArgAction::Append)]
    pub values: Vec<String>,
    /// A YAML map of variables; repeatable, the last file wins
    #[arg(long = "var-file", value_name = "FILE", action = ArgAction::Append)]
    pub value_files: Vec<PathBuf>,
}

/// Where the instance and Google's APIs are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Where the admin logs in, postgres://… or key=value, without a password, which the process list would show. Give it
    /// in PGPASSWORD, a password file or --admin-password-secret, or the whole URL in ROLEWRIGHT_ADMIN_URL. The default
    /// is the unix socket of the instance that the policy names
    #[arg(long, value_name = "URL")]
    pub admin_url: Option<AdminUrl>,
    /// The secret that holds the admin's password: projects/P/secrets/S, or with /versions/N
    #[arg(long, value_name = "SECRET")]
    pub admin_password_secret: Option<SecretReference>,
    /// How long to wait for the answer to one statement
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = ValueParser::from(value::timeout))]
    pub statement_timeout: Duration,
    /// Send every call to Google to this base URL
    #[arg(
        long,
        value_name = "URL",
        env = "ROLEWRIGHT_GOOGLE_ENDPOINT",
        hide_env_values = true
    )]
    #[arg(value_parser = value::EndpointParser)]
    pub google_endpoint: Option<Endpoint>,
}

/// What a plan may contain: `plan` and `apply` with the same flags mean the same.
#[derive(Debug, Args)]
#[command(next_help_heading = "Plan")]
pub struct ScopeArgs {
    /// Only add access (expand), or only remove access (contract)
    #[arg(long, value_enum)]
    pub phase: Option<Phase>,
    /// Also remove grants of undeclared roles on managed objects, grants to PUBLIC by other grantors, undeclared
    /// accessors of secrets, and LOGIN of roles for which the policy declares no login
    #[arg(long)]
    pub prune: bool,
    /// Also take over views, routines (of roles without ddl, SECURITY DEFINER, and objects that run untrusted code),
    /// relations with rules, and objects of undeclared logins (foreign); without a list, all of them
    #[arg(long, value_enum, value_name = "KIND,…", value_delimiter = ',', num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_values = ["views", "routines", "rules", "foreign"])]
    pub take_over: Vec<TakeOver>,
    /// Also replace passwords that are stored in no secret
    #[arg(long)]
    pub reset_passwords: bool,
    /// Log in with each stored credential, and set the stored password again if the server has another one. `apply`
    /// does so by default where it can read the secret, except with --expect
    #[arg(long)]
    pub probe: bool,
}

/// A kind of object that is taken over on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TakeOver {
    /// Views and materialized views.
    Views,
    /// Routines of roles without ddl, SECURITY DEFINER routines of any role, and what runs untrusted code as its owner.
    Routines,
    /// Relations with rules.
    Rules,
    /// Objects of undeclared logins.
    Foreign,
}

/// Half of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Phase {
    /// Only changes that remove no access.
    Expand,
    /// Only changes that remove access.
    Contract,
}
