//! `${NAME}` in values.

use std::collections::BTreeMap;

use super::document::{Node, Value};
use super::problem::closest;
use super::{Problems, Source, yaml};

/// Environment variables with this prefix are variables without it.
const ENVIRONMENT_PREFIX: &str = "ROLEWRIGHT_VAR_";

/// What `${NAME}` stands for: `--var` before `--var-file` before the environment.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    given: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

/// A text that assigns no variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// There is no `=` in it.
    #[error("`{0}` is not NAME=value")]
    NoAssignment(String),
    /// The left side cannot be a name.
    #[error("`{0}` is not a variable name (letters, digits and `_`, no digit first)")]
    Name(String),
}

impl Variables {
    /// The variables of an environment: those called `ROLEWRIGHT_VAR_NAME`.
    pub fn from_environment(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let environment = environment
            .into_iter()
            .filter_map(|(name, value)| {
                Some((name.strip_prefix(ENVIRONMENT_PREFIX)?.to_owned(), value))
            })
            .collect();
        Self {
            environment,
            ..Self::default()
        }
    }

    /// Adds the variables of a `--var-file`: a YAML map of names to scalars. The last file wins.
    ///
    /// # Errors
    /// Not YAML, not a map, a value that is a list or a map, or a name that cannot be one.
    pub fn read_file(&mut self, source: &Source) -> Result<(), Problems> {
        let mut problems = Problems::default();
        let root = yaml::parse(source, &mut problems);
        let entries = root.as_ref().and_then(|root| root.entries(&mut problems));
        for entry in entries.unwrap_or_default() {
            match &entry.value.value {
                _ if !is_name(&entry.key) => {
                    problems.push(
                        &entry.origin,
                        VariableError::Name(entry.key.clone()).to_string(),
                    );
                }
                Value::Scalar(scalar) => {
                    self.files.insert(entry.key, scalar.text.clone());
                }
                _ => problems.push(
                    &entry.value.origin,
                    format!("a variable is text, not {}", entry.value.shown()),
                ),
            }
        }
        problems.finish()
    }

    /// Adds the `NAME=value` of a `--var`. A later one wins.
    ///
    /// # Errors
    /// Not of that form.
    pub fn assign(&mut self, assignment: &str) -> Result<(), VariableError> {
        let (name, value) = assignment
            .split_once('=')
            .ok_or_else(|| VariableError::NoAssignment(assignment.to_owned()))?;
        if !is_name(name) {
            return Err(VariableError::Name(name.to_owned()));
        }
        self.given.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&str> {
        [&self.given, &self.files, &self.environment]
            .into_iter()
            .find_map(|layer| layer.get(name))
            .map(String::as_str)
    }

    /// Replaces the variables in every value below `node`. What cannot be replaced is reported once, here: such a value
    /// is broken to those who read on.
    pub(super) fn replace_in(&self, node: &mut Node, problems: &mut Problems) {
        match &mut node.value {
            Value::List(items) => items
                .iter_mut()
                .for_each(|item| self.replace_in(item, problems)),
            Value::Map(pairs) => pairs
                .iter_mut()
                .for_each(|(_, value)| self.replace_in(value, problems)),
            Value::Scalar(scalar) if scalar.text.contains("${") => {
                match self.expand(&scalar.text) {
                    Ok(text) => scalar.text = text,
                    Err((message, hint)) => {
                        problems.push_hint(&node.origin, message, hint);
                        node.value = Value::Broken;
                    }
                }
            }
            Value::Scalar(_) | Value::Broken => {}
        }
    }

    /// One pass from left to right: what a variable brings in is not looked at again.
    fn expand(&self, text: &str) -> Result<String, (String, String)> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, reference) = rest.split_at(at);
            if let Some(literal) = before.strip_suffix('$') {
                expanded.push_str(literal);
                expanded.push_str("${");
                rest = &reference[2..];
                continue;
            }
            let end = reference.find('}').ok_or_else(|| {
                (
                    "`${` without `}`".to_owned(),
                    "a variable is written ${NAME}, a literal `${` as `$${`".to_owned(),
                )
            })?;
            expanded.push_str(before);
            expanded.push_str(self.resolve(&reference[2..end])?);
            rest = &reference[end + 1..];
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn resolve(&self, name: &str) -> Result<&str, (String, String)> {
        if !is_name(name) {
            return Err((
                VariableError::Name(name.to_owned()).to_string(),
                "a literal `${` is written `$${`".to_owned(),
            ));
        }
        self.get(name).ok_or_else(|| {
            let names = [&self.given, &self.files, &self.environment].into_iter().flat_map(BTreeMap::keys);
            let hint = match closest(name, names.map(String::as_str)) {
                Some(known) => format!("did you mean `${{{known}}}`?"),
                None => format!("give it with --var {name}=value, in a --var-file, or as {ENVIRONMENT_PREFIX}{name}"),
            };
            (format!("the variable `{name}` has no value"), hint)
        })
    }
}

/// Letters, digits and `_`, no digit first.
pub(super) fn is_name(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[&str]) -> Variables {
        let mut variables = Variables::default();
        pairs
            .iter()
            .for_each(|pair| variables.assign(pair).unwrap());
        variables
    }

    #[test]
    fn what_a_variable_brings_in_is_not_looked_at_again() {
        let given = variables(&["A=${B}", "B=b"]);
        assert_eq!(given.expand("x${A}y${B}").unwrap(), "x${B}yb");
    }

    #[test]
    fn two_dollars_keep_the_braces() {
        assert_eq!(variables(&[]).expand("a$${NAME}$$").unwrap(), "a${NAME}$$");
        assert!(variables(&[]).expand("$${A}${B}").is_err());
    }

    #[test]
    fn the_command_line_comes_before_files_and_they_before_the_environment() {
        let mut all = Variables::from_environment([
            ("ROLEWRIGHT_VAR_A".into(), "environment".into()),
            ("ROLEWRIGHT_VAR_B".into(), "environment".into()),
            ("ROLEWRIGHT_VAR_C".into(), "environment".into()),
            ("HOME".into(), "/root".into()),
        ]);
        all.read_file(&Source {
            name: "v.yaml".into(),
            text: "A: file\nB: file\n".into(),
        })
        .unwrap();
        all.assign("A=given").unwrap();
        assert_eq!(
            all.expand("${A} ${B} ${C}").unwrap(),
            "given file environment"
        );
        assert!(all.expand("${HOME}").is_err());
    }

    #[test]
    fn an_assignment_has_a_name_and_an_equals_sign() {
        let mut none = Variables::default();
        assert_eq!(
            none.assign("A"),
            Err(VariableError::NoAssignment("A".into()))
        );
        assert_eq!(none.assign("1=x"), Err(VariableError::Name("1".into())));
        assert_eq!(none.assign("A=b=c"), Ok(()));
        assert_eq!(none.get("A"), Some("b=c"));
    }
}
