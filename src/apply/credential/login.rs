//! Logins get their passwords, and are proven with them.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::Job;
use crate::apply::{ApplyError, Run};
use crate::model::{Credential, DatabaseName, Login, Password, Payload, RoleName, Shape};
use crate::plan::{
    open_login, reset_settings, set_closed_password, set_password, undeclared_settings,
};
use crate::postgres::{LoginError, Refusal, Statement, login};

impl Run<'_> {
    /// Gives the login its password. A row of the catalog that somebody else changes at the same moment is worth another
    /// try.
    pub(in crate::apply) async fn arm(
        &self,
        job: &Job<'_>,
        password: &Password,
    ) -> Result<(), ApplyError> {
        let verifier = password.verifier();
        let statement =
            set_password(job.login, &verifier).map_err(|source| ApplyError::Verifier {
                login: job.login.name().clone(),
                source,
            })?;
        let pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(100))
            .with_max_times(3);
        (|| self.set_password(job.login, &statement))
            .retry(pauses)
            .when(passes)
            .await
    }

    /// Gives a closed login its password, and leaves it closed.
    pub(super) async fn arm_closed(
        &self,
        job: &Job<'_>,
        password: &Password,
    ) -> Result<(), ApplyError> {
        let verifier = password.verifier();
        let statement =
            set_closed_password(job.login, &verifier).map_err(|source| ApplyError::Verifier {
                login: job.login.name().clone(),
                source,
            })?;
        self.set_password(job.login, &statement).await
    }

    /// Lets the login log in with the password that it has.
    pub(super) async fn open(&self, job: &Job<'_>) -> Result<(), ApplyError> {
        if self.logs_in(job) {
            return Ok(());
        }
        self.alter_login(job.login, Statement::plain(open_login(job.login)))
            .await
    }

    pub(in crate::apply) async fn prove(
        &self,
        job: &Job<'_>,
        password: &Password,
    ) -> Result<(), ApplyError> {
        self.prove_password(job.login, password, job.role)
            .await
            .map_err(|error| self.login_error(job, error))
    }

    /// Whether the password is the one that the server has, also of a login that is closed.
    pub(in crate::apply) async fn works(
        &self,
        job: &Job<'_>,
        password: &Password,
    ) -> Result<bool, ApplyError> {
        match self.log_in(job.login, password, job.role).await {
            Ok(()) => Ok(true),
            Err(LoginError::Refused { source, .. }) if source.proves_password() => Ok(true),
            Err(LoginError::Refused {
                source: Refusal::Password(_),
                ..
            }) => Ok(false),
            Err(error) => Err(self.login_error(job, error)),
        }
    }

    /// A login, or a refusal for want of room alone: the server says that only to who knows the password.
    pub(in crate::apply) async fn prove_password(
        &self,
        user: &Login,
        password: &Password,
        role: &RoleName,
    ) -> Result<(), LoginError> {
        match self.log_in(user, password, role).await {
            Err(LoginError::Refused {
                source: Refusal::Full(_),
                ..
            }) => Ok(()),
            tried => tried,
        }
    }

    pub(in crate::apply) async fn log_in(
        &self,
        user: &Login,
        password: &Password,
        role: &RoleName,
    ) -> Result<(), LoginError> {
        login(
            self.edges.route,
            &self.entered(role),
            user,
            password,
            self.edges.purpose,
        )
        .await
    }

    /// The database that the credential of the role is for.
    fn entered(&self, role: &RoleName) -> DatabaseName {
        self.wanted(role).map_or_else(
            |_| self.edges.route.start_database().clone(),
            |secret| secret.database.clone(),
        )
    }

    /// A login that failed, with what the catalogs know of the cause.
    pub(in crate::apply) fn login_error(&self, job: &Job<'_>, source: LoginError) -> ApplyError {
        ApplyError::Login {
            secret: job.secret.clone(),
            login: job.login.name().clone(),
            advice: self.advice_on_session(job, &source),
            source: Box::new(source),
        }
    }

    /// How the settings end that keep sessions of the login from beginning.
    pub(in crate::apply) fn advice_on_session(
        &self,
        job: &Job<'_>,
        source: &LoginError,
    ) -> Option<String> {
        let role = (job.role, job.login.name());
        let database = self.entered(job.role);
        source
            .is_of_session()
            .then(|| undeclared_settings(self.policy, &self.state, role, &database))
            .and_then(|settings| reset_settings(&settings))
    }

    /// The login of a stored version is proven with the stored bytes, and the version is published.
    pub(super) async fn put_to_work(
        &mut self,
        job: &Job<'_>,
        number: i64,
        stored: &Payload,
        before: Option<&Shape>,
    ) -> Result<(), ApplyError> {
        let credential = self.stored_credential(job, number, stored, before)?;
        self.prove(job, &credential.password).await?;
        self.publish(job, number, stored).await?;
        self.report.events.push(format!(
            "version {number} of {} is in use for `{}`",
            job.secret, job.login
        ));
        Ok(())
    }

    pub(in crate::apply) fn stored_credential(
        &self,
        job: &Job<'_>,
        number: i64,
        stored: &Payload,
        before: Option<&Shape>,
    ) -> Result<Credential, ApplyError> {
        let credential = self
            .wanted(job.role)?
            .credential_of(stored, job.login, before);
        credential.ok_or_else(|| ApplyError::ReadBack {
            secret: job.secret.clone(),
            version: number,
        })
    }
}

pub(in crate::apply) fn passes(error: &ApplyError) -> bool {
    matches!(error, ApplyError::Postgres(error) if error.is_concurrent_update())
}
