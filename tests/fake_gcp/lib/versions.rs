//! Secret versions: states, payloads and their methods,
//! <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions>.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::call::Call;
use super::clock::rfc3339;
use super::error::{Answer, ApiError};
use super::list;
use super::secret_name::{SecretName, SecretPath};
use super::secrets::{Secret, check_etag};
use super::shape::{Shape, decode_base64, encode_base64};
use super::world::{StoredPayload, World};

/// "A secret payload … up to 64KiB".
const PAYLOAD_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Enabled,
    Disabled,
    Destroyed,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Enabled => "ENABLED",
            State::Disabled => "DISABLED",
            State::Destroyed => "DESTROYED",
        }
    }
}

/// A version as it is stored.
#[derive(Clone)]
pub struct Version {
    name: String,
    create_time: Timestamp,
    destroy_time: Option<Timestamp>,
    scheduled_destroy_time: Option<Timestamp>,
    etag: String,
    checksum_given: bool,
    replication_status: Value,
    pub state: State,
    payload: Arc<[u8]>,
}

impl Version {
    fn json(&self) -> Value {
        let mut version = json!({
            "name": self.name,
            "createTime": rfc3339(self.create_time),
            "state": self.state.word(),
            "replicationStatus": self.replication_status,
            "etag": self.etag,
        });
        if let Some(time) = self.destroy_time {
            version["destroyTime"] = json!(rfc3339(time));
        }
        if let Some(time) = self.scheduled_destroy_time {
            version["scheduledDestroyTime"] = json!(rfc3339(time));
        }
        if self.checksum_given {
            version["clientSpecifiedPayloadChecksum"] = json!(true);
        }
        version
    }

    /// Whether the time of a scheduled destruction has come.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.scheduled_destroy_time.is_some_and(|at| at <= now)
    }

    pub fn destroy(&mut self, now: Timestamp, etag: String) {
        self.state = State::Destroyed;
        self.destroy_time = Some(now);
        self.scheduled_destroy_time = None;
        self.payload = Arc::default();
        self.etag = etag;
    }

    /// The error of everything that this state does not allow.
    fn in_state(&self) -> ApiError {
        ApiError::precondition(format!(
            "Secret Version [{}] is in {} state.",
            self.name,
            self.state.word()
        ))
    }
}

const PAYLOAD: Shape = Shape::Message(&[
    ("parent", Shape::Str),
    (
        "payload",
        Shape::Message(&[("data", Shape::Bytes), ("dataCrc32c", Shape::Int64)]),
    ),
]);

/// `POST …/secrets/S:addVersion`. The secret's etag stays as it is.
pub fn add(world: &mut World, call: &Call, path: SecretPath<'_>) -> Answer {
    call.only_query(&[])?;
    let body = call.body(&PAYLOAD, "")?;
    let payload = body.get("payload");
    let payload = payload.ok_or_else(|| ApiError::invalid("Field [payload] is required."))?;
    let data = payload["data"]
        .as_str()
        .and_then(decode_base64)
        .unwrap_or_default();
    check_payload(&data, payload["dataCrc32c"].as_i64())?;

    let name = world.authorize(call, "secretmanager.versions.add", path)?;
    let (now, etag) = (world.clock.now(), world.next_etag());
    let secret = world.secret_mut(&name)?;
    let version = Version {
        name: name.version(secret.newest() + 1),
        create_time: now,
        destroy_time: None,
        scheduled_destroy_time: None,
        etag,
        checksum_given: payload.get("dataCrc32c").is_some(),
        replication_status: secret.replication.status(),
        state: State::Enabled,
        payload: data.as_slice().into(),
    };
    let answer = version.json();
    let name = version.name.clone();
    secret.versions.push(version);
    world.payloads.push(StoredPayload { name, data });
    Ok(answer)
}

fn check_payload(data: &[u8], checksum: Option<i64>) -> Result<(), ApiError> {
    if data.is_empty() {
        return Err(ApiError::invalid("Secret Payload cannot be empty."));
    }
    if data.len() > PAYLOAD_BYTES {
        return Err(ApiError::invalid(format!(
            "Secret Payload cannot be larger than {PAYLOAD_BYTES} bytes; it has {}.",
            data.len()
        )));
    }
    match checksum {
        Some(given) if given != i64::from(crc32c::crc32c(data)) => Err(ApiError::invalid(
            "The provided payload checksum does not match the checksum of the payload that was received.",
        )),
        _ => Ok(()),
    }
}

