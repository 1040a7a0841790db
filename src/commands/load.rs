//! The policy of a command line.

#![allow(clippy::disallowed_methods, reason = "commands read the environment")]

use anyhow::Context as _;

use super::{Stopped, Usage, files};
use crate::cli::PolicyArgs;
use crate::model::{Given, Policy};
use crate::output::{Diagnostic, Validation, stream};
use crate::plan::Severity;
use crate::policy::{self, Problem, Problems, Source, Variables};

/// What the files say, or everything that is wrong with them.
pub(super) struct Loaded {
    pub(super) files: Vec<String>,
    pub(super) policies: Result<Vec<Policy>, Problems>,
}

/// Reads the files.
pub(super) fn load(args: &PolicyArgs) -> anyhow::Result<Loaded> {
    let mut sources = Vec::new();
    for path in files::expand(&args.files)? {
        sources.push(read(&path)?);
    }
    let variables = match variables(args)? {
        Ok(variables) => variables,
        Err(problems) => {
            return Ok(Loaded {
                files: names(&sources),
                policies: Err(problems),
            });
        }
    };
    let mut policies = policy::load(&sources, &variables);
    policies
        .iter_mut()
        .flatten()
        .for_each(|policy| policy.given = given(args));
    Ok(Loaded {
        files: names(&sources),
        policies,
    })
}

/// The arguments that say which policy, for the commands that are advised.
pub(super) fn given(args: &PolicyArgs) -> Given {
    let values = args
        .variables
        .values
        .iter()
        .map(|value| format!("--var={value}"));
    let files = args
        .variables
        .value_files
        .iter()
        .map(|file| format!("--var-file={}", file.display()));
    Given {
        files: args
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
        options: values.chain(files).collect(),
    }
}

/// The policies if they are valid; otherwise prints all errors.
pub(super) fn policies(args: &PolicyArgs) -> anyhow::Result<Vec<Policy>> {
    load(args)?.policies.map_err(|problems| {
        say(&problems);
        Stopped.into()
    })
}

/// Says everything that is wrong.
pub(super) fn say(problems: &Problems) {
    for problem in &problems.0 {
        stream::problem(&diagnostic(Severity::Error)(problem.clone()));
    }
}

/// The result of `validate`.
pub(super) fn validation(loaded: Loaded) -> Validation {
    let diagnostics = match loaded.policies {
        Err(Problems(problems)) => problems
            .into_iter()
            .map(diagnostic(Severity::Error))
            .collect(),
        Ok(policies) => policies
            .iter()
            .flat_map(policy::warnings)
            .map(diagnostic(Severity::Warning))
            .collect(),
    };
    Validation {
        files: loaded.files,
        diagnostics,
    }
}

/// A problem as it is printed.
fn diagnostic(severity: Severity) -> impl Fn(Problem) -> Diagnostic {
    move |Problem {
              origin,
              message,
              hint,
          }| Diagnostic {
        severity,
        origin,
        message,
        hint,
    }
}

fn names(sources: &[Source]) -> Vec<String> {
    sources.iter().map(|source| source.name.clone()).collect()
}

fn read(path: &std::path::Path) -> anyhow::Result<Source> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let text =
        String::from_utf8(bytes).with_context(|| format!("`{}` is not UTF-8", path.display()))?;
    Ok(Source {
        name: path.display().to_string(),
        text,
    })
}

/// The environment, then the file, then the arguments: the later one counts.
fn variables(args: &PolicyArgs) -> anyhow::Result<Result<Variables, Problems>> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut variables = Variables::from_environment(environment);
    for path in &args.variables.value_files {
        if !path.exists() {
            return Err(Usage::NoSuchPath(path.clone()).into());
        }
        if let Err(problems) = variables.read_file(&read(path)?) {
            return Ok(Err(problems));
        }
    }
    for assignment in &args.variables.values {
        variables.assign(assignment).map_err(Usage::Variable)?;
    }
    Ok(Ok(variables))
}
