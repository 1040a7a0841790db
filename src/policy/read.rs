//! From nodes to typed values: each reader reports errors and continues.

use super::Problems;
use super::document::{Entry, Kind, Node, Value};
use super::problem::{closest, place, suggestion};
use crate::model::Origin;

/// A value with its place. `value` is `None` if it could not be read; the error was reported.
#[derive(Debug, Clone)]
pub(super) struct Located<T> {
    pub value: Option<T>,
    pub origin: Origin,
}

impl<T> Located<T> {
    pub fn new(value: T, origin: Origin) -> Self {
        Self {
            value: Some(value),
            origin,
        }
    }

    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }
}

/// The value of an optional key, if it is there and could be read.
pub(super) fn given<T>(field: &Option<Located<T>>) -> Option<&T> {
    field.as_ref().and_then(Located::get)
}

/// What can be read from a node.
pub(super) trait Read: Sized {
    /// Reads `node`; errors are added to `problems`, and `None` is returned if nothing could be read.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self>;

    /// Joins the value of a later file. `false`: the two contradict each other.
    fn join(&mut self, later: Self, problems: &mut Problems) -> bool;
}

impl<T: Read> Located<T> {
    pub fn read(node: &Node, problems: &mut Problems) -> Self {
        Self {
            value: T::read(node, problems),
            origin: node.origin.clone(),
        }
    }

    pub fn join(&mut self, later: Self, key: &str, problems: &mut Problems) {
        match (&mut self.value, later.value) {
            (Some(value), Some(more)) => {
                if !value.join(more, problems) {
                    problems.push_hint(
                        &later.origin,
                        format!("`{key}` contradicts {}", place(&self.origin)),
                        "files given together are one desired state: say it once",
                    );
                }
            }
            (value @ None, more) => *value = more,
            (Some(_), None) => {}
        }
    }
}

/// A key of a shape: required as `Located<T>`, optional as `Option<Located<T>>`.
pub(super) trait Field: Sized {
    fn take(found: Option<&Node>, key: &str, owner: &Origin, problems: &mut Problems) -> Self;
    fn join(&mut self, later: Self, key: &str, problems: &mut Problems);
}

impl<T: Read> Field for Option<Located<T>> {
    fn take(found: Option<&Node>, _: &str, _: &Origin, problems: &mut Problems) -> Self {
        found.map(|node| Located::read(node, problems))
    }

    fn join(&mut self, later: Self, key: &str, problems: &mut Problems) {
        match (self.as_mut(), later) {
            (Some(field), Some(more)) => field.join(more, key, problems),
            (None, more) => *self = more,
            (Some(_), None) => {}
        }
    }
}

impl<T: Read> Field for Located<T> {
    fn take(found: Option<&Node>, key: &str, owner: &Origin, problems: &mut Problems) -> Self {
        match found {
            Some(node) => Self::read(node, problems),
            None => {
                problems.push(owner, format!("`{key}` is missing"));
                Self {
                    value: None,
                    origin: owner.clone(),
                }
            }
        }
    }

    fn join(&mut self, later: Self, key: &str, problems: &mut Problems) {
        Self::join(self, later, key, problems);
    }
}

/// The entries of a map whose keys are fixed.
pub(super) struct Fields<'a> {
    origin: &'a Origin,
    entries: Vec<Entry<'a>>,
}

impl<'a> Fields<'a> {
    /// Opens the map at `node`, which may have the keys `known`.
    pub fn open(node: &'a Node, known: &[&str], problems: &mut Problems) -> Option<Self> {
        let mut entries = node.entries(problems)?;
        entries.retain(|entry| {
            let is_known = known.contains(&entry.key.as_str());
            if !is_known {
                let hint = match closest(&entry.key, ["password", "passwd", "password_hash"]) {
                    Some(_) => "passwords are generated and live in Secret Manager: give the role a `secret`".into(),
                    None => suggestion(&entry.key, known),
                };
                problems.push_hint(&entry.origin, format!("unknown key `{}`", entry.key), hint);
            }
            is_known
        });
        Some(Self {
            origin: &node.origin,
            entries,
        })
    }

    /// Reads the value of `key`.
    pub fn take<F: Field>(&self, key: &str, problems: &mut Problems) -> F {
        let found = self.entries.iter().find(|entry| entry.key == key);
        F::take(found.map(|entry| entry.value), key, self.origin, problems)
    }
}

/// A map from names to `T`, in the order of the file.
#[derive(Debug, Clone)]
pub(super) struct Named<T>(pub Vec<NamedEntry<T>>);

#[derive(Debug, Clone)]
pub(super) struct NamedEntry<T> {
    pub key: String,
    /// Of the key.
    pub origin: Origin,
    pub value: Located<T>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Read> Read for Named<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let entries = node.entries(problems)?;
        let read = |entry: Entry<'_>| NamedEntry {
            value: Located::read(entry.value, problems),
            key: entry.key,
            origin: entry.origin,
        };
        Some(Self(entries.into_iter().map(read).collect()))
    }

    fn join(&mut self, later: Self, problems: &mut Problems) -> bool {
        for more in later.0 {
            match self.0.iter_mut().find(|entry| entry.key == more.key) {
                Some(entry) => entry.value.join(more.value, &more.key, problems),
                None => self.0.push(more),
            }
        }
        true
    }
}

impl<T: Read> Read for Vec<Located<T>> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::List(items) => Some(
                items
                    .iter()
                    .map(|item| Located::read(item, problems))
                    .collect(),
            ),
            Value::Scalar(scalar) if scalar.kind() == Kind::Text => {
                let hint = format!("write [{}]", scalar.text);
                problems.push_hint(
                    &node.origin,
                    format!("expected a list, found {}", node.shown()),
                    hint,
                );
                None
            }
            _ => {
                node.expected("a list", problems);
                None
            }
        }
    }

    fn join(&mut self, later: Self, _: &mut Problems) -> bool {
        self.extend(later);
        true
    }
}

/// Either the name alone, or a map with the name and more.
#[derive(Debug, Clone)]
pub(super) struct Brief<T>(pub T);

/// What a bare name stands for.
pub(super) trait FromName {
    fn from_name(name: Located<String>) -> Self;
}

impl<T: Read + FromName> Read for Brief<T> {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Map(_) => T::read(node, problems).map(Self),
            Value::Scalar(_) => {
                let name = Located {
                    value: Some(String::read(node, problems)?),
                    origin: node.origin.clone(),
                };
                Some(Self(T::from_name(name)))
            }
            _ => {
                node.expected("a name or a map", problems);
                None
            }
        }
    }

    fn join(&mut self, later: Self, problems: &mut Problems) -> bool {
        self.0.join(later.0, problems)
    }
}
