//! The effects on the server. Each is a transaction that holds the login's row before it asks whether this run still has
//! the lock: a run that was paused between the two keeps every other one from that row, and is ended by the server when
//! it is idle too long.

use jiff::Timestamp;

use super::{Turn, strategy_of};
use crate::apply::credential::Job;
use crate::apply::{ApplyError, Run};
use crate::model::{Login, Password, RoleName, SecretName, Strategy};
use crate::plan::{
    Failure, administer, close_login, expire_login, possible_jobs, role_uses, set_password,
};
use crate::postgres::{LoginError, Refusal, Session, Statement};
use crate::rotation::ServerSide;

/// Longer than storing and reading back a version takes, however often it is tried again.
const IDLE: &str = "SET LOCAL idle_in_transaction_session_timeout = '120s'";

/// SQLSTATEs of an ALTER that will never be taken: wrong value, not permitted, authorization.
const DEFINITE: [&str; 3] = ["22023", "42501", "28"];

/// Whose credential it is.
pub(super) struct Owned {
    role: RoleName,
    login: Login,
    secret: SecretName,
    strategy: Strategy,
}

impl Owned {
    pub(super) fn as_ref(&self) -> Job<'_> {
        Job {
            role: &self.role,
            login: &self.login,
            secret: &self.secret,
            strategy: self.strategy,
        }
    }
}

impl Turn<'_> {
    /// Whose credential the attempt under way is for.
    pub(super) fn job(&self, login: &Login) -> Owned {
        let in_place = Some(login) == self.seen.state.ledger.login.as_ref();
        Owned {
            role: self.role.clone(),
            login: login.clone(),
            secret: self.secret.clone(),
            strategy: strategy_of(in_place),
        }
    }

    fn password(&self, login: &Login) -> Result<Password, ApplyError> {
        let payload = self
            .hand
            .as_ref()
            .ok_or_else(|| ApplyError::Vanished("the payload".into()))?;
        let number = self.seen.state.found.pending.unwrap_or_default();
        Ok(self
            .run
            .stored_credential(
                &self.job(login).as_ref(),
                number,
                payload,
                self.shape().as_ref(),
            )?
            .password)
    }

    /// The password of an idle login: nobody has it yet, and nobody is told.
    pub(super) async fn arm(&mut self, login: &Login) -> Result<(), ApplyError> {
        let password = self.password(login)?;
        self.seen.state.taken.retain(|(_, of), _| of != login);
        let set = self.run.arm(&self.job(login).as_ref(), &password).await;
        self.offered(login, set, ServerSide::Set)
    }

    /// The server has seen the ALTER and found nothing wrong with it; nobody else sees it yet.
    pub(super) async fn prepare(&mut self, login: &Login) -> Result<(), ApplyError> {
        let password = self.password(login)?;
        let prepared = self.run.prepare(login, &password).await;
        let prepared = prepared.map(|session| self.open = Some(session));
        self.offered(login, prepared, ServerSide::Prepared)
    }

    /// A password that the server will never take is not offered again: where it is stored, its version is given up.
    fn offered(
        &mut self,
        login: &Login,
        answer: Result<(), ApplyError>,
        then: ServerSide,
    ) -> Result<(), ApplyError> {
        let definite = |error: &ApplyError| {
            let ApplyError::Postgres(error) = error else {
                return false;
            };
            error
                .sqlstate()
                .is_some_and(|state| DEFINITE.iter().any(|refusal| state.starts_with(refusal)))
        };
        match answer {
            Ok(()) => self.seen.state.server = then,
            Err(error) if definite(&error) && self.seen.state.found.pending.is_some() => {
                self.run.report.events.push(format!(
                    "the server refuses the stored password of `{login}`: given up"
                ));
                self.seen.state.server = ServerSide::Refused;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) async fn commit(&mut self, login: &Login) -> Result<(), ApplyError> {
        let Some(mut session) = self.open.take() else {
            self.seen.state.server = ServerSide::Unknown;
            return Ok(());
        };
        // Whether it was taken or not: the same again does no harm.
        self.seen.state.server = ServerSide::Unknown;
        self.seen.state.taken.clear();
        self.run.commit_password(login, &mut session).await?;
        session.close().await;
        self.seen.state.server = ServerSide::Set;
        Ok(())
    }

    /// One login with the bytes that consumers get. A password in place is committed: the one before is refused by now, so
    /// that it is published whatever else keeps this login out.
    pub(super) async fn prove(&mut self, login: &Login) -> Result<(), ApplyError> {
        let password = self.password(login)?;
        let proven = self.run.prove_password(login, &password, self.role).await;
        if matches!(proven, Err(LoginError::Refused { .. })) {
            // Another run may have been there meanwhile and have set another password.
            self.run.assure_lock().await?;
        }
        let in_place = Some(login) == self.seen.state.ledger.login.as_ref();
        match proven {
            Err(error) if in_place && !error.leaves_password_open() => {
                let advice = self
                    .run
                    .advice_on_session(&self.job(login).as_ref(), &error);
                let failed = Failure::new(&error, None).message();
                let advice = advice.map(|advice| format!("; {advice}"));
                self.run.report.events.push(format!(
                    "the password of `{login}` is set, but not tried: {failed}{}",
                    advice.unwrap_or_default()
                ));
            }
            proven => {
                let job = self.job(login);
                proven.map_err(|error| self.run.login_error(&job.as_ref(), error))?;
            }
        }
        self.seen.state.server = ServerSide::Proven;
        Ok(())
    }

    /// Logs in with a stored payload.
    pub(super) async fn probe(&mut self, version: i64, login: Login) -> Result<(), ApplyError> {
        if self.seen.state.ledger.current() == Some(version) {
            self.read_current().await?;
        }
        let stored = match (&self.hand, &self.current) {
            (Some(payload), _) if self.seen.state.found.pending == Some(version) => payload,
            (_, Some((current, payload))) if *current == version => payload,
            _ => &self.run.google()?.access(self.secret, version).await?,
        };
        let credential =
            self.run
                .wanted(self.role)?
                .credential_of(stored, &login, self.shape().as_ref());
        let is_taken = match credential {
            Some(credential) => self.lets_in(&login, &credential.password).await?,
            None => false,
        };
        self.seen.state.taken.insert((version, login), is_taken);
        Ok(())
    }

    /// A login that is closed, or that a rule keeps out, is not in use, whatever its password is.
    async fn lets_in(&self, login: &Login, password: &Password) -> Result<bool, ApplyError> {
        match self.run.log_in(login, password, self.role).await {
            Ok(()) => Ok(true),
            Err(LoginError::Refused {
                source: Refusal::Full(_) | Refusal::Database(_) | Refusal::Session(_),
                ..
            }) => Ok(true),
            Err(LoginError::Refused { .. }) => Ok(false),
            Err(error) => Err(self.run.login_error(&self.job(login).as_ref(), error)),
        }
    }

    pub(super) async fn expire(&mut self, login: &Login, at: Timestamp) -> Result<(), ApplyError> {
        self.run
            .change_login(login, expire_login(login, &at.to_string()))
            .await?;
        self.seen
            .state
            .logins
            .entry(login.name().clone())
            .or_default()
            .valid_until = Some(at);
        self.run.report.events.push(format!(
            "the server refuses the password of `{login}` from {at}"
        ));
        Ok(())
    }

    /// Looks once more before: sessions and executions come and go.
    pub(super) async fn close(&mut self, login: &Login) -> Result<(), ApplyError> {
        let before = (
            self.seen.state.login(login),
            self.seen.state.users_of_previous(),
        );
        self.look_at_consumers().await?;
        self.look_at_sessions(login).await?;
        if (
            self.seen.state.login(login),
            self.seen.state.users_of_previous(),
        ) != before
        {
            return Ok(());
        }
        self.name_uses(login);
        self.run.change_login(login, close_login(login)).await?;
        self.seen
            .state
            .logins
            .entry(login.name().clone())
            .or_default()
            .can_login = false;
        self.run
            .report
            .events
            .push(format!("`{login}` cannot log in any more"));
        let open = self
            .sessions_of(login)
            .into_iter()
            .map(|session| format!("still open, and not let in again: {session}"));
        self.run.report.events.extend(open);
        let left = self.sessions_of(login);
        let stays = |session: &String| {
            format!("still there until it ends, or `rotate --end-sessions` ends it: {session}")
        };
        self.run.report.events.extend(left.iter().map(stays));
        Ok(())
    }
}

impl Turn<'_> {
    /// What works as a login that is about to be closed. Of a pair, jobs are the role's.
    fn name_uses(&mut self, login: &Login) {
        let (state, name) = (&self.seen.server, login.name());
        let mut uses = role_uses(state, name);
        if *name == self.seen.role {
            uses.extend(possible_jobs(state, name));
        }
        self.run.report.events.extend(
            uses.into_iter()
                .map(|(_, what)| format!("`{name}` is to lose LOGIN, and {what}")),
        );
    }
}

