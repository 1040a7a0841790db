//! Versions of secrets, always by number: only what was added and is accessed by number is strongly consistent.
//! <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions>

use google_cloud_secretmanager_v1::model::secret_version::State;
use google_cloud_secretmanager_v1::model::{ListSecretVersionsResponse, SecretVersion};
use serde_json::json;

use super::payload::{self, number};
use super::request::{Body, Request};
use super::secret::secret_call;
use super::{Call, Google, GoogleError, Operation};
use crate::model::{Payload, SecretName, Version, VersionState};

impl Google {
    /// Adds a version and returns its number. Secret Manager has no request id: a repeated call would add another one,
    /// so it is sent once.
    ///
    /// # Errors
    /// [`GoogleError::is_ambiguous`] where the version may have been added: look for it by its fingerprint.
    pub async fn add_version(
        &self,
        name: &SecretName,
        payload: &Payload,
    ) -> Result<i64, GoogleError> {
        let call = secret_call(Operation::AddVersion, name);
        let add = Request::secret(call.clone())
            .verb("addVersion")
            .body(Body::Payload(payload::body(payload)));
        let added: SecretVersion = self.http.json(&add).await?;
        let malformed = |reason| GoogleError::Malformed {
            call: call.clone(),
            reason,
        };
        if !added.client_specified_payload_checksum {
            return Err(malformed(
                "the checksum of the new version is not confirmed",
            ));
        }
        number(&added.name).ok_or_else(|| malformed("the new version has no number"))
    }

    /// The payload of a version, its checksum verified.
    ///
    /// # Errors
    /// [`GoogleError::is_not_found`]; refused where the version is disabled or destroyed; damaged on the way.
    pub async fn access(&self, name: &SecretName, number: i64) -> Result<Payload, GoogleError> {
        let call = version_call(Operation::AccessVersion, name, number);
        let answer = self
            .http
            .json(&Request::secret(call.clone()).verb("access"))
            .await?;
        let malformed = |reason| GoogleError::Malformed {
            call: call.clone(),
            reason,
        };
        match payload::from_answer(answer).map_err(malformed)? {
            (answered, payload) if answered == number => Ok(payload),
            _ => Err(malformed("the answer is another version")),
        }
    }

    /// Whether there is a version of this number; reads no payload.
    ///
    /// # Errors
    /// Refused or unreachable.
    pub async fn has_version(&self, name: &SecretName, number: i64) -> Result<bool, GoogleError> {
        match self.version(name, number).await {
            Err(error) if error.is_not_found() => Ok(false),
            found => found.map(|_| true),
        }
    }

    /// Enables, disables or destroys a version, as long as it is as it was when it was `seen`. A caller that finds it so already
    /// is content.
    /// <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/disable>
    ///
    /// # Errors
    /// [`GoogleError::is_stale`] where its state has changed since; refused where it is destroyed already and
    /// is to be enabled.
    pub async fn set_version_state(
        &self,
        name: &SecretName,
        seen: &Version,
        state: VersionState,
    ) -> Result<Version, GoogleError> {
        let refused = match self.insist_on_state(name, seen, state).await {
            Err(error) if error.is_failed_precondition() => error,
            changed => return changed,
        };
        // The answer to an attempt before may have been lost, or what was seen lagged behind.
        let found = self.version(name, seen.number).await?;
        let destroyed = found.state == VersionState::Destroyed && state != VersionState::Enabled;
        let doomed = found.doomed && state == VersionState::Destroyed;
        if destroyed || doomed || found.state == state {
            Ok(found)
        } else {
            Err(refused)
        }
    }

    async fn insist_on_state(
        &self,
        name: &SecretName,
        seen: &Version,
        state: VersionState,
    ) -> Result<Version, GoogleError> {
        for pause in self.patience.pauses() {
            match self.try_state(name, seen, state).await {
                // Done twice, each of them is done once.
                Err(error) if error.is_ambiguous() => tokio::time::sleep(pause).await,
                changed => return changed,
            }
        }
        self.try_state(name, seen, state).await
    }

