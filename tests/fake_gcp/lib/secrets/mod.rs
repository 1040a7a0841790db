//! Secrets: the resource and its methods, <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets>.

mod input;
mod replication;
mod rules;
mod settings;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;
use super::clock::rfc3339;
use super::error::{Answer, ApiError, Code};
use super::iam::Policy;
use super::list;
use super::mask;
use super::secret_name::{SecretName, SecretPath};
use super::versions::{State, Version};
use super::world::World;
use input::SecretInput;
pub use replication::Replication;
use settings::{Bounds, Settings};

/// A secret as it is stored.
#[derive(Clone)]
pub struct Secret {
    pub name: SecretName,
    pub create_time: Timestamp,
    pub etag: String,
    pub replication: Replication,
    /// Immutable; who manages what the versions hold, where it is not the project's owner.
    pub secret_type: Option<String>,
    pub settings: Settings,
    /// Version 1 first; none is ever taken out.
    pub versions: Vec<Version>,
    pub policy: Policy,
}

impl Secret {
    pub fn json(&self) -> Value {
        let mut secret = json!({
            "name": self.name.to_string(),
            "createTime": rfc3339(self.create_time),
            "etag": self.etag,
            "replication": self.replication.json(),
        });
        if let Some(kind) = &self.secret_type {
            secret["secretType"] = json!(kind);
        }
        self.settings.write(&mut secret);
        secret
    }

    /// The number of the newest version; 0 without any.
    pub fn newest(&self) -> i64 {
        i64::try_from(self.versions.len()).unwrap_or(i64::MAX)
    }

    /// The number that an alias or `latest` stands for.
    pub fn named(&self, version: &str) -> Option<i64> {
        match version {
            "latest" => Some(self.newest()),
            alias => self.settings.version_aliases.get(alias).copied(),
        }
    }

    /// Where among the versions the one with this number is, if there is one.
    pub fn index(&self, number: i64) -> Option<usize> {
        usize::try_from(number - 1)
            .ok()
            .filter(|index| *index < self.versions.len())
    }

    /// The state of a version by number, alias or `latest`, if it is there.
    pub fn state_of(&self, version: &str) -> Option<State> {
        let number = version.parse().ok().or_else(|| self.named(version))?;
        self.index(number).map(|index| self.versions[index].state)
    }

    fn check_etag(&self, given: &str) -> Result<(), ApiError> {
        check_etag("Secret", &self.name.to_string(), &self.etag, given)
    }
}

/// An empty etag asks for no check.
pub fn check_etag(kind: &str, name: &str, current: &str, given: &str) -> Result<(), ApiError> {
    if given.is_empty() || given == current {
        return Ok(());
    }
    Err(ApiError::precondition(format!(
        "The etag provided for {kind} [{name}] does not match its current etag. Read it again and retry."
    )))
}

/// `POST /v1/projects/P/secrets?secretId=S`.
pub fn create(world: &mut World, call: &Call, project: &str) -> Answer {
    call.only_query(&["secretId"])?;
    let input = SecretInput::read(call)?;
    let project = world.project(call, "secretmanager.secrets.create", project)?;
    let name = SecretName::new(project.number, call.query("secretId").unwrap_or_default())?;
    let now = world.clock.now();
    let bounds = Bounds {
        name: &name,
        newest: 0,
        now,
    };
    let secret = Secret {
        create_time: now,
        etag: world.next_etag(),
        replication: Replication::read(input.replication.as_ref())?,
        secret_type: input.secret_type.clone(),
        settings: Settings::create(&input, &bounds)?,
        versions: Vec::new(),
        policy: Policy::default(),
        name: name.clone(),
    };
    if world.secrets.contains_key(&name) {
        let message = format!("Secret [{name}] already exists.");
        return Err(ApiError::new(Code::AlreadyExists, message));
    }
    let answer = secret.json();
    world.secrets.insert(name, secret);
    Ok(answer)
}

/// `GET /v1/projects/P/secrets/S`.
pub fn get(world: &mut World, call: &Call, path: SecretPath<'_>) -> Answer {
    call.only_query(&[])?;
    let name = world.authorize(call, "secretmanager.secrets.get", path)?;
    world.secret_seen(call, &name).map(Secret::json)
}

/// `GET /v1/projects/P/secrets`.
pub fn list(world: &mut World, call: &Call, project: &str) -> Answer {
    let project = world.project(call, "secretmanager.secrets.list", project)?;
    let names = world
        .secrets
        .keys()
        .filter(|name| name.project == project.number);
    let items = names.filter_map(|name| world.secret_seen(call, name).ok());
    list::secret_manager(call, "secrets", items.map(Secret::json).collect())
}

/// `DELETE /v1/projects/P/secrets/S?etag=E`.
pub fn delete(world: &mut World, call: &Call, path: SecretPath<'_>) -> Answer {
    call.only_query(&["etag"])?;
    let name = world.authorize(call, "secretmanager.secrets.delete", path)?;
    let etag = call.query("etag").unwrap_or_default();
    world.secret(&name)?.check_etag(etag)?;
    world.secrets.remove(&name);
    world.past.forget(&name);
    Ok(json!({}))
}

/// `PATCH /v1/projects/P/secrets/S?updateMask=…`. Nothing changes when anything is refused.
pub fn patch(world: &mut World, call: &Call, path: SecretPath<'_>) -> Answer {
    call.only_query(&["updateMask"])?;
    let input = SecretInput::read(call)?;
    let mask = call.query("updateMask").unwrap_or_default();
    let fields = mask::parse(mask, &settings::UPDATABLE)?;
    let name = world.authorize(call, "secretmanager.secrets.update", path)?;
    let now = world.clock.now();
    let etag = world.next_etag();
    let secret = world.secret_mut(&name)?;
    secret.check_etag(&input.etag)?;
    let bounds = Bounds {
        name: &name,
        newest: secret.newest(),
        now,
    };
    secret.settings = secret.settings.updated(&fields, &input, &bounds)?;
    // Every update changes it, one that changes nothing too.
    secret.etag = etag;
    Ok(secret.json())
}

#[cfg(test)]
mod tests;
