//! One transaction for the roles and one per database: changed, read again, compared again, and only then committed.

use super::observe::asked;
use super::retirement::retirement_now;
use super::{ApplyError, Attempts, Run, place};
use crate::model::{DatabaseName, RoleName, State};
use crate::plan::{Aim, Change, Plan, Step, Transaction, rehearsal, script};
use crate::postgres::{Session, Statement, inspect_database, inspect_shared};

/// What is left over is named up to here.
const NAMED: usize = 5;

impl Run<'_> {
    /// Brings the roles, or one database, to what the policy wants.
    pub(super) async fn converge(&mut self, aim: &Aim) -> Result<(), ApplyError> {
        let mut attempts = Attempts::new();
        let mut plan = self.report.plan.clone();
        while let Err(error) = self.attempt(aim, &plan).await {
            plan = self.again(aim, error, &mut attempts).await?;
        }
        Ok(())
    }

    async fn attempt(&mut self, aim: &Aim, plan: &Plan) -> Result<(), ApplyError> {
        let steps = of_aim(plan, aim);
        let part = Plan { steps, ..plan.clone() };
        let transactions = script(&part, &self.state);
        for (index, transaction) in transactions.iter().enumerate() {
            if index > 0 && self.go_on().is_err() {
                let batches = transactions.len();
                self.report.events.push(format!("{index} of {batches} batches of {} are committed", place(aim)));
            }
            self.go_on()?;
            // Of several batches only the last can leave everything as planned.
            let recheck = (index + 1 == transactions.len()).then_some(plan);
            self.transaction(aim, recheck, transaction).await?;
        }
        Ok(())
    }

    async fn transaction(
        &mut self,
        aim: &Aim,
        recheck: Option<&Plan>,
        transaction: &Transaction,
    ) -> Result<(), ApplyError> {
        let mut session = self.session(transaction.database.as_ref()).await?;
        let (last, before) =
            transaction.statements.split_last().ok_or_else(|| ApplyError::Vanished("the plan".into()))?;
        let statements: Vec<_> = before.iter().map(Statement::plain).collect();
        tracing::info!(database = %session.database(), statements = statements.len(), "changing");
        for statement in before {
            tracing::debug!(statement);
        }
        for notice in session.run(&statements).await? {
            tracing::debug!(severity = notice.severity, message = notice.said.message, "the server remarks");
        }
        if let Some(plan) = recheck {
            self.recheck(aim, plan, &mut session).await?;
        }
        self.assure_lock().await?;
        // After a statement that failed, COMMIT alone would roll back and report success.
        session.run(&[Statement::plain("SELECT 1"), Statement::plain(last)]).await.map_err(|error| {
            if error.is_away() { ApplyError::Commit { place: place(aim), source: error.into() } } else { error.into() }
        })?;
        session.close().await;
        Ok(())
    }

    pub(super) async fn session(&self, database: Option<&DatabaseName>) -> Result<Session, ApplyError> {
        let database = database.or_else(|| self.state.databases.keys().next());
        let database = database.unwrap_or_else(|| self.edges.route.start_database());
        Ok(Session::connect(self.edges.route, database, self.edges.purpose).await?)
    }

    /// Reads the catalogs again inside the transaction: what is still missing was refused with no more than a warning,
    /// or somebody made something new meanwhile. What the plan left may have become possible by it: it is left all the same.
    async fn recheck(&self, aim: &Aim, plan: &Plan, session: &mut Session) -> Result<(), ApplyError> {
        let database = session.database().clone();
        let asked = asked(self.policy, &database);
        let shared = inspect_shared(session, &asked).await?;
        let mut state = State {
            server: shared.server,
            roles: shared.roles,
            memberships: shared.memberships,
            shared: shared.groups,
            ..self.state.clone()
        };
        if let Aim::Database(name) = aim {
            let found = inspect_database(session, &asked).await?;
            let managed = self.policy.databases.contains_key(name);
            let kept = if managed { &mut state.databases } else { &mut state.retirement.elsewhere };
            kept.insert(name.clone(), found);
            self.keeps_connect(&state, name)?;
        }
        retirement_now(self.policy, &mut state, session).await?;
        let mut left = of_aim(&self.replan(&state), aim);
        left.retain(|step| !plan.left(step));
        if left.is_empty() {
            return Ok(());
        }
        let named: Vec<_> = left.iter().take(NAMED).map(|step| step.change.to_string()).collect();
        Err(ApplyError::NotConverged { place: place(aim), left: named.join("; ") })
    }

    fn keeps_connect(&self, state: &State, database: &DatabaseName) -> Result<(), ApplyError> {
        let admin = self.edges.route.user();
        if crate::plan::may_connect(state, admin, database) {
            return Ok(());
        }
        Err(ApplyError::LockedOut { admin: admin.clone(), database: database.clone() })
    }

    /// Whether an extension may be installed only the server can tell, and Cloud SQL's list is its own: it is tried
    /// before anything is changed, and rolled back.
    pub(super) async fn rehearse_extensions(&self) -> Result<(), ApplyError> {
        self.go_on()?;
        for transaction in rehearsal(&self.report.plan, &self.state) {
            let mut session = self.session(transaction.database.as_ref()).await?;
            let statements: Vec<_> = transaction.statements.iter().map(Statement::plain).collect();
            let database = session.database().clone();
            session.run(&statements).await.map_err(|source| match source.is_away() {
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
        login: &RoleName,
        statement: &zeroize::Zeroizing<String>,
    ) -> Result<(), ApplyError> {
        let mut session = self.session(None).await?;
        let mut statements: Vec<_> =
            crate::plan::administer(&self.state, login).into_iter().map(Statement::plain).collect();
        statements.push(Statement::secret(statement.clone(), format!("ALTER ROLE {login} LOGIN PASSWORD …")));
        session.run(&statements).await?;
        self.assure_lock().await?;
        session.run(&[Statement::plain("SELECT 1"), Statement::plain("COMMIT")]).await?;
        session.close().await;
        Ok(())
    }
}

fn of_aim(plan: &Plan, aim: &Aim) -> Vec<Step> {
    let mine = |step: &&Step| step.change.target() == *aim && !matches!(step.change, Change::Credential { .. });
    plan.steps.iter().filter(mine).cloned().collect()
}
