//! Secrets: what they are, made and updated.
//! <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets>

use std::collections::BTreeMap;

use google_cloud_secretmanager_v1::model as wire;
use google_cloud_secretmanager_v1::model::replication::{
    Automatic, UserManaged, user_managed::Replica,
};
use google_cloud_secretmanager_v1::model::secret::SecretType;
use google_cloud_wkt::{Duration, FieldMask};
use serde_json::json;

use super::request::{Body, Request};
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
    /// Seconds between the order to destroy a version and its end, a day at least.
    pub destroy_ttl: Option<i64>,
    /// When its next rotation is due, in seconds since 1970: only where it has topics, and five minutes ahead at least.
    /// <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets#Rotation>
    pub next_rotation: Option<i64>,
}

/// A secret without its versions and policy.
pub(super) struct Metadata {
    etag: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    aliases: BTreeMap<String, i64>,
    destroy_ttl: Option<i64>,
    has_topics: bool,
    replication: Option<Replication>,
    expires: Option<String>,
    managed_rotation: bool,
}

impl Metadata {
    pub(super) fn new(call: Call, found: wire::Secret) -> Result<Self, GoogleError> {
        // Without an etag no update could be guarded: better no secret than such a one.
        if found.etag.is_empty() {
            return Err(GoogleError::Malformed {
                call,
                reason: "the secret has no etag",
            });
        }
        let expires = found.expire_time().map(|time| String::from(**time));
        Ok(Self {
            etag: found.etag,
            labels: found.labels.into_iter().collect(),
            annotations: found.annotations.into_iter().collect(),
            aliases: found.version_aliases.into_iter().collect(),
            destroy_ttl: found.version_destroy_ttl.map(|ttl| ttl.seconds()),
            has_topics: !found.topics.is_empty(),
            replication: found.replication.as_ref().and_then(replication_of),
            expires,
            managed_rotation: found.secret_type == SecretType::CloudSqlDbCredentials,
        })
    }

