//! Who may do what. Nobody is restricted until a test says so; then a caller may do what it was given and what
//! the policy of the secret grants it.

use std::collections::{BTreeMap, BTreeSet};

use super::caller::ANONYMOUS;
use super::error::{ApiError, Code};
use super::iam::Policy;

/// The callers that are restricted.
#[derive(Default)]
pub struct Permissions {
    restricted: BTreeMap<String, Restriction>,
}

/// What a caller may do, on every project.
pub enum Restriction {
    /// These, and what policies of secrets add.
    Holds(BTreeSet<String>),
    /// Everything but these, whatever policies say.
    Lacks(BTreeSet<String>),
}

impl Permissions {
    pub fn restrict(&mut self, caller: &str, to: Restriction) {
        self.restricted.insert(caller.to_owned(), to);
    }

    /// `caller` may do everything again.
    pub fn lift(&mut self, caller: &str) {
        self.restricted.remove(caller);
    }

    /// Whether `caller` holds `permission` on the project, or by the policy of the secret in question.
    pub fn holds(&self, caller: &str, permission: &str, policy: Option<&Policy>) -> bool {
        match self.restricted.get(caller) {
            None => true,
            Some(Restriction::Lacks(denied)) => !denied.contains(permission),
            Some(Restriction::Holds(held)) => {
                held.contains(permission)
                    || policy.is_some_and(|policy| grants(policy, caller, permission))
            }
        }
    }
}

/// Google's words for a permission that is missing.
pub fn denied(permission: &str, resource: &str) -> ApiError {
    ApiError::new(
        Code::PermissionDenied,
        format!(
            "Permission '{permission}' denied for resource '{resource}' (or it may not exist)."
        ),
    )
}

/// Whether a binding of the policy gives the permission. Conditions are not evaluated: a conditional binding
/// gives nothing.
pub fn grants(policy: &Policy, caller: &str, permission: &str) -> bool {
    policy.bindings.iter().any(|binding| {
        binding.condition.is_none()
            && role_contains(&binding.role, permission)
            && binding.members.iter().any(|member| is(member, caller))
    })
}

fn is(member: &str, caller: &str) -> bool {
    match member {
        "allUsers" => true,
        "allAuthenticatedUsers" => caller != ANONYMOUS,
        member => member.split_once(':').is_some_and(|(kind, name)| {
            matches!(kind, "serviceAccount" | "user") && name.eq_ignore_ascii_case(caller)
        }),
    }
}

/// The predefined roles, <https://cloud.google.com/secret-manager/docs/access-control>.
pub fn role_contains(role: &str, permission: &str) -> bool {
    let Some(action) = permission.strip_prefix("secretmanager.") else {
        return false;
    };
    match role {
        "roles/secretmanager.admin" => true,
        "roles/secretmanager.secretAccessor" => action == "versions.access",
        "roles/secretmanager.secretVersionAdder" => action == "versions.add",
        "roles/secretmanager.secretVersionManager" => {
            action.starts_with("versions.") && action != "versions.access"
        }
        "roles/secretmanager.viewer" => {
            matches!(
                action,
                "secrets.get"
                    | "secrets.list"
                    | "secrets.getIamPolicy"
                    | "versions.get"
                    | "versions.list"
            )
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::iam::Binding;
    use super::*;

    const READER: &str = "api@p.iam.gserviceaccount.com";
    const ACCESS: &str = "secretmanager.versions.access";

    fn accessor_policy(member: &str) -> Policy {
        Policy {
            bindings: vec![Binding {
                role: "roles/secretmanager.secretAccessor".into(),
                members: vec![member.into()],
                condition: None,
            }],
            ..Policy::default()
        }
    }

    #[test]
    fn everybody_may_do_everything_until_restricted() {
        let mut permissions = Permissions::default();
        assert!(permissions.holds(READER, ACCESS, None));
        permissions.restrict(READER, Restriction::Holds(BTreeSet::new()));
        assert!(!permissions.holds(READER, ACCESS, None));
        assert!(permissions.holds("someone else", ACCESS, None));
        permissions.lift(READER);
        assert!(permissions.holds(READER, ACCESS, None));
    }

    #[test]
    fn what_is_denied_no_binding_gives_back() {
        let mut permissions = Permissions::default();
        permissions.restrict(
            READER,
            Restriction::Lacks(BTreeSet::from([ACCESS.to_owned()])),
        );
        let policy = accessor_policy(&format!("serviceAccount:{READER}"));
        assert!(!permissions.holds(READER, ACCESS, Some(&policy)));
        assert!(permissions.holds(READER, "secretmanager.versions.add", None));
    }

    #[test]
    fn a_binding_gives_a_restricted_caller_its_role_and_no_more() {
        let mut permissions = Permissions::default();
        permissions.restrict(READER, Restriction::Holds(BTreeSet::new()));
        let policy = accessor_policy(&format!("serviceAccount:{READER}"));
        assert!(permissions.holds(READER, ACCESS, Some(&policy)));
        assert!(!permissions.holds(READER, "secretmanager.versions.add", Some(&policy)));
        let other = accessor_policy("serviceAccount:web@p.iam.gserviceaccount.com");
        assert!(!permissions.holds(READER, ACCESS, Some(&other)));
    }
}
