//! What somebody else stored is taken over if it works, and never overwritten.

use jiff::Timestamp;
use rand::CryptoRng;

use super::Job;
use super::publish::Told;
use crate::apply::{ApplyError, Run};
use crate::model::{Annotations, Login, NoCredential, Payload, RoleName, Secret};
use crate::plan::{Change, CredentialSource, Finding, Grounds, Rule, Withheld, gcloud};
use crate::postgres::LoginError;
use crate::rotation::{Ledger, Seal, SealKey};

/// Why a payload is not adopted.
struct NotAdopted {
    reason: String,
    /// The login whose password it holds all the same.
    proven: Option<Login>,
}

impl NotAdopted {
    fn unproven(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            proven: None,
        }
    }
}

impl Run<'_> {
    /// Logs in with what is to be adopted before anything is granted: where that fails, the login is somebody else's.
    pub(in crate::apply) async fn try_adoptions(&mut self) -> Result<(), ApplyError> {
        let mut rejected = self.state.tried.rejected.clone();
        for step in &self.report.plan.steps {
            let Change::Credential {
                role,
                login,
                secret,
                strategy,
                source: CredentialSource::Adopt,
            } = &step.change
            else {
                continue;
            };
            let job = Job {
                role,
                login,
                secret,
                strategy: *strategy,
            };
            if self.is_live(role) && !self.is_proven(&job).await? {
                rejected.insert(role.clone());
            }
        }
        if rejected != self.state.tried.rejected {
            self.state.tried.rejected = rejected;
            self.report.plan = self.replan(&self.state);
        }
        Ok(())
    }

    /// Whether one of the role's logins can log in.
    fn is_live(&self, role: &RoleName) -> bool {
        let logins = self
            .policy
            .roles
            .get(role)
            .map(|policy| policy.logins(role))
            .unwrap_or_default();
        logins
            .iter()
            .any(|login| self.state.roles.get(login).is_some_and(|role| role.login))
    }

    async fn is_proven(&self, job: &Job<'_>) -> Result<bool, ApplyError> {
        let secret = self.present(job.secret).await?;
        let Some(number) = self.adopted(job, &secret)? else {
            return Ok(false);
        };
        let payload = self.google()?.access(job.secret, number).await?;
        Ok(self
            .adoptable(job, &payload)
            .await?
            .map_or_else(|not_adopted| not_adopted.proven.is_some(), |_| true))
    }

    /// The version that `current` names, or named before the alias was removed; else the newest one.
    fn adopted(&self, job: &Job<'_>, secret: &Secret) -> Result<Option<i64>, ApplyError> {
        let lost = || {
            Ok(self
                .ledger(job.role, secret)?
                .version
                .filter(|version| secret.is_enabled(*version)))
        };
        let known = secret
            .current()
            .map_or_else(lost, |current| Ok::<_, ApplyError>(Some(current.number)))?;
        Ok(known.or_else(|| secret.latest().map(|latest| latest.number)))
    }

    /// Publishes that version, if its payload logs in, or would where the login is closed: then that is opened.
    pub(super) async fn adopt(
        &mut self,
        job: &Job<'_>,
        secret: &Secret,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        let Some(number) = self.adopted(job, secret)? else {
            return Err(ApplyError::Vanished(format!(
                "the version of {}",
                job.secret
            )));
        };
        let payload = self.google()?.access(job.secret, number).await?;
        let user = match self.opened(job, &payload).await? {
            Ok(user) => user,
            Err(NotAdopted { reason, .. }) => {
                return self
                    .reset_or(job, secret, not_adopted(job, number, reason), random)
                    .await;
            }
        };
        let told = self
            .told(
                &Job {
                    login: &user,
                    ..*job
                },
                secret,
                number,
                &payload,
            )
            .await?;
        self.publish_as(
            &Job {
                login: &user,
                ..*job
            },
            number,
            &payload,
            told,
        )
        .await?;
        self.report.events.push(format!(
            "adopted version {number} of {}: it logs in as `{user}`",
            job.secret
        ));
        let unwritten = self.wanted(job.role)?.unwritten(&payload);
        if !unwritten.is_empty() {
            self.report.events.push(format!(
                "version {number} of {} also holds {}, which rotation leaves out: declare a `payload:` text that holds them",
                job.secret,
                unwritten.join(", ")
            ));
        }
        Ok(None)
    }

    /// What is known of an adopted version: when it was made, and the credential before, if that logs in too. Annotations may
    /// have been lost or removed, and nothing is guessed.
    async fn told(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        number: i64,
        payload: &Payload,
    ) -> Result<Told, ApplyError> {
        let now = self.server_time().await?;
        let made = secret
            .versions
            .iter()
            .find(|version| version.number == number);
        let made = made.and_then(|version| version.created.as_ref()?.parse::<Timestamp>().ok());
        let at = made.map_or(now, |made| made.min(now));
        let ledger = self.ledger(job.role, secret)?;
        if ledger.previous().is_some() {
            return Ok(Told {
                at,
                ..Told::default()
            });
        }
        let previous = ledger
            .aliases
            .get(Annotations::PREVIOUS)
            .copied()
            .or(ledger.previous_version);
        let previous = match previous.filter(|version| *version < number) {
            Some(version) => self.before(job, secret, version, payload).await?,
            None => None,
        };
        Ok(Told {
            at,
            replaces_previous: true,
            previous,
        })
    }

    /// The credential that the alias `previous` names, if it is one of another login of the role that logs in.
    async fn before(
        &self,
        job: &Job<'_>,
        secret: &Secret,
        version: i64,
        in_use: &Payload,
    ) -> Result<Option<(i64, Login, Option<Seal>)>, ApplyError> {
        if !secret.is_enabled(version) {
            return Ok(None);
        }
        let (wanted, shape) = (self.wanted(job.role)?, super::shape(secret));
        // One that was replaced in place does not log in, and is shown by the seal.
        let key = SealKey::of(wanted, in_use, job.login);
        let named = Ledger {
            aliases: [(Annotations::PREVIOUS.into(), version)].into(),
            ..self.ledger(job.role, secret)?
        };
        if let (Some(key), Some(login)) = (&key, &named.previous_login)
            && named.is_previous_sealed(key)
        {
            return Ok(Some((version, login.clone(), named.previous_seal.clone())));
        }
        let payload = self.google()?.access(job.secret, version).await?;
        for login in self
            .logins(job.role)
            .every_login()
            .iter()
            .filter(|login| *login != job.login)
        {
            let Some(credential) = wanted.credential_of(&payload, login, shape.as_ref()) else {
                continue;
            };
            if self
                .works(&Job { login, ..*job }, &credential.password)
                .await?
            {
                return Ok(Some((
                    version,
                    login.clone(),
                    key.map(|key| key.previous(version, login)),
                )));
            }
        }
        Ok(None)
    }

    /// Who logs in with the payload, once its login is open.
    async fn opened(
        &self,
        job: &Job<'_>,
        payload: &Payload,
    ) -> Result<Result<Login, NotAdopted>, ApplyError> {
        match self.adoptable(job, payload).await? {
            Err(NotAdopted {
                proven: Some(user), ..
            }) if !self.logs_in(&Job {
                login: &user,
                ..*job
            }) =>
            {
                self.open(&Job {
                    login: &user,
                    ..*job
                })
                .await?;
                self.adoptable(job, payload).await
            }
            found => Ok(found),
        }
    }

    /// Who logs in with the payload, or why nobody does.
    async fn adoptable(
        &self,
        job: &Job<'_>,
        payload: &Payload,
    ) -> Result<Result<Login, NotAdopted>, ApplyError> {
        let logins = self.logins(job.role);
        let credential = match self
            .wanted(job.role)?
            .credential(payload, logins.every_login())
        {
            Ok(credential) => credential,
            Err(NoCredential::OtherLogin) => {
                return Ok(Err(NotAdopted::unproven(format!(
                    "it is for another login than `{}`",
                    job.login
                ))));
            }
            Err(reason @ NoCredential::Form) => {
                return Ok(Err(NotAdopted::unproven(format!(
                    "{reason}{}",
                    unencoded(payload)
                ))));
            }
        };
        let user = credential
            .user
            .as_deref()
            .and_then(|user| logins.parse(user));
        let user = user.unwrap_or_else(|| job.login.clone());
        match self
            .prove_password(&user, &credential.password, job.role)
            .await
        {
            Ok(()) => Ok(Ok(user)),
            Err(LoginError::Refused { source, .. }) => {
                let proven = source.proves_password().then_some(user);
                let (newline, unencoded) = (newline(payload), unencoded(payload));
                Ok(Err(NotAdopted {
                    reason: format!("it does not log in{newline}: {source}{unencoded}"),
                    proven,
                }))
            }
            Err(error) => Err(self.login_error(job, error)),
        }
    }
}

/// `echo` without `-n` is how most of these came about.
fn newline(payload: &Payload) -> &'static str {
    if payload.expose().ends_with(b"\n") {
        " with the newline at its end"
    } else {
        ""
    }
}

/// In a URL the first of these ends the password, for most clients.
fn unencoded(payload: &Payload) -> &'static str {
    match payload.has_unencoded_password() {
        true => {
            "; its password holds `@`, `/`, `?` or `#` as they are, which a URL must encode (%40, %2F, %3F, %23)"
        }
        false => "",
    }
}

fn not_adopted(job: &Job<'_>, number: i64, reason: String) -> Withheld {
    let finding = Finding {
        role: Some(job.role.to_string()),
        object: Some(format!("secret {}", job.secret)),
        ..Finding::new(
            Rule::CredentialRejected,
            format!("version {number} of {} was there before", job.secret),
        )
    };
    Withheld {
        findings: vec![finding],
        summary: None,
        reason,
        advice: format!(
            "a secret that was there before is never overwritten unasked: store a credential that works ({}), use another secret, or use \
             --reset-passwords to store a new one",
            gcloud::add_version(job.secret)
        ),
        grounds: Grounds::Decision,
    }
}
