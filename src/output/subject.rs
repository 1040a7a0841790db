//! The values that are printed, where core has none of its own.

use serde::Serialize;

use crate::access::{Answer, Explanation};
use crate::model::{DatabaseName, InstanceName, Origin};
use crate::plan::{
    Failure, InstanceVerdict, Plan, Proven, Report, Severity, Transaction, Verdict, Withheld,
    WithheldKind,
};

/// The answer of `explain` about a role.
#[derive(Debug)]
pub struct Explained {
    /// The instance; absent if only an admin URL names the server.
    pub instance: Option<InstanceName>,
    /// What was asked.
    pub why: Why,
}

/// The answer of `explain`.
#[derive(Debug)]
pub enum Why {
    /// Everything a role can do.
    Everything(Explanation),
    /// One privilege on one object.
    One(Box<Answer>),
}

/// The plans of one run.
#[derive(Debug)]
pub struct Planned<'a> {
    /// The digest of all of them: what `--expect` takes.
    pub digest: &'a str,
    /// One entry an instance.
    pub instances: Vec<PlannedInstance<'a>>,
}

/// The plan of one instance.
#[derive(Debug)]
pub struct PlannedInstance<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its statements.
    pub script: &'a [Transaction],
}

/// A database that is changed in several transactions.
#[derive(Debug, Serialize)]
pub struct Batched<'a> {
    /// Which.
    pub database: &'a DatabaseName,
    /// How many transactions.
    pub transactions: usize,
    /// Why not one.
    pub reason: String,
}

impl PlannedInstance<'_> {
    /// The databases for which the server's lock table is too small.
    pub fn batched(&self) -> impl Iterator<Item = Batched<'_>> {
        let slots = self.plan.server.lock_slots;
        self.script.iter().filter(|one| one.batch.number == 1 && one.batch.of > 1).filter_map(move |one| {
            let reason = format!(
                "the server's lock table has {slots} slots (max_locks_per_transaction × max_connections), too few for all \
                 these objects at once; each transaction leaves whole objects, and an interrupted run is continued by the next"
            );
            Some(Batched { database: one.database.as_ref()?, transactions: one.batch.of, reason })
        })
    }
}

impl std::fmt::Display for Batched<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            database,
            transactions,
            reason,
        } = self;
        write!(
            f,
            "database {database} is changed in {transactions} transactions: {reason}"
        )
    }
}

/// What stored credentials have shown in one run.
#[derive(Debug)]
pub struct Verification {
    /// One entry an instance.
    pub instances: Vec<VerifiedInstance>,
}

/// What the stored credentials of one instance have shown.
#[derive(Debug)]
pub struct VerifiedInstance {
    /// What is not as it is to be.
    pub verdict: InstanceVerdict,
    /// Each login in each database.
    pub proven: Vec<Proven>,
}

impl Verification {
    /// The verdict over all instances.
    pub fn verdict(&self) -> Verdict {
        Verdict {
            instances: self
                .instances
                .iter()
                .map(|one| one.verdict.clone())
                .collect(),
        }
    }
}

/// What `apply` did to the instances of one run.
#[derive(Debug)]
pub struct Applied {
    /// One entry an instance.
    pub instances: Vec<Outcome>,
}

/// What `apply` did to one instance.
#[derive(Debug)]
pub struct Outcome {
    /// The instance; absent if only an admin URL names the server.
    pub instance: Option<InstanceName>,
    /// What was done; `None` when it did not come to a plan.
    pub report: Option<Report>,
    /// Why it ended before the end.
    pub stop: Option<Stop>,
}

/// Why `apply` ended before the end.
#[derive(Debug)]
pub enum Stop {
    /// Something failed.
    Failed(Failure),
    /// It is blocked or needs a decision.
    Held(Failure),
}

impl Stop {
    /// What is to be said about it.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Failed(failure) | Self::Held(failure) => failure,
        }
    }
}

/// How an `apply` ended. Of several, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplyStatus {
    /// Everything was as it should be.
    NothingToDo,
    /// Everything is now.
    Applied,
    /// Something waits for a decision.
    Held,
    /// Something failed, or this admin cannot do it.
    Failed,
}

impl Outcome {
    /// What was left, by plan or because it turned out so on the way.
    pub fn withheld(&self) -> impl Iterator<Item = &Withheld> {
        self.report.iter().flat_map(|report| &report.plan.withheld)
    }

    /// How it ended.
    pub fn status(&self) -> ApplyStatus {
        let worst = self
            .withheld()
            .map(|withheld| withheld.grounds.kind())
            .max();
        if self
            .report
            .as_ref()
            .is_some_and(|report| !report.plan.refusals.is_empty())
        {
            return ApplyStatus::Failed;
        }
        match (&self.stop, worst, &self.report) {
            (Some(Stop::Failed(_)), _, _) | (_, Some(WithheldKind::Impossible), _) => {
                ApplyStatus::Failed
            }
            (Some(Stop::Held(_)), _, _) | (_, Some(WithheldKind::Decision), _) => ApplyStatus::Held,
            (None, None, Some(report)) if !report.plan.is_empty() => ApplyStatus::Applied,
            (None, None, _) => ApplyStatus::NothingToDo,
        }
    }
}

impl Applied {
    /// How it ended.
    pub fn status(&self) -> ApplyStatus {
        self.instances
            .iter()
            .map(Outcome::status)
            .max()
            .unwrap_or(ApplyStatus::NothingToDo)
    }
}

/// One thing that is wrong with a policy.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// How much it weighs.
    pub severity: Severity,
    /// Where it is.
    pub origin: Origin,
    /// What is wrong.
    pub message: String,
    /// A likely fix.
    pub hint: Option<String>,
}

/// What `validate` found out.
#[derive(Debug)]
pub struct Validation {
    /// The files that were read.
    pub files: Vec<String>,
    /// What is wrong with them.
    pub diagnostics: Vec<Diagnostic>,
}

impl Validation {
    /// Whether the policy can be used.
    pub fn is_valid(&self) -> bool {
        !self
            .diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The files nothing is wrong with.
    pub fn clean_files(&self) -> impl Iterator<Item = &str> {
        let named = |file: &str| {
            self.diagnostics
                .iter()
                .any(|diagnostic| diagnostic.origin.file == file)
        };
        self.files
            .iter()
            .map(String::as_str)
            .filter(move |file| !named(file))
    }
}
