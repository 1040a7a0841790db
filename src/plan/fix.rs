//! The statement that mends a finding, for this admin to run: with the memberships that it takes for a moment, as `apply`
//! does. What this admin may not do has none.

use std::sync::Arc;

use super::gcloud;
use super::reach::Reach;
use super::sentence::labelled;
use super::{Change, Extent, script};
use crate::model::{AclItem, DatabaseName, Grantee, Group, Object, Privileges};

/// What makes one change, as one line.
pub(super) fn fix(change: &Change, reach: &Reach<'_>) -> Option<String> {
    whole(change, &[], reach)
}

/// The same with what goes along with it in one transaction.
pub(super) fn whole(change: &Change, brings: &[Change], reach: &Reach<'_>) -> Option<String> {
    if !change.is_spelt() {
        return None;
    }
    let text = match change {
        Change::Bind { secret, member } | Change::Unbind { secret, member } => {
            let bind = matches!(change, Change::Bind { .. });
            let verb = if bind {
                "add-iam-policy-binding"
            } else {
                "remove-iam-policy-binding"
            };
            gcloud::secret(
                verb,
                secret,
                &[
                    ("member", member),
                    ("role", "roles/secretmanager.secretAccessor"),
                ],
            )
        }
        Change::LabelSecret { secret, labels, .. } => {
            let labels = labelled(labels).replace(", ", ",");
            gcloud::secret("update", secret, &[("update-labels", &labels)])
        }
        Change::DestroyVersions {
            secret, versions, ..
        } => {
            let destroy = |number| {
                format!(
                    "gcloud secrets versions destroy {number} --secret={} --project={}",
                    secret.id, secret.project
                )
            };
            versions.iter().map(destroy).collect::<Vec<_>>().join("; ")
        }
        Change::CreateSecret { .. } | Change::Credential { .. } => return None,
        change => script::alone(reach, change, brings)?.join("; "),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// Whether only a run makes the change: it takes a password that nobody sees.
pub(super) fn needs_a_run(change: &Change) -> bool {
    matches!(
        change,
        Change::CreateSecret { .. } | Change::Credential { .. }
    )
}

/// The statements that take from `grantee` what it holds of `privileges` on objects of a group, whoever granted it; `None`
/// where this admin may not take all of it.
pub(super) fn revokes(
    database: &DatabaseName,
    group: &Group,
    objects: &[Object],
    (grantee, privileges): (&Grantee, Privileges),
    reach: &Reach<'_>,
) -> Option<Vec<String>> {
    let items = group
        .acl
        .items()
        .iter()
        .filter(|item| item.grantee == *grantee);
    let items = items.filter(|item| !item.privileges.intersection(privileges).is_empty());
    let revoke = |item: &Arc<AclItem>| {
        let change = Change::Revoke {
            database: database.clone(),
            objects: objects.into(),
            owner: group.owner.clone(),
            grantor: item.grantor.clone(),
            grantee: grantee.clone(),
            privileges: item.privileges.intersection(privileges),
            extent: Extent::Privileges,
            cascade: Vec::new(),
            via: None,
        };
        fix(&change, reach)
    };
    items.map(revoke).collect()
}
