//! Policy files: strict YAML in, one resolved [`Policy`] per instance out, or everything that is wrong with its place.
//!
//! ```text
//! text → document (nodes with places) → variables → file (shapes) → join per instance → resolve → lint → Policy
//! ```

mod choice;
mod document;
mod file;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod lint;
mod object;
mod problem;
mod read;
mod resolve;
mod scalar;
mod schema;
mod shape;
mod variables;
mod yaml;

pub use lint::warnings;
pub use object::ObjectError;
pub use problem::{Problem, Problems};
pub use schema::json_schema;
pub use variables::{VariableError, Variables};

use crate::model::{Policy, Target};

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name as given on the command line.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// Reads the name of one object, in the notation of `object:` under `grants:`.
///
/// # Errors
/// It names none, or more than one.
pub fn object(text: &str) -> Result<Target, ObjectError> {
    match object::parse(text)?.targets.as_slice() {
        [Target::Object(object)] => Ok(Target::Object(object.clone())),
        _ => Err(ObjectError::Several),
    }
}

/// Reads files that are one desired state: one policy for each instance they name, sorted by instance.
///
/// # Errors
/// Everything that is wrong with any of them.
pub fn load(sources: &[Source], variables: &Variables) -> Result<Vec<Policy>, Problems> {
    let mut problems = Problems::default();
    let mut files = Vec::new();
    let mut complete = true;
    for (index, source) in sources.iter().enumerate() {
        if sources[..index].contains(source) {
            continue;
        }
        let Some(mut root) = yaml::parse(source, &mut problems) else {
            complete = false;
            continue;
        };
        variables.replace_in(&mut root, &mut problems);
        files.push(read::Located::<file::File>::read(&root, &mut problems));
    }
    let policies = resolve::resolve(files, complete, &mut problems);
    problems.finish().map(|()| policies)
}
