//! Where a secret's payloads live; fixed when the secret is made.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::error::ApiError;

/// A replication policy that was found valid.
#[derive(Clone)]
pub struct Replication(Value);

impl Replication {
    /// # Errors
    /// 400 unless exactly one kind is given, with different locations if it is user managed.
    pub fn read(given: Option<&Value>) -> Result<Self, ApiError> {
        let required = || ApiError::invalid("Field [replication] is required.");
        let given = given.ok_or_else(required)?;
        match (given.get("automatic"), given.get("userManaged")) {
            (Some(_), None) => {}
            (None, Some(user_managed)) => check_replicas(user_managed)?,
            (None, None) => return Err(required()),
            (Some(_), Some(_)) => {
                return Err(ApiError::malformed(
                    "secret.replication",
                    "Invalid value at 'secret.replication' (oneof), oneof field 'replication' is already set. \
                     Cannot set 'userManaged'",
                ));
            }
        }
        Ok(Self(given.clone()))
    }

    pub fn json(&self) -> Value {
        self.0.clone()
    }

    /// The `replicationStatus` of a version: the same form, with the version of the key in place of the key.
    pub fn status(&self) -> Value {
        let with_key = |given: &Value, mut status: Value| {
            if let Some(key) = given["customerManagedEncryption"]["kmsKeyName"].as_str() {
                let version = format!("{key}/cryptoKeyVersions/1");
                status["customerManagedEncryption"] = json!({ "kmsKeyVersionName": version });
            }
            status
        };
        match self.0["userManaged"]["replicas"].as_array() {
            None => json!({ "automatic": with_key(&self.0["automatic"], json!({})) }),
            Some(replicas) => {
                let status =
                    |replica| with_key(replica, json!({ "location": replica["location"] }));
                json!({ "userManaged": { "replicas": replicas.iter().map(status).collect::<Vec<_>>() } })
            }
        }
    }
}

fn check_replicas(user_managed: &Value) -> Result<(), ApiError> {
    let replicas = user_managed["replicas"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let locations: BTreeSet<&str> = replicas
        .iter()
        .filter_map(|r| r["location"].as_str())
        .collect();
    if locations.is_empty() || locations.contains("") {
        return Err(ApiError::invalid(
            "User managed replication policies must specify at least one location.",
        ));
    }
    match locations.len() == replicas.len() {
        true => Ok(()),
        false => Err(ApiError::invalid(
            "User managed replication policies must not specify a location more than once.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_kind_with_different_locations() {
        let read = |given: Value| Replication::read(Some(&given)).is_ok();
        assert!(read(json!({"automatic": {}})));
        assert!(read(
            json!({"userManaged": {"replicas": [{"location": "us-east1"}, {"location": "us-west1"}]}})
        ));
        assert!(Replication::read(None).is_err());
        assert!(!read(json!({})));
        assert!(!read(json!({"userManaged": {}})));
        assert!(!read(
            json!({"userManaged": {"replicas": [{"location": "us-east1"}, {"location": "us-east1"}]}})
        ));
        assert!(!read(
            json!({"automatic": {}, "userManaged": {"replicas": [{"location": "us-east1"}]}})
        ));
    }

    #[test]
    fn the_status_has_the_form_of_the_policy() {
        let given = json!({"userManaged": {"replicas": [{"location": "us-east1"}]}});
        let replication = Replication::read(Some(&given)).ok().map(|r| r.status());
        assert_eq!(replication, Some(given));
    }
}
