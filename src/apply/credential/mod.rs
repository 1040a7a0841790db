//! Credentials come to work, each step found again after a crash: by the fingerprint on the secret before a version is
//! added, by the version before the server takes its password, by the alias once it is published.

use rand::{CryptoRng, RngExt as _};

use super::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{
    Annotations, Credential, Password, Payload, RoleName, Secret, SecretName, SecretPolicy, Strategy, VersionState,
};
use crate::plan::{CredentialSource, Finding, Rule, Withheld, WithheldKind, set_password};
use crate::postgres::{LoginError, login};

/// How many of the newest versions are looked at for one that was being added when a run was killed.
const LOOKED_AT: usize = 5;

/// Whose credential it is.
pub(super) struct Job<'a> {
    pub(super) role: &'a RoleName,
    pub(super) login: &'a RoleName,
    pub(super) secret: &'a SecretName,
    pub(super) strategy: Strategy,
}

impl Run<'_> {
    pub(super) async fn create_secret(&self, name: &SecretName, role: &RoleName) -> Result<(), ApplyError> {
        let wanted = self.wanted(role)?;
        let mut labels = wanted.labels.clone();
        labels.entry("managed-by".into()).or_insert_with(|| "rolewright".into());
        self.google()?.create_secret(name, &wanted.replication, &labels, &self.ownership(role)).await?;
        Ok(())
    }

    /// Brings a credential to work. What cannot be adopted is handed back.
    pub(super) async fn credential(
        &mut self,
        job: &Job<'_>,
        source: CredentialSource,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        let secret = self.google()?.secret(job.secret).await?;
        let secret = secret.ok_or_else(|| ApplyError::Vanished(job.secret.to_string()))?;
        match source {
            CredentialSource::Adopt => return self.adopt(job, &secret).await,
            CredentialSource::Generate => {}
            CredentialSource::Resume => {
                if let Some((number, payload)) = self.interrupted(job, &secret).await? {
                    self.resume(job, number, &payload).await?;
                    return Ok(None);
                }
            }
        }
        self.generate(job, &secret, random).await?;
        Ok(None)
    }

    fn wanted(&self, role: &RoleName) -> Result<&SecretPolicy, ApplyError> {
        let policy = self.policy.roles.get(role).and_then(|role| role.secret.as_ref());
        policy.ok_or_else(|| ApplyError::Vanished(format!("the secret of `{role}`")))
    }

    fn ownership(&self, role: &RoleName) -> std::collections::BTreeMap<String, String> {
        let instance = self.policy.instance.as_ref().map_or_else(|| "-".into(), ToString::to_string);
        [(Annotations::ROLE, role.to_string()), (Annotations::INSTANCE, instance)]
            .map(|(key, value)| (key.to_owned(), value))
            .into()
    }

    async fn generate(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        random: &mut impl CryptoRng,
    ) -> Result<(), ApplyError> {
        let password = Password::generate(random);
        let payload = self.wanted(job.role)?.payload(job.login, &password);
        let id = format!("{:016x}", random.random::<u64>());
        self.announce(job, secret, format!("{id}:{}", payload.fingerprint(&id))).await?;
        if job.strategy == Strategy::Alternate {
            // Nobody uses this login yet: it is armed and proven before anything is stored.
            self.arm(job, &password).await?;
            self.prove(job, &password).await?;
        }
        let number = self.store(job, &payload).await?;
        let stored = self.google()?.access(job.secret, number).await?;
        if stored.expose() != payload.expose() {
            return Err(ApplyError::ReadBack { secret: job.secret.clone(), version: number });
        }
        if job.strategy == Strategy::Single {
            // Durable first: from here on the server takes what is stored.
            self.arm(job, &password).await?;
        }
        self.put_to_work(job, number, &stored).await
    }

    /// Leaves word of the version that is about to be added.
    async fn announce(&self, job: &Job<'_>, secret: &Secret, pending: String) -> Result<(), ApplyError> {
        let mut annotations = secret.annotations.clone();
        annotations.extend(self.ownership(job.role));
        annotations.insert(Annotations::PENDING.into(), pending);
        let update = SecretUpdate { annotations: Some(annotations), ..SecretUpdate::default() };
        self.google()?.update_secret(job.secret, &secret.etag, &update).await?;
        Ok(())
    }

    /// Adds the version once. Where the answer was lost, the version is looked for.
    async fn store(&self, job: &Job<'_>, payload: &Payload) -> Result<i64, ApplyError> {
        let error = match self.google()?.add_version(job.secret, payload).await {
            Err(error) if error.is_ambiguous() => error,
            added => return Ok(added?),
        };
        let secret = self.google()?.secret(job.secret).await?;
        for number in secret.iter().flat_map(newest) {
            if self.google()?.access(job.secret, number).await?.expose() == payload.expose() {
                return Ok(number);
            }
        }
        Err(error.into())
    }

    /// The version that an interrupted run left: the published one that no longer logs in, or the one it was adding.
    async fn interrupted(&self, job: &Job<'_>, secret: &Secret) -> Result<Option<(i64, Payload)>, ApplyError> {
        if let Some(current) = secret.current() {
            return Ok(Some((current.number, self.google()?.access(job.secret, current.number).await?)));
        }
        let pending = secret.annotations.get(Annotations::PENDING).and_then(|pending| pending.split_once(':'));
        let Some((id, fingerprint)) = pending else { return Ok(None) };
        for number in newest(secret) {
            let payload = self.google()?.access(job.secret, number).await?;
            if payload.fingerprint(id) == fingerprint {
                return Ok(Some((number, payload)));
            }
        }
        Ok(None)
    }

    /// The login of a stored version is proven with the stored bytes, and the version is published.
    async fn put_to_work(&mut self, job: &Job<'_>, number: i64, stored: &Payload) -> Result<(), ApplyError> {
        let credential = self.stored_credential(job, number, stored)?;
        self.prove(job, &credential.password).await?;
        self.publish(job, number).await?;
        self.report.events.push(format!("version {number} of {} is in use for `{}`", job.secret, job.login));
        Ok(())
    }

    /// An interrupted run stored this version: whether the server got its password is not known.
    async fn resume(&mut self, job: &Job<'_>, number: i64, stored: &Payload) -> Result<(), ApplyError> {
        let credential = self.stored_credential(job, number, stored)?;
        let logs_in = self.state.roles.get(job.login).is_some_and(|role| role.login);
        let works = logs_in && self.works(job, &credential.password).await?;
        if !works {
            self.arm(job, &credential.password).await?;
        }
        self.put_to_work(job, number, stored).await
    }

    fn stored_credential(&self, job: &Job<'_>, number: i64, stored: &Payload) -> Result<Credential, ApplyError> {
        let credential = self.wanted(job.role)?.credential(stored, std::slice::from_ref(job.login));
        credential.ok_or_else(|| ApplyError::ReadBack { secret: job.secret.clone(), version: number })
    }

    async fn works(&self, job: &Job<'_>, password: &Password) -> Result<bool, ApplyError> {
        match self.log_in(job.login, password, job.role).await {
            Ok(()) => Ok(true),
            Err(LoginError::Refused { .. }) => Ok(false),
            Err(error) => Err(self.login_error(job, error)),
        }
    }

    async fn arm(&self, job: &Job<'_>, password: &Password) -> Result<(), ApplyError> {
        let verifier = password.verifier();
        let statement = set_password(job.login, &verifier)
            .map_err(|source| ApplyError::Verifier { login: job.login.clone(), source })?;
        self.set_password(job.login, &statement).await
    }

    async fn prove(&self, job: &Job<'_>, password: &Password) -> Result<(), ApplyError> {
        self.log_in(job.login, password, job.role).await.map_err(|error| self.login_error(job, error))
    }

    async fn log_in(&self, user: &RoleName, password: &Password, role: &RoleName) -> Result<(), LoginError> {
        let database = self.wanted(role).map(|secret| secret.database.clone());
        let database = database.unwrap_or_else(|_| self.edges.route.start_database().clone());
        login(self.edges.route, &database, user, password, self.edges.purpose).await
    }

    fn login_error(&self, job: &Job<'_>, source: LoginError) -> ApplyError {
        ApplyError::Login { secret: job.secret.clone(), login: job.login.clone(), source: Box::new(source) }
    }

    /// One call: the alias moves and what it stands for is recorded, or neither.
    async fn publish(&self, job: &Job<'_>, number: i64) -> Result<(), ApplyError> {
        let secret = self.google()?.secret(job.secret).await?;
        let secret = secret.ok_or_else(|| ApplyError::Vanished(job.secret.to_string()))?;
        let mut annotations = secret.annotations.clone();
        annotations.extend(self.ownership(job.role));
        annotations.insert(Annotations::LOGIN.into(), job.login.to_string());
        annotations.remove(Annotations::PENDING);
        if secret.aliases.get(Annotations::CURRENT) != Some(&number) {
            annotations.insert(Annotations::PUBLISHED.into(), self.edges.now.to_string());
        }
        let mut aliases = secret.aliases.clone();
        aliases.insert(Annotations::CURRENT.into(), number);
        let update = SecretUpdate { annotations: Some(annotations), aliases: Some(aliases), labels: None };
        self.google()?.update_secret(job.secret, &secret.etag, &update).await?;
        Ok(())
    }

    /// Takes over what somebody else stored, if it logs in; it is never overwritten.
    async fn adopt(&mut self, job: &Job<'_>, secret: &Secret) -> Result<Option<Withheld>, ApplyError> {
        let version = secret.current().or_else(|| secret.latest());
        let Some(number) = version.map(|version| version.number) else {
            return Err(ApplyError::Vanished(format!("the version of {}", job.secret)));
        };
        let payload = self.google()?.access(job.secret, number).await?;
        let mut logins = self.policy.roles.get(job.role).map(|role| role.logins(job.role)).unwrap_or_default();
        logins.push(job.role.clone());
        let Some(credential) = self.wanted(job.role)?.credential(&payload, &logins) else {
            return Ok(Some(not_adopted(job, number, "it is not of the declared form".into())));
        };
        let user = credential.user.as_deref().map_or(Some(job.login.clone()), |user| RoleName::new(user).ok());
        let Some(user) = user.filter(|user| logins.contains(user)) else {
            return Ok(Some(not_adopted(job, number, format!("it is for another login than `{}`", job.login))));
        };
        match self.log_in(&user, &credential.password, job.role).await {
            Ok(()) => {}
            Err(LoginError::Refused { source, .. }) => {
                return Ok(Some(not_adopted(job, number, format!("it does not log in: {source}"))));
            }
            Err(error) => return Err(self.login_error(job, error)),
        }
        let job = Job { login: &user, ..*job };
        self.publish(&job, number).await?;
        self.report.events.push(format!("adopted version {number} of {}: it logs in as `{user}`", job.secret));
        Ok(None)
    }
}

/// The newest versions that can be read.
fn newest(secret: &Secret) -> Vec<i64> {
    let mut numbers: Vec<_> =
        secret.versions.iter().filter(|one| one.state == VersionState::Enabled).map(|one| one.number).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.truncate(LOOKED_AT);
    numbers
}

fn not_adopted(job: &Job<'_>, number: i64, reason: String) -> Withheld {
    let finding = Finding {
        role: Some(job.role.to_string()),
        object: Some(format!("secret {}", job.secret)),
        ..Finding::new(Rule::CredentialRejected, format!("version {number} of {} was there before", job.secret))
    };
    Withheld {
        findings: vec![finding],
        reason,
        advice:
            "a secret that was there before is never overwritten: store a credential that works, or use another secret"
                .into(),
        kind: WithheldKind::Decision,
    }
}
