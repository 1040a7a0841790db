//! A tree of nodes that know their place: YAML's own notions, and nothing of policies.

use std::collections::HashMap;

use super::Problems;
use super::problem::place;
use crate::model::Origin;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub origin: Origin,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    /// Told already.
    Broken,
}

/// A scalar as written. Its type follows from its text where it stands without quotes, so that a variable can change it.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub text: String,
    pub plain: bool,
}

/// What YAML takes a scalar for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Flag(bool),
    Integer(i64),
    /// Any other number, exact only as text.
    Number,
    /// A boolean to YAML 1.1 and a text to YAML 1.2.
    OldFlag,
    Text,
}

impl Scalar {
    /// The type by the core schema, <https://yaml.org/spec/1.2.2/#103-core-schema>.
    pub fn kind(&self) -> Kind {
        if !self.plain {
            return Kind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" => Kind::Flag(true),
            "false" | "False" | "FALSE" => Kind::Flag(false),
            text if ["yes", "no", "on", "off"]
                .iter()
                .any(|word| text.eq_ignore_ascii_case(word)) =>
            {
                Kind::OldFlag
            }
            text => number(text),
        }
    }
}

fn number(text: &str) -> Kind {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let based = ["0x", "0o", "0b"]
        .iter()
        .any(|base| digits.starts_with(base));
    let grouped = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.contains('_');
    match text.parse() {
        Ok(integer) if decimal && (digits == "0" || !digits.starts_with('0')) => {
            Kind::Integer(integer)
        }
        _ if decimal
            || digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
                && text.parse::<f64>().is_ok() =>
        {
            Kind::Number
        }
        _ if based && u64::from_str_radix(&digits[2..], 16).is_ok() => Kind::Number,
        _ if grouped
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'_') =>
        {
            Kind::Number
        }
        _ if [".nan", ".inf"]
            .iter()
            .any(|word| digits.eq_ignore_ascii_case(word)) =>
        {
            Kind::Number
        }
        _ => Kind::Text,
    }
}

/// One key of a map with its value.
pub(super) struct Entry<'a> {
    pub key: String,
    pub origin: Origin,
    pub value: &'a Node,
}

impl Node {
    /// What the node is, for `expected …, found …`.
    pub fn shown(&self) -> String {
        match &self.value {
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
            Value::Broken => "something broken".into(),
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Null => "nothing".into(),
                Kind::Flag(_) | Kind::OldFlag => format!("the boolean `{}`", scalar.text),
                Kind::Integer(_) | Kind::Number => format!("the number `{}`", scalar.text),
                Kind::Text => format!("the text `{}`", scalar.text),
            },
        }
    }

    /// Says what should have stood here.
    pub fn expected(&self, wanted: &str, problems: &mut Problems) {
        if !matches!(self.value, Value::Broken) {
            problems.push(
                &self.origin,
                format!("expected {wanted}, found {}", self.shown()),
            );
        }
    }

    /// The entries of a map, each key once.
    pub fn entries(&self, problems: &mut Problems) -> Option<Vec<Entry<'_>>> {
        let Value::Map(pairs) = &self.value else {
            self.expected("a map", problems);
            return None;
        };
        let mut seen = HashMap::new();
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Some(text) = key.as_key(problems) else {
                continue;
            };
            match seen.insert(text, &key.origin) {
                Some(first) => problems.push(
                    &key.origin,
                    format!("duplicate key `{text}`, first at {}", place(first)),
                ),
                None => entries.push(Entry {
                    key: text.to_owned(),
                    origin: key.origin.clone(),
                    value,
                }),
            }
        }
        Some(entries)
    }

    fn as_key(&self, problems: &mut Problems) -> Option<&str> {
        let Value::Scalar(scalar) = &self.value else {
            problems.push(&self.origin, format!("a key is text, not {}", self.shown()));
            return None;
        };
        match scalar.kind() {
            Kind::Text if scalar.text == "<<" && scalar.plain => problems.push_hint(
                &self.origin,
                "merge keys (`<<`) are no part of YAML 1.2",
                "write the keys out; whole values can be shared with `&name` and `*name`",
            ),
            Kind::Text if scalar.text.contains("${") => problems.push_hint(
                &self.origin,
                format!("`{}`: variables stand in values only", scalar.text),
                "write the key out",
            ),
            Kind::Text => return Some(&scalar.text),
            Kind::Null => problems.push(&self.origin, "a key is missing"),
            _ => problems.push_hint(
                &self.origin,
                format!("a key is text, not {}", self.shown()),
                format!("quote it: \"{}\"", scalar.text),
            ),
        }
        None
    }
}