    async fn try_state(
        &self,
        name: &SecretName,
        seen: &Version,
        state: VersionState,
    ) -> Result<Version, GoogleError> {
        let (operation, verb) = match state {
            VersionState::Enabled => (Operation::EnableVersion, "enable"),
            VersionState::Disabled => (Operation::DisableVersion, "disable"),
            VersionState::Destroyed => (Operation::DestroyVersion, "destroy"),
        };
        let call = version_call(operation, name, seen.number);
        let change = Request::secret(call.clone())
            .verb(verb)
            .body(Body::Post(json!({ "etag": seen.etag })));
        let changed = self.http.json(&change).await;
        version(changed?).map_err(|reason| GoogleError::Malformed { call, reason })
    }

    /// Adds a version as [`Google::add_version`] does and, where the answer is lost, looks for it among the numbers
    /// after `known`. Only if it is not there is it added again: two versions hold the payload where Google carries the
    /// first request out after that.
    ///
    /// # Errors
    /// [`GoogleError::is_ambiguous`] where no answer ever came.
    pub async fn store(
        &self,
        name: &SecretName,
        payload: &Payload,
        known: i64,
    ) -> Result<i64, GoogleError> {
        let mut pauses = self.patience.pauses();
        loop {
            let lost = match self.add_version(name, payload).await {
                Err(error) if error.is_ambiguous() => error,
                added => return added,
            };
            let Some(pause) = pauses.next() else {
                return Err(lost);
            };
            tokio::time::sleep(pause).await;
            let is_it = |stored: &Payload| stored.expose() == payload.expose();
            if let Some((number, _)) = self.find_after(name, known, is_it).await? {
                return Ok(number);
            }
        }
    }

    /// The first version after the number `known` whose payload `is_it`. A list of versions may lag behind for minutes;
    /// what has been added is accessed by its number at once.
    /// <https://cloud.google.com/secret-manager/docs/reference/rest#consistency>
    ///
    /// # Errors
    /// As for [`Google::access`].
    pub async fn find_after(
        &self,
        name: &SecretName,
        known: i64,
        is_it: impl Fn(&Payload) -> bool,
    ) -> Result<Option<(i64, Payload)>, GoogleError> {
        for number in known + 1.. {
            match self.access(name, number).await {
                Ok(payload) if is_it(&payload) => return Ok(Some((number, payload))),
                Ok(_) => {}
                Err(error) if error.is_not_found() => break,
                // Disabled or destroyed.
                Err(error) if error.is_failed_precondition() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Adds to `versions` those that aliases name: a list without them lags behind.
    pub(super) async fn complete(
        &self,
        name: &SecretName,
        aliased: impl Iterator<Item = &i64>,
        versions: &mut Vec<Version>,
    ) -> Result<(), GoogleError> {
        let mut missing: Vec<i64> = aliased
            .filter(|number| versions.iter().all(|version| version.number != **number))
            .copied()
            .collect();
        missing.sort_unstable();
        missing.dedup();
        for number in missing {
            versions.push(self.version(name, number).await?);
        }
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        Ok(())
    }

    /// A version, without its payload.
    ///
    /// # Errors
    /// [`GoogleError::is_not_found`]; refused or unreachable.
    pub async fn version(&self, name: &SecretName, number: i64) -> Result<Version, GoogleError> {
        let call = version_call(Operation::GetVersion, name, number);
        let found = self.http.json(&Request::secret(call.clone())).await?;
        version(found).map_err(|reason| GoogleError::Malformed { call, reason })
    }

    /// Every version, newest first.
    pub(super) async fn versions(&self, name: &SecretName) -> Result<Vec<Version>, GoogleError> {
        let call = secret_call(Operation::ListVersions, name);
        let mut list = Request::secret(call.clone()).parameter("pageSize", "1000");
        list.path.push("versions".into());
        let pages = self
            .http
            .pages(list, |page: &ListSecretVersionsResponse| {
                &page.next_page_token
            })
            .await?;
        let listed = pages
            .into_iter()
            .flat_map(|page| page.versions)
            .map(version);
        let versions: Result<Vec<_>, _> = listed.collect();
        let mut versions = versions.map_err(|reason| GoogleError::Malformed { call, reason })?;
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
        etag: listed.etag,
        doomed: listed.scheduled_destroy_time.is_some(),
        created: listed.create_time.map(String::from),
        destroyed_at: listed.scheduled_destroy_time.map(String::from),
    })
}

fn version_call(operation: Operation, name: &SecretName, number: i64) -> Call {
    Call {
        operation,
        project: name.project.to_string(),
        object: version_name(name, number),
    }
}

fn version_name(name: &SecretName, number: i64) -> String {
    format!("{name}/versions/{number}")
}
