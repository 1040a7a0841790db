//! What somebody else stored is taken over if it works, and never overwritten.

use super::Job;
use super::login::login_error;
use crate::apply::{ApplyError, Run};
use crate::model::{Login, NoCredential, Payload, RoleName, Secret};
use crate::plan::{Change, CredentialSource, Finding, Rule, Withheld, WithheldKind};
use crate::postgres::LoginError;

/// Why a payload is not adopted.
struct NotAdopted {
    reason: String,
    /// The password in it is the login's all the same.
    proven: bool,
}

impl NotAdopted {
    fn unproven(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), proven: false }
    }
}

impl Run<'_> {
    /// Logs in with what is to be adopted before anything is granted: where that fails, the login is somebody else's.
    pub(in crate::apply) async fn try_adoptions(&mut self) -> Result<(), ApplyError> {
        let mut rejected = self.state.rejected.clone();
        for step in &self.report.plan.steps {
            let Change::Credential { role, login, secret, strategy, source: CredentialSource::Adopt } = &step.change
            else {
                continue;
            };
            let job = Job { role, login, secret, strategy: *strategy };
            if self.is_live(role) && !self.is_proven(&job).await? {
                rejected.insert(role.clone());
            }
        }
        if rejected != self.state.rejected {
            self.state.rejected = rejected;
            self.report.plan = self.replan(&self.state);
        }
        Ok(())
    }

    /// Whether one of the role's logins can log in.
    fn is_live(&self, role: &RoleName) -> bool {
        let logins = self.policy.roles.get(role).map(|policy| policy.logins(role)).unwrap_or_default();
        logins.iter().any(|login| self.state.roles.get(login).is_some_and(|role| role.login))
    }

    async fn is_proven(&self, job: &Job<'_>) -> Result<bool, ApplyError> {
        let secret = self.present(job.secret).await?;
        let Some(version) = secret.current().or_else(|| secret.latest()) else { return Ok(false) };
        let payload = self.google()?.access(job.secret, version.number).await?;
        Ok(self.adoptable(job, &payload).await?.map_or_else(|not_adopted| not_adopted.proven, |_| true))
    }

    /// Publishes the newest version, or the one that `current` names already, if its payload logs in.
    pub(super) async fn adopt(&mut self, job: &Job<'_>, secret: &Secret) -> Result<Option<Withheld>, ApplyError> {
        let version = secret.current().or_else(|| secret.latest());
        let Some(number) = version.map(|version| version.number) else {
            return Err(ApplyError::Vanished(format!("the version of {}", job.secret)));
        };
        let payload = self.google()?.access(job.secret, number).await?;
        let user = match self.adoptable(job, &payload).await? {
            Ok(user) => user,
            Err(NotAdopted { reason, .. }) => return Ok(Some(not_adopted(job, number, reason))),
        };
        self.publish(&Job { login: &user, ..*job }, number, &payload).await?;
        self.report.events.push(format!("adopted version {number} of {}: it logs in as `{user}`", job.secret));
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

    /// Who logs in with the payload, or why nobody does.
    async fn adoptable(&self, job: &Job<'_>, payload: &Payload) -> Result<Result<Login, NotAdopted>, ApplyError> {
        let logins = self.logins(job.role);
        let credential = match self.wanted(job.role)?.credential(payload, logins.every_login()) {
            Ok(credential) => credential,
            Err(NoCredential::OtherLogin) => {
                return Ok(Err(NotAdopted::unproven(format!("it is for another login than `{}`", job.login))));
            }
            Err(reason @ NoCredential::Form) => return Ok(Err(NotAdopted::unproven(reason.to_string()))),
        };
        let user = credential.user.as_deref().and_then(|user| logins.parse(user));
        let user = user.unwrap_or_else(|| job.login.clone());
        match self.prove_password(&user, &credential.password, job.role).await {
            Ok(()) => Ok(Ok(user)),
            Err(LoginError::Refused { source, .. }) => {
                let proven = source.proves_password();
                Ok(Err(NotAdopted { reason: format!("it does not log in{}: {source}", newline(payload)), proven }))
            }
            Err(error) => Err(login_error(job, error)),
        }
    }
}

/// `echo` without `-n` is how most of these came about.
fn newline(payload: &Payload) -> &'static str {
    if payload.expose().ends_with(b"\n") { " with the newline at its end" } else { "" }
}

fn not_adopted(job: &Job<'_>, number: i64, reason: String) -> Withheld {
    let finding = Finding {
        role: Some(job.role.to_string()),
        object: Some(format!("secret {}", job.secret)),
        ..Finding::new(Rule::CredentialRejected, format!("version {number} of {} was there before", job.secret))
    };
    Withheld {
        findings: vec![finding],
        summary: None,
        reason,
        advice:
            "a secret that was there before is never overwritten: store a credential that works, or use another secret"
                .into(),
        kind: WithheldKind::Decision,
    }
}
