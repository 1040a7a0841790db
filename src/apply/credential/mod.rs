//! Credentials come to work, each step found again after a crash: by the fingerprint on the secret before a version is
//! added, by the version before the server takes its password, by the alias once it is published.

mod adopt;
mod before;
mod closing;
mod generate;
mod login;
mod publish;
mod reshape;
mod resume;
mod vouch;

use std::collections::BTreeMap;

use rand::CryptoRng;

use super::{ApplyError, Run};
use crate::model::{
    Annotations, Login, Logins, Replication, RoleName, Secret, SecretName, SecretPolicy, Shape,
    Strategy, VersionState,
};
use crate::plan::{
    CredentialSource, Finding, Grounds, Rule, Withheld, advice_about_readers, other_readers,
};
use crate::rotation::{self, Ledger, Reading};

/// How many of the newest versions are looked at for one that was being added when a run was killed.
const LOOKED_AT: usize = 5;

/// Whose credential it is.
pub(super) struct Job<'a> {
    pub(super) role: &'a RoleName,
    pub(super) login: &'a Login,
    pub(super) secret: &'a SecretName,
    pub(super) strategy: Strategy,
}

impl Run<'_> {
    pub(super) async fn create_secret(
        &self,
        name: &SecretName,
        role: &RoleName,
    ) -> Result<(), ApplyError> {
        let wanted = self.wanted(role)?;
        let mut labels = wanted.labels.clone();
        labels
            .entry("managed-by".into())
            .or_insert_with(|| "rolewright".into());
        let replication = wanted
            .replication
            .as_ref()
            .unwrap_or(&Replication::Automatic);
        self.google_to_change()
            .await?
            .create_secret(name, replication, &labels, &self.ownership(role))
            .await?;
        Ok(())
    }

    /// Brings a credential to work. What turns out to need a decision is handed back, and nothing was changed.
    pub(super) async fn credential(
        &mut self,
        job: &Job<'_>,
        source: CredentialSource,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        let secret = self.present(job.secret).await?;
        if let Some(withheld) = self.read_by_others(job, source, &secret)? {
            return Ok(Some(withheld));
        }
        match source {
            CredentialSource::Adopt => self.adopt(job, &secret, random).await,
            CredentialSource::Generate => self.generate(job, &secret, random).await.map(|()| None),
            CredentialSource::Reshape => self.reshape(job, &secret, random).await,
            CredentialSource::Restore => self.restore_before(job, &secret).await,
            CredentialSource::Resume => self.resume(job, &secret, random).await,
        }
    }

    /// A first password that undeclared members could read by now.
    fn read_by_others(
        &self,
        job: &Job<'_>,
        source: CredentialSource,
        secret: &Secret,
    ) -> Result<Option<Withheld>, ApplyError> {
        let Some(bindings) = secret
            .bindings
            .as_ref()
            .filter(|_| source == CredentialSource::Generate)
        else {
            return Ok(None);
        };
        let (wanted, cloud_run) = (self.wanted(job.role)?, &self.state.cloud_run);
        let others = other_readers(self.policy, wanted, bindings, cloud_run, self.options.today);
        if others.is_empty() {
            return Ok(None);
        }
        let readers: Vec<_> = others.iter().map(ToString::to_string).collect();
        let message = format!("{} has no credential for {}", job.secret, job.login);
        let finding = Finding {
            role: Some(job.role.to_string()),
            object: Some(format!("secret {}", job.secret)),
            instance: self.policy.instance.clone(),
            origin: Some(wanted.origin.clone()),
            ..Finding::new(Rule::SecretMissing, message)
        };
        Ok(Some(Withheld {
            findings: vec![finding.with_path()],
            summary: None,
            reason: format!(
                "undeclared members could read the password: {}",
                readers.join("; ")
            ),
            advice: advice_about_readers(job.secret),
            grounds: Grounds::Decision,
        }))
    }

    pub(in crate::apply) async fn present(&self, name: &SecretName) -> Result<Secret, ApplyError> {
        self.google()?
            .existing_secret(name)
            .await?
            .ok_or_else(|| ApplyError::Vanished(name.to_string()))
    }

    pub(in crate::apply) fn wanted(&self, role: &RoleName) -> Result<&SecretPolicy, ApplyError> {
        let policy = self
            .policy
            .roles
            .get(role)
            .and_then(|role| role.secret.as_ref());
        policy.ok_or_else(|| ApplyError::Vanished(format!("the secret of `{role}`")))
    }

    /// Whose the secret is, as annotations say it.
    pub(in crate::apply) fn ownership(&self, role: &RoleName) -> BTreeMap<String, String> {
        let instance = self
            .policy
            .instance
            .as_ref()
            .map_or_else(|| "-".into(), ToString::to_string);
        [
            (Annotations::ROLE, role.to_string()),
            (Annotations::INSTANCE, instance),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

impl Run<'_> {
    /// The logins that the credential of `role` can be for.
    pub(in crate::apply) fn logins(&self, role: &RoleName) -> Logins {
        Logins::of(self.policy, role, &self.state.roles)
    }

    /// What the secret of `role` remembers. Annotations with a problem are why the plan withholds it; where they came since,
    /// they stop it here.
    fn ledger(&self, role: &RoleName, secret: &Secret) -> Result<Ledger, ApplyError> {
        let Reading { ledger, problems } = rotation::read(secret, &self.logins(role), None);
        match problems.as_slice() {
            [] => Ok(ledger),
            _ => Err(ApplyError::Vanished(format!(
                "{} as the plan was made for it",
                secret.name
            ))),
        }
    }
}

/// How the version in use was written, as far as its secret remembers.
fn shape(secret: &Secret) -> Option<Shape> {
    Shape::parse(secret.annotations.get(Annotations::SHAPE)?)
}

/// The newest versions that can be read.
fn readable(secret: &Secret) -> Vec<i64> {
    let mut numbers: Vec<_> = secret
        .versions
        .iter()
        .filter(|one| one.state == VersionState::Enabled)
        .map(|one| one.number)
        .collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.truncate(LOOKED_AT);
    numbers
}

/// The number of the newest version that is known of.
fn newest(secret: &Secret) -> i64 {
    secret.latest().map_or(0, |version| version.number)
}
