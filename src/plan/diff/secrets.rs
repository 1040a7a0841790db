//! Credentials and who may read them.

use std::collections::BTreeSet;

use super::Diff;
use super::emit::{Reason, step};
use crate::model::{
    Annotations, Lifecycle, Origin, Reader, RoleName, RolePolicy, Secret, SecretPolicy, Strategy, VersionState,
};
use crate::plan::{Change, CredentialSource, Finding, Rule};

/// The role that lets a member read payloads.
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";

impl Diff<'_> {
    pub(super) fn secrets(&mut self) {
        let policy = self.policy;
        for (name, role) in policy.roles.iter().filter(|(_, role)| role.lifecycle == Lifecycle::Present) {
            if let Some(secret) = &role.secret {
                self.secret(name, role, secret);
            }
        }
    }

    fn secret(&mut self, name: &RoleName, role: &RolePolicy, wanted: &SecretPolicy) {
        let state = self.state;
        let actual = state.secrets.get(&wanted.name);
        let made = match actual {
            None => self.new_secret(name, role, wanted),
            Some(secret) => self.known_secret(name, role, wanted, secret),
        };
        if made {
            self.readers(name, wanted, actual);
        }
    }

    fn new_secret(&mut self, name: &RoleName, role: &RolePolicy, wanted: &SecretPolicy) -> bool {
        let create = Change::CreateSecret { secret: wanted.name.clone(), role: name.clone() };
        let create = step(create, Rule::SecretMissing, Some(&wanted.origin));
        match self.live_login(name, role) {
            Some(reason) => {
                self.withhold(create, reason);
                false
            }
            None => {
                self.push(create);
                self.credential(name, role, wanted, CredentialSource::Generate);
                true
            }
        }
    }

    /// A login somebody may be using, with a password that is in no secret of ours.
    fn live_login(&self, name: &RoleName, role: &RolePolicy) -> Option<Reason> {
        let live = |login: &RoleName| self.state.roles.get(login).is_some_and(|role| role.login);
        let login = role.logins(name).into_iter().find(live).filter(|_| !self.options.reset_passwords)?;
        Some(Reason::decision(
            format!("login `{login}` exists with a password that nobody stored, and somebody may be using it"),
            "store it in the secret yourself, or use --reset-passwords to replace it",
        ))
    }

    /// Returns whether its readers are ours to judge.
    fn known_secret(&mut self, name: &RoleName, role: &RolePolicy, wanted: &SecretPolicy, secret: &Secret) -> bool {
        if let Some((message, reason)) = self.kept_by_others(name, secret) {
            self.withhold_secret(name, wanted, Rule::SecretForeign, message, reason);
            return false;
        }
        let ours = secret.annotations.contains_key(Annotations::ROLE);
        match (secret.current(), secret.latest()) {
            (Some(current), _) if current.state != VersionState::Enabled => {
                self.unreadable(name, wanted, current.number, current.state);
            }
            (Some(_), _) if ours => self.published(name, role, wanted, secret),
            (None, _) if secret.annotations.contains_key(Annotations::PENDING) => {
                self.credential(name, role, wanted, CredentialSource::Resume);
            }
            (None, None) => match self.live_login(name, role) {
                Some(reason) => {
                    let message = format!("{} has no version", wanted.name);
                    self.withhold_secret(name, wanted, Rule::SecretMissing, message, reason);
                }
                None => self.credential(name, role, wanted, CredentialSource::Generate),
            },
            (None, Some(latest)) if latest.state != VersionState::Enabled => {
                self.unreadable(name, wanted, latest.number, latest.state);
            }
            _ => self.credential(name, role, wanted, CredentialSource::Adopt),
        }
        true
    }

    fn kept_by_others(&self, name: &RoleName, secret: &Secret) -> Option<(String, Reason)> {
        if secret.managed_rotation {
            let reason = Reason::decision(
                "two rotations of one password would undo each other",
                "use another secret, or switch Google's managed rotation off",
            );
            return Some((format!("Google's managed rotation keeps {}", secret.name), reason));
        }
        let instance = self.policy.instance.as_ref().map_or_else(|| "-".into(), ToString::to_string);
        let says = |key: &str, expected: &str| secret.annotations.get(key).is_none_or(|value| value == expected);
        if says(Annotations::ROLE, name.as_str()) && says(Annotations::INSTANCE, &instance) {
            return None;
        }
        let of = secret.annotations.get(Annotations::ROLE).map_or("?", String::as_str);
        let on = secret.annotations.get(Annotations::INSTANCE).map_or("?", String::as_str);
        let reason = Reason::decision(
            format!("it holds the credential of `{of}` on `{on}`"),
            "use another secret, or remove its `rolewright.*` annotations",
        );
        Some((format!("{} is another role's", secret.name), reason))
    }

    fn unreadable(&mut self, name: &RoleName, wanted: &SecretPolicy, number: i64, state: VersionState) {
        let message = format!("version {number} of {} is {state:?}", wanted.name).to_lowercase();
        let reason = Reason::decision(
            "a secret that was there before is never overwritten",
            format!(
                "gcloud secrets versions enable {number} --secret={} --project={}, or add a version",
                wanted.name.id, wanted.name.project
            ),
        );
        self.withhold_secret(name, wanted, Rule::SecretVersion, message, reason);
    }

    /// The version in use is readable: the login inside it must be one.
    fn published(&mut self, name: &RoleName, role: &RolePolicy, wanted: &SecretPolicy, secret: &Secret) {
        let login = secret.annotations.get(Annotations::LOGIN).and_then(|login| RoleName::new(login).ok());
        let Some(login) = login else {
            return self.credential(name, role, wanted, CredentialSource::Adopt);
        };
        let logs_in = self.state.roles.get(&login).is_some_and(|role| role.login);
        if !logs_in {
            self.credential_of(name, login, role.rotation.strategy, wanted, CredentialSource::Resume);
        }
    }

    fn credential(&mut self, name: &RoleName, role: &RolePolicy, wanted: &SecretPolicy, source: CredentialSource) {
        let Some(login) = role.logins(name).into_iter().next() else { return };
        self.credential_of(name, login, role.rotation.strategy, wanted, source);
    }

    fn credential_of(
        &mut self,
        name: &RoleName,
        login: RoleName,
        strategy: Strategy,
        wanted: &SecretPolicy,
        source: CredentialSource,
    ) {
        let blocked = if source == CredentialSource::Adopt { None } else { self.not_administered(&login) };
        let rule = match source {
            CredentialSource::Generate => Rule::SecretMissing,
            CredentialSource::Resume => Rule::CredentialRejected,
            CredentialSource::Adopt => Rule::SecretForeign,
        };
        let change = Change::Credential { role: name.clone(), login, secret: wanted.name.clone(), strategy, source };
        self.push_or(step(change, rule, Some(&wanted.origin)), blocked);
    }

    fn withhold_secret(&mut self, role: &RoleName, wanted: &SecretPolicy, rule: Rule, message: String, reason: Reason) {
        let finding =
            Finding { object: Some(format!("secret {}", wanted.name)), ..of_role(role, &wanted.origin, rule, message) };
        self.withhold_findings(vec![finding], reason);
    }

    fn readers(&mut self, role: &RoleName, wanted: &SecretPolicy, actual: Option<&Secret>) {
        let members = self.members(role, wanted);
        let bindings = match actual {
            None => Some(Vec::new()),
            Some(secret) => secret.bindings.clone(),
        };
        let Some(bindings) = bindings else {
            let message = format!("the IAM policy of {} cannot be read", wanted.name);
            let reason = Reason::impossible(
                "this identity has no secretmanager.secrets.getIamPolicy on it",
                "grant it roles/secretmanager.admin on the secret",
            );
            return self.withhold_secret(role, wanted, Rule::BindingMissing, message, reason);
        };
        let accessors = bindings.iter().filter(|binding| binding.role == ACCESSOR);
        let unconditional = accessors.clone().filter(|binding| binding.condition.is_none());
        let bound: BTreeSet<&String> = unconditional.flat_map(|binding| &binding.members).collect();
        for member in members.iter().filter(|member| !bound.contains(member)) {
            let change = Change::Bind { secret: wanted.name.clone(), member: member.clone() };
            self.push(step(change, Rule::BindingMissing, Some(&wanted.origin)));
        }
        let others: BTreeSet<&String> = accessors.flat_map(|binding| &binding.members).collect();
        for member in others.into_iter().filter(|member| !members.contains(*member)) {
            let change = Change::Unbind { secret: wanted.name.clone(), member: member.clone() };
            let blocked = (!self.options.prune)
                .then(|| Reason::decision("it is not declared", "declare it under `readers`, or use --prune"));
            self.push_or(step(change, Rule::BindingUnexpected, Some(&wanted.origin)), blocked);
        }
    }

    /// The IAM members that are to read the secret.
    fn members(&mut self, role: &RoleName, wanted: &SecretPolicy) -> BTreeSet<String> {
        wanted.readers.iter().filter_map(|reader| self.member(role, wanted, reader)).collect()
    }

    fn member(&mut self, role: &RoleName, wanted: &SecretPolicy, reader: &Reader) -> Option<String> {
        let (resource, declared) = match reader {
            Reader::Member(member) => return Some(member.clone()),
            Reader::CloudRun { service_account, .. } => (reader.resource()?, service_account),
        };
        let account = |email: &String| format!("serviceAccount:{email}");
        let actual = self.state.cloud_run.get(&resource).and_then(Option::as_ref).map(|found| &found.service_account);
        let (message, reason) = match (declared, actual) {
            (Some(declared), Some(actual)) if declared != actual => (
                format!("{resource} runs as {actual}, not as {declared}"),
                Reason::decision(
                    "only the declared account may read the secret",
                    "deploy it with the declared account, or change the policy",
                ),
            ),
            (None, None) => (
                format!("{resource} does not exist"),
                Reason::decision(
                    "nobody knows which account it will run as",
                    "add `service_account:` to the reader: it is bound before the job exists",
                ),
            ),
            (Some(declared), _) => return Some(account(declared)),
            (None, Some(actual)) => return Some(account(actual)),
        };
        let finding = Finding { object: Some(resource), ..of_role(role, &wanted.origin, Rule::JobReference, message) };
        self.withhold_findings(vec![finding], reason);
        declared.as_ref().map(account)
    }
}

fn of_role(role: &RoleName, origin: &Origin, rule: Rule, message: String) -> Finding {
    Finding { role: Some(role.to_string()), origin: Some(origin.clone()), ..Finding::new(rule, message) }
}
