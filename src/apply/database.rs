//! One transaction for the roles and one per database: changed, read again, compared again, and only then committed.

use std::collections::HashSet;
use std::time::Duration;

use super::observe::asked;
use super::retirement::retirement_now;
use super::{ApplyError, Attempts, Run, place};
use crate::model::{Database, DatabaseName, Login, Policy, State};
use crate::plan::{Aim, Batch, Change, Plan, Step, Transaction, begin, left, rehearsal, script};
use crate::postgres::{Session, Statement, inspect_database, inspect_shared, snapshot_database};

/// SQLSTATE of a row that does not fit into a page: `pg_class` and `pg_attribute` have no TOAST table.
/// <https://www.postgresql.org/docs/current/storage-toast.html>
const ROW_TOO_BIG: &str = "54000";

/// What is left over is named up to here.
const NAMED: usize = 5;

impl Run<'_> {
    /// Brings the roles, or one database, to what the policy wants.
    pub(super) async fn converge(&mut self, aim: &Aim) -> Result<(), ApplyError> {
        let mut attempts = Attempts::new();
        let mut plan = self.report.plan.clone();
        plan.steps.drain(..self.report.done);
        while let Err(error) = self.attempt(aim, &mut plan, &attempts).await {
            plan = self.again(aim, &plan, error, &mut attempts).await?;
        }
        Ok(())
    }

    async fn attempt(
        &mut self,
        aim: &Aim,
        plan: &mut Plan,
        attempts: &Attempts,
    ) -> Result<(), ApplyError> {
        let mut ready = match aim {
            Aim::Database(name) if attempts.have_begun() => {
                Some(self.look_closely(name, plan).await?)
            }
            _ => None,
        };
        let steps = of_aim(plan, aim);
        let part = Plan {
            steps,
            ..plan.clone()
        };
        let transactions = script(&part, &self.state);
        for transaction in &transactions {
            let Batch { number, of } = transaction.batch;
            if of > 1 {
                let next = format!("{}, transaction {number} of {of}", place(aim));
                (self.edges.progress)(self.report.done, self.report.plan.steps.len(), &next);
            }
            let done = match self.go_on() {
                Ok(()) => {
                    self.transaction(
                        aim,
                        plan,
                        transaction,
                        ready.take(),
                        attempts.lock_timeout(),
                    )
                    .await
                }
                interrupted => interrupted,
            };
            if number > 1 && done.is_err() {
                self.report.events.push(format!(
                    "{} of {of} transactions in {} are committed",
                    number - 1,
                    place(aim)
                ));
            }
            done?;
        }
        Ok(())
    }

    /// Looks into one database once more, in the session that is about to change it: where others make and drop tables
    /// all the time, little is to happen between looking and locking.
    async fn look_closely(
        &mut self,
        name: &DatabaseName,
        plan: &mut Plan,
    ) -> Result<Session, ApplyError> {
        let mut session = self.session(Some(name)).await?;
        let found = snapshot_database(&mut session, &asked(self.policy, name)).await?;
        session.rollback().await?;
        found_in(self.policy, &mut self.state, name, found);
        *plan = self.replan(&self.state);
        Ok(session)
    }

    /// In a session that is `ready`, or in one of its own.
    async fn transaction(
        &mut self,
        aim: &Aim,
        plan: &Plan,
        transaction: &Transaction,
        ready: Option<Session>,
        lock_timeout: Duration,
    ) -> Result<(), ApplyError> {
        let mut session = match ready {
            Some(session) => session,
            None => self.session(transaction.database.as_ref()).await?,
        };
        let (last, before) = transaction
            .statements
            .split_last()
            .ok_or_else(|| ApplyError::Vanished("the plan".into()))?;
        let mut statements: Vec<_> = before.iter().map(Statement::plain).collect();
        let patience = format!("SET LOCAL lock_timeout = {}", lock_timeout.as_millis());
        statements.insert(begin().len(), Statement::plain(patience));
        tracing::info!(database = %session.database(), statements = statements.len(), "changing");
        for statement in before {
            tracing::debug!(statement);
        }
        for notice in self
            .run(&mut session, &statements)
            .await
            .map_err(|error| self.crowded(error, transaction))?
        {
            tracing::debug!(
                severity = notice.severity,
                message = notice.said.message,
                "the server remarks"
            );
        }
        let new = self.recheck(aim, plan, transaction, &mut session).await?;
        self.assure_lock().await?;
        // After a statement that failed, COMMIT alone would roll back and report success.
        session
            .run(&[Statement::plain("SELECT 1"), Statement::plain(last)])
            .await
            .map_err(|error| {
                if error.is_away() {
                    ApplyError::Commit {
                        place: place(aim),
                        source: error.into(),
                    }
                } else {
                    error.into()
                }
            })?;
        session.close().await;
        // What has to be done because of others is done in another transaction: these changes are whole without it, and
        // whoever creates objects has them right from now on. Of several batches the next ones are to come anyway.
        let last = transaction.batch.number == transaction.batch.of;
        if last && !new.is_empty() {
            return Err(ApplyError::Moved {
                place: place(aim),
                left: named(&new),
            });
        }
        Ok(())
    }

    pub(super) async fn session(
        &self,
        database: Option<&DatabaseName>,
    ) -> Result<Session, ApplyError> {
        let database = database.or_else(|| self.state.databases.keys().next());
        let database = database.unwrap_or_else(|| self.edges.route.start_database());
        Ok(Session::connect(self.edges.route, database, self.edges.purpose).await?)
    }

    /// Reads the catalogs again inside the transaction: what it was to do and is still to be done was refused with no more
    /// than a warning. What the plan left may have become possible by it: it is left all the same. Returns what others
    /// made necessary meanwhile.
    async fn recheck(
        &self,
        aim: &Aim,
        plan: &Plan,
        transaction: &Transaction,
        session: &mut Session,
    ) -> Result<Vec<Step>, ApplyError> {
        let database = session.database().clone();
        let asked = asked(self.policy, &database);
        let shared = inspect_shared(session, &asked).await?;
        // What is read again below is not copied: it may be most of the memory there is.
        let known = self
            .state
            .databases
            .iter()
            .filter(|(name, _)| *aim != Aim::Database((*name).clone()));
        let mut state = State {
            databases: known
                .map(|(name, database)| (name.clone(), database.clone()))
                .collect(),
            secrets: self.state.secrets.clone(),
            cloud_run: self.state.cloud_run.clone(),
            retirement: self.state.retirement.clone(),
            tried: self.state.tried.clone(),
            closed: self.state.closed.clone(),
            entrance: self.state.entrance.clone(),
            ..shared.into()
        };
        if let Aim::Database(name) = aim {
            let found = inspect_database(session, &asked).await?;
            found_in(self.policy, &mut state, name, found);
            self.keeps_connect(&state, name)?;
        }
        retirement_now(self.policy, &mut state, session).await?;
        let mut left = left(&transaction.changes, of_aim(&self.replan(&state), aim));
        left.undone.retain(|step| !plan.left(step));
        if !left.undone.is_empty() {
            return Err(ApplyError::NotConverged {
                place: place(aim),
                left: named(&left.undone),
            });
        }
        if transaction.batch.number == transaction.batch.of {
            left.new.retain(|step| !plan.left(step));
        }
        Ok(left.new)
    }

    /// Which object it is whose access list is too long the server does not say.
    fn crowded(&self, error: ApplyError, transaction: &Transaction) -> ApplyError {
        let source = match error {
            ApplyError::Postgres(error) if error.sqlstate() == Some(ROW_TOO_BIG) => Box::new(error),
            other => return other,
        };
        let groups = transaction
            .database
            .as_ref()
            .and_then(|name| self.state.databases.get(name));
        let granted: HashSet<_> = transaction
            .changes
            .iter()
            .filter_map(Change::objects)
            .flatten()
            .collect();
        let of_ours = groups
            .into_iter()
            .flat_map(|database| &database.groups)
            .filter_map(|group| {
                Some((
                    group.acl.items().len(),
                    group
                        .members
                        .iter()
                        .find(|member| granted.contains(member))?,
                ))
            });
        match of_ours.max_by_key(|(entries, _)| *entries) {
            Some((entries, object)) => ApplyError::Crowded {
                object: object.clone(),
                entries,
                source,
            },
            None => ApplyError::Postgres(*source),
        }
    }

    fn keeps_connect(&self, state: &State, database: &DatabaseName) -> Result<(), ApplyError> {
        let admin = self.edges.route.user();
        if crate::plan::may_connect(state, admin, database) {
            return Ok(());
        }
        Err(ApplyError::LockedOut {
            admin: admin.clone(),
            database: database.clone(),
        })
    }

    /// Whether an extension may be installed only the server can tell, and Cloud SQL's list is its own: it is tried
    /// before anything is changed, and rolled back.
    pub(super) async fn rehearse_extensions(&self) -> Result<(), ApplyError> {
        self.go_on()?;
        for transaction in rehearsal(&self.report.plan, &self.state) {
            let mut session = self.session(transaction.database.as_ref()).await?;
            let statements: Vec<_> = transaction
                .statements
                .iter()
                .map(Statement::plain)
                .collect();
            let database = session.database().clone();
            session
                .run(&statements)
                .await
                .map_err(|source| match source.is_away() {
                    true => source.into(),
                    false => ApplyError::Extension { database, source },
                })?;
            session.close().await;
        }
        Ok(())
    }

    /// One statement that holds a verifier, in a transaction of its own in the name of whoever may.
    pub(super) async fn set_password(
        &self,
        login: &Login,
        statement: &zeroize::Zeroizing<String>,
    ) -> Result<(), ApplyError> {
        let statement = Statement::secret(
            statement.clone(),
            format!("ALTER ROLE {login} LOGIN PASSWORD …"),
        );
        self.alter_login(login, statement).await
    }

    /// One statement that changes a login, in such a transaction.
    pub(super) async fn alter_login(
        &self,
        login: &Login,
        statement: Statement,
    ) -> Result<(), ApplyError> {
        let mut session = self.session(None).await?;
        let mut statements: Vec<_> = crate::plan::administer(&self.state, login)
            .into_iter()
            .map(Statement::plain)
            .collect();
        statements.push(statement);
        self.run(&mut session, &statements).await?;
        self.assure_lock().await?;
        session
            .run(&[Statement::plain("SELECT 1"), Statement::plain("COMMIT")])
            .await?;
        session.close().await;
        Ok(())
    }
}

pub(super) fn of_aim(plan: &Plan, aim: &Aim) -> Vec<Step> {
    let mine = |step: &&Step| {
        step.change.target() == *aim && !matches!(step.change, Change::Credential { .. })
    };
    plan.steps.iter().filter(mine).cloned().collect()
}

/// Databases that are not managed are looked into where a role goes.
fn found_in(policy: &Policy, state: &mut State, name: &DatabaseName, found: Database) {
    let managed = policy.databases.contains_key(name);
    let kept = if managed {
        &mut state.databases
    } else {
        &mut state.retirement.elsewhere
    };
    kept.insert(name.clone(), found);
}

fn named(steps: &[Step]) -> String {
    let named: Vec<_> = steps
        .iter()
        .take(NAMED)
        .map(|step| step.change.to_string())
        .collect();
    named.join("; ")
}
