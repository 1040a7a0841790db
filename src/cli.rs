//! The command line, as clap reads it. What the arguments mean is decided in `commands`.

mod value;

use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::google::Endpoint;
use crate::model::{Privilege, RoleName};
pub use value::{AdminUrl, OutputFile, SecretReference};

const EXIT_CODES: &str = "\
Exit codes:
  0   done, or in sync
  1   failed, or could not tell
  2   drift
  3   held back: it must wait or needs a decision, and says which
  64  wrong usage";

/// Least privilege for Google Cloud SQL for PostgreSQL
///
/// Reads who may do what in a database, and who may read which credential, from policy files; makes an instance so, and
/// proves that it still is.
#[derive(Debug, Parser)]
#[command(name = "rolewright", version, after_help = EXIT_CODES, max_term_width = 100, subcommand_required = true)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// How it talks.
    #[command(flatten)]
    pub terminal: TerminalArgs,
    /// What it does.
    #[command(subcommand)]
    pub command: Command,
}

/// What a command line may look like.
pub type Definition = clap::Command;

/// The definition of the whole command line, for completions and the man page.
pub fn definition() -> Definition {
    Cli::command()
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read policy files and name everything that is wrong with them; contacts nothing
    #[command(after_help = VALIDATE_EXAMPLES)]
    Validate(ValidateArgs),
    /// Show what `apply` would do, what it would leave and why; changes nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Make the instance as the policy says: from nothing, or from what is there
    #[command(after_help = APPLY_EXAMPLES)]
    Apply(ApplyArgs),
    /// Tell whether the instance is as the policy says; changes nothing
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Log in with every stored credential, and prove what it can do and what it cannot; changes nothing
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Replace credentials that are due, and finish rotations that have begun
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate(RotateArgs),
    /// Go back to the credential before, while it still works
    #[command(after_help = "Example:\n  rolewright rollback policies/payments.yaml --role app_user")]
    Rollback(RollbackArgs),
    /// Show how each credential stands: login in use, version, age, who still uses the one before; changes nothing
    #[command(after_help = "Examples:\n  rolewright status policies/\n  rolewright status policies/ --format json")]
    Status(StatusArgs),

    /// Tell what a role can do on the live database, and by which path; changes nothing
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Print the JSON Schema of policy files
    #[command(after_help = "Example:\n  rolewright schema > rolewright.schema.json")]
    Schema,
    /// Print completions for a shell
    #[command(after_help = "Example:\n  rolewright completions bash > /etc/bash_completion.d/rolewright")]
    Completions(CompletionsArgs),
    /// Print the man page
    #[command(after_help = "Example:\n  rolewright man | man -l -")]
    Man,
}

const VALIDATE_EXAMPLES: &str = "\
Examples:
  rolewright validate policies/
  rolewright validate policies/ --var PROJECT=my-project --format github";

const PLAN_EXAMPLES: &str = "\
Examples:
  rolewright plan policies/payments.yaml
  rolewright plan policies/ --format markdown --output json=plan.json --output sql=plan.sql";

const APPLY_EXAMPLES: &str = "\
Examples:
  rolewright apply policies/payments.yaml
  rolewright apply policies/ --yes --expect 6f1d0c…   # only what was reviewed
  rolewright apply policies/ --yes --phase expand     # before a deployment: takes nothing away";

const CHECK_EXAMPLES: &str = "\
Examples:
  rolewright check policies/
  rolewright check policies/ --format github --output sarif=drift.sarif
  rolewright check policies/ --probe                  # does each stored credential log in?";

const VERIFY_EXAMPLES: &str = "\
Examples:
  rolewright verify policies/
  rolewright verify policies/ --format json --output junit=verify.xml";

const ROTATE_EXAMPLES: &str = "\
Examples:
  rolewright rotate policies/                          # from a schedule: does what is due, and the rest of what was
  rolewright rotate policies/ --role app_user --now
  rolewright rotate policies/ --roll                   # also moves pinned jobs and makes new revisions of services";