impl Run<'_> {
    /// How a transaction begins that changes `login`: in the name of whoever may, and not idle for ever.
    fn beginning(&self, login: &Login) -> Vec<Statement> {
        let mut statements: Vec<_> = administer(&self.state, login)
            .into_iter()
            .map(Statement::plain)
            .collect();
        statements.insert(1, Statement::plain(IDLE));
        statements
    }

    /// A transaction in which the server has taken the password of `login`. Nobody else sees it before COMMIT.
    pub(in crate::apply) async fn prepare(
        &self,
        login: &Login,
        password: &Password,
    ) -> Result<Session, ApplyError> {
        let verifier = password.verifier();
        let statement = set_password(login, &verifier).map_err(|source| ApplyError::Verifier {
            login: login.name().clone(),
            source,
        })?;
        let mut statements = self.beginning(login);
        statements.push(Statement::secret(
            statement,
            format!("ALTER ROLE {login} LOGIN PASSWORD …"),
        ));
        let mut session = self.session(None).await?;
        self.run(&mut session, &statements).await?;
        Ok(session)
    }

    /// Its COMMIT.
    pub(in crate::apply) async fn commit_password(
        &self,
        login: &Login,
        session: &mut Session,
    ) -> Result<(), ApplyError> {
        self.assure_lock().await?;
        session
            .commit()
            .await
            .map_err(|error| match error.is_away() {
                true => ApplyError::Commit {
                    place: format!("the password of `{login}`"),
                    source: error.into(),
                },
                false => error.into(),
            })
    }

    async fn change_login(&self, login: &Login, statement: String) -> Result<(), ApplyError> {
        let mut statements = self.beginning(login);
        statements.push(Statement::plain(statement));
        let mut session = self.session(None).await?;
        self.run(&mut session, &statements).await?;
        self.assure_lock().await?;
        session.commit().await?;
        session.close().await;
        Ok(())
    }
}
