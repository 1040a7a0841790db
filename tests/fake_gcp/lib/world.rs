//! Everything the fake knows, behind one lock.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::Serialize;

use super::call::Call;
use super::clock::{Clock, rfc3339};
use super::error::ApiError;
use super::fault::Faults;
use super::past::Past;
use super::permissions::{Permissions, denied};
use super::projects::{Project, Projects};
use super::roles::Roles;
use super::run::Run;
use super::secret_name::{SecretName, SecretPath};
use super::secrets::Secret;

/// The state of the fake.
#[derive(Default)]
pub struct World {
    pub clock: Clock,
    pub projects: Projects,
    pub permissions: Permissions,
    pub secrets: BTreeMap<SecretName, Secret>,
    pub past: Past,
    pub run: Run,
    pub roles: Roles,
    pub requests: Vec<RequestSeen>,
    pub payloads: Vec<StoredPayload>,
    pub faults: Faults,
    arrived: usize,
    changes: u64,
}

/// A request as it came in, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct RequestSeen {
    /// Counted from 1, in the order of arrival.
    pub number: usize,
    /// When it was carried out, or else arrived.
    pub time: String,
    pub method: String,
    /// `secrets.addVersion`; empty where Google has no such method.
    pub call: &'static str,
    pub host: String,
    pub path: String,
    pub query: String,
    pub caller: String,
    /// The status its sender was told; 0 as long as it was told none.
    pub status: u16,
    /// The faults that it met, by name.
    pub faults: Vec<String>,
}

/// A payload that some version had, whatever became of it.
#[derive(Clone, Serialize)]
pub struct StoredPayload {
    pub name: String,
    #[serde(serialize_with = "as_base64")]
    pub data: Vec<u8>,
}

fn as_base64<S: serde::Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&super::shape::encode_base64(data))
}

impl World {
    /// Records a request that has arrived, and returns its number.
    pub fn record(&mut self, call: &Call, faults: Vec<String>) -> usize {
        self.arrived += 1;
        self.requests.push(RequestSeen {
            number: self.arrived,
            time: rfc3339(self.clock.now()),
            method: call.method.clone(),
            call: call.method_id,
            host: call.host.clone(),
            path: call.path.clone(),
            query: call.raw_query.clone(),
            caller: call.caller.clone(),
            status: 0,
            faults,
        });
        self.arrived
    }

    /// The request is being carried out now.
    pub fn carried_out(&mut self, number: usize) {
        let now = rfc3339(self.clock.now());
        if let Some(seen) = self.seen(number) {
            seen.time = now;
        }
    }

    pub fn answered(&mut self, number: usize, status: StatusCode) {
        if let Some(seen) = self.seen(number) {
            seen.status = status.as_u16();
        }
    }

    /// Nothing where it was forgotten in the meantime.
    fn seen(&mut self, number: usize) -> Option<&mut RequestSeen> {
        self.requests.iter_mut().rfind(|seen| seen.number == number)
    }

    /// A number that no change before had: etags, uids and operation names are made of it.
    pub fn next_change(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    /// An etag of a resource: opaque, and quoted as Google's are.
    pub fn next_etag(&mut self) -> String {
        etag(self.next_change())
    }

    /// Lets happen what was due by now: scheduled destructions and expirations.
    pub fn settle(&mut self) {
        let now = self.clock.now();
        self.secrets
            .retain(|_, secret| secret.settings.expire_time.is_none_or(|at| at > now));
        let versions = self
            .secrets
            .values_mut()
            .flat_map(|secret| &mut secret.versions);
        for version in versions.filter(|version| version.is_due(now)) {
            self.changes += 1;
            version.destroy(now, etag(self.changes));
        }
    }

    /// The project that the path names, if the caller holds `permission` on it.
    ///
    /// # Errors
    /// 403, also for a project that does not exist.
    pub fn project(
        &mut self,
        call: &Call,
        permission: &str,
        given: &str,
    ) -> Result<Project, ApiError> {
        let refused = || denied(permission, &format!("projects/{given}"));
        let project = self.projects.resolve(given).ok_or_else(refused)?;
        match !call.view.is_denied && self.permissions.holds(&call.caller, permission, None) {
            true => Ok(project),
            false => Err(refused()),
        }
    }

    /// The secret that the path names, if the caller holds `permission` on it. It need not exist.
    ///
    /// # Errors
    /// 403, 400 for what cannot be the name of a secret.
    pub fn authorize(
        &mut self,
        call: &Call,
        permission: &str,
        path: SecretPath<'_>,
    ) -> Result<SecretName, ApiError> {
        self.authorize_below(call, permission, path, &path.to_string())
    }

    /// The same for one of its versions, which the refusal names as it was asked for.
    pub fn authorize_version(
        &mut self,
        call: &Call,
        permission: &str,
        path: SecretPath<'_>,
        version: &str,
    ) -> Result<SecretName, ApiError> {
        self.authorize_below(
            call,
            permission,
            path,
            &format!("{path}/versions/{version}"),
        )
    }

    fn authorize_below(
        &mut self,
        call: &Call,
        permission: &str,
        path: SecretPath<'_>,
        resource: &str,
    ) -> Result<SecretName, ApiError> {
        let refused = || denied(permission, resource);
        let project = self.projects.resolve(path.project).ok_or_else(refused)?;
        let name = SecretName::new(project.number, path.secret)?;
        let policy = self.secrets.get(&name).map(|secret| &secret.policy);
        match !call.view.is_denied && self.permissions.holds(&call.caller, permission, policy) {
            true => Ok(name),
            false => Err(refused()),
        }
    }

    /// Those of `permissions` that the caller holds on the secret; none if it does not exist.
    pub fn held<'a>(
        &mut self,
        call: &Call,
        path: SecretPath<'_>,
        permissions: &[&'a str],
    ) -> Result<Vec<&'a str>, ApiError> {
        let Some(project) = self.projects.resolve(path.project) else {
            return Ok(Vec::new());
        };
        let name = SecretName::new(project.number, path.secret)?;
        let Some(secret) = self.secrets.get(&name) else {
            return Ok(Vec::new());
        };
        let holds = |permission: &&&str| {
            self.permissions
                .holds(&call.caller, permission, Some(&secret.policy))
        };
        Ok(permissions.iter().filter(holds).copied().collect())
    }

    pub fn secret(&self, name: &SecretName) -> Result<&Secret, ApiError> {
        self.secrets.get(name).ok_or_else(|| name.not_found())
    }

    /// The secret as the call sees it, which may be as it was before.
    pub fn secret_seen(&self, call: &Call, name: &SecretName) -> Result<&Secret, ApiError> {
        let secret = self.secret(name)?;
        match call.view.as_of {
            None => Ok(secret),
            Some(moment) => self.past.at(secret, moment).ok_or_else(|| name.not_found()),
        }
    }

    /// The secret, to change it; what it was before is kept.
    pub fn secret_mut(&mut self, name: &SecretName) -> Result<&mut Secret, ApiError> {
        let secret = self.secrets.get_mut(name).ok_or_else(|| name.not_found())?;
        self.past.keep(secret, self.clock.now());
        Ok(secret)
    }
}

fn etag(change: u64) -> String {
    format!("\"{:x}\"", 0x0016_2fb1_d93c_7d5e + change)
}
