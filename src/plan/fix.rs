//! The statement that mends a finding, for somebody to run who may: a superuser, or whoever the plan says could.

use std::sync::Arc;

use super::gcloud;
use super::sentence::labelled;
use super::statement::{name, statements};
use super::{Change, Extent};
use crate::model::{AclItem, DatabaseName, Grantee, Group, Object, Privileges, RoleName};
use crate::plan::reach::CLOUD_SQL_SUPERUSER;

/// The statement of one change on a server of `major`; where it takes several, all of them.
pub(super) fn fix(change: &Change, major: u32) -> Option<String> {
    let text = match change {
        Change::Bind { secret, member } | Change::Unbind { secret, member } => {
            let bind = matches!(change, Change::Bind { .. });
            let verb = if bind { "add-iam-policy-binding" } else { "remove-iam-policy-binding" };
            gcloud::secret(verb, secret, &[("member", member), ("role", "roles/secretmanager.secretAccessor")])
        }
        Change::LabelSecret { secret, labels, .. } => {
            let labels = labelled(labels).replace(", ", ",");
            gcloud::secret("update", secret, &[("update-labels", &labels)])
        }
        Change::DestroyVersions { secret, versions, .. } => {
            let destroy = |number| {
                format!("gcloud secrets versions destroy {number} --secret={} --project={}", secret.id, secret.project)
            };
            versions.iter().map(destroy).collect::<Vec<_>>().join("; ")
        }
        Change::CreateSecret { .. } | Change::Credential { .. } => "rolewright apply".into(),
        change => {
            let statements = statements(change, major, &RoleName::new(CLOUD_SQL_SUPERUSER).ok()?).join("; ");
            match delegate(change) {
                Some(role) => format!("SET ROLE {0}; {statements}; RESET ROLE", name(role.as_str())),
                None => statements,
            }
        }
    };
    Some(text).filter(|text| !text.is_empty())
}

/// Whoever is not the owner and granted it: a REVOKE by anybody else is one in the name of the owner, and leaves it.
/// <https://www.postgresql.org/docs/current/sql-revoke.html#SQL-REVOKE-NOTES>
fn delegate(change: &Change) -> Option<&RoleName> {
    let Change::Revoke { owner, grantor, via, .. } = change else { return None };
    Some(via.as_ref().unwrap_or(grantor)).filter(|role| *role != owner)
}

/// The statements that take from `grantee` what it holds of `privileges` on an object, whoever granted it.
pub(super) fn revokes(
    database: &DatabaseName,
    group: &Group,
    object: &Object,
    grantee: &Grantee,
    privileges: Privileges,
    major: u32,
) -> Vec<String> {
    let items = group.acl.items().iter().filter(|item| item.grantee == *grantee);
    let revoke = |item: &Arc<AclItem>| {
        let change = Change::Revoke {
            database: database.clone(),
            objects: [object.clone()].into(),
            owner: group.owner.clone(),
            grantor: item.grantor.clone(),
            grantee: grantee.clone(),
            privileges: item.privileges.intersection(privileges),
            extent: Extent::Privileges,
            cascade: Vec::new(),
            via: None,
        };
        fix(&change, major)
    };
    items.filter_map(revoke).collect()
}
