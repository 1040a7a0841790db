//! What somebody else stored is taken over if it works, and never overwritten.

use super::Job;
use super::login::login_error;
use crate::apply::{ApplyError, Run};
use crate::model::{Login, NoCredential, Payload, Secret};
use crate::plan::{Finding, Rule, Withheld, WithheldKind};
use crate::postgres::LoginError;

impl Run<'_> {
    /// Publishes the newest version, or the one that `current` names already, if its payload logs in.
    pub(super) async fn adopt(&mut self, job: &Job<'_>, secret: &Secret) -> Result<Option<Withheld>, ApplyError> {
        let version = secret.current().or_else(|| secret.latest());
        let Some(number) = version.map(|version| version.number) else {
            return Err(ApplyError::Vanished(format!("the version of {}", job.secret)));
        };
        let payload = self.google()?.access(job.secret, number).await?;
        let user = match self.adoptable(job, &payload).await? {
            Ok(user) => user,
            Err(reason) => return Ok(Some(not_adopted(job, number, reason))),
        };
        self.publish(&Job { login: &user, ..*job }, number, &payload).await?;
        self.report.events.push(format!("adopted version {number} of {}: it logs in as `{user}`", job.secret));
        Ok(None)
    }

    /// Who logs in with the payload, or why nobody does.
    async fn adoptable(&self, job: &Job<'_>, payload: &Payload) -> Result<Result<Login, String>, ApplyError> {
        let logins = self.logins(job.role);
        let credential = match self.wanted(job.role)?.credential(payload, logins.every_login()) {
            Ok(credential) => credential,
            Err(NoCredential::OtherLogin) => return Ok(Err(format!("it is for another login than `{}`", job.login))),
            Err(reason @ NoCredential::Form) => return Ok(Err(reason.to_string())),
        };
        let user = credential.user.as_deref().and_then(|user| logins.parse(user));
        let user = user.unwrap_or_else(|| job.login.clone());
        match self.log_in(&user, &credential.password, job.role).await {
            Ok(()) => Ok(Ok(user)),
            Err(LoginError::Refused { source, .. }) => {
                Ok(Err(format!("it does not log in{}: {source}", newline(payload))))
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
        reason,
        advice:
            "a secret that was there before is never overwritten: store a credential that works, or use another secret"
                .into(),
        kind: WithheldKind::Decision,
    }
}
