//! Versions of secrets, always by number: only what was added and is accessed by number is strongly consistent.
//! <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions>

use google_cloud_secretmanager_v1::model::SecretVersion;
use google_cloud_secretmanager_v1::model::secret_version::State;

use super::client::send;
use super::payload::{self, number};
use super::secret::secret_call;
use super::{Call, Google, GoogleError, Operation};
use crate::model::{Payload, SecretName, Version, VersionState};

impl Google {
    /// Adds a version and returns its number. Secret Manager has no request id: a repeated call would add another one,
    /// so it is sent once.
    ///
    /// # Errors
    /// [`GoogleError::is_ambiguous`] where the version may have been added: look for it by its fingerprint.
    pub async fn add_version(&self, name: &SecretName, payload: &Payload) -> Result<i64, GoogleError> {
        let call = secret_call(Operation::AddVersion, name);
        let add = self.secrets.add_secret_version().set_parent(name.to_string());
        let added = send(&call, add.set_payload(payload::checked(payload)).send()).await;
        let added = added.map_err(|error| without(payload, error))?;
        let malformed = |reason| GoogleError::Malformed { call: call.clone(), reason };
        if !added.client_specified_payload_checksum {
            return Err(malformed("the checksum of the new version is not confirmed"));
        }
        number(&added.name).ok_or_else(|| malformed("the new version has no number"))
    }

    /// The payload of a version, its checksum verified.
    ///
    /// # Errors
    /// [`GoogleError::is_not_found`]; refused where the version is disabled or destroyed; damaged on the way.
    pub async fn access(&self, name: &SecretName, number: i64) -> Result<Payload, GoogleError> {
        let call = version_call(Operation::AccessVersion, name, number);
        let answer = send(&call, self.secrets.access_secret_version().set_name(&call.object).send()).await?;
        let malformed = |reason| GoogleError::Malformed { call: call.clone(), reason };
        match payload::from_answer(answer).map_err(malformed)? {
            (answered, payload) if answered == number => Ok(payload),
            _ => Err(malformed("the answer is another version")),
        }
    }

    /// Enables, disables or destroys a version. What is destroyed cannot be brought back.
    ///
    /// # Errors
    /// Refused where the version is destroyed already.
    pub async fn set_version_state(
        &self,
        name: &SecretName,
        number: i64,
        state: VersionState,
    ) -> Result<(), GoogleError> {
        let call = |operation| version_call(operation, name, number);
        let version = version_name(name, number);
        let changed = match state {
            VersionState::Enabled => {
                let enable = self.secrets.enable_secret_version().set_name(version);
                send(&call(Operation::EnableVersion), enable.send()).await
            }
            VersionState::Disabled => {
                let disable = self.secrets.disable_secret_version().set_name(version);
                send(&call(Operation::DisableVersion), disable.send()).await
            }
            VersionState::Destroyed => {
                let destroy = self.secrets.destroy_secret_version().set_name(version);
                send(&call(Operation::DestroyVersion), destroy.send()).await
            }
        };
        changed.map(drop)
    }

    /// Every version, newest first.
    pub(super) async fn versions(&self, name: &SecretName) -> Result<Vec<Version>, GoogleError> {
        let call = secret_call(Operation::ListVersions, name);
        let list = self.secrets.list_secret_versions().set_parent(name.to_string()).set_page_size(1000);
        let mut versions = Vec::new();
        let mut token = String::new();
        loop {
            let page = send(&call, list.clone().set_page_token(token).send()).await?;
            for listed in page.versions {
                let malformed = |reason| GoogleError::Malformed { call: call.clone(), reason };
                versions.push(version(listed).map_err(malformed)?);
            }
            if page.next_page_token.is_empty() {
                break;
            }
            token = page.next_page_token;
        }
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        Ok(versions)
    }
}

pub(super) fn version(listed: SecretVersion) -> Result<Version, &'static str> {
    let state = match listed.state {
        State::Enabled => VersionState::Enabled,
        State::Disabled => VersionState::Disabled,
        State::Destroyed => VersionState::Destroyed,
        _ => return Err("a version is in a state that does not exist"),
    };
    let number = number(&listed.name).ok_or("a version has no number")?;
    Ok(Version {
        number,
        state,
        doomed: listed.scheduled_destroy_time.is_some(),
        created: listed.create_time.map(String::from),
        destroyed_at: listed.scheduled_destroy_time.map(String::from),
    })
}

/// `error` without the server's words where they repeat the payload.
fn without(payload: &Payload, mut error: GoogleError) -> GoogleError {
    if let GoogleError::Refused { status, .. } = &mut error
        && payload::is_repeated_in(payload, &status.to_string())
    {
        status.message = "the server's words repeat the payload and are not shown".into();
    }
    error
}

fn version_call(operation: Operation, name: &SecretName, number: i64) -> Call {
    Call { operation, project: name.project.to_string(), object: version_name(name, number) }
}

fn version_name(name: &SecretName, number: i64) -> String {
    format!("{name}/versions/{number}")
}
