//! Entry points of the fuzz targets: Google's answers.

use std::collections::BTreeSet;

use google_cloud_iam_v1::model as iam;
use google_cloud_secretmanager_v1::model as wire;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use serde::de::DeserializeOwned;

use super::secret::{Metadata, secret_call};
use super::{Call, GoogleError, Operation, cloud_run, http, iam as policies, payload, version};
use crate::model::{
    Binding, CloudRunKind, CloudRunReference, Payload, Secret, SecretName, Version,
};

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// The answer to `projects.secrets.get`.
pub fn secret(name: &SecretName, body: &[u8]) -> Option<Secret> {
    let metadata = Metadata::new(secret_call(Operation::GetSecret, name), read(body)?).ok()?;
    Some(metadata.secret(name, Vec::new(), None))
}

/// The answer to `projects.secrets.versions.list`.
pub fn versions(body: &[u8]) -> Option<Vec<Version>> {
    let page: wire::ListSecretVersionsResponse = read(body)?;
    page.versions
        .into_iter()
        .map(|listed| version::version(listed).ok())
        .collect()
}

/// The answer to `projects.secrets.versions.access`.
pub fn payload(body: &[u8]) -> Option<(i64, Payload)> {
    payload::from_answer(read(body)?).ok()
}

/// The payload as it is sent: the JSON object in the body of `addVersion`.
pub fn sent(payload: &Payload) -> Option<String> {
    let body = String::from_utf8(payload::body(payload).to_vec()).ok()?;
    Some(
        body.strip_prefix(r#"{"payload":"#)?
            .strip_suffix('}')?
            .to_owned(),
    )
}

/// The answer to `projects.locations.jobs.get` or `projects.locations.services.get`.
pub fn cloud_run(kind: CloudRunKind, body: &[u8]) -> Option<CloudRunReference> {
    Some(match kind {
        CloudRunKind::Job => read::<cloud_run::Job>(body)?.reference(),
        CloudRunKind::Service => read::<cloud_run::RunService>(body)?.reference(),
    })
}

/// A refusal of `call`, as it becomes an error.
pub fn refusal(call: &Call, status: u16, retry_after: &str, body: &[u8]) -> Option<GoogleError> {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, HeaderValue::from_str(retry_after).ok()?);
    Some(http::refused(
        call,
        StatusCode::from_u16(status).ok()?,
        &headers,
        body,
    ))
}

/// An IAM policy as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy(iam::Policy);

impl Policy {
    /// The answer to `projects.secrets.getIamPolicy`.
    pub fn read(body: &[u8]) -> Option<Self> {
        read(body).map(Self)
    }

    /// What would be written back.
    pub fn written(&self) -> Option<String> {
        serde_json::to_string(&self.0).ok()
    }

    /// Adds and removes readers; whether there was anything to do.
    pub fn change(&mut self, add: &BTreeSet<String>, remove: &BTreeSet<String>) -> bool {
        policies::change(&mut self.0, add, remove)
    }

    /// The bindings.
    pub fn bindings(&self) -> Vec<Binding> {
        self.0
            .bindings
            .iter()
            .cloned()
            .map(|one| policies::binding(one, &Default::default()))
            .collect()
    }
}
