//! Secrets as Secret Manager and IAM show them. Payloads are never part of a state.

use std::collections::BTreeMap;

use super::{Replication, SecretId, SecretName};

/// The state of a secret version.
/// <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions#State>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionState {
    /// Its payload may be accessed.
    Enabled,
    /// Its payload may not be accessed, and it is still billed.
    Disabled,
    /// Its payload is gone.
    Destroyed,
}

/// A secret version without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its number, counted from 1.
    pub number: i64,
    /// Whether it may be accessed.
    pub state: VersionState,
    /// Changes with its state.
    pub etag: String,
    /// When it was made, RFC 3339.
    pub created: Option<String>,
    /// Its end is ordered, and `versionDestroyTtl` keeps it for a while.
    pub doomed: bool,
    /// When it will be destroyed, RFC 3339: until then it is disabled, and may be enabled again.
    pub destroyed_at: Option<String>,
}

/// What Rolewright keeps on a secret: it has no other memory.
pub struct Annotations;

impl Annotations {
    /// The role whose credential the secret holds.
    pub const ROLE: &'static str = "rolewright.role";
    /// The instance (or `-`) the role lives on.
    pub const INSTANCE: &'static str = "rolewright.instance";
    /// The login inside the version that `current` names: read without touching a payload.
    pub const LOGIN: &'static str = "rolewright.login";
    /// The number of that version when it was published: an alias that names another one was moved by others.
    pub const VERSION: &'static str = "rolewright.version";
    /// What shows that the version was published here: for each version that could be read then, a code with its payload as the
    /// key.
    pub const SEAL: &'static str = "rolewright.seal";
    /// What identifies the version about to be added after a crash, written before it is added.
    pub const PENDING: &'static str = "rolewright.pending";
    /// When the version that `current` names was published, RFC 3339.
    pub const PUBLISHED: &'static str = "rolewright.published";
    /// The alias of the version in use.
    pub const CURRENT: &'static str = "current";
    /// The alias of the version before it, while its credential is not given up.
    pub const PREVIOUS: &'static str = "previous";
    /// The login inside the version that `previous` names.
    pub const PREVIOUS_LOGIN: &'static str = "rolewright.previous-login";
    /// The number of that version, with a code that has the payload in use as its key.
    pub const PREVIOUS_VERSION: &'static str = "rolewright.previous-version";
    /// The login that the pending version is for.
    pub const NEXT: &'static str = "rolewright.next";
    /// The version whose password the pending one has; without, it has a new one.
    pub const SOURCE: &'static str = "rolewright.source";
    /// Pending versions that were given up, so that they are known should they turn up.
    pub const ABANDONED: &'static str = "rolewright.abandoned";
    /// Since when, RFC 3339, and which versions nothing needs any more.
    pub const RETIRED: &'static str = "rolewright.retired";
    /// Since when, RFC 3339, no run has seen a session of the login that is closed next, and that login.
    pub const UNSEEN: &'static str = "rolewright.unseen";
    /// The version that the run at work is about to disable or destroy.
    pub const ENDING: &'static str = "rolewright.ending";
    /// The run at work, and until when it may be taken for alive.
    pub const LEASE: &'static str = "rolewright.lease";
    /// How the payload of the version that `current` names was written ([`Shape`](super::Shape)); without it, the form is unknown.
    pub const SHAPE: &'static str = "rolewright.payload";
    /// When the next rotation is due, RFC 3339: Google keeps that only on secrets with Pub/Sub topics.
    pub const DUE: &'static str = "rolewright.due";
}

/// A secret with its versions and bindings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its name with the project as the policy writes it.
    pub name: SecretName,
    /// Opaque; echoed on update.
    pub etag: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Version aliases.
    pub aliases: BTreeMap<String, i64>,
    /// Versions, newest first.
    pub versions: Vec<Version>,
    /// IAM bindings; `None` where they may not be read.
    pub bindings: Option<Vec<Binding>>,
    /// Seconds between the order to destroy a version and its end; `None`: it ends at once.
    pub destroy_ttl: Option<i64>,
    /// It has Pub/Sub topics: only then Google keeps a time for its next rotation.
    pub has_topics: bool,
    /// Where it is stored, which never changes; `None`: Google reports nothing that is known.
    pub replication: Option<Replication>,
    /// When Google deletes it with all its versions, RFC 3339.
    pub expires: Option<String>,
    /// Google's managed rotation owns this secret (`secretType` is `CLOUD_SQL_DB_CREDENTIALS`).
    pub managed_rotation: bool,
}

