//! The names in a change, and whether a statement can spell them: what is not UTF-8 is known by its OID only.

use super::{Change, Objects};
use crate::model::{Object, RoleName, SchemaName};

impl Change {
    /// Whether a statement can spell every name in it.
    pub(super) fn is_spelt(&self) -> bool {
        let objects = self
            .objects()
            .is_none_or(|objects| objects.iter().all(Object::has_name));
        let schema = self
            .default_schema()
            .is_none_or(|schema| schema.oid().is_none());
        objects && schema && self.role_names().iter().all(|role| role.oid().is_none())
    }

    /// The roles that its statements name.
    pub(super) fn role_names(&self) -> Vec<&RoleName> {
        let mut names: Vec<&RoleName> = Vec::new();
        match self {
            Self::CreateRole { role, .. }
            | Self::AlterRole { role, .. }
            | Self::SetParameter { role, .. }
            | Self::ResetParameter { role, .. }
            | Self::EndSessions { role } => names.push(role),
            Self::GrantMembership { edge } => names.extend([&edge.role, &edge.member]),
            Self::RevokeMembership { membership, .. } => {
                names.extend([&membership.role, &membership.member, &membership.grantor]);
            }
            Self::UpdateExtension { owner, .. } => names.push(owner),
            Self::ChangeOwner {
                from,
                to,
                creates_by,
                ..
            } => names.extend([from, to].into_iter().chain(creates_by)),
            Self::Grant { owner, grantee, .. } => {
                names.extend([owner].into_iter().chain(grantee.role()))
            }
            Self::Revoke {
                owner,
                grantor,
                grantee,
                via,
                ..
            } => {
                names.extend(
                    [owner, grantor]
                        .into_iter()
                        .chain(grantee.role())
                        .chain(via),
                );
            }
            Self::GrantDefault { default, .. } | Self::RevokeDefault { default, .. } => {
                names.extend([&default.owner].into_iter().chain(default.grantee.role()));
            }
            Self::ReassignOwned { from, to, .. } => names.extend([from, to]),
            Self::DropOwned {
                role, policies_of, ..
            } => names.extend([role].into_iter().chain(policies_of)),
            Self::DropRole { role, members } => names.extend([role].into_iter().chain(members)),
            Self::Credential { role, login, .. } => names.extend([role, login.name()]),
            Self::CreateSchema { .. }
            | Self::CreateExtension { .. }
            | Self::CreateSecret { .. }
            | Self::LabelSecret { .. }
            | Self::DestroyVersions { .. }
            | Self::Bind { .. }
            | Self::Unbind { .. } => {}
        }
        names
    }

    /// The schema that it names beside its objects.
    pub(super) fn default_schema(&self) -> Option<&SchemaName> {
        if let Self::GrantDefault { default, .. } | Self::RevokeDefault { default, .. } = self {
            default.schema.as_ref()
        } else {
            None
        }
    }

    pub(super) fn objects_mut(&mut self) -> Option<&mut Objects> {
        if let Self::ChangeOwner { objects, .. }
        | Self::Grant { objects, .. }
        | Self::Revoke { objects, .. } = self
        {
            Some(objects)
        } else {
            None
        }
    }
}
