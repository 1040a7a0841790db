//! The `Secret` message of a request body.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::call::Call;
use super::super::enums::SECRET_TYPE;
use super::super::error::ApiError;
use super::super::shape::Shape;

const CMEK: Shape = Shape::Message(&[("kmsKeyName", Shape::Str)]);

const REPLICATION: Shape = Shape::Message(&[
    (
        "automatic",
        Shape::Message(&[("customerManagedEncryption", CMEK)]),
    ),
    (
        "userManaged",
        Shape::Message(&[(
            "replicas",
            Shape::List(&Shape::Message(&[
                ("location", Shape::Str),
                ("customerManagedEncryption", CMEK),
            ])),
        )]),
    ),
]);

const SECRET: Shape = Shape::Message(&[
    ("name", Shape::Str),
    ("createTime", Shape::Timestamp),
    ("etag", Shape::Str),
    ("replication", REPLICATION),
    ("labels", Shape::MapOf(&Shape::Str)),
    ("annotations", Shape::MapOf(&Shape::Str)),
    (
        "topics",
        Shape::List(&Shape::Message(&[("name", Shape::Str)])),
    ),
    ("expireTime", Shape::Timestamp),
    ("ttl", Shape::Duration),
    (
        "rotation",
        Shape::Message(&[
            ("nextRotationTime", Shape::Timestamp),
            ("rotationPeriod", Shape::Duration),
        ]),
    ),
    ("versionAliases", Shape::MapOf(&Shape::Int64)),
    ("versionDestroyTtl", Shape::Duration),
    ("customerManagedEncryption", CMEK),
    ("tags", Shape::MapOf(&Shape::Str)),
    ("secretType", Shape::Enum(&SECRET_TYPE)),
]);

/// What a client may say of a secret. `name` and `createTime` are output only and not looked at; tags bind to
/// resources that this fake does not have.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretInput {
    pub etag: String,
    pub replication: Option<Value>,
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub topics: Vec<Topic>,
    pub expire_time: Option<Timestamp>,
    pub ttl: Option<String>,
    pub rotation: Option<RotationInput>,
    pub version_aliases: BTreeMap<String, i64>,
    pub version_destroy_ttl: Option<String>,
    pub secret_type: Option<String>,
    customer_managed_encryption: Option<Value>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Topic {
    pub name: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RotationInput {
    pub next_rotation_time: Option<Timestamp>,
    pub rotation_period: Option<String>,
}

impl SecretInput {
    pub fn read(call: &Call) -> Result<Self, ApiError> {
        let body = call.body(&SECRET, "secret")?;
        let input: Self = serde_json::from_value(body).map_err(|error| {
            ApiError::malformed("secret", format!("Invalid value at 'secret', {error}"))
        })?;
        if input.expire_time.is_some() && input.ttl.is_some() {
            return Err(ApiError::malformed(
                "secret",
                "Invalid value at 'secret' (oneof), oneof field 'expiration' is already set. Cannot set 'ttl'",
            ));
        }
        if input.customer_managed_encryption.is_some() {
            return Err(ApiError::invalid(
                "Field [customer_managed_encryption] is only supported for regional secrets.",
            ));
        }
        Ok(input)
    }
}
