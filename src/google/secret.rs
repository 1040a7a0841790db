//! Secrets: what they are, made and updated.
//! <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets>

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::http::{Request, Service};
use super::wire::Int64;
use super::{Call, Google, GoogleError, Operation};
use crate::model::{Binding, Replication, Secret, SecretName, Version};

/// What to write on a secret; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecretUpdate {
    /// All annotations.
    pub annotations: Option<BTreeMap<String, String>>,
    /// All version aliases.
    pub aliases: Option<BTreeMap<String, i64>>,
    /// All labels.
    pub labels: Option<BTreeMap<String, String>>,
}

/// A secret without its versions and policy.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    // Without an etag no update could be guarded: better no secret than such a one.
    etag: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    version_aliases: BTreeMap<String, Int64>,
    #[serde(default)]
    secret_type: String,
}

impl Metadata {
    fn secret(self, name: &SecretName, versions: Vec<Version>, bindings: Option<Vec<Binding>>) -> Secret {
        Secret {
            name: name.clone(),
            etag: self.etag,
            labels: self.labels,
            annotations: self.annotations,
            aliases: self.version_aliases.into_iter().map(|(alias, Int64(number))| (alias, number)).collect(),
            versions,
            bindings,
            managed_rotation: self.secret_type == "CLOUD_SQL_DB_CREDENTIALS",
        }
    }
}

impl Google {
    /// The secret with all its versions and, where they may be read, its bindings; `None` where there is none. Reads no
    /// payload.
    ///
    /// # Errors
    /// Refused or unreachable.
    pub async fn secret(&self, name: &SecretName) -> Result<Option<Secret>, GoogleError> {
        let (metadata, versions, bindings) =
            tokio::join!(self.metadata(name), self.versions(name), self.bindings(name));
        let Some(metadata) = metadata? else {
            return Ok(None);
        };
        let bindings = match bindings {
            Err(error) if error.is_permission_denied() => None,
            bindings => Some(bindings?),
        };
        Ok(Some(metadata.secret(name, versions?, bindings)))
    }

    /// Makes a secret without a version.
    ///
    /// # Errors
    /// [`GoogleError::is_already_exists`]; [`GoogleError::is_ambiguous`] where it may have been made.
    pub async fn create_secret(
        &self,
        name: &SecretName,
        replication: &Replication,
        labels: &BTreeMap<String, String>,
        annotations: &BTreeMap<String, String>,
    ) -> Result<Secret, GoogleError> {
        let body = json!({
            "replication": replication_json(replication),
            "labels": labels,
            "annotations": annotations,
        });
        let path = ["v1", "projects", name.project.as_str(), "secrets"].map(String::from).into();
        let call = secret_call(Operation::CreateSecret, name);
        let mut request = Request::post(call, Service::SecretManager, path, body.to_string());
        request.query.push(("secretId", name.id.to_string()));
        let created = match self.http.json::<Metadata>(&request).await {
            Err(error) if error.is_ambiguous() => match self.metadata(name).await {
                // The answer was lost, but not the secret: it says what ours was to say.
                Ok(Some(found)) if found.annotations == *annotations && found.labels == *labels => found,
                _ => return Err(error),
            },
            created => created?,
        };
        Ok(created.secret(name, Vec::new(), Some(Vec::new())))
    }

    /// Writes `update` in one call, on the secret as it was when its `etag` was read, and returns the new etag.
    ///
    /// # Errors
    /// [`GoogleError::is_stale`] where it has changed since; [`GoogleError::is_ambiguous`] where nobody knows.
    pub async fn update_secret(
        &self,
        name: &SecretName,
        etag: &str,
        update: &SecretUpdate,
    ) -> Result<String, GoogleError> {
        let request = update_request(name, etag, update);
        let lost = match self.http.json::<Metadata>(&request).await {
            Err(error) if error.is_ambiguous() => error,
            updated => return Ok(updated?.etag),
        };
        match self.metadata(name).await {
            Ok(Some(found)) if update.holds_in(&found) => Ok(found.etag),
            Ok(Some(found)) if found.etag == etag => Ok(self.http.json::<Metadata>(&request).await?.etag),
            _ => Err(lost),
        }
    }

