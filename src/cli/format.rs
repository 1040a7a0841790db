//! The formats of results.

use clap::builder::ValueParser;
use clap::{ArgAction, Args, ValueEnum};

use super::{OutputFile, value};

/// The formats of a command's result.
pub trait Format: ValueEnum + Copy + Send + Sync + 'static {}

impl Format for PlanFormat {}
impl Format for ApplyFormat {}
impl Format for CheckFormat {}

/// The formats of one result.
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
