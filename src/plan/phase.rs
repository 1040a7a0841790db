//! The order of steps.

use super::{Aim, Change, Objects, Step};
use crate::model::Object;

/// When within its transaction a change is made. Whoever is to own or use something exists before; what is taken away
/// goes before what is given; what locks tables comes late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Roles and their attributes.
    Roles,
    /// Memberships taken away.
    MembershipsRevoked,
    /// Memberships given.
    MembershipsGranted,
    /// What only makes sense with the role and its memberships there.
    Settings,
    /// Schemas.
    Schemas,
    /// Extensions.
    Extensions,
    /// Rights on databases and schemas: a new owner needs CREATE on the schema.
    Containers,
    /// Owners.
    Owners,
    /// Default privileges taken away.
    DefaultsRevoked,
    /// Default privileges given.
    DefaultsGranted,
    /// Rights on objects taken away.
    Revokes,
    /// Rights on objects given.
    Grants,
    /// Rights on databases and schemas taken away: without USAGE nobody can revoke what it granted there.
    ContainersRevoked,
    /// What roles that go still own or are named in.
    Remains,
    /// Sessions, once nobody can log in anew.
    Sessions,
    /// Roles that go.
    Departures,
    /// Secrets without a version.
    Secrets,
    /// Readers taken away, before there is anything more to read.
    Unbindings,
    /// Credentials.
    Credentials,
    /// Readers.
    Bindings,
    /// Versions that nobody is to read any more.
    Versions,
}

impl Change {
    /// When it is made.
    pub fn phase(&self) -> Phase {
        match self {
            Self::CreateRole { .. } | Self::AlterRole { .. } => Phase::Roles,
            Self::RevokeMembership { .. } => Phase::MembershipsRevoked,
            Self::GrantMembership { .. } => Phase::MembershipsGranted,
            Self::SetParameter { .. } | Self::ResetParameter { .. } => Phase::Settings,
            Self::CreateSchema { .. } => Phase::Schemas,
            Self::CreateExtension { .. } | Self::UpdateExtension { .. } => Phase::Extensions,
            Self::ChangeOwner { objects, .. } if in_container(objects) => Phase::Containers,
            Self::ChangeOwner { .. } => Phase::Owners,
            Self::RevokeDefault { .. } => Phase::DefaultsRevoked,
            Self::GrantDefault { .. } => Phase::DefaultsGranted,
            Self::Grant { objects, .. } if in_container(objects) => Phase::Containers,
            Self::Revoke { objects, .. } if in_container(objects) => Phase::ContainersRevoked,
            Self::Revoke { .. } => Phase::Revokes,
            Self::Grant { .. } => Phase::Grants,
            Self::ReassignOwned { .. } | Self::DropOwned { .. } => Phase::Remains,
            Self::EndSessions { .. } => Phase::Sessions,
            Self::DropRole { .. } => Phase::Departures,
            Self::CreateSecret { .. } | Self::LabelSecret { .. } => Phase::Secrets,
            Self::Credential { .. } => Phase::Credentials,
            Self::Unbind { .. } => Phase::Unbindings,
            Self::Bind { .. } => Phase::Bindings,
            Self::DestroyVersions { .. } => Phase::Versions,
        }
    }
}

fn in_container(objects: &[Object]) -> bool {
    objects
        .iter()
        .all(|object| matches!(object, Object::Database(_) | Object::Schema(_)))
}

/// The steps in the order they are to be taken: the instance, each database, roles that go, each secret.
pub fn order(steps: Vec<Step>) -> Vec<Step> {
    let rank = |step: &Step| match step.change.target() {
        Aim::Instance => (0, None),
        Aim::Sessions => (1, None),
        Aim::Database(database) => (2, Some(database)),
        Aim::Departures => (3, None),
        Aim::Secret(_) => (4, None),
    };
    let mut steps = steps;
    // Stable: within a phase the order of the diff stands, which has dependent grants before what they hang on.
    steps.sort_by_cached_key(|step| (rank(step), step.change.phase()));
    steps
}

impl Change {
    /// The objects it is about, where it is about objects.
    pub fn objects(&self) -> Option<&[Object]> {
        self.list().map(|list| &**list)
    }

    /// The same as the list that it shares with others.
    pub(super) fn list(&self) -> Option<&Objects> {
        match self {
            Self::Grant { objects, .. }
            | Self::Revoke { objects, .. }
            | Self::ChangeOwner { objects, .. } => Some(objects),
            _ => None,
        }
    }
}
