//! Results in the forms people and programs read: one value in, one format out. Everything here is a pure function, but
//! for [`stream`], [`mod@file`] and [`log`], which alone write.
//!
//! Text carries ANSI styles; [`stream`] takes them away where they do not belong.

mod annotation;
pub mod credential;
mod file;
mod github;
mod json;
mod junit;
pub mod log;
mod markdown;
pub mod progress;
mod sarif;
mod sql;
pub mod stream;
mod style;
mod subject;
mod text;

pub use subject::{
    Applied, ApplyStatus, Batched, Diagnostic, Explained, Outcome, Planned, PlannedInstance, Stop, Validation,
    Verification, VerifiedInstance, Why,
};

use credential::Credentials;

use crate::cli::{ApplyFormat, CheckFormat, PlanFormat};
use crate::plan::Verdict;

/// What `plan` says.
pub fn plan(planned: &Planned<'_>, format: PlanFormat) -> String {
    match format {
        PlanFormat::Text => text::plan(planned),
        PlanFormat::Json => json::plan(planned),
        PlanFormat::Sql => sql::plan(planned),
        PlanFormat::Markdown => markdown::plan(planned),
    }
}

/// What `plan` says where the policy cannot be used: people have been told already.
pub fn no_plan(validation: &Validation, format: PlanFormat) -> String {
    match format {
        PlanFormat::Json => json::no_plan(validation),
        PlanFormat::Text | PlanFormat::Sql | PlanFormat::Markdown => String::new(),
    }
}

/// What `apply` says.
pub fn apply(applied: &Applied, format: ApplyFormat) -> String {
    match format {
        ApplyFormat::Text => text::apply(applied),
        ApplyFormat::Json => json::apply(applied),
    }
}

/// What `rotate` and `rollback` say.
pub fn rotate(credentials: &Credentials, format: ApplyFormat) -> String {
    match format {
        ApplyFormat::Text => text::turned(credentials),
        ApplyFormat::Json => json::credentials(credentials),
    }
}

/// What `status` says.
pub fn status(credentials: &Credentials, format: ApplyFormat) -> String {
    match format {
        ApplyFormat::Text => text::status(credentials),
        ApplyFormat::Json => json::credentials(credentials),
    }
}

/// What `explain` says.
pub fn explain(explained: &Explained, format: ApplyFormat) -> String {
    match format {
        ApplyFormat::Text => text::explain(explained),
        ApplyFormat::Json => json::explain(explained),
    }
}

/// What `check` says.
pub fn check(verdict: &Verdict, format: CheckFormat) -> String {
    match format {
        CheckFormat::Text => text::check(verdict),
        CheckFormat::Json => json::check(verdict),
        CheckFormat::Sarif => sarif::check(verdict),
        CheckFormat::Junit => junit::check(verdict),
        CheckFormat::Markdown => markdown::check(verdict),
        CheckFormat::Github => github::check(verdict),
    }
}

/// What `verify` says.
pub fn verify(verification: &Verification, format: CheckFormat) -> String {
    match format {
        CheckFormat::Text => text::verify(verification),
        CheckFormat::Json => json::verify(verification),
        other => check(&verification.verdict(), other),
    }
}

/// What `validate` says.
pub fn validate(validation: &Validation, format: CheckFormat) -> String {
    match format {
        CheckFormat::Text => text::validate(validation),
        CheckFormat::Json => json::validate(validation),
        CheckFormat::Sarif => sarif::validate(validation),
        CheckFormat::Junit => junit::validate(validation),
        CheckFormat::Markdown => markdown::validate(validation),
        CheckFormat::Github => github::validate(validation),
    }
}
