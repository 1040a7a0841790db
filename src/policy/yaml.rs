//! YAML text to a tree of nodes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Spanned};

use super::document::{Node, Scalar, Value};
use super::variables::is_name;
use super::{Problems, Source};
use crate::model::Origin;

/// A policy of this size is no policy: a thousand roles need a tenth of it.
const MAX_BYTES: usize = 4 << 20;

/// Nodes that aliases may add to a document; a page of shared readers needs a hundred.
const MAX_ALIASED_NODES: usize = 20_000;

/// Parses one document.
pub(super) fn parse(source: &Source, problems: &mut Problems) -> Option<Node> {
    let start = Origin {
        file: source.name.clone(),
        line: 1,
        column: 1,
    };
    if source.text.len() > MAX_BYTES {
        problems.push(
            &start,
            format!(
                "{} bytes are too much for one file, the limit is {MAX_BYTES}",
                source.text.len()
            ),
        );
        return None;
    }
    if source
        .text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        problems.push(&start, "the file is empty");
        return None;
    }
    let (text, braces) = Braces::replace_in(&source.text);
    match serde_saphyr::from_str_with_options::<Raw>(&text, options()) {
        Ok(raw) => Some(raw.settle(source, braces)),
        Err(error) => {
            syntax_problem(source, &error, problems);
            None
        }
    }
}

/// What stands for the braces of `${NAME}` while the parser is at work: `{` and `}` would end a value in flow style. One
/// byte each, so that every place stays where it is.
#[derive(Clone, Copy)]
struct Braces(Option<(char, char)>);

impl Braces {
    /// Characters that end no plain scalar.
    const CANDIDATES: [(char, char); 4] = [('<', '>'), ('(', ')'), ('^', '^'), ('~', '~')];

    /// The text with other characters in place of the braces of each `${NAME}`: a pair that it has behind no dollar sign.
    fn replace_in(text: &str) -> (Cow<'_, str>, Self) {
        let free = |(open, _): &(char, char)| !text.contains(&format!("${open}"));
        let Some((open, close)) = Self::CANDIDATES
            .into_iter()
            .find(free)
            .filter(|_| text.contains("${"))
        else {
            return (Cow::Borrowed(text), Self(None));
        };
        let mut replaced = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, reference)) = rest.split_once("${") {
            replaced.push_str(before);
            match reference.split_once('}').filter(|(name, _)| is_name(name)) {
                Some((name, after)) => {
                    replaced.extend(['$', open].into_iter().chain(name.chars()).chain([close]));
                    rest = after;
                }
                None => {
                    replaced.push_str("${");
                    rest = reference;
                }
            }
        }
        replaced.push_str(rest);
        (Cow::Owned(replaced), Self(Some((open, close))))
    }

    /// A scalar with its braces again.
    fn restore(self, text: String) -> String {
        let Some((open, close)) = self.0 else {
            return text;
        };
        let mut restored = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(at) = rest.find(&format!("${open}")) {
            let reference = &rest[at + 2..];
            let Some((name, after)) = reference.split_once(close) else {
                break;
            };
            restored.extend([&rest[..at], "${", name, "}"]);
            rest = after;
        }
        restored + rest
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        emit_comments: false,
        reject_unsupported_tags: true,
        // Every pair is passed on, so that all duplicate and merge keys are reported here, not only the first.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_ALIASED_NODES },
    }
}

fn syntax_problem(source: &Source, error: &Error, problems: &mut Problems) {
    let (line, column) = error
        .location()
        .map_or((1, 1), |at| (at.line() as usize, at.column() as usize));
    let origin = |line, column| Origin {
        file: source.name.clone(),
        line,
        column,
    };
    // The parser trips over a tab only after the line before it.
    for number in [line, line + 1] {
        let text = source.text.lines().nth(number - 1).unwrap_or_default();
        let indentation = &text[..text.len() - text.trim_start().len()];
        if let Some(tab) = indentation.find('\t') {
            let message = "invalid YAML: a tab in the indentation";
            return problems.push_hint(&origin(number, tab + 1), message, "indent with spaces");
        }
    }
    let message = format!("invalid YAML: {}", syntax_message(error));
    let text = source.text.lines().nth(line - 1).unwrap_or_default();
    match message.contains("flow") && text.contains("${") {
        true => problems.push_hint(
            &origin(line, column),
            message,
            "inside `{ }` and `[ ]` a value with `${…}` needs quotes: \"…${NAME}\"",
        ),
        false => problems.push(&origin(line, column), message),
    }
}

fn syntax_message(error: &Error) -> String {
    match error {
        Error::MultipleDocuments { .. } => "a second document; one file holds one".into(),
        Error::AliasReplayLimitExceeded { .. } => {
            format!("aliases (`*name`) stand for more than {MAX_ALIASED_NODES} values")
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "an alias inside the value it stands for".into()
        }
        Error::AliasError { error, .. } => syntax_message(error),
        Error::ExternalMessage { msg, .. } | Error::Message { msg, .. } => msg.clone(),
        Error::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => "the document is nested too deep".into(),
        Error::Budget { .. } => "the document is too large".into(),
        other => {
            let text = other.to_string();
            text.rsplit_once(" at line ")
                .map_or(text.clone(), |(message, _)| message.to_owned())
        }
    }
}

/// A node as it comes from the parser.
struct Raw(Spanned<RawValue>);

enum RawValue {
    Scalar { text: Option<String> },
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

impl Raw {
    fn settle(self, source: &Source, braces: Braces) -> Node {
        let at = self.0.defined;
        let origin = Origin {
            file: source.name.clone(),
            line: at.line() as usize,
            column: at.column() as usize,
        };
        let value = match self.0.value {
            RawValue::List(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| item.settle(source, braces))
                    .collect(),
            ),
            RawValue::Map(pairs) => {
                let pairs = pairs.into_iter();
                Value::Map(
                    pairs
                        .map(|(key, value)| {
                            (key.settle(source, braces), value.settle(source, braces))
                        })
                        .collect(),
                )
            }
            RawValue::Scalar { text } => {
                let start = at.span().byte_offset().unwrap_or_default() as usize;
                let end = start + at.span().byte_len().unwrap_or_default() as usize;
                let written = source.text.get(start..end).unwrap_or_default();
                let plain = !written.starts_with(['"', '\'']);
                // Numbers and booleans are taken from the file itself: `1.10` is not `1.1`.
                let text = text.map_or_else(|| written.to_owned(), |text| braces.restore(text));
                Value::Scalar(Scalar { text, plain })
            }
        };
        Node { origin, value }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Scalar { text: None })
    }

    fn visit_bool<E>(self, _: bool) -> Result<RawValue, E> {
        Ok(RawValue::Scalar { text: None })
    }

    fn visit_i64<E>(self, _: i64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar { text: None })
    }

    fn visit_u64<E>(self, _: u64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar { text: None })
    }

    fn visit_f64<E>(self, _: f64) -> Result<RawValue, E> {
        Ok(RawValue::Scalar { text: None })
    }

    fn visit_str<E>(self, text: &str) -> Result<RawValue, E> {
        Ok(RawValue::Scalar {
            text: Some(text.to_owned()),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RawValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(RawValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawValue, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(RawValue::Map(pairs))
    }
}
