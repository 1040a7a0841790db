//! The command line, as clap reads it. What the arguments mean is decided in `commands`.

mod arguments;
mod common;
mod format;
mod value;

use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

pub use arguments::{
    ApplyArgs, CheckArgs, CompletionsArgs, ExplainArgs, PlanArgs, RollbackArgs, RotateArgs,
    StatusArgs, ValidateArgs, VerifyArgs,
};
pub use common::{ConnectionArgs, Phase, PolicyArgs, ScopeArgs, TakeOver, VariableArgs};
pub use format::{ApplyFormat, CheckFormat, Format, OutputArgs, PlanFormat};
pub use value::{AdminUrl, OutputFile, SecretReference};

const EXIT_CODES: &str = "\
Exit codes:
  0   done, or in sync
  1   failed, or could not tell
  2   drift
  3   held back: it is blocked or needs a decision, and names the reason
  64  wrong usage";

/// Least privilege for Google Cloud SQL for PostgreSQL
///
/// Applies the roles, grants, passwords and secret access declared in policy files, and verifies that they still hold.
#[derive(Debug, Parser)]
#[command(name = "rolewright", version, after_help = EXIT_CODES, max_term_width = 100, subcommand_required = true)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What it prints.
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
    /// Report every error in policy files; contacts nothing
    #[command(after_help = VALIDATE_EXAMPLES)]
    Validate(ValidateArgs),
    /// Show what `apply` would do, and what it would withhold and why; changes nothing
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Bring the instance to the state that the policy declares
    #[command(after_help = APPLY_EXAMPLES)]
    Apply(ApplyArgs),
    /// Report where the instance differs from the policy; changes nothing
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Log in with every stored credential, and verify what it can do and what is refused; changes nothing
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Replace credentials that are due, and finish interrupted rotations
    #[command(after_help = ROTATE_EXAMPLES)]
    Rotate(RotateArgs),
    /// Return to the previous credential while it still works
    #[command(
        after_help = "Example:\n  rolewright rollback policies/payments.yaml --role app_user"
    )]
    Rollback(RollbackArgs),
    /// Show each credential: login in use, version, age, remaining users of the previous one; changes nothing
    #[command(
        after_help = "Examples:\n  rolewright status policies/\n  rolewright status policies/ --format json"
    )]
    Status(StatusArgs),
    /// Show what a role can do on the live database, and by which paths; changes nothing
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// Print the JSON Schema of policy files
    #[command(after_help = "Example:\n  rolewright schema > rolewright.schema.json")]
    Schema,
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  rolewright completions bash > /etc/bash_completion.d/rolewright"
    )]
    Completions(CompletionsArgs),
    /// Print the man page
    #[command(after_help = "Example:\n  rolewright man | man -l -")]
    Man,
}

impl Command {
    /// The connection options of commands that connect.
    pub fn connection(&self) -> Option<&ConnectionArgs> {
        match self {
            Self::Plan(args) => Some(&args.connection),
            Self::Apply(args) => Some(&args.connection),
            Self::Check(args) => Some(&args.connection),
            Self::Verify(args) => Some(&args.connection),
            Self::Rotate(args) => Some(&args.connection),
            Self::Rollback(args) => Some(&args.connection),
            Self::Status(args) => Some(&args.connection),
            Self::Explain(args) => Some(&args.connection),
            Self::Validate(_) | Self::Schema | Self::Completions(_) | Self::Man => None,
        }
    }
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

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  rolewright explain policies/payments.yaml app_user
  rolewright explain policies/ app_user UPDATE 'table public.orders' --format json";

/// What the program prints.
#[derive(Debug, Args)]
#[command(next_help_heading = "Terminal")]
pub struct TerminalArgs {
    /// Increase verbosity (repeatable); passwords are never logged
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// The format of log lines on standard error
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// When to use colour; NO_COLOR is honoured
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto"
    )]
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
