//! IAM policies of secrets, <https://cloud.google.com/iam/docs/reference/rest/v1/Policy>.

mod binding;
mod member;

use serde_json::{Value, json};

pub use binding::Binding;

use super::call::Call;
use super::error::{Answer, ApiError, Code};
use super::mask;
use super::secret_name::SecretPath;
use super::shape::{Shape, encode_base64};
use super::world::World;
use binding::BINDING;

/// The policy of a secret. One that was never set has nothing but an etag.
#[derive(Clone, Default)]
pub struct Policy {
    pub bindings: Vec<Binding>,
    /// 0 until the policy is set for the first time.
    pub revision: u64,
}

impl Policy {
    /// `bytes` in the API, so base64 here; `ACAB` is what Google answers for a policy that was never set.
    fn etag(&self) -> String {
        match self.revision {
            0 => "ACAB".to_owned(),
            revision => encode_base64(&(0x0007_0603_0000_0000 + revision).to_be_bytes()),
        }
    }

    fn has_conditions(&self) -> bool {
        self.bindings
            .iter()
            .any(|binding| binding.condition.is_some())
    }

    /// The policy as a reader who asked for `version` sees it: below 3, conditions are hidden and the roles
    /// that have them are marked, <https://cloud.google.com/iam/docs/troubleshooting-withcond>.
    fn json(&self, version: i64) -> Value {
        let mut policy = json!({ "etag": self.etag() });
        if self.revision > 0 {
            policy["version"] = json!(if version == 3 && self.has_conditions() {
                3
            } else {
                1
            });
        }
        if !self.bindings.is_empty() {
            let shown = self
                .bindings
                .iter()
                .map(|binding| binding.json(version == 3));
            policy["bindings"] = shown.collect();
        }
        policy
    }
}

/// `GET …/secrets/S:getIamPolicy?options.requestedPolicyVersion=V`.
pub fn get_policy(world: &mut World, call: &Call, path: SecretPath<'_>) -> Answer {
    call.only_query(&["options.requestedPolicyVersion"])?;
    let version = call.query_int("options.requestedPolicyVersion")?;
    check_version(version)?;
    let name = world.authorize(call, "secretmanager.secrets.getIamPolicy", path)?;
    Ok(world.secret_seen(call, &name)?.policy.json(version))
}

const SET_POLICY: Shape = Shape::Message(&[
    ("resource", Shape::Str),
    (
        "policy",
        Shape::Message(&[
            ("version", Shape::Int64),
            ("bindings", Shape::List(&BINDING)),
            ("auditConfigs", Shape::List(&Shape::Any)),
            ("etag", Shape::Bytes),
        ]),
    ),
    ("updateMask", Shape::Str),
]);

/// `POST …/secrets/S:setIamPolicy`.
pub fn set_policy(world: &mut World, call: &Call, path: SecretPath<'_>) -> Answer {
    call.only_query(&[])?;
    let body = call.body(&SET_POLICY, "")?;
    let given = body
        .get("policy")
        .ok_or_else(|| ApiError::invalid("Field [policy] is required."))?;
    let fields = match body["updateMask"].as_str().unwrap_or_default() {
        "" => vec!["bindings".to_owned(), "etag".to_owned()],
        mask => mask::parse(mask, &["bindings", "etag", "version"])?,
    };
    if given["auditConfigs"]
        .as_array()
        .is_some_and(|configs| !configs.is_empty())
    {
        return Err(ApiError::invalid(
            "Audit configs are not supported on this resource.",
        ));
    }
    let bindings = binding::read(&given["bindings"])?;
    let name = world.authorize(call, "secretmanager.secrets.setIamPolicy", path)?;
    let revision = world.next_change();
    let policy = &mut world.secret_mut(&name)?.policy;
    let etag = given["etag"].as_str().unwrap_or_default();
    check_etag(policy, etag)?;
    check_write_version(
        policy,
        given["version"].as_i64().unwrap_or(0),
        &bindings,
        etag,
    )?;
    if fields.iter().any(|field| field == "bindings") {
        policy.bindings = bindings;
    }
    policy.revision = revision;
    Ok(policy.json(3))
}

/// "Valid values are 0, 1, and 3. Requests that specify an invalid value are rejected."
fn check_version(version: i64) -> Result<(), ApiError> {
    match version {
        0 | 1 | 3 => Ok(()),
        other => Err(ApiError::invalid(format!(
            "Invalid policy version: {other}. Valid values are 0, 1, and 3."
        ))),
    }
}

/// A stale etag is 409; none overwrites whatever is there.
fn check_etag(policy: &Policy, given: &str) -> Result<(), ApiError> {
    let current = policy.etag();
    if given.is_empty() || given == current {
        return Ok(());
    }
    let message = format!(
        "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff. \
         The request's ETag '{given}' did not match the current policy's ETag '{current}'."
    );
    Err(ApiError::new(Code::Aborted, message))
}

/// "Any operation that affects conditional role bindings must specify version 3"; and "if you omit [the etag],
/// IAM allows you to overwrite a version 3 policy with a version 1 policy, and all of the conditions … are lost".
fn check_write_version(
    policy: &Policy,
    version: i64,
    bindings: &[Binding],
    etag: &str,
) -> Result<(), ApiError> {
    check_version(version)?;
    let writes_conditions = bindings.iter().any(|binding| binding.condition.is_some());
    let loses_conditions = policy.has_conditions() && !etag.is_empty();
    match version {
        3 => Ok(()),
        version if writes_conditions || loses_conditions => Err(ApiError::invalid(format!(
            "A policy with conditional role bindings must specify version 3; the request specifies version {version}."
        ))),
        _ => Ok(()),
    }
}

const TEST: Shape = Shape::Message(&[
    ("resource", Shape::Str),
    ("permissions", Shape::List(&Shape::Str)),
]);

/// `POST …/secrets/S:testIamPermissions`. "If the secret does not exist, this call returns an empty set of
/// permissions, not a NOT_FOUND error."
pub fn test_permissions(world: &mut World, call: &Call, path: SecretPath<'_>) -> Answer {
    call.only_query(&[])?;
    let body = call.body(&TEST, "")?;
    let asked: Vec<&str> = body["permissions"]
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    for permission in &asked {
        if !permission.starts_with("secretmanager.") || permission.contains('*') {
            return Err(ApiError::invalid(format!(
                "Permission {permission} is not valid for this resource."
            )));
        }
    }
    let held = world.held(call, path, &asked)?;
    Ok(match held.is_empty() {
        true => json!({}),
        false => json!({ "permissions": held }),
    })
}

#[cfg(test)]
mod tests;
