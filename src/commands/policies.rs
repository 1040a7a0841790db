//! Reads the policy that the arguments name.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::files;
use crate::cli::PolicyArgs;
use crate::model::Policy;
use crate::policy::{self, Problems, Source, Variables};

/// The files of one desired state, and what they say.
pub(super) struct Policies {
    /// The files, as named in messages.
    pub(super) files: Vec<String>,
    /// A policy for each instance, or everything that is wrong.
    pub(super) read: Result<Vec<Policy>, Problems>,
}

/// Reads them all.
///
/// # Errors
/// A file cannot be found or read. What is wrong in it is no error here.
pub(super) fn read(args: &PolicyArgs) -> anyhow::Result<Policies> {
    let sources = files::expand(&args.files)?.iter().map(source).collect::<anyhow::Result<Vec<_>>>()?;
    let files = sources.iter().map(|source| source.name.clone()).collect();
    let read = match variables(args)? {
        Ok(variables) => policy::load(&sources, &variables),
        Err(problems) => Err(problems),
    };
    Ok(Policies { files, read })
}

fn variables(args: &PolicyArgs) -> anyhow::Result<Result<Variables, Problems>> {
    let environment = std::env::vars_os();
    let environment =
        environment.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut variables = Variables::from_environment(environment);
    for file in &args.variable_files {
        if let Err(problems) = variables.read_file(&source(file)?) {
            return Ok(Err(problems));
        }
    }
    for assignment in &args.variables {
        variables.assign(assignment)?;
    }
    Ok(Ok(variables))
}

fn source(path: &PathBuf) -> anyhow::Result<Source> {
    let name = shown(path);
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{name}`"))?;
    Ok(Source { name, text })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
