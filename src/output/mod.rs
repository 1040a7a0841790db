//! Results in the forms people and programs read: one value in, one format out. Everything here is a pure function, but
//! for [`stream`], [`mod@file`] and [`log`], which alone write.
//!
//! Each format escapes by its own rules. Text alone carries ANSI styles: [`Rendered`] keeps the two apart.

mod annotation;
pub mod credential;
mod file;
mod github;
mod json;
mod junit;
pub mod log;
mod markdown;
pub mod progress;
mod rendered;
mod sarif;
mod sql;
pub mod stream;
mod style;
mod subject;
mod text;

pub use rendered::Rendered;
pub use subject::{
    Applied, ApplyStatus, Batched, Diagnostic, Explained, Outcome, Planned, PlannedInstance, Stop,
    Validation, Verification, VerifiedInstance, Why,
};

use credential::Credentials;

use crate::cli::{ApplyFormat, CheckFormat, PlanFormat};
use crate::plan::Verdict;

/// The result of `plan`.
pub fn plan(planned: &Planned<'_>, format: PlanFormat) -> Rendered {
    match format {
        PlanFormat::Text => Rendered::text(&text::plan(planned)),
        PlanFormat::Json => Rendered::Exact(json::plan(planned)),
        PlanFormat::Sql => Rendered::Exact(sql::plan(planned)),
        PlanFormat::Markdown => Rendered::Exact(markdown::plan(planned)),
    }
}

/// The result of `plan` for an invalid policy; in text, its errors are printed already.
pub fn no_plan(validation: &Validation, format: PlanFormat) -> Rendered {
    match format {
        PlanFormat::Json => Rendered::Exact(json::no_plan(validation)),
        PlanFormat::Text | PlanFormat::Sql | PlanFormat::Markdown => Rendered::Exact(String::new()),
    }
}

/// The result of `apply`.
pub fn apply(applied: &Applied, format: ApplyFormat) -> Rendered {
    match format {
        ApplyFormat::Text => Rendered::text(&text::apply(applied)),
        ApplyFormat::Json => Rendered::Exact(json::apply(applied)),
    }
}

/// The result of `rotate` and `rollback`.
pub fn rotate(credentials: &Credentials, format: ApplyFormat) -> Rendered {
    match format {
        ApplyFormat::Text => Rendered::text(&text::turned(credentials)),
        ApplyFormat::Json => Rendered::Exact(json::credentials(credentials)),
    }
}

/// The result of `status`.
pub fn status(credentials: &Credentials, format: ApplyFormat) -> Rendered {
    match format {
        ApplyFormat::Text => Rendered::text(&text::status(credentials)),
        ApplyFormat::Json => Rendered::Exact(json::credentials(credentials)),
    }
}

/// The result of `explain`.
pub fn explain(explained: &Explained, format: ApplyFormat) -> Rendered {
    match format {
        ApplyFormat::Text => Rendered::text(&text::explain(explained)),
        ApplyFormat::Json => Rendered::Exact(json::explain(explained)),
    }
}

/// The result of `check`.
pub fn check(verdict: &Verdict, format: CheckFormat) -> Rendered {
    match format {
        CheckFormat::Text => Rendered::text(&text::check(verdict)),
        CheckFormat::Json => Rendered::Exact(json::check(verdict)),
        CheckFormat::Sarif => Rendered::Exact(sarif::check(verdict)),
        CheckFormat::Junit => Rendered::Exact(junit::check(verdict)),
        CheckFormat::Markdown => Rendered::Exact(markdown::check(verdict)),
        CheckFormat::Github => Rendered::Exact(github::check(verdict)),
    }
}

/// The result of `verify`.
pub fn verify(verification: &Verification, format: CheckFormat) -> Rendered {
    match format {
        CheckFormat::Text => Rendered::text(&text::verify(verification)),
        CheckFormat::Json => Rendered::Exact(json::verify(verification)),
        other => check(&verification.verdict(), other),
    }
}

/// The result of `validate`.
pub fn validate(validation: &Validation, format: CheckFormat) -> Rendered {
    match format {
        CheckFormat::Text => Rendered::text(&text::validate(validation)),
        CheckFormat::Json => Rendered::Exact(json::validate(validation)),
        CheckFormat::Sarif => Rendered::Exact(sarif::validate(validation)),
        CheckFormat::Junit => Rendered::Exact(junit::validate(validation)),
        CheckFormat::Markdown => Rendered::Exact(markdown::validate(validation)),
        CheckFormat::Github => Rendered::Exact(github::validate(validation)),
    }
}