impl Secret {
    /// The version that the alias `current` names.
    pub fn current(&self) -> Option<&Version> {
        let number = self.aliases.get(Annotations::CURRENT)?;
        self.versions
            .iter()
            .find(|version| version.number == *number)
    }

    /// Whether the payload of the version can be read.
    pub fn is_enabled(&self, number: i64) -> bool {
        self.versions
            .iter()
            .any(|version| version.number == number && version.state == VersionState::Enabled)
    }

    /// The most recently created version: what `latest` means, whatever its state.
    pub fn latest(&self) -> Option<&Version> {
        self.versions.iter().max_by_key(|version| version.number)
    }
}

/// One role binding of the secret's IAM policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// For example `roles/secretmanager.secretAccessor`.
    pub role: String,
    /// Members, verbatim.
    pub members: Vec<String>,
    /// Title of the condition under which it holds.
    pub condition: Option<String>,
    /// Whether the role lets its members read payloads.
    pub access: PayloadAccess,
}

/// Whether a role includes `secretmanager.versions.access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadAccess {
    /// It does.
    Granted,
    /// It does not.
    NotGranted,
    /// It is neither a well-known role nor one that this identity may look up.
    Unknown,
}

/// The fields of a Cloud Run job or service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudRunReference {
    /// E-mail of the service account it runs as.
    pub service_account: String,
    /// The version (number, alias or `latest`) by which it refers to each secret, by `projects/P/secrets/S` or bare id.
    pub secrets: Vec<(String, String)>,
    /// Why it is not ready, in Google's words, where it could not read its secrets when it was deployed last.
    pub failure: Option<String>,
}

/// A revision of a service or an execution of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudRunHolder {
    /// The last part of its name.
    pub name: String,
    /// When it was made, RFC 3339.
    pub started: Option<String>,
    /// It runs, or may have instances.
    pub at_work: bool,
    /// The version by which it refers to each secret, as in [`CloudRunReference`].
    pub secrets: Vec<(String, String)>,
    /// It never became ready: what it was made for has not happened.
    pub failed: bool,
    /// What was noted on it when it was made: the value of [`CloudRunHolder::NOTE`].
    pub note: Option<String>,
}

impl CloudRunHolder {
    /// The annotation with the newest version of each secret when the revision was created: `app=5 web=3`.
    pub const NOTE: &str = "rolewright.versions";

    /// `note` with one more entry, in the place of one for the same secret.
    pub fn noted(note: Option<&str>, secret: &SecretId, version: i64) -> String {
        let others = note
            .unwrap_or_default()
            .split(' ')
            .filter(|entry| Self::entry(entry, secret).is_none());
        let others = others.filter(|entry| !entry.is_empty()).map(str::to_owned);
        others
            .chain([format!("{secret}={version}")])
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The version of `secret` that was in use already when it was made, if that was noted.
    pub fn since(&self, secret: &SecretId) -> Option<i64> {
        self.note
            .as_ref()?
            .split(' ')
            .find_map(|entry| Self::entry(entry, secret))?
            .parse()
            .ok()
    }

    fn entry<'a>(entry: &'a str, secret: &SecretId) -> Option<&'a str> {
        entry
            .split_once('=')
            .filter(|(id, _)| *id == secret.as_str())
            .map(|(_, version)| version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_has_one_entry_a_secret_and_keeps_those_of_others() {
        let id = |text: &str| SecretId::new(text).unwrap();
        let first = CloudRunHolder::noted(None, &id("app"), 2);
        let second = CloudRunHolder::noted(Some(&first), &id("web"), 7);
        let third = CloudRunHolder::noted(Some(&second), &id("app"), 3);
        assert_eq!((first.as_str(), third.as_str()), ("app=2", "web=7 app=3"));
        let holder = |note: &str| CloudRunHolder {
            name: "h".into(),
            started: None,
            at_work: true,
            secrets: Vec::new(),
            failed: false,
            note: Some(note.into()),
        };
        assert_eq!(holder(&third).since(&id("app")), Some(3));
        assert_eq!(holder(&third).since(&id("ap")), None);
        for odd in ["", "app", "app=", "app=x", "app=2=3"] {
            assert_eq!(holder(odd).since(&id("app")), None, "{odd}");
        }
    }
}