    async fn metadata(&self, name: &SecretName) -> Result<Option<Metadata>, GoogleError> {
        let call = secret_call(Operation::GetSecret, name);
        let request = Request::get(call, Service::SecretManager, secret_path(name, ""));
        match self.http.json(&request).await {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }
}

impl SecretUpdate {
    fn holds_in(&self, found: &Metadata) -> bool {
        let Self { annotations, aliases, labels } = self;
        let found_aliases = || found.version_aliases.iter().map(|(alias, Int64(number))| (alias, number));
        annotations.as_ref().is_none_or(|wanted| *wanted == found.annotations)
            && aliases.as_ref().is_none_or(|wanted| wanted.iter().eq(found_aliases()))
            && labels.as_ref().is_none_or(|wanted| *wanted == found.labels)
    }
}

/// The body of a PATCH; what is not in the mask is not in the body either.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Patch<'a> {
    name: String,
    etag: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_aliases: Option<BTreeMap<&'a str, Int64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a BTreeMap<String, String>>,
}

fn update_request(name: &SecretName, etag: &str, update: &SecretUpdate) -> Request {
    let SecretUpdate { annotations, aliases, labels } = update;
    let masked =
        [("annotations", annotations.is_some()), ("versionAliases", aliases.is_some()), ("labels", labels.is_some())];
    let mask: Vec<_> = masked.iter().filter(|(_, given)| *given).map(|(field, _)| *field).collect();
    let patch = Patch {
        name: name.to_string(),
        etag,
        annotations: annotations.as_ref(),
        version_aliases: aliases
            .as_ref()
            .map(|aliases| aliases.iter().map(|(alias, number)| (alias.as_str(), Int64(*number))).collect()),
        labels: labels.as_ref(),
    };
    let body = serde_json::to_vec(&patch).expect("maps with string keys");
    let call = secret_call(Operation::UpdateSecret, name);
    let mut request = Request::post(call, Service::SecretManager, secret_path(name, ""), body);
    request.method = Method::PATCH;
    request.query.push(("updateMask", mask.join(",")));
    request
}

fn replication_json(replication: &Replication) -> serde_json::Value {
    match replication {
        Replication::Automatic => json!({ "automatic": {} }),
        Replication::Regions(regions) => {
            let replicas: Vec<_> = regions.iter().map(|region| json!({ "location": region })).collect();
            json!({ "userManaged": { "replicas": replicas } })
        }
    }
}

/// A call on the secret as a whole.
pub(super) fn secret_call(operation: Operation, name: &SecretName) -> Call {
    Call { operation, project: name.project.to_string(), object: name.to_string() }
}

/// The path of the secret, with a verb: `:addVersion`.
pub(super) fn secret_path(name: &SecretName, verb: &str) -> Vec<String> {
    let last = format!("{}{verb}", name.id);
    vec!["v1".into(), "projects".into(), name.project.to_string(), "secrets".into(), last]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ProjectId, SecretId};

    fn name() -> SecretName {
        SecretName { project: ProjectId::new("p").unwrap(), id: SecretId::new("s").unwrap() }
    }

    #[test]
    fn only_what_is_masked_is_sent_and_aliases_are_strings() {
        let update = SecretUpdate {
            aliases: Some(BTreeMap::from([("current".into(), 2)])),
            annotations: Some(BTreeMap::new()),
            labels: None,
        };
        let request = update_request(&name(), "\"1\"", &update);
        assert_eq!(request.query, [("updateMask", "annotations,versionAliases".to_owned())]);
        let body: serde_json::Value = serde_json::from_slice(&request.body.unwrap()).unwrap();
        let expected = json!({
            "name": "projects/p/secrets/s", "etag": "\"1\"", "annotations": {}, "versionAliases": {"current": "2"},
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn an_update_holds_where_every_part_of_it_does() {
        let found: Metadata =
            serde_json::from_value(json!({"etag": "e", "versionAliases": {"current": "2"}, "labels": {"a": "b"}}))
                .unwrap();
        let aliases = |number| Some(BTreeMap::from([("current".into(), number)]));
        assert!(SecretUpdate { aliases: aliases(2), ..Default::default() }.holds_in(&found));
        assert!(!SecretUpdate { aliases: aliases(3), ..Default::default() }.holds_in(&found));
        assert!(
            !SecretUpdate { aliases: aliases(2), labels: Some(BTreeMap::new()), annotations: None }.holds_in(&found)
        );
    }

    #[test]
    fn a_secret_without_an_etag_is_refused() {
        assert!(serde_json::from_value::<Metadata>(json!({"name": "projects/1/secrets/s"})).is_err());
    }
}
