//! A plan carried out: the instance's roles, each database, each secret, in that order. Whatever is done stays done and
//! is found as done by the next run.

mod again;
mod credential;
mod database;
mod error;
mod guard;
mod lock_holder;
mod observe;
mod retirement;
mod rotate;
mod secret;
mod watched;

use std::time::Duration;

use rand::CryptoRng;

use again::Attempts;
pub use error::ApplyError;
pub use guard::{Guard, Interrupt};
pub use lock_holder::take_lock;
pub use observe::{ColumnIn, identify, observe, observe_alone};
pub use rotate::{Ask, End, Seen, Turned, idle, look, rotate};

use crate::google::Google;
use crate::model::{Policy, SecretName, State};
use crate::plan::{Aim, Change, Options, Plan, Report, Step, Withheld, diff};
use crate::postgres::{ApplicationName, Route};

/// How long a statement waits for a lock at most before its transaction is given up and tried again: a queued ALTER or
/// GRANT makes everybody who comes after it wait too. That long it is only for an autovacuum.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// SQLSTATE of a statement that waited for a lock longer than it may.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// Where the plan is carried out, and what it takes from outside.
pub struct Edges<'a> {
    /// The way to the server.
    pub route: &'a Route,
    /// Google, where the policy has secrets.
    pub google: Option<&'a Google>,
    /// Who the server's log says we are.
    pub purpose: &'a ApplicationName,
    /// Who is told how far it is.
    pub progress: Told<'a>,
    /// What watches over a run that changes something.
    pub guard: Option<Guard<'a>>,
}

/// Who is told how many changes are made, of how many, and what comes next.
pub type Told<'a> = Box<dyn Fn(usize, usize, &str) + Send + Sync + 'a>;

/// An interrupted or finished `apply`.
pub struct Outcome {
    /// What was done.
    pub report: Report,
    /// What stopped it.
    pub error: Option<ApplyError>,
}

/// Carries `plan` out, which was made from `policy` and `state`.
pub async fn apply(
    edges: &Edges<'_>,
    policy: &Policy,
    state: State,
    plan: Plan,
    options: &Options,
    random: &mut impl CryptoRng,
) -> Outcome {
    let mut run = Run {
        edges,
        policy,
        options,
        state,
        report: Report::begin(plan),
    };
    let error = run.all(random).await.err();
    Outcome {
        report: run.report,
        error,
    }
}

struct Run<'a> {
    edges: &'a Edges<'a>,
    policy: &'a Policy,
    options: &'a Options,
    state: State,
    report: Report,
}

