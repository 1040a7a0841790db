//! The part of a secret that updates can change.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::clock::rfc3339;
use super::super::error::ApiError;
use super::super::secret_name::SecretName;
use super::input::SecretInput;
use super::rules;

/// What `updateMask` may name. Naming an output-only or immutable field is an error.
pub const UPDATABLE: [&str; 10] = [
    "annotations",
    "expireTime",
    "labels",
    "rotation",
    "rotation.nextRotationTime",
    "rotation.rotationPeriod",
    "topics",
    "ttl",
    "versionAliases",
    "versionDestroyTtl",
];

#[derive(Clone, Default)]
pub struct Settings {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub topics: Vec<String>,
    pub expire_time: Option<Timestamp>,
    pub next_rotation_time: Option<Timestamp>,
    pub rotation_period: Option<String>,
    pub version_aliases: BTreeMap<String, i64>,
    pub version_destroy_ttl: Option<SignedDuration>,
}

/// What the rules of a setting refer to besides the setting.
pub struct Bounds<'a> {
    pub name: &'a SecretName,
    pub newest: i64,
    pub now: Timestamp,
}

impl Settings {
    /// The settings of a new secret.
    pub fn create(input: &SecretInput, bounds: &Bounds<'_>) -> Result<Self, ApiError> {
        let expiration = if input.ttl.is_some() {
            "ttl"
        } else {
            "expireTime"
        };
        let fields = [
            "annotations",
            "labels",
            "topics",
            "rotation",
            expiration,
            "versionAliases",
            "versionDestroyTtl",
        ];
        Self::default().updated(&fields, input, bounds)
    }

    /// These settings with `fields` as the input has them.
    pub fn updated(
        &self,
        fields: &[impl AsRef<str>],
        input: &SecretInput,
        bounds: &Bounds<'_>,
    ) -> Result<Self, ApiError> {
        let mut settings = self.clone();
        for field in fields {
            settings.set(field.as_ref(), input, bounds)?;
        }
        rules::rotation(&settings)?;
        Ok(settings)
    }

    fn set(
        &mut self,
        field: &str,
        input: &SecretInput,
        bounds: &Bounds<'_>,
    ) -> Result<(), ApiError> {
        let rotation = input.rotation.clone().unwrap_or_default();
        match field {
            "annotations" => self.annotations = rules::annotations(&input.annotations)?,
            "labels" => self.labels = rules::labels(&input.labels)?,
            "topics" => self.topics = rules::topics(&input.topics)?,
            "expireTime" => self.expire_time = rules::expire_time(input.expire_time, bounds.now)?,
            "ttl" => self.expire_time = rules::ttl(input.ttl.as_deref(), bounds.now)?,
            "rotation" => {
                self.next_rotation_time =
                    rules::next_rotation(rotation.next_rotation_time, bounds.now)?;
                self.rotation_period = rules::rotation_period(rotation.rotation_period)?;
            }
            "rotation.nextRotationTime" => {
                self.next_rotation_time =
                    rules::next_rotation(rotation.next_rotation_time, bounds.now)?;
            }
            "rotation.rotationPeriod" => {
                self.rotation_period = rules::rotation_period(rotation.rotation_period)?
            }
            "versionAliases" => {
                self.version_aliases = rules::aliases(&input.version_aliases, bounds)?
            }
            "versionDestroyTtl" => {
                self.version_destroy_ttl =
                    rules::destroy_ttl(input.version_destroy_ttl.as_deref())?;
            }
            unknown => unreachable!("`{unknown}` is in `UPDATABLE` and has no setting"),
        }
        Ok(())
    }

    /// Adds the settings to the JSON of the secret; what is empty is left out, as in proto3 JSON.
    pub fn write(&self, secret: &mut Value) {
        // 64-bit integers are strings in proto3 JSON.
        let aliases = self.version_aliases.iter();
        let aliases: BTreeMap<_, _> = aliases.map(|(alias, n)| (alias, n.to_string())).collect();
        let topics: Vec<Value> = self
            .topics
            .iter()
            .map(|name| json!({ "name": name }))
            .collect();
        let mut rotation = json!({});
        if let Some(time) = self.next_rotation_time {
            rotation["nextRotationTime"] = json!(rfc3339(time));
        }
        if let Some(period) = &self.rotation_period {
            rotation["rotationPeriod"] = json!(period);
        }
        let destroy_ttl = self
            .version_destroy_ttl
            .map(|ttl| format!("{}s", ttl.as_secs()));
        for (field, value) in [
            ("labels", json!(self.labels)),
            ("annotations", json!(self.annotations)),
            ("topics", json!(topics)),
            ("versionAliases", json!(aliases)),
            ("rotation", rotation),
            ("expireTime", json!(self.expire_time.map(rfc3339))),
            ("versionDestroyTtl", json!(destroy_ttl)),
        ] {
            let empty = match &value {
                Value::Object(map) => map.is_empty(),
                Value::Array(list) => list.is_empty(),
                value => value.is_null(),
            };
            if !empty {
                secret[field] = value;
            }
        }
    }
}