/// `GET …/secrets/S/versions`, newest first.
pub fn list(world: &mut World, call: &Call, path: SecretPath<'_>) -> Answer {
    let name = world.authorize(call, "secretmanager.versions.list", path)?;
    let versions = world.secret_seen(call, &name)?.versions.iter().rev();
    list::secret_manager(call, "versions", versions.map(Version::json).collect())
}

/// `GET …/versions/V`, by number, alias or `latest`.
pub fn get(world: &mut World, call: &Call, path: SecretPath<'_>, version: &str) -> Answer {
    call.only_query(&[])?;
    let name = world.authorize_version(call, "secretmanager.versions.get", path, version)?;
    let (secret, index) = find(world, call, &name, version)?;
    Ok(secret.versions[index].json())
}

/// `GET …/versions/V:access`, by number, alias or `latest`.
pub fn access(world: &mut World, call: &Call, path: SecretPath<'_>, version: &str) -> Answer {
    call.only_query(&[])?;
    let name = world.authorize_version(call, "secretmanager.versions.access", path, version)?;
    let (secret, index) = find(world, call, &name, version)?;
    let version = &secret.versions[index];
    if version.state != State::Enabled {
        return Err(version.in_state());
    }
    Ok(json!({
        "name": version.name,
        "payload": {
            "data": encode_base64(&version.payload),
            "dataCrc32c": crc32c::crc32c(&version.payload).to_string(),
        },
    }))
}

/// A version by number, by alias, or the most recently *created* one whatever its state: `latest`. Only what an alias
/// or `latest` stands for may lag behind: a version that was added is read by its number at once.
fn find<'a>(
    world: &'a World,
    call: &Call,
    name: &SecretName,
    version: &str,
) -> Result<(&'a Secret, usize), ApiError> {
    let nothing = || ApiError::not_found(format!("Secret [{name}] not found or has no versions."));
    let secret = world.secrets.get(name).ok_or_else(nothing)?;
    let number = match version.parse::<i64>() {
        Ok(number) => Some(number),
        Err(_) => match world.secret_seen(call, name)? {
            seen if version == "latest" && seen.versions.is_empty() => return Err(nothing()),
            seen => seen.named(version),
        },
    };
    match number.and_then(|number| secret.index(number)) {
        Some(index) => Ok((secret, index)),
        None => Err(ApiError::not_found(format!(
            "Secret Version [{}] not found.",
            name.version(version)
        ))),
    }
}

const ETAG: Shape = Shape::Message(&[("name", Shape::Str), ("etag", Shape::Str)]);

/// `POST …/versions/N:enable`, `:disable` and `:destroy`: by number only, guarded by the version's etag.
pub fn change(world: &mut World, call: &Call, path: SecretPath<'_>, version: &str) -> Answer {
    call.only_query(&[])?;
    let body = call.body(&ETAG, "")?;
    let permission = format!("secretmanager.versions.{}", call.verb);
    let name = world.authorize_version(call, &permission, path, version)?;
    if version.parse::<i64>().is_err() {
        return Err(ApiError::invalid(format!(
            "The provided Secret Version ID [{version}] does not match the expected format [[0-9]+]"
        )));
    }
    let (_, index) = find(world, call, &name, version)?;
    let (now, etag) = (world.clock.now(), world.next_etag());
    let secret = world.secret_mut(&name)?;
    let delay = secret.settings.version_destroy_ttl;
    let version = &mut secret.versions[index];
    let given = body["etag"].as_str().unwrap_or_default();
    check_etag("Secret Version", &version.name, &version.etag, given)?;
    if version.state == State::Destroyed {
        return Err(version.in_state());
    }
    match (call.verb.as_str(), delay) {
        ("destroy", None) => version.destroy(now, etag),
        ("destroy", Some(delay)) => {
            version.state = State::Disabled;
            version.scheduled_destroy_time = Some(now + delay);
            version.etag = etag;
        }
        (verb, _) => {
            // Enabling or disabling a version takes it off the list of those to be destroyed.
            version.state = if verb == "enable" {
                State::Enabled
            } else {
                State::Disabled
            };
            version.scheduled_destroy_time = None;
            version.etag = etag;
        }
    }
    Ok(version.json())
}

#[cfg(test)]
mod tests;
