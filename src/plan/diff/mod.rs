//! Desired against actual: every difference becomes a step, or is withheld with its reason.

mod asked;
mod belongings;
mod calls;
mod chain;
mod closed;
mod defaults;
mod departures;
mod effective;
mod emit;
mod excess;
mod extensions;
mod fence;
mod former;
mod heritage;
mod lock;
mod memberships;
mod missing;
mod objects;
mod owners;
mod pending;
mod prepared;
mod public;
mod readers;
mod remedy;
mod retired_secrets;
mod role_uses;
mod roles;
mod rotation;
mod row_security;
mod schemas;
mod secrets;
mod session_user;
mod spelling;
mod storage;
mod unproven;
mod views;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use calls::Untrusted;
use departures::Departures;
use former::OwnersByDatabase;
use heritage::Heritage;
use unproven::Unproven;

use super::merge::Merging;
use super::reach::Reach;
use super::standing::Cast;
use super::{Finding, Plan, Refusal, RefusalCause, TakeOver, gcloud, iam_only};
use crate::access::Views;
use crate::model::{DatabaseName, Policy, State};

/// What the caller allows and when it is.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only add, only take away, or both.
    pub phase: Phase,
    /// Also take what undeclared grantees, PUBLIC by others and undeclared accessors hold.
    pub prune: bool,
    /// Also replace passwords of logins whose password nobody stored.
    pub reset_passwords: bool,
    /// What to take over beyond what is taken over unasked.
    pub take_over: BTreeSet<TakeOver>,
    /// Today, for `until`.
    pub today: jiff::civil::Date,
}

/// `--phase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Add and take away.
    #[default]
    Both,
    /// Only add: running code keeps its rights during a deployment.
    Expand,
    /// Only take away.
    Contract,
}

/// The difference between what `policy` wants and what `state` is, as a plan.
pub fn diff(policy: &Policy, state: &State, options: &Options) -> Plan {
    let mut plan = empty(policy, state);
    let Some(reach) = Reach::new(state) else {
        plan.refusals.push(Refusal {
            message: "nothing is known of the server".into(),
            hint: "inspect the instance first".into(),
            cause: RefusalCause::Instance,
        });
        return plan;
    };
    let mut diff = Diff::new(policy, state, options, (plan, reach));
    diff.preconditions();
    diff.roles();
    diff.closings();
    diff.memberships();
    diff.heritage = diff.heritage();
    for (name, database) in &state.databases {
        diff.database(name, database);
        diff.effective(name, database);
        diff.belongings(name, database);
        diff.calls(name, database);
        diff.row_security(name, database);
        diff.session_user(name, database);
    }
    diff.closed_managed();
    diff.elsewhere();
    diff.other_databases();
    diff.owned_elsewhere();
    diff.held_elsewhere();
    diff.lock_database();
    diff.fence();
    diff.departures();
    diff.role_uses();
    diff.prepared();
    diff.secrets();
    diff.withhold_from_unproven();
    diff.finish()
}

/// Code of untrusted roles that runs as the owner of something already, in managed databases.
pub fn code_run_as_owner(policy: &Policy, state: &State, today: jiff::civil::Date) -> Vec<Finding> {
    let Some(reach) = Reach::new(state) else {
        return Vec::new();
    };
    let options = Options {
        today,
        ..Options::default()
    };
    let mut diff = Diff::new(policy, state, &options, (empty(policy, state), reach));
    diff.heritage = diff.heritage();
    state
        .databases
        .iter()
        .flat_map(|(name, database)| diff.run_as_owners(name, database))
        .collect()
}

fn empty(policy: &Policy, state: &State) -> Plan {
    Plan {
        instance: policy.instance.clone(),
        server: state.server.clone(),
        steps: Vec::new(),
        withheld: Vec::new(),
        pending: Vec::new(),
        refusals: Vec::new(),
        notes: Vec::new(),
        iam_only: iam_only(policy, state),
        given: policy.given.clone(),
        members: BTreeMap::new(),
    }
}

/// A difference under construction.
struct Diff<'a> {
    policy: &'a Policy,
    state: &'a State,
    options: &'a Options,
    cast: Cast<'a>,
    reach: Reach<'a>,
    departures: Departures,
    heritage: Heritage,
    unproven: Unproven,
    views: BTreeMap<&'a DatabaseName, Rc<Views<'a>>>,
    untrusted: Untrusted<'a>,
    leaving_code: OnceCell<OwnersByDatabase<'a>>,
    plan: Plan,
    merging: Merging,
}

impl<'a> Diff<'a> {
    fn new(
        policy: &'a Policy,
        state: &'a State,
        options: &'a Options,
        (plan, reach): (Plan, Reach<'a>),
    ) -> Self {
        let (cast, departures, merging) = (
            Cast::new(policy, state),
            Departures::default(),
            Merging::default(),
        );
        let (heritage, unproven) = (Heritage::default(), Unproven::default());
        let views = state
            .databases
            .iter()
            .map(|(name, database)| (name, Rc::new(Views::new(state, name, database))))
            .collect();
        let untrusted = Untrusted::new(policy, state, &cast);
        let leaving_code = OnceCell::new();
        Self {
            policy,
            state,
            options,
            cast,
            reach,
            departures,
            heritage,
            unproven,
            views,
            untrusted,
            leaving_code,
            plan,
            merging,
        }
    }
}

impl Diff<'_> {
    /// Says once what keeps the plan from being applied.
    fn refuse(&mut self, cause: RefusalCause, message: String, hint: String) {
        let refusal = Refusal {
            message,
            hint,
            cause,
        };
        if !self.plan.refusals.contains(&refusal) {
            self.plan.refusals.push(refusal);
        }
    }

    /// Says where it is decided that nothing can be written.
    fn read_only(&mut self) {
        let server = &self.state.server;
        if server.replica {
            return self.refuse(
                RefusalCause::Instance,
                "the server is a read replica".into(),
                "connect to the primary instance".into(),
            );
        }
        let mut told = false;
        for name in self.state.databases.keys() {
            let Some(setting) = server.read_only_setting(name).filter(|setting| setting.on) else {
                continue;
            };
            let (place, alter) = remedy::read_only_place(self.reach.admin(), setting);
            let message = format!(
                "database `{name}` is read-only: default_transaction_read_only is on for {place}"
            );
            let hint =
                format!("BEGIN READ WRITE; {alter} RESET default_transaction_read_only; COMMIT");
            self.refuse(RefusalCause::Instance, message, hint);
            told = true;
        }
        if server.read_only && !told {
            self.refuse(
                RefusalCause::Instance,
                "the session is read-only: default_transaction_read_only is on, for no database and no role".into(),
                "take the database flag off the instance, or the option out of the admin URL and PGOPTIONS".into(),
            );
        }
    }

    /// What would make every later statement fail: said before anything is touched.
    fn preconditions(&mut self) {
        self.read_only();
        let known = |name: &DatabaseName| {
            self.state.databases.contains_key(name) || self.state.closed.contains_key(name)
        };
        for name in self.policy.databases.keys().filter(|name| !known(name)) {
            self.plan.refusals.push(Refusal {
                message: format!("database `{name}` does not exist"),
                hint: gcloud::create_database(self.policy.instance.as_ref(), name),
                cause: RefusalCause::Instance,
            });
        }
    }
}