    pub(super) fn secret(
        self,
        name: &SecretName,
        versions: Vec<Version>,
        bindings: Option<Vec<Binding>>,
    ) -> Secret {
        let Self {
            etag,
            labels,
            annotations,
            aliases,
            destroy_ttl,
            has_topics,
            ..
        } = self;
        let Self {
            replication,
            expires,
            managed_rotation,
            ..
        } = self;
        let name = name.clone();
        Secret {
            name,
            etag,
            labels,
            annotations,
            aliases,
            versions,
            bindings,
            destroy_ttl,
            has_topics,
            replication,
            expires,
            managed_rotation,
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
        let (secret, bindings) =
            tokio::join!(self.secret_alone(name), self.bindings_if_readable(name));
        let Some(secret) = secret? else {
            return Ok(None);
        };
        Ok(Some(Secret {
            bindings: bindings?,
            ..secret
        }))
    }

    /// The same without its bindings: two calls.
    ///
    /// # Errors
    /// Refused or unreachable.
    pub async fn secret_alone(&self, name: &SecretName) -> Result<Option<Secret>, GoogleError> {
        let (metadata, versions) = tokio::join!(self.metadata(name), self.versions(name));
        let Some(metadata) = metadata? else {
            return Ok(None);
        };
        let mut versions = versions?;
        self.complete(name, metadata.aliases.values(), &mut versions)
            .await?;
        Ok(Some(metadata.secret(name, versions, None)))
    }

    /// What stands on the secret itself, without versions and bindings: one call.
    ///
    /// # Errors
    /// Refused or unreachable.
    pub async fn notes(&self, name: &SecretName) -> Result<Option<Secret>, GoogleError> {
        Ok(self
            .metadata(name)
            .await?
            .map(|found| found.secret(name, Vec::new(), None)))
    }

    /// The secret, of which is known that it is there: what was made a moment ago may not show yet.
    ///
    /// # Errors
    /// As for [`Google::secret`].
    pub async fn existing_secret(&self, name: &SecretName) -> Result<Option<Secret>, GoogleError> {
        for pause in self.patience.pauses() {
            match self.secret(name).await {
                Ok(None) => tokio::time::sleep(pause).await,
                // The secret shows, and its versions or its policy do not.
                Err(error) if error.is_not_found() => tokio::time::sleep(pause).await,
                found => return found,
            }
        }
        self.secret(name).await
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
        let secret = wire::Secret::new()
            .set_replication(replicated(replication))
            .set_labels(labels)
            .set_annotations(annotations);
        let mut create = Request::secret(secret_call(Operation::CreateSecret, name))
            .parameter("secretId", name.id.as_str());
        // Its own id is a parameter, not a part of the path.
        create.path.pop();
        create.body = Body::Post(json!(secret));
        let is_ours =
            |found: &Metadata| found.annotations == *annotations && found.labels == *labels;
        let mut pauses = self.patience.pauses();
        let mut lost = false;
        let created = loop {
            let error = match self.write(&create).await {
                Err(error) if error.is_ambiguous() || (lost && error.is_already_exists()) => error,
                created => break created?,
            };
            lost = true;
            // The answer was lost, but perhaps not the secret: if it has our fields, it is ours. A secret cannot be created twice.
            match self.metadata(name).await? {
                Some(found) if is_ours(&found) => break found,
                Some(_) => return Err(error),
                None => tokio::time::sleep(pauses.next().ok_or(error)?).await,
            }
        };
        Ok(created.secret(name, Vec::new(), Some(Vec::new())))
    }

    /// Writes `update` in one call, on the secret as it was when its `etag` was read, and returns the new etag.
    ///
    /// # Errors
    /// [`GoogleError::is_stale`] where it has changed since; [`GoogleError::is_ambiguous`] where the outcome is unknown.
    pub async fn update_secret(
        &self,
        name: &SecretName,
        etag: &str,
        update: &SecretUpdate,
    ) -> Result<String, GoogleError> {
        let (secret, mask) = masked(name, etag, update);
        let mask = json!(mask).as_str().unwrap_or_default().to_owned();
        let request = Request::secret(secret_call(Operation::UpdateSecret, name))
            .parameter("updateMask", mask);
        let request = request.body(Body::Patch(json!(secret)));
        let mut error = match self.write(&request).await {
            Err(error) if error.is_ambiguous() => error,
            updated => return Ok(updated?.etag),
        };
        for pause in self.patience.pauses() {
            let found = self.metadata(name).await?;
            if let Some(found) = found.as_ref().filter(|found| update.holds_in(found)) {
                return Ok(found.etag.clone());
            }
            // It was not carried out, or what was read lags behind: the etag lets it through once.
            error = match self.write(&request).await {
                Err(error) if error.is_ambiguous() => error,
                Err(error) if error.is_stale() && found.is_none_or(|found| found.etag == etag) => {
                    error
                }
                updated => return Ok(updated?.etag),
            };
            tokio::time::sleep(pause).await;
        }
        Err(error)
    }

    /// Creates or updates a secret.
    async fn write(&self, request: &Request) -> Result<Metadata, GoogleError> {
        Metadata::new(request.call.clone(), self.http.json(request).await?)
    }

    async fn metadata(&self, name: &SecretName) -> Result<Option<Metadata>, GoogleError> {
        let call = secret_call(Operation::GetSecret, name);
        match self.http.json(&Request::secret(call.clone())).await {
            Err(error) if error.is_not_found() => Ok(None),
            found => Metadata::new(call, found?).map(Some),
        }
    }
}

impl SecretUpdate {
    fn holds_in(&self, found: &Metadata) -> bool {
        // When Google is to remind of the next rotation moves by itself once it has.
        let Self {
            annotations,
            aliases,
            labels,
            destroy_ttl,
            next_rotation: _,
        } = self;
        annotations
            .as_ref()
            .is_none_or(|wanted| *wanted == found.annotations)
            && aliases
                .as_ref()
                .is_none_or(|wanted| *wanted == found.aliases)
            && labels.as_ref().is_none_or(|wanted| *wanted == found.labels)
            && destroy_ttl.is_none_or(|wanted| Some(wanted) == found.destroy_ttl)
    }
}

/// The secret of a PATCH and its mask; what is not in the mask is not in the secret either.
fn masked(name: &SecretName, etag: &str, update: &SecretUpdate) -> (wire::Secret, FieldMask) {
    let SecretUpdate {
        annotations,
        aliases,
        labels,
        destroy_ttl,
        next_rotation,
    } = update;
    let mut secret = wire::Secret::new()
        .set_name(name.to_string())
        .set_etag(etag);
    let mut mask = Vec::new();
    if let Some(annotations) = annotations {
        secret = secret.set_annotations(annotations);
        mask.push("annotations");
    }
    if let Some(aliases) = aliases {
        secret = secret.set_version_aliases(aliases.iter().map(|(alias, number)| (alias, *number)));
        mask.push("version_aliases");
    }
    if let Some(labels) = labels {
        secret = secret.set_labels(labels);
        mask.push("labels");
    }
    if let Some(seconds) = next_rotation {
        let time = google_cloud_wkt::Timestamp::clamp(*seconds, 0);
        secret = secret.set_rotation(wire::Rotation::new().set_next_rotation_time(time));
        mask.push("rotation.next_rotation_time");
    }
    if let Some(seconds) = destroy_ttl {
        secret = secret.set_version_destroy_ttl(Duration::clamp(*seconds, 0));
        mask.push("version_destroy_ttl");
    }
    (secret, FieldMask::default().set_paths(mask))
}

fn replicated(replication: &Replication) -> wire::Replication {
    match replication {
        Replication::Automatic => wire::Replication::new().set_automatic(Automatic::new()),
        Replication::Regions(regions) => {
            let replicas = regions
                .iter()
                .map(|region| Replica::new().set_location(region));
            wire::Replication::new().set_user_managed(UserManaged::new().set_replicas(replicas))
        }
    }
}

fn replication_of(found: &wire::Replication) -> Option<Replication> {
    match found.user_managed() {
        Some(managed) => Some(Replication::Regions(
            managed
                .replicas
                .iter()
                .map(|replica| replica.location.clone())
                .collect(),
        )),
        None => found.automatic().map(|_| Replication::Automatic),
    }
}

/// A call on the secret as a whole.
pub(super) fn secret_call(operation: Operation, name: &SecretName) -> Call {
    Call {
        operation,
        project: name.project.to_string(),
        object: name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ProjectId, SecretId};
    use serde_json::json;

    fn name() -> SecretName {
        SecretName {
            project: ProjectId::new("p").unwrap(),
            id: SecretId::new("s").unwrap(),
        }
    }

    #[test]
    fn only_what_is_masked_is_sent() {
        let update = SecretUpdate {
            aliases: Some(BTreeMap::from([("current".into(), 2)])),
            annotations: Some(BTreeMap::new()),
            ..SecretUpdate::default()
        };
        let (secret, mask) = masked(&name(), "\"1\"", &update);
        assert_eq!(
            serde_json::to_value(mask).unwrap(),
            "annotations,versionAliases"
        );
        // What is empty is left out: masked, it is cleared.
        let expected = json!({"name": "projects/p/secrets/s", "etag": "\"1\"", "versionAliases": {"current": "2"}});
        assert_eq!(serde_json::to_value(secret).unwrap(), expected);
    }

    fn metadata(answer: serde_json::Value) -> Result<Metadata, GoogleError> {
        Metadata::new(
            secret_call(Operation::GetSecret, &name()),
            serde_json::from_value(answer).unwrap(),
        )
    }

    #[test]
    fn an_update_holds_where_every_part_of_it_does() {
        let found = metadata(
            json!({"etag": "e", "versionAliases": {"current": "2"}, "labels": {"a": "b"}}),
        )
        .unwrap();
        let aliases = |number| Some(BTreeMap::from([("current".into(), number)]));
        assert!(
            SecretUpdate {
                aliases: aliases(2),
                ..Default::default()
            }
            .holds_in(&found)
        );
        assert!(
            !SecretUpdate {
                aliases: aliases(3),
                ..Default::default()
            }
            .holds_in(&found)
        );
        assert!(
            !SecretUpdate {
                aliases: aliases(2),
                labels: Some(BTreeMap::new()),
                ..Default::default()
            }
            .holds_in(&found)
        );
    }

    #[test]
    fn a_secret_without_an_etag_is_refused() {
        assert!(metadata(json!({"name": "projects/1/secrets/s"})).is_err());
    }

    #[test]
    fn what_google_rotates_itself_is_recognised() {
        let rotated = |answer| metadata(answer).unwrap().managed_rotation;
        assert!(rotated(
            json!({"etag": "e", "secretType": "CLOUD_SQL_DB_CREDENTIALS"})
        ));
        assert!(!rotated(json!({"etag": "e"})));
    }
}
