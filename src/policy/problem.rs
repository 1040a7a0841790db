//! Errors in policy files, collected, so that one run reports all of them.

use std::fmt;

use crate::model::{NameError, Origin};

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The key or value it is about.
    pub origin: Origin,
    /// What is wrong with it.
    pub message: String,
    /// The likely fix.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    /// `file:line:col: message`, and the hint on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", place(&self.origin), self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with the files that were read together, sorted by place, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl Problems {
    pub(super) fn push(&mut self, origin: &Origin, message: impl Into<String>) {
        self.0.push(Problem {
            origin: origin.clone(),
            message: message.into(),
            hint: None,
        });
    }

    pub(super) fn push_hint(
        &mut self,
        origin: &Origin,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.0.push(Problem {
            origin: origin.clone(),
            message: message.into(),
            hint: Some(hint.into()),
        });
    }

    /// Keeps the name of a check that can fail.
    pub(super) fn keep<T>(&mut self, origin: &Origin, checked: Result<T, NameError>) -> Option<T> {
        let told = |error: NameError| match error.hint() {
            Some(hint) => self.push_hint(origin, error.to_string(), hint),
            None => self.push(origin, error.to_string()),
        };
        checked.map_err(told).ok()
    }

    /// Puts the problems in order; none is `Ok`.
    pub(super) fn finish(mut self) -> Result<(), Self> {
        self.0.sort();
        self.0.dedup();
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// `file:line:col`.
pub(super) fn place(origin: &Origin) -> String {
    format!("{}:{}:{}", origin.file, origin.line, origin.column)
}

/// The one of `words` that `wrong` was probably meant to be.
pub(super) fn closest<'a>(
    wrong: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let folded = wrong.to_lowercase();
    let length = folded.chars().count();
    words
        .into_iter()
        // The table that the distance is computed in is as large as the product of the lengths.
        .filter(|word| word.chars().count().abs_diff(length) <= allowed(word))
        .map(|word| {
            (
                strsim::damerau_levenshtein(&folded, &word.to_lowercase()),
                word,
            )
        })
        .filter(|(distance, word)| *distance <= allowed(word) && *distance < word.len())
        .min()
        .map(|(_, word)| word)
}

/// How many letters of `word` may be wrong.
fn allowed(word: &str) -> usize {
    (word.len() / 3).max(1)
}

/// `did you mean …?`, or failing that the words there are.
pub(super) fn suggestion(wrong: &str, words: &[&str]) -> String {
    match closest(wrong, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None => format!("one of {}", list(words)),
    }
}

/// Words in backticks, separated by commas.
pub(super) fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
