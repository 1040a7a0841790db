//! Members of a secret's own IAM policy that can read its payload, or may be able to, and are not declared.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;

use super::allow::allowance;
use super::{Finding, Rule};
use crate::model::{
    Binding, CloudRunReference, PayloadAccess, Policy, Reader, SecretName, SecretPolicy,
};

/// The role that lets a member read payloads and do nothing else.
pub(super) const ACCESSOR: &str = "roles/secretmanager.secretAccessor";

/// Members by the form in which two of them are the same.
pub(super) type Members = BTreeMap<String, String>;

/// The Cloud Run jobs and services that are known, by resource; `None`: it does not exist.
type CloudRun = BTreeMap<String, Option<CloudRunReference>>;

/// An undeclared member that can read a secret, or may be able to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherReader {
    /// As IAM names it.
    pub member: String,
    /// The role by which it reads.
    pub role: String,
    /// The title of the condition under which it does.
    pub condition: Option<String>,
    /// Whether that role was looked up.
    pub access: PayloadAccess,
}

impl OtherReader {
    /// Whether `--prune` takes it away.
    pub fn is_pruned(&self) -> bool {
        self.role == ACCESSOR && self.condition.is_none()
    }
}

impl fmt::Display for OtherReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            member,
            role,
            condition,
            access,
        } = self;
        f.write_str(member)?;
        if let Some(kind) = kind(member) {
            write!(f, " ({kind})")?;
        }
        write!(f, " by {role}")?;
        if *access == PayloadAccess::Unknown {
            f.write_str(", a role that cannot be looked up,")?;
        }
        condition
            .as_ref()
            .map_or(Ok(()), |title| write!(f, " under the condition `{title}`"))
    }
}

/// What a member stands for, where that is not one account.
/// <https://cloud.google.com/iam/docs/principal-identifiers>
pub(super) fn kind(member: &str) -> Option<&'static str> {
    match member {
        "allUsers" => return Some("anyone on the internet"),
        "allAuthenticatedUsers" => return Some("any Google account"),
        _ => {}
    }
    match member.split_once(':')?.0 {
        "group" => Some("every member of the group"),
        "domain" => Some("everyone of the domain"),
        "principal" => Some("an identity of a pool"),
        "principalSet" => Some("identities of a pool"),
        "projectOwner" => Some("the owners of the project"),
        "projectEditor" => Some("the editors of the project"),
        "projectViewer" => Some("the viewers of the project"),
        _ => None,
    }
}

/// A deleted account reads nothing, until it is restored.
fn is_deleted(member: &str) -> bool {
    member.starts_with("deleted:")
}

/// The members that the policy lets read a secret, as far as `cloud_run` tells the accounts of jobs and services.
pub(super) fn declared(wanted: &SecretPolicy, cloud_run: &CloudRun) -> Members {
    let member = |reader: &Reader| match reader {
        Reader::Member(member) => Some(member.clone()),
        Reader::CloudRun {
            service_account, ..
        } => {
            let actual = || {
                Some(
                    cloud_run
                        .get(&reader.resource()?)?
                        .as_ref()?
                        .service_account
                        .clone(),
                )
            };
            service_account
                .clone()
                .or_else(actual)
                .map(|email| format!("serviceAccount:{email}"))
        }
    };
    let found: Vec<_> = wanted.readers.iter().filter_map(member).collect();
    members(&found)
}

/// IAM keeps e-mail addresses in lower case, however they were written; pool subjects keep their case.
/// <https://cloud.google.com/iam/docs/principal-identifiers>
pub(super) fn members<'a>(listed: impl IntoIterator<Item = &'a String>) -> Members {
    listed
        .into_iter()
        .map(|member| (key(member), member.clone()))
        .collect()
}

pub(super) fn key(member: &str) -> String {
    match member.split_once(':') {
        Some(("serviceAccount" | "user" | "group" | "domain", _)) => member.to_ascii_lowercase(),
        _ => member.to_owned(),
    }
}

/// The undeclared members of `bindings` that can read the payload of a secret, or may be able to, and that `allow:` does not
/// accept today.
pub fn other_readers(
    policy: &Policy,
    wanted: &SecretPolicy,
    bindings: &[Binding],
    cloud_run: &CloudRun,
    today: Date,
) -> Vec<OtherReader> {
    let declared = declared(wanted, cloud_run);
    let reading = bindings
        .iter()
        .filter(|binding| binding.access != PayloadAccess::NotGranted);
    let all = reading.flat_map(|binding| {
        binding.members.iter().map(|member| OtherReader {
            member: member.clone(),
            role: binding.role.clone(),
            condition: binding.condition.clone(),
            access: binding.access,
        })
    });
    let others =
        all.filter(|one| !is_deleted(&one.member) && !declared.contains_key(&key(&one.member)));
    others
        .filter(|one| {
            allowance(policy, today, &of(&one.member, &wanted.name, String::new())).is_none()
        })
        .collect()
}

/// The finding about an undeclared member.
pub(super) fn of(member: &str, secret: &SecretName, message: String) -> Finding {
    Finding {
        role: Some(member.to_owned()),
        object: Some(format!("secret {secret}")),
        ..Finding::new(Rule::BindingUnexpected, message)
    }
}

/// What to do about undeclared readers.
pub fn advice_about_readers(secret: &SecretName) -> String {
    format!(
        "take their roles on the secret away (gcloud secrets get-iam-policy {} --project={}), declare them under \
         `readers`, or accept them: `allow: [{{ rule: binding.unexpected, role: MEMBER, reason: … }}]`",
        secret.id, secret.project
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_several_is_named_so() {
        for (member, expected) in [
            ("serviceAccount:a@p.iam.gserviceaccount.com", None),
            ("user:a@example.com", None),
            ("group:devs@example.com", Some("every member of the group")),
            ("domain:example.com", Some("everyone of the domain")),
            (
                "principal://iam.googleapis.com/projects/1/x/subject/s",
                Some("an identity of a pool"),
            ),
            (
                "principalSet://iam.googleapis.com/projects/1/x/*",
                Some("identities of a pool"),
            ),
            ("projectOwner:p", Some("the owners of the project")),
            ("projectEditor:p", Some("the editors of the project")),
            ("projectViewer:p", Some("the viewers of the project")),
            ("allUsers", Some("anyone on the internet")),
            ("allAuthenticatedUsers", Some("any Google account")),
        ] {
            assert_eq!(kind(member), expected, "{member}");
        }
    }

    #[test]
    fn a_reader_is_named_with_what_lets_it_read() {
        let reader = |role: &str, condition: Option<&str>, access| OtherReader {
            member: "group:g@x.org".into(),
            role: role.into(),
            condition: condition.map(str::to_owned),
            access,
        };
        assert_eq!(
            reader("roles/owner", None, PayloadAccess::Granted).to_string(),
            "group:g@x.org (every member of the group) by roles/owner"
        );
        assert_eq!(
            reader("projects/p/roles/r", Some("t"), PayloadAccess::Unknown).to_string(),
            "group:g@x.org (every member of the group) by projects/p/roles/r, a role that cannot be looked up, under the condition `t`"
        );
    }
}
