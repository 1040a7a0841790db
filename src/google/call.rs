//! What was called, in words for errors and with the role that allows it.

use std::fmt;

/// A call to Google, as errors name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What was to be done.
    pub operation: Operation,
    /// The project it was done in, by id or number.
    pub project: String,
    /// The resource it was done to.
    pub object: String,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.operation.facts().phrase, self.object)
    }
}

/// A method of a Google API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `projects.secrets.get`
    GetSecret,
    /// `projects.secrets.create`
    CreateSecret,
    /// `projects.secrets.patch`
    UpdateSecret,
    /// `projects.secrets.versions.list`
    ListVersions,
    /// `projects.secrets.addVersion`
    AddVersion,
    /// `projects.secrets.versions.get`
    GetVersion,
    /// `projects.secrets.versions.access`
    AccessVersion,
    /// `projects.secrets.versions.enable`
    EnableVersion,
    /// `projects.secrets.versions.disable`
    DisableVersion,
    /// `projects.secrets.versions.destroy`
    DestroyVersion,
    /// `projects.secrets.getIamPolicy`
    GetPolicy,
    /// `projects.secrets.setIamPolicy`
    SetPolicy,
    /// `projects.locations.jobs.get`
    GetJob,
    /// `projects.locations.services.get`
    GetService,
    /// `projects.locations.jobs.patch`
    UpdateJob,
    /// `projects.locations.services.patch`
    UpdateService,
    /// `projects.locations.jobs.executions.list`
    ListExecutions,
    /// `projects.locations.services.revisions.list`
    ListRevisions,
    /// `projects.locations.jobs.testIamPermissions`
    TestJob,
    /// `projects.locations.services.testIamPermissions`
    TestService,
    /// `projects.serviceAccounts.testIamPermissions`
    TestAccount,
    /// To let a job or service run as this service account.
    ActAs,
    /// `projects.locations.operations.get`
    GetOperation,
    /// `projects.get`
    GetProject,
    /// `roles.get`, `projects.roles.get`, `organizations.roles.get`
    GetRole,
}

struct Facts {
    phrase: &'static str,
    permission: &'static str,
    role: &'static str,
    changes: bool,
}

const fn reads(phrase: &'static str, permission: &'static str, role: &'static str) -> Facts {
    Facts {
        phrase,
        permission,
        role,
        changes: false,
    }
}

const fn changes(phrase: &'static str, permission: &'static str, role: &'static str) -> Facts {
    Facts {
        phrase,
        permission,
        role,
        changes: true,
    }
}

const ADDER: &str = "roles/secretmanager.secretVersionAdder";
const ADMIN: &str = "roles/secretmanager.admin";
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";
const ACCOUNT_USER: &str = "roles/iam.serviceAccountUser";
const RUN_DEVELOPER: &str = "roles/run.developer";
const RUN_VIEWER: &str = "roles/run.viewer";
const VERSION_MANAGER: &str = "roles/secretmanager.secretVersionManager";
const VIEWER: &str = "roles/secretmanager.viewer";

impl Operation {
    /// The permission that the call needs.
    pub fn permission(self) -> &'static str {
        self.facts().permission
    }

    /// The predefined role with that permission and the fewest others.
    pub fn role(self) -> &'static str {
        self.facts().role
    }

    /// Whether it changes something, so that an unknown outcome matters.
    pub fn changes(self) -> bool {
        self.facts().changes
    }

    /// Whether it is refused with `FAILED_PRECONDITION` where the etag that it sends is not that of the object any more.
    pub(super) fn sends_etag(self) -> bool {
        matches!(
            self,
            Self::UpdateSecret | Self::EnableVersion | Self::DisableVersion | Self::DestroyVersion
        )
    }

    /// Whether the payload of a secret is in the request or in the answer.
    pub(super) fn carries_payload(self) -> bool {
        matches!(self, Self::AddVersion | Self::AccessVersion)
    }

    /// <https://cloud.google.com/secret-manager/docs/access-control>,
    /// <https://cloud.google.com/run/docs/reference/iam/permissions>
    const fn facts(self) -> Facts {
        match self {
            Self::GetSecret => reads("read secret", "secretmanager.secrets.get", VIEWER),
            Self::CreateSecret => changes("create secret", "secretmanager.secrets.create", ADMIN),
            Self::UpdateSecret => changes("update secret", "secretmanager.secrets.update", ADMIN),
            Self::ListVersions => reads(
                "list the versions of secret",
                "secretmanager.versions.list",
                VIEWER,
            ),
            Self::GetVersion => reads("read secret version", "secretmanager.versions.get", VIEWER),
            Self::AddVersion => changes(
                "add a version to secret",
                "secretmanager.versions.add",
                ADDER,
            ),
            Self::AccessVersion => reads(
                "access secret version",
                "secretmanager.versions.access",
                ACCESSOR,
            ),
            Self::EnableVersion => changes(
                "enable secret version",
                "secretmanager.versions.enable",
                VERSION_MANAGER,
            ),
            Self::DisableVersion => changes(
                "disable secret version",
                "secretmanager.versions.disable",
                VERSION_MANAGER,
            ),
            Self::DestroyVersion => changes(
                "destroy secret version",
                "secretmanager.versions.destroy",
                VERSION_MANAGER,
            ),
            Self::GetPolicy => reads(
                "read the IAM policy of",
                "secretmanager.secrets.getIamPolicy",
                VIEWER,
            ),
            Self::SetPolicy => changes(
                "write the IAM policy of",
                "secretmanager.secrets.setIamPolicy",
                ADMIN,
            ),
            Self::GetJob => reads("read Cloud Run job", "run.jobs.get", RUN_VIEWER),
            Self::GetService => reads("read Cloud Run service", "run.services.get", RUN_VIEWER),
            Self::UpdateJob => changes("update Cloud Run job", "run.jobs.update", RUN_DEVELOPER),
            Self::UpdateService => changes(
                "update Cloud Run service",
                "run.services.update",
                RUN_DEVELOPER,
            ),
            Self::ListExecutions => {
                reads("list the executions of", "run.executions.list", RUN_VIEWER)
            }
            Self::ListRevisions => reads("list the revisions of", "run.revisions.list", RUN_VIEWER),
            Self::TestJob => reads(
                "ask what may be done with Cloud Run job",
                "run.jobs.get",
                RUN_VIEWER,
            ),
            Self::TestService => reads(
                "ask what may be done with Cloud Run service",
                "run.services.get",
                RUN_VIEWER,
            ),
            Self::TestAccount => reads(
                "ask what may be done with service account",
                "iam.serviceAccounts.get",
                ACCOUNT_USER,
            ),
            Self::ActAs => changes(
                "deploy as service account",
                "iam.serviceAccounts.actAs",
                ACCOUNT_USER,
            ),
            Self::GetOperation => {
                reads("read Cloud Run operation", "run.operations.get", RUN_VIEWER)
            }
            Self::GetRole => reads("look up role", "iam.roles.get", "roles/iam.roleViewer"),
            Self::GetProject => reads(
                "read project",
                "resourcemanager.projects.get",
                "roles/browser",
            ),
        }
    }
}
