//! Members of bindings, <https://cloud.google.com/iam/docs/principal-identifiers>.

use super::super::error::ApiError;

/// The member as Google stores it: addresses in lower case.
///
/// # Errors
/// 400 for a type that IAM does not know and for a value that cannot be of the type.
pub fn normal(member: &str) -> Result<String, ApiError> {
    if matches!(member, "allUsers" | "allAuthenticatedUsers") {
        return Ok(member.to_owned());
    }
    let unknown = || {
        ApiError::invalid(format!(
            "The member {member} is of an unknown type. Please set a valid type prefix for the member."
        ))
    };
    let (kind, value) = member.split_once(':').ok_or_else(unknown)?;
    let valid = match kind {
        "user" | "group" => is_email(value),
        "serviceAccount" => is_email(value) || is_kubernetes_account(value),
        "domain" => is_domain(value),
        "projectOwner" | "projectEditor" | "projectViewer" => !value.is_empty(),
        "principal" => is_principal(value, "/subject/"),
        "principalSet" => is_principal(value, "/"),
        "deleted" => is_deleted(value),
        _ => return Err(unknown()),
    };
    if !valid {
        return Err(ApiError::invalid(format!(
            "Invalid argument: '{member}' is not a valid {kind} member."
        )));
    }
    match kind {
        "user" | "group" | "domain" => Ok(member.to_lowercase()),
        "serviceAccount" if is_email(value) => Ok(format!("{kind}:{}", value.to_lowercase())),
        _ => Ok(member.to_owned()),
    }
}

fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c))
            && is_domain(domain)
    })
}

fn is_domain(value: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
    };
    value.contains('.') && value.split('.').all(label)
}

/// `PROJECT.svc.id.goog[NAMESPACE/ACCOUNT]`, Workload Identity Federation for GKE.
fn is_kubernetes_account(value: &str) -> bool {
    let parts = value
        .strip_suffix(']')
        .and_then(|value| value.split_once(".svc.id.goog["));
    parts.is_some_and(|(project, account)| {
        let account = account.split_once('/');
        !project.is_empty()
            && account.is_some_and(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
    })
}

/// `//iam.googleapis.com/projects/…`, `//goog/…`: opaque but for the service.
fn is_principal(value: &str, part: &str) -> bool {
    let path = value.strip_prefix("//").unwrap_or_default();
    path.split_once('/').is_some_and(|(service, rest)| {
        matches!(
            service,
            "iam.googleapis.com"
                | "goog"
                | "secretmanager.googleapis.com"
                | "cloudresourcemanager.googleapis.com"
        ) && !rest.is_empty()
            && (service != "iam.googleapis.com" || value.contains(part))
    })
}

/// `deleted:serviceAccount:a@b.iam.gserviceaccount.com?uid=123`, as IAM shows accounts that are gone.
fn is_deleted(value: &str) -> bool {
    match value.split_once(':') {
        Some(("user" | "group" | "serviceAccount", rest)) => {
            rest.split_once("?uid=").is_some_and(|(email, uid)| {
                is_email(email) && !uid.is_empty() && uid.chars().all(|c| c.is_ascii_digit())
            })
        }
        Some(("principal", rest)) => is_principal(rest, "/subject/"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_every_type_are_taken() {
        for member in [
            "allUsers",
            "user:ann@example.com",
            "serviceAccount:api@p.iam.gserviceaccount.com",
            "serviceAccount:p.svc.id.goog[payments/api]",
            "group:dba@example.com",
            "domain:example.com",
            "projectEditor:p",
            "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p.svc.id.goog/subject/ns/n/sa/s",
            "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/namespace/n",
            "deleted:serviceAccount:api@p.iam.gserviceaccount.com?uid=123",
        ] {
            assert_eq!(normal(member).as_deref(), Ok(member));
        }
    }

    #[test]
    fn addresses_are_stored_in_lower_case() {
        assert_eq!(
            normal("serviceAccount:API@P.iam.gserviceaccount.com").as_deref(),
            Ok("serviceAccount:api@p.iam.gserviceaccount.com")
        );
        assert_eq!(
            normal("user:Ann@Example.com").as_deref(),
            Ok("user:ann@example.com")
        );
    }

    #[test]
    fn what_is_no_member_is_refused() {
        let message = |member: &str| normal(member).unwrap_err().message;
        assert!(message("api@p.iam.gserviceaccount.com").contains("is of an unknown type"));
        assert!(
            message("serviceaccount:api@p.iam.gserviceaccount.com")
                .contains("is of an unknown type")
        );
        for member in [
            "serviceAccount:api",
            "user:",
            "serviceAccount:p.svc.id.goog[payments]",
            "principal://example.com/x",
            "deleted:serviceAccount:api@p.iam.gserviceaccount.com",
        ] {
            assert!(message(member).starts_with("Invalid argument"), "{member}");
        }
    }
}
