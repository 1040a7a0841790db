//! Credentials and who may read them.

use std::collections::BTreeMap;

use super::Diff;
use super::emit::{Reason, step};
use crate::model::{
    Annotations, Lifecycle, Login, Logins, Origin, RoleName, RolePolicy, Secret, SecretPolicy,
    Shape, Strategy, Version, VersionState,
};
use crate::plan::{ApplyOption, Change, CredentialSource, Finding, Rule, gcloud};
use crate::rotation::{Ledger, Problem, Reading, owner, read};

impl Diff<'_> {
    pub(super) fn secrets(&mut self) {
        let policy = self.policy;
        for (name, role) in policy
            .roles
            .iter()
            .filter(|(_, role)| role.lifecycle == Lifecycle::Present)
        {
            if let Some(secret) = &role.secret {
                self.secret(name, role, secret);
            }
        }
        for (name, role) in policy
            .roles
            .iter()
            .filter(|(_, role)| role.lifecycle != Lifecycle::Present)
        {
            if let Some(secret) = &role.secret {
                self.retired_secret(name, secret);
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
            self.labels(name, wanted, actual);
        }
    }

    /// Labels of others stay.
    fn labels(&mut self, name: &RoleName, wanted: &SecretPolicy, actual: Option<&Secret>) {
        let Some(secret) = actual else { return };
        let differs = |(key, value): &(&String, &String)| secret.labels.get(*key) != Some(value);
        let labels: BTreeMap<_, _> = wanted
            .labels
            .iter()
            .filter(differs)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        if !labels.is_empty() {
            let change = Change::LabelSecret {
                secret: wanted.name.clone(),
                role: name.clone(),
                labels,
            };
            self.push(step(change, Rule::SecretLabel, Some(&wanted.origin)));
        }
    }

    fn new_secret(&mut self, name: &RoleName, role: &RolePolicy, wanted: &SecretPolicy) -> bool {
        let create = Change::CreateSecret {
            secret: wanted.name.clone(),
            role: name.clone(),
        };
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
    pub(super) fn live_login(&self, name: &RoleName, role: &RolePolicy) -> Option<Reason> {
        let live = |login: &RoleName| self.state.roles.get(login).is_some_and(|role| role.login);
        let login = role
            .logins(name)
            .into_iter()
            .find(live)
            .filter(|_| !self.options.reset_passwords)?;
        Some(Reason::decision(
            format!(
                "login `{login}` exists with a password that nobody stored, and somebody may be using it"
            ),
            self.stored_elsewhere(role),
        ))
    }

    /// Returns whether its readers are ours to judge.
    fn known_secret(
        &mut self,
        name: &RoleName,
        role: &RolePolicy,
        wanted: &SecretPolicy,
        secret: &Secret,
    ) -> bool {
        if let Some((message, reason)) = self.kept_by_others(name, secret) {
            self.withhold_secret(name, wanted, Rule::SecretForeign, message, reason);
            return false;
        }
        self.storage(name, wanted, secret);
        let Reading { ledger, problems } = self.reading(name, secret);
        if !problems.is_empty() {
            self.untrusted(name, wanted, &problems);
            return false;
        }
        let ours = secret.annotations.contains_key(Annotations::ROLE);
        match (secret.current(), secret.latest()) {
            (Some(current), _) if current.state != VersionState::Enabled => {
                self.unreadable(name, role, wanted, &ledger, current) || ours
            }
            (Some(_), _) if ours => {
                self.published(name, role, wanted, secret, &ledger);
                self.rotation(name, role, wanted, secret, &ledger);
                true
            }
            (None, _)
                if ledger
                    .version
                    .is_some_and(|version| secret.is_enabled(version)) =>
            {
                self.credential(name, role, wanted, CredentialSource::Adopt);
                true
            }
            (None, _) if secret.annotations.contains_key(Annotations::PENDING) => {
                self.interrupted(name, role, wanted, secret)
            }
            (None, None) => self.unless_live(name, role, wanted, CredentialSource::Generate),
            (None, Some(latest)) if latest.state != VersionState::Enabled => {
                self.unreadable(name, role, wanted, &ledger, latest) || ours
            }
            _ => {
                self.credential(name, role, wanted, CredentialSource::Adopt);
                true
            }
        }
    }

    /// A run was killed after it announced a version. A single login is armed only after its version is stored: where
    /// there is none, its password is nobody's. One of a pair is armed before, and nobody else uses it.
    fn interrupted(
        &mut self,
        name: &RoleName,
        role: &RolePolicy,
        wanted: &SecretPolicy,
        secret: &Secret,
    ) -> bool {
        let stored = secret
            .versions
            .iter()
            .any(|version| version.state == VersionState::Enabled);
        if stored || role.rotation.strategy == Strategy::Alternate {
            self.credential(name, role, wanted, CredentialSource::Resume);
            return true;
        }
        self.unless_live(name, role, wanted, CredentialSource::Resume)
    }

    /// Returns whether nobody can be using the login, so that it gets a credential.
    fn unless_live(
        &mut self,
        name: &RoleName,
        role: &RolePolicy,
        wanted: &SecretPolicy,
        source: CredentialSource,
    ) -> bool {
        match self.live_login(name, role) {
            Some(reason) => {
                let message = format!("{} has no version", wanted.name);
                self.withhold_secret(name, wanted, Rule::SecretMissing, message, reason);
                false
            }
            None => {
                self.credential(name, role, wanted, source);
                true
            }
        }
    }

    pub(super) fn kept_by_others(
        &self,
        name: &RoleName,
        secret: &Secret,
    ) -> Option<(String, Reason)> {
        if secret.managed_rotation {
            let reason = Reason::decision(
                "two rotations of one password would undo each other",
                "use another secret, or switch Google's managed rotation off",
            );
            return Some((
                format!("Google's managed rotation keeps {}", secret.name),
                reason,
            ));
        }
        let (of, on) = owner(secret, name, self.policy.instance.as_ref())?;
        let reason = Reason::decision(
            format!("it holds the credential of `{of}` on `{on}`"),
            "use another secret, or remove its `rolewright.*` annotations",
        );
        Some((format!("{} is another role's", secret.name), reason))
    }

    /// The version that counts cannot be read. Returns whether it is replaced, as it may be once it is destroyed.
    fn unreadable(
        &mut self,
        name: &RoleName,
        role: &RolePolicy,
        wanted: &SecretPolicy,
        ledger: &Ledger,
        version: &Version,
    ) -> bool {
        let Version { number, state, .. } = version;
        let gone = *state == VersionState::Destroyed;
        if gone && self.options.reset_passwords {
            let login = ledger.login.clone().or_else(|| self.first_login(name));
            let strategy = role.rotation.strategy;
            login.into_iter().for_each(|login| {
                self.credential_of(name, login, strategy, wanted, CredentialSource::Generate);
            });
            return true;
        }
        // The id of a secret keeps its case: another case is another secret.
        let message = format!(
            "version {number} of {} is {}",
            wanted.name,
            format!("{state:?}").to_lowercase()
        );
        let reason = if gone {
            Reason::option(
                ApplyOption::ResetPasswords,
                "its password is stored nowhere, and somebody may be using it",
                "add a version that logs in, or replace the password with ",
            )
        } else {
            let name = &wanted.name;
            let advice = format!(
                "gcloud secrets versions enable {number} --secret={} --project={}",
                name.id, name.project
            );
            Reason::decision("somebody disabled it, and it is never overwritten", advice)
        };
        self.withhold_secret(name, wanted, Rule::SecretVersion, message, reason);
        false
    }

    /// Annotations or aliases that are not what is written here: nothing is done with the secret until they are mended.
    fn untrusted(&mut self, name: &RoleName, wanted: &SecretPolicy, problems: &[Problem]) {
        let object = Some(format!("secret {}", wanted.name));
        let finding = |problem: &Problem| Finding {
            object: object.clone(),
            fix: Some(Problem::remedy(std::slice::from_ref(problem), &wanted.name)),
            ..of_role(
                name,
                &wanted.origin,
                Rule::SecretForeign,
                format!("{}: {problem}", wanted.name),
            )
        };
        let reason = Reason::decision(
            "others have written it, and a role is never changed because a secret names it",
            Problem::advice(problems, &wanted.name, Some(name), &self.policy.given),
        );
        self.withhold_findings(problems.iter().map(finding).collect(), reason);
    }

    /// What the secret of the role `name` remembers.
    pub(super) fn reading(&self, name: &RoleName, secret: &Secret) -> Reading {
        read(secret, &self.own_logins(name), self.state.server.now)
    }

    fn own_logins(&self, name: &RoleName) -> Logins {
        Logins::of(self.policy, name, &self.state.roles)
    }

    fn first_login(&self, name: &RoleName) -> Option<Login> {
        self.own_logins(name).declared().first().cloned()
    }

    /// The version in use is readable: the login inside it must be one.
    fn published(
        &mut self,
        name: &RoleName,
        role: &RolePolicy,
        wanted: &SecretPolicy,
        secret: &Secret,
        ledger: &Ledger,
    ) {
        let Some(login) = ledger.login.clone().filter(|_| ledger.is_told()) else {
            return self.credential(name, role, wanted, CredentialSource::Adopt);
        };
        let found = self.state.roles.get(login.name());
        let is_declared = self.own_logins(name).declared().contains(&login);
        match found {
            Some(found) if found.login && !is_declared => {}
            Some(found) if found.login && self.state.tried.refused.contains(login.name()) => {
                self.credential_of(
                    name,
                    login,
                    role.rotation.strategy,
                    wanted,
                    CredentialSource::Resume,
                );
            }
            Some(found) if found.login => self.form(name, login, role, wanted, secret, ledger),
            None if !is_declared => self.dropped_login(name, wanted, &login),
            Some(_) | None => self.credential_of(
                name,
                login,
                role.rotation.strategy,
                wanted,
                CredentialSource::Resume,
            ),
        }
        self.before(name, role, wanted, ledger);
    }

    /// The credential before, where it is meant to work and was found not to.
    fn before(
        &mut self,
        name: &RoleName,
        role: &RolePolicy,
        wanted: &SecretPolicy,
        ledger: &Ledger,
    ) {
        let beside = ledger
            .previous()
            .filter(|previous| ledger.login.as_ref() != Some(previous.login));
        let refused =
            beside.filter(|previous| self.state.tried.refused.contains(previous.login.name()));
        if let Some(login) = refused.map(|previous| previous.login.clone()) {
            self.credential_of(
                name,
                login,
                role.rotation.strategy,
                wanted,
                CredentialSource::Restore,
            );
        }
    }

    /// The login of a strategy before was dropped with the credential that is in use.
    fn dropped_login(&mut self, name: &RoleName, wanted: &SecretPolicy, login: &Login) {
        let message = format!(
            "the credential in {} is not active: {login} does not exist",
            wanted.name
        );
        let reason = Reason::decision(
            format!("`{login}` belongs to a strategy that the policy does not declare any more"),
            self.policy.given.command_for("rotate", name, &["--now"]),
        );
        self.withhold_secret(name, wanted, Rule::CredentialRejected, message, reason);
    }

    /// The payload in use was written as another `payload:` says. An attempt of a rotation writes the declared one, and what
    /// somebody else stored above it comes first.
    fn form(
        &mut self,
        name: &RoleName,
        login: Login,
        role: &RolePolicy,
        wanted: &SecretPolicy,
        secret: &Secret,
        ledger: &Ledger,
    ) {
        let shape = secret
            .annotations
            .get(Annotations::SHAPE)
            .and_then(|text| Shape::parse(text));
        let pending = ledger.pending.as_ref();
        let rotating = pending.is_some_and(|pending| pending.login.is_some());
        let newer = || {
            secret.latest().map(|latest| latest.number)
                > secret.current().map(|current| current.number)
        };
        if shape.is_some_and(|shape| !shape.is_declared(wanted))
            && !rotating
            && !(pending.is_none() && newer())
        {
            self.credential_of(
                name,
                login,
                role.rotation.strategy,
                wanted,
                CredentialSource::Reshape,
            );
        }
    }

    fn credential(
        &mut self,
        name: &RoleName,
        role: &RolePolicy,
        wanted: &SecretPolicy,
        source: CredentialSource,
    ) {
        let Some(login) = self.first_login(name) else {
            return;
        };
        self.credential_of(name, login, role.rotation.strategy, wanted, source);
    }

    fn credential_of(
        &mut self,
        name: &RoleName,
        login: Login,
        strategy: Strategy,
        wanted: &SecretPolicy,
        source: CredentialSource,
    ) {
        let as_it_is = matches!(source, CredentialSource::Adopt | CredentialSource::Reshape);
        let blocked = if as_it_is {
            None
        } else {
            self.not_administered(&login)
        };
        let is_first = source == CredentialSource::Generate || self.is_unpublished(wanted);
        let other = || {
            self.in_the_wrong_place(wanted)
                .or_else(|| self.read_by_others(wanted))
        };
        let blocked = blocked.or_else(|| other().filter(|_| !as_it_is && is_first));
        // The stored password may be right: it is the role that keeps it out.
        let known = self.state.roles.get(login.name());
        let is_closed = !self.is_unpublished(wanted) && known.is_some_and(|role| !role.login);
        let is_gone = !self.is_unpublished(wanted) && known.is_none();
        let rule = match source {
            CredentialSource::Generate => Rule::SecretMissing,
            CredentialSource::Resume if is_closed => Rule::RoleAttribute,
            CredentialSource::Resume if is_gone => Rule::RoleMissing,
            CredentialSource::Resume | CredentialSource::Restore => Rule::CredentialRejected,
            CredentialSource::Adopt => Rule::SecretForeign,
            CredentialSource::Reshape => Rule::SecretVersion,
        };
        let change = Change::Credential {
            role: name.clone(),
            login,
            secret: wanted.name.clone(),
            strategy,
            source,
        };
        self.push_or(step(change, rule, Some(&wanted.origin)), blocked);
    }

    fn is_unpublished(&self, wanted: &SecretPolicy) -> bool {
        self.state
            .secrets
            .get(&wanted.name)
            .is_none_or(|secret| secret.current().is_none())
    }

    pub(super) fn withhold_secret(
        &mut self,
        role: &RoleName,
        wanted: &SecretPolicy,
        rule: Rule,
        message: String,
        reason: Reason,
    ) {
        let finding = Finding {
            object: Some(format!("secret {}", wanted.name)),
            ..of_role(role, &wanted.origin, rule, message)
        };
        self.withhold_findings(vec![finding], reason);
    }
}

impl Diff<'_> {
    /// The ways to a credential for a login whose password is known elsewhere, in a secret of another name perhaps: first the
    /// command that makes one.
    fn stored_elsewhere(&self, role: &RolePolicy) -> String {
        let given = &self.policy.given;
        let (apply, reset) = (
            given.command("apply", &[]),
            given.command("apply", &["--reset-passwords"]),
        );
        let keep = format!(
            "{reset} # replaces it; to keep it, store it in the secret and run {apply}, which adopts it"
        );
        let Some(name) = role.secret.as_ref().map(|secret| &secret.name) else {
            return keep;
        };
        format!(
            "{keep}: from the secret OLD, where `name` was changed, gcloud secrets versions access current --secret=OLD \
             --project={} | {} (after `gcloud secrets create {} --project={}`, where it does not exist)",
            name.project,
            gcloud::add_version(name),
            name.id,
            name.project
        )
    }
}

pub(super) fn of_role(role: &RoleName, origin: &Origin, rule: Rule, message: String) -> Finding {
    Finding {
        role: Some(role.to_string()),
        origin: Some(origin.clone()),
        ..Finding::new(rule, message)
    }
}
