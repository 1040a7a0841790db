//! Versions of secrets, always by number: only what was added and is accessed by number is strongly consistent.
//! <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions>

use serde::Deserialize;

use super::http::{Request, Service};
use super::payload::{self, number};
use super::secret::{secret_call, secret_path};
use super::{Call, Google, GoogleError, Operation};
use crate::model::{Payload, SecretName, Version, VersionState};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Added {
    name: String,
    #[serde(default)]
    client_specified_payload_checksum: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    versions: Vec<Listed>,
    #[serde(default)]
    next_page_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    create_time: Option<String>,
    state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum State {
    Enabled,
    Disabled,
    Destroyed,
}

impl Google {
    /// Adds a version and returns its number. Secret Manager has no request id: a repeated call would add another one,
    /// so it is sent once.
    ///
    /// # Errors
    /// [`GoogleError::is_ambiguous`] where the version may have been added: look for it by its fingerprint.
    pub async fn add_version(&self, name: &SecretName, payload: &Payload) -> Result<i64, GoogleError> {
        let call = secret_call(Operation::AddVersion, name);
        let request =
            Request::post(call, Service::SecretManager, secret_path(name, ":addVersion"), payload::body(payload));
        let added = self.http.json::<Added>(&request).await.map_err(|error| without(payload, error))?;
        let malformed = |reason| GoogleError::Malformed { call: request.call.clone(), reason };
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
        let request = Request::get(call, Service::SecretManager, version_path(name, number, ":access"));
        let answer = self.http.bytes(&request).await?;
        let malformed = |reason| GoogleError::Malformed { call: request.call.clone(), reason };
        match payload::from_answer(&answer).map_err(malformed)? {
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
        let (operation, verb) = match state {
            VersionState::Enabled => (Operation::EnableVersion, ":enable"),
            VersionState::Disabled => (Operation::DisableVersion, ":disable"),
            VersionState::Destroyed => (Operation::DestroyVersion, ":destroy"),
        };
        let call = version_call(operation, name, number);
        let request = Request::post(call, Service::SecretManager, version_path(name, number, verb), "{}");
        self.http.bytes(&request).await.map(drop)
    }

    /// Every version, newest first.
    pub(super) async fn versions(&self, name: &SecretName) -> Result<Vec<Version>, GoogleError> {
        let mut path = secret_path(name, "");
        path.push("versions".into());
        let mut request = Request::get(secret_call(Operation::ListVersions, name), Service::SecretManager, path);
        let mut versions = Vec::new();
        let mut token = String::new();
        loop {
            request.query = vec![("pageSize", "1000".into()), ("pageToken", token)];
            let page: Page = self.http.json(&request).await?;
            for listed in page.versions {
                versions.push(listed.version().ok_or_else(|| GoogleError::Malformed {
                    call: request.call.clone(),
                    reason: "a version has no number",
                })?);
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

impl Listed {
    fn version(self) -> Option<Version> {
        let state = match self.state {
            State::Enabled => VersionState::Enabled,
            State::Disabled => VersionState::Disabled,
            State::Destroyed => VersionState::Destroyed,
        };
        Some(Version { number: number(&self.name)?, state, created: self.create_time })
    }
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
    Call { operation, project: name.project.to_string(), object: format!("{name}/versions/{number}") }
}

fn version_path(name: &SecretName, number: i64, verb: &str) -> Vec<String> {
    let mut path = secret_path(name, "");
    path.extend(["versions".into(), format!("{number}{verb}")]);
    path
}
