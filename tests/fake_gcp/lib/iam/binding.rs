//! Role bindings and their conditions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::super::error::ApiError;
use super::super::shape::Shape;
use super::member;

/// "The policy … can refer to up to 1,500 principals."
const MEMBERS: usize = 1500;

pub const BINDING: Shape = Shape::Message(&[
    ("role", Shape::Str),
    ("members", Shape::List(&Shape::Str)),
    (
        "condition",
        Shape::Message(&[
            ("expression", Shape::Str),
            ("title", Shape::Str),
            ("description", Shape::Str),
            ("location", Shape::Str),
        ]),
    ),
]);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Binding {
    pub role: String,
    pub members: Vec<String>,
    pub condition: Option<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct Condition {
    expression: String,
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    location: String,
}

impl Binding {
    /// Without `conditions` a conditional binding loses its condition, and its role gets a name that cannot be
    /// written back by mistake.
    pub fn json(&self, conditions: bool) -> Value {
        let mut binding = json!({ "role": self.role, "members": self.members });
        match &self.condition {
            Some(condition) if conditions => binding["condition"] = json!(condition),
            Some(condition) => {
                binding["role"] = json!(format!("{}_withcond_{}", self.role, condition.digest()))
            }
            None => {}
        }
        binding
    }
}

impl Condition {
    /// Twenty hexadecimal digits, the length Google's have.
    fn digest(&self) -> String {
        let text = format!("{}\0{}\0{}", self.expression, self.title, self.description);
        let digest = Sha256::digest(text.as_bytes());
        digest
            .iter()
            .take(10)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Bindings as Google stores them: one for each role and condition, every member once, none without members.
///
/// # Errors
/// 400 for a role, member or condition that is not one.
pub fn read(given: &Value) -> Result<Vec<Binding>, ApiError> {
    let mut stored: Vec<Binding> = Vec::new();
    for value in given.as_array().map_or(&[][..], Vec::as_slice) {
        let mut binding = Binding::deserialize(value).map_err(|error| {
            ApiError::malformed(
                "policy.bindings",
                format!("Invalid value at 'policy.bindings', {error}"),
            )
        })?;
        check(&binding)?;
        binding.members = binding
            .members
            .iter()
            .map(|m| member::normal(m))
            .collect::<Result<_, _>>()?;
        let same = |other: &&mut Binding| {
            other.role == binding.role && other.condition == binding.condition
        };
        match stored.iter_mut().find(same) {
            Some(other) => other.members.append(&mut binding.members),
            None => stored.push(binding),
        }
    }
    for binding in &mut stored {
        let mut seen = BTreeSet::new();
        binding.members.retain(|member| seen.insert(member.clone()));
    }
    stored.retain(|binding| !binding.members.is_empty());
    let members: usize = stored.iter().map(|binding| binding.members.len()).sum();
    match members > MEMBERS {
        true => Err(ApiError::invalid(format!(
            "The policy contains {members} members; the limit is {MEMBERS}."
        ))),
        false => Ok(stored),
    }
}

fn check(binding: &Binding) -> Result<(), ApiError> {
    if !is_role(&binding.role) {
        let role = &binding.role;
        return Err(ApiError::invalid(format!(
            "Role {role} is not supported for this resource."
        )));
    }
    match &binding.condition {
        Some(condition) if condition.expression.trim().is_empty() => Err(ApiError::invalid(
            "The condition expression must not be empty.",
        )),
        Some(condition) if condition.title.trim().is_empty() => {
            Err(ApiError::invalid("The condition title must not be empty."))
        }
        _ => Ok(()),
    }
}

/// `roles/R`, `projects/P/roles/R` or `organizations/O/roles/R`; what `getIamPolicy` shows for conditional
/// roles to readers of old versions is none.
fn is_role(role: &str) -> bool {
    let name = |name: &str| {
        !name.is_empty()
            && !name.contains("_withcond_")
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))
    };
    match role.split('/').collect::<Vec<_>>().as_slice() {
        ["roles", role] => name(role),
        ["projects" | "organizations", parent, "roles", role] => !parent.is_empty() && name(role),
        _ => false,
    }
}
