//! The plan: what is to be done, what is not and why.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sha2::Digest as _;

use super::{Change, Finding, Grounds, IamOnly, Rule};
use crate::model::{DatabaseName, Given, InstanceName, Origin, Preset, RoleName, Server};

/// What `apply` would do to one instance. It is printed, tested and applied as it stands.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The instance; absent when only an admin URL says where.
    pub instance: Option<InstanceName>,
    /// The server it was made for.
    pub server: Server,
    /// The changes, in order.
    pub steps: Vec<Step>,
    /// Drift that `apply` leaves, each with its reason.
    pub withheld: Vec<Withheld>,
    /// Declared grants whose object does not exist yet.
    pub pending: Vec<Pending>,
    /// What must be put right before anything is touched: with one of these nothing is applied.
    pub refusals: Vec<Refusal>,
    /// Findings that are no drift: accepted ones, warnings.
    pub notes: Vec<Finding>,
    /// Memberships that keep logins from their passwords.
    pub iam_only: Vec<IamOnly>,
    /// How the command was given the policy.
    pub given: Given,
    /// Who has the privileges of roles that lose something, as a member.
    pub members: BTreeMap<RoleName, BTreeSet<RoleName>>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Everything the plan says, as one document to take a digest of.
    fn essence(&self) -> impl Serialize + '_ {
        let steps: Vec<_> = self
            .steps
            .iter()
            .map(|step| (step.rule, &step.change))
            .collect();
        let withheld = self.withheld.iter().map(|one| {
            let findings: Vec<_> = one.findings.iter().map(Finding::fingerprint).collect();
            (findings, &one.reason)
        });
        let withheld: Vec<_> = withheld.collect();
        (
            &self.instance,
            &self.server.identity,
            steps,
            withheld,
            &self.pending,
            &self.refusals,
        )
    }
}

/// What a set of plans comes to: SHA-256 in hexadecimal. The same plans have the same digest in every run.
pub fn digest<'a>(plans: impl IntoIterator<Item = &'a Plan>) -> String {
    let mut digest = Hashed(sha2::Sha256::new());
    for plan in plans {
        // Written as it comes: as a whole, grants on tens of thousands of tables are many times what the plan itself takes.
        serde_json::to_writer(&mut digest, &plan.essence()).expect("a plan can be written as JSON");
        digest.0.update([0]);
    }
    digest
        .0
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

struct Hashed(sha2::Sha256);

impl std::io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What `apply` did to one instance: also there when it failed half way, with what was done so far.
#[derive(Debug, Clone)]
pub struct Report {
    /// The plan as it turned out: what needed a decision on the way is withheld.
    pub plan: Plan,
    /// How many of its steps, from the first, are done: each either committed or durable at Google.
    pub done: usize,
    /// Sentences about what happened on the way: a retry, an adopted secret, a published version.
    pub events: Vec<String>,
}

impl Report {
    /// The report of a plan of which nothing is done yet.
    pub fn begin(plan: Plan) -> Self {
        Self {
            plan,
            done: 0,
            events: Vec::new(),
        }
    }
}

/// One change with the drift it mends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub change: Change,
    /// The drift it mends.
    pub rule: Rule,
    /// How whoever it is taken from came to it.
    pub path: Vec<String>,
    /// What of the policy asks for what it gives.
    pub asked: Option<Asked>,
    /// Where the policy asks for it.
    pub origin: Option<Origin>,
    /// Whether only a run does it, which looks into payloads first: no statement is printed for it.
    pub by_run: bool,
}

/// What of the policy asks for a privilege.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Access to the schema, or to one of the database.
    Preset(Preset),
    /// One of the role's `grants`, or what that brings along.
    Grant,
    /// `create_schemas`.
    CreateSchemas,
    /// Access in a database whose declared extensions are in the schema.
    Extensions,
}

/// Drift that `apply` leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// What it is.
    pub findings: Vec<Finding>,
    /// All of it in a few words, where that is what people are shown.
    pub summary: Option<String>,
    /// Why it is left.
    pub reason: String,
    /// The flag, the statement or the person that would mend it.
    pub advice: String,
    /// On what grounds: whether a decision is wanted, or this admin cannot at all.
    pub grounds: Grounds,
}

impl Withheld {
    /// What people are shown: one line for all of it, or one for each finding.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        let each = self
            .findings
            .iter()
            .filter(|_| self.summary.is_none())
            .map(|finding| finding.message.as_str());
        self.summary.as_deref().into_iter().chain(each)
    }
}

/// Why something is withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WithheldKind {
    /// It needs a decision: a flag, a change of the policy, a word with somebody. `apply` exits 3.
    Decision,
    /// No flag would change it: this admin cannot. `apply` does the rest and exits 1.
    Impossible,
}

/// A reason not to begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// One line of advice.
    pub hint: String,
    /// Whose fault it is.
    pub cause: RefusalCause,
}

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RefusalCause {
    /// The instance: nobody could apply the plan.
    Instance,
    /// This admin: it may look and plan, and somebody else has to apply.
    Admin,
}

/// A declared grant whose object does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// The role.
    pub role: RoleName,
    /// The database.
    pub database: DatabaseName,
    /// What waits, as it reads in the policy: `SELECT on table public.later`.
    pub grant: String,
    /// Where it was declared.
    pub origin: Origin,
}
