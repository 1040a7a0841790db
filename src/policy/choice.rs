//! The shapes of the YAML that are a choice: words, or one of several forms.

use schemars::JsonSchema;

use super::Problems;
use super::document::{Node, Value};
use super::file::{CloudRun, List};
use super::problem::suggestion;
use super::read::{Located, Named, NamedEntry, Read};
use super::scalar::Word;
use super::shape::words;
use crate::model::{LoginPolicy, Preset, PublicAccess, Strategy};

/// `state:`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Present,
    Absent,
}

words!(Preset { "ddl" => Preset::Ddl, "dml" => Preset::Dml, "read" => Preset::Read, });
words!(PublicAccess { "none" => PublicAccess::None, "keep" => PublicAccess::Keep, });
words!(Strategy { "single" => Strategy::Single, "alternate" => Strategy::Alternate, });
words!(LoginPolicy { "external" => LoginPolicy::External, });
words!(Presence { "present" => Presence::Present, "absent" => Presence::Absent, });

/// `version:`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version;

impl Read for Version {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match i64::read(node, problems)? {
            1 => Some(Self),
            other => {
                problems.push_hint(
                    &node.origin,
                    format!("version {other} of the policy format is unknown"),
                    "this program reads version 1",
                );
                None
            }
        }
    }

    fn join(&mut self, _: Self, _: &mut Problems) -> bool {
        true
    }
}

/// `access:`, one entry per preset and schema.
#[derive(Debug, Clone)]
pub(super) struct AccessList(pub Vec<AccessEntry>);

/// A preset on a schema; `None`: on every schema of the file.
#[derive(Debug, Clone)]
pub(super) struct AccessEntry {
    pub preset: Located<Preset>,
    pub schema: Option<Located<String>>,
}

impl Read for AccessList {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if !matches!(node.value, Value::Map(_)) {
            let preset = Located::new(Preset::read(node, problems)?, node.origin.clone());
            return Some(Self(vec![AccessEntry {
                preset,
                schema: None,
            }]));
        }
        let mut entries = Vec::new();
        for NamedEntry { key, origin, value } in Named::<List<String>>::read(node, problems)?.0 {
            let Some(preset) = Preset::from_word(&key) else {
                problems.push_hint(
                    &origin,
                    format!("unknown preset `{key}`"),
                    suggestion(&key, &Preset::words()),
                );
                continue;
            };
            let schemas = value.value.unwrap_or_default();
            entries.extend(schemas.into_iter().map(|schema| AccessEntry {
                preset: Located::new(preset, origin.clone()),
                schema: Some(schema),
            }));
        }
        Some(Self(entries))
    }

    fn join(&mut self, later: Self, _: &mut Problems) -> bool {
        self.0.extend(later.0);
        true
    }
}

/// `readers:`, one entry.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(super) enum Reader {
    /// An IAM member: `serviceAccount:…`, `user:…`, `group:…`, `principal://…` or `principalSet://…`.
    Member(String),
    /// What runs on Cloud Run.
    CloudRun(CloudRun),
}

impl Read for Reader {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Map(_) => CloudRun::read(node, problems).map(Self::CloudRun),
            _ => String::read(node, problems).map(Self::Member),
        }
    }

    fn join(&mut self, _: Self, _: &mut Problems) -> bool {
        true
    }
}

/// `replication:`
#[derive(Debug, Clone)]
pub(super) enum Replication {
    Automatic,
    Regions(List<String>),
}

impl Read for Replication {
    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::List(_) => List::<String>::read(node, problems).map(Self::Regions),
            Value::Scalar(scalar) if scalar.text == "automatic" => Some(Self::Automatic),
            _ => {
                node.expected("`automatic` or a list of regions", problems);
                None
            }
        }
    }

    fn join(&mut self, later: Self, _: &mut Problems) -> bool {
        match (self, later) {
            (Self::Automatic, Self::Automatic) => true,
            (Self::Regions(regions), Self::Regions(more)) => regions
                .iter()
                .map(Located::get)
                .eq(more.iter().map(Located::get)),
            _ => false,
        }
    }
}