/// Arguments of `rotate`.
#[derive(Debug, Args)]
pub struct RotateArgs {
    /// The policy.
    #[command(flatten)]
    pub policy: PolicyArgs,
    /// Where the instance is.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// Rotate, due or not
    #[arg(long, help_heading = "Rotation")]
    pub now: bool,
    /// Only the credential of this role
    #[arg(long, value_name = "ROLE", help_heading = "Rotation")]
    #[arg(value_parser = ValueParser::from(value::role))]
    pub role: Option<RoleName>,
    /// Move pinned Cloud Run jobs and services to the new version, and make new revisions of services
    #[arg(long, help_heading = "Rotation")]
    pub roll: bool,
    /// With `strategy: single`: consumers may fail until they have read the new password
    #[arg(long, help_heading = "Rotation")]
    pub accept_outage: bool,
    /// How long to wait for another run on the same instance, and for a server that went away
    #[arg(long, value_name = "DURATION", default_value = "60s", help_heading = "Rotation")]
    #[arg(value_parser = ValueParser::from(value::duration))]
    pub wait: std::time::Duration,
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
    /// The role whose credential is to go back
    #[arg(long, value_name = "ROLE", help_heading = "Rotation")]
    #[arg(value_parser = ValueParser::from(value::role))]
    pub role: RoleName,
    /// Move pinned Cloud Run jobs and services too, and make new revisions of services
    #[arg(long, help_heading = "Rotation")]
    pub roll: bool,
    /// How long to wait for another run on the same instance, and for a server that went away
    #[arg(long, value_name = "DURATION", default_value = "60s", help_heading = "Rotation")]
    #[arg(value_parser = ValueParser::from(value::duration))]
    pub wait: std::time::Duration,
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

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  rolewright explain policies/payments.yaml app_user
  rolewright explain policies/ app_user UPDATE 'table public.orders' --format json";

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
    /// Do not ask: needed where no terminal is there to answer
    #[arg(long, help_heading = "Apply")]
    pub yes: bool,
    /// Apply only if the plan still has this digest
    #[arg(long, value_name = "DIGEST", help_heading = "Apply")]
    pub expect: Option<String>,
    /// How long to wait for another run on the same instance, and for a server that restarts meanwhile, for example 90s
    /// or 5m
    #[arg(long, value_name = "DURATION", default_value = "60s", help_heading = "Apply")]
    #[arg(value_parser = ValueParser::from(value::duration))]
    pub wait: std::time::Duration,
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

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The policy file, or a directory of files of one instance
    #[arg(value_name = "FILE|DIR")]
    pub file: PathBuf,
    /// The role, whether the policy declares it or not
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// One privilege instead of everything: SELECT, EXECUTE, …
    #[arg(value_name = "PRIVILEGE", requires = "object", value_parser = ValueParser::from(value::privilege))]
    pub privilege: Option<Privilege>,
    /// The object it is about, as under `grants:` in a policy: "table public.orders"
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

/// Which policy.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// Policy files, or directories: every *.yaml and *.yml below them. All of them are one desired state
    #[arg(value_name = "FILE|DIR", required = true)]
    pub files: Vec<PathBuf>,
    /// The values of its variables.
    #[command(flatten)]
    pub variables: VariableArgs,
}

/// What stands for ${NAME}.
#[derive(Debug, Clone, Args)]
pub struct VariableArgs {
    /// The value of ${NAME} in the policy; repeatable. Unless given here or in a --var-file, the environment variable
    /// ROLEWRIGHT_VAR_NAME counts
    #[arg(long = "var", value_name = "NAME=VALUE", action = ArgAction::Append)]
    pub values: Vec<String>,
    /// A YAML map of variables; repeatable, the later wins
    #[arg(long = "var-file", value_name = "FILE", action = ArgAction::Append)]
    pub value_files: Vec<PathBuf>,
}

/// Where the instance and Google's APIs are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// The admin session, postgres://… or key=value: without a password, which would stand in the process list. Give it
    /// in PGPASSWORD, a password file, --admin-password-secret, or the whole URL in ROLEWRIGHT_ADMIN_URL. Without any,
    /// the instance that the policy names
    #[arg(long, value_name = "URL")]
    pub admin_url: Option<AdminUrl>,
    /// The secret that holds the admin's password: projects/P/secrets/S, or with /versions/N
    #[arg(long, value_name = "SECRET")]
    pub admin_password_secret: Option<SecretReference>,
    /// How long one statement may take, whether the server says nothing or works on it
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = ValueParser::from(value::timeout))]
    pub statement_timeout: std::time::Duration,
    /// Send every call to Google to this base URL
    #[arg(long, value_name = "URL", env = "ROLEWRIGHT_GOOGLE_ENDPOINT", hide_env_values = true)]
    #[arg(value_parser = value::EndpointParser)]
    pub google_endpoint: Option<Endpoint>,
}

/// What a plan may contain: `plan` and `apply` with the same flags mean the same.
#[derive(Debug, Args)]
#[command(next_help_heading = "Plan")]
pub struct ScopeArgs {
    /// Only what adds (expand), or only what takes away (contract)
    #[arg(long, value_enum)]
    pub phase: Option<Phase>,
    /// Also take away what undeclared roles, and PUBLIC by other grantors, hold on managed objects, and undeclared
    /// accessors of secrets
    #[arg(long)]
    pub prune: bool,
    /// Also take over SECURITY DEFINER routines, views, and objects of undeclared logins
    #[arg(long)]
    pub take_over: bool,
    /// Also give new passwords to logins whose password nobody stored
    #[arg(long)]
    pub reset_passwords: bool,
}

/// Half of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Phase {
    /// Only changes that take nothing away.
    Expand,
    /// Only changes that take something away.
    Contract,
}

/// The formats of a command's result.
pub trait Format: ValueEnum + Copy + Send + Sync + 'static {}

impl Format for PlanFormat {}
impl Format for ApplyFormat {}
impl Format for CheckFormat {}

/// In which formats the result is given.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs<F: Format> {
    /// The format on standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub format: F,
    /// Write the same result to a file as well; repeatable
    #[arg(long = "output", value_name = "FORMAT=FILE", action = ArgAction::Append)]
    #[arg(value_parser = ValueParser::from(value::output_file::<F>))]
    pub copies: Vec<OutputFile<F>>,
}

/// Formats of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// The statements, as a psql script
    Sql,
    /// A comment on a pull request
    Markdown,
}

/// Formats of what `apply` did, and of explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ApplyFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Formats of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// JUnit XML, for test reports
    Junit,
    /// A comment on a pull request
    Markdown,
    /// GitHub workflow commands: annotations
    Github,
}

/// How the program talks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Terminal")]
pub struct TerminalArgs {
    /// Say more on standard error; repeatable. No level shows a password
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// The form of what is said on standard error
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// Forms of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line an event
    Text,
    /// One JSON object an event
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_definition_is_sound() {
        super::definition().debug_assert();
    }
}