impl Run<'_> {
    async fn all(&mut self, random: &mut impl CryptoRng) -> Result<(), ApplyError> {
        let mut attempts = Attempts::new();
        while let Err(error) = self.rehearse().await {
            let tried = self.report.plan.clone();
            self.again(&Aim::Instance, &tried, error, &mut attempts)
                .await?;
        }
        self.on_server().await?;
        self.at_google(random).await
    }

    /// What only trying can tell is tried before anything is changed.
    async fn rehearse(&mut self) -> Result<(), ApplyError> {
        self.rehearse_extensions().await?;
        self.try_adoptions().await?;
        self.look_before_closing().await
    }

    /// The roles, then each database; then what could be entered only after that.
    async fn on_server(&mut self) -> Result<(), ApplyError> {
        let closed = self.state.closed.len();
        self.transactions().await?;
        if closed == 0 || !self.enter_opened(closed).await? {
            return Ok(());
        }
        self.transactions().await
    }

    /// Looks again whether any of so many databases lets this run in by now.
    async fn enter_opened(&mut self, closed: usize) -> Result<bool, ApplyError> {
        let tried = std::mem::take(&mut self.state.tried);
        self.state = State {
            tried,
            ..observe(self.edges, self.policy).await?
        };
        let mut plan = self.replan(&self.state);
        let mut done = self.report.plan.steps[..self.report.done].to_vec();
        done.append(&mut plan.steps);
        self.report.plan = Plan {
            steps: done,
            ..plan
        };
        Ok(self.state.closed.len() < closed)
    }

    /// A transaction is done as a whole.
    async fn transactions(&mut self) -> Result<(), ApplyError> {
        let steps = self.report.plan.steps.clone();
        let to_do = &steps[self.report.done..];
        let on_server = to_do
            .iter()
            .map(|step| step.change.target())
            .filter(|aim| !matches!(aim, Aim::Secret(_)));
        let mut aims: Vec<Aim> = on_server.collect();
        aims.dedup();
        for aim in aims {
            self.go_on()?;
            (self.edges.progress)(self.report.done, steps.len(), &place(&aim));
            let converged = self.converge(&aim).await;
            // What others made necessary meanwhile is to be done beside the plan, which is done.
            if matches!(converged, Ok(()) | Err(ApplyError::Moved { .. })) {
                self.report.done += to_do
                    .iter()
                    .filter(|step| step.change.target() == aim)
                    .count();
            }
            converged?;
        }
        Ok(())
    }

    async fn at_google(&mut self, random: &mut impl CryptoRng) -> Result<(), ApplyError> {
        let mut attempts = Attempts::new();
        while let Some(step) = self.report.plan.steps.get(self.report.done).cloned() {
            self.go_on()?;
            (self.edges.progress)(
                self.report.done,
                self.report.plan.steps.len(),
                &step.change.to_string(),
            );
            let aim = step.change.target();
            match self.change(&step.change, random).await {
                Err(error) => {
                    let tried = self.replan(&self.state);
                    let plan = self.again(&aim, &tried, error, &mut attempts).await?;
                    self.go_on_with(plan);
                    continue;
                }
                Ok(None) => self.report.done += 1,
                Ok(Some(withheld)) => self.hold(&aim, withheld),
            }
            attempts = Attempts::new();
        }
        Ok(())
    }

    /// What is left to do for the secrets that were to be seen to is what `plan`, of now, says.
    fn go_on_with(&mut self, plan: Plan) {
        let left = self.report.plan.steps.split_off(self.report.done);
        let wanted = |step: &Step| {
            left.iter()
                .any(|one| one.change.target() == step.change.target())
        };
        self.report
            .plan
            .steps
            .extend(plan.steps.into_iter().filter(wanted));
    }

    /// What turned out to need a decision is withheld, with everything else that was to be done there: nobody is given
    /// access to what may be somebody else's.
    fn hold(&mut self, aim: &Aim, withheld: Withheld) {
        let Report { plan, done, .. } = &mut self.report;
        let mut left = plan.steps.split_off(*done);
        left.retain(|step| step.change.target() != *aim);
        plan.steps.append(&mut left);
        plan.withheld.push(withheld);
    }

    /// One change at Google. What cannot be adopted is handed back.
    async fn change(
        &mut self,
        change: &Change,
        random: &mut impl CryptoRng,
    ) -> Result<Option<Withheld>, ApplyError> {
        match change {
            Change::CreateSecret { secret, role } => self.create_secret(secret, role).await?,
            Change::Credential {
                role,
                login,
                secret,
                strategy,
                source,
            } => {
                let job = credential::Job {
                    role,
                    login,
                    secret,
                    strategy: *strategy,
                };
                return self.credential(&job, *source, random).await;
            }
            Change::LabelSecret { secret, labels, .. } => self.label(secret, labels).await?,
            Change::DestroyVersions {
                secret,
                versions,
                role,
            } => return self.destroy(role, secret, versions).await,
            Change::Bind { secret, member } => self.bind(secret, [member.clone()], []).await?,
            Change::Unbind { secret, member } => self.bind(secret, [], [member.clone()]).await?,
            _ => {}
        }
        Ok(None)
    }

    async fn bind<const A: usize, const R: usize>(
        &self,
        secret: &SecretName,
        add: [String; A],
        remove: [String; R],
    ) -> Result<(), ApplyError> {
        self.google_to_change()
            .await?
            .bind(secret, &add.into(), &remove.into())
            .await?;
        Ok(())
    }

    /// Google, for a call that changes something.
    async fn google_to_change(&self) -> Result<&Google, ApplyError> {
        self.assure_lock().await?;
        self.google()
    }

    fn google(&self) -> Result<&Google, ApplyError> {
        self.edges.google.ok_or(ApplyError::NoGoogle)
    }

    /// The same plan with what is there now.
    fn replan(&self, state: &State) -> Plan {
        diff(self.policy, state, self.options)
    }
}

/// What an aim is called in progress and errors.
fn place(aim: &Aim) -> String {
    match aim {
        Aim::Instance => "the roles".into(),
        Aim::Sessions => "the sessions of closed logins".into(),
        Aim::Departures => "the roles that go".into(),
        Aim::Database(name) => format!("database `{name}`"),
        Aim::Secret(name) => name.to_string(),
    }
}
