//! Readers of scalars.

use super::Problems;
use super::document::{Kind, Node, Scalar, Value};
use super::problem::{list, suggestion};
use super::read::Read;

impl Read for String {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Value::Scalar(scalar) = &node.value else {
            node.expected("text", problems);
            return None;
        };
        match scalar.kind() {
            Kind::Text => return Some(scalar.text.clone()),
            Kind::Null => node.expected("text", problems),
            Kind::Flag(_) | Kind::Integer(_) | Kind::Number | Kind::OldFlag => problems.push_hint(
                &node.origin,
                format!("expected text, found {}", node.shown()),
                format!("if it is meant, quote it: \"{}\"", scalar.text),
            ),
        }
        None
    }

    fn join(&mut self, later: Self, _: &mut Problems) -> bool {
        *self == later
    }
}

impl Read for i64 {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        typed(node, "a whole number", problems, |kind| match kind {
            Kind::Integer(integer) => Some(integer),
            _ => None,
        })
    }

    fn join(&mut self, later: Self, _: &mut Problems) -> bool {
        *self == later
    }
}

impl Read for bool {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        typed(node, "`true` or `false`", problems, |kind| match kind {
            Kind::Flag(flag) => Some(flag),
            _ => None,
        })
    }

    fn join(&mut self, later: Self, _: &mut Problems) -> bool {
        *self == later
    }
}

/// Any scalar but null, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AnyScalar(pub String);

impl Read for AnyScalar {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Value::Scalar(scalar) = &node.value
            && scalar.kind() != Kind::Null
        {
            return Some(Self(scalar.text.clone()));
        }
        node.expected("a value", problems);
        None
    }

    fn join(&mut self, later: Self, _: &mut Problems) -> bool {
        *self == later
    }
}

/// Reads a scalar of one kind; the quotes that make it text are pointed out.
fn typed<T>(
    node: &Node,
    wanted: &str,
    problems: &mut Problems,
    pick: fn(Kind) -> Option<T>,
) -> Option<T> {
    let Value::Scalar(scalar) = &node.value else {
        node.expected(wanted, problems);
        return None;
    };
    let found = pick(scalar.kind());
    if found.is_none() {
        let bare = Scalar {
            plain: true,
            ..scalar.clone()
        };
        let message = format!("expected {wanted}, found {}", node.shown());
        match pick(bare.kind()) {
            Some(_) => problems.push_hint(&node.origin, message, "write it without quotes"),
            None => problems.push(&node.origin, message),
        }
    }
    found
}

/// A closed set of words, each standing for a value.
pub(super) trait Word: Copy + PartialEq + 'static {
    const WORDS: &'static [(&'static str, Self)];

    /// The value that `text` stands for.
    fn from_word(text: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
    }

    /// The word that stands for the value.
    fn as_word(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, value)| *value == self)
            .map_or("", |(word, _)| word)
    }

    /// The words alone.
    fn words() -> Vec<&'static str> {
        Self::WORDS.iter().map(|(word, _)| *word).collect()
    }
}

/// Reads one of a closed set of words.
pub(super) fn word<T: Word>(node: &Node, problems: &mut Problems) -> Option<T> {
    match &node.value {
        Value::Scalar(scalar) if scalar.kind() != Kind::Null => {
            let found = T::from_word(&scalar.text);
            if found.is_none() {
                let hint = suggestion(&scalar.text, &T::words());
                problems.push_hint(
                    &node.origin,
                    format!("unknown value `{}`", scalar.text),
                    hint,
                );
            }
            found
        }
        _ => {
            node.expected(&format!("one of {}", list(&T::words())), problems);
            None
        }
    }
}
