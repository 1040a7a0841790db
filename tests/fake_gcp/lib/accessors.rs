//! What tests ask of a fake that runs in their own process.
#![allow(
    dead_code,
    reason = "the example serves over HTTP only; each test uses its part"
)]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::error::ApiError;
use super::permissions::Restriction;
use super::run::{self, Collection, Kind};
use super::serve::lock;
use super::{FakeGcp, Projects, world};

pub use super::run::Kind as RunKind;
pub use world::{RequestSeen, StoredPayload};

/// The rule that [`FakeGcp::hold`] makes.
const HELD: &str = "held";

/// Where one of the requests is stopped, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It has arrived, and nothing has happened: it hangs.
    Before(usize),
    /// It has been carried out, and is not answered: it hangs.
    After(usize),
    /// It has been carried out, and its answer breaks off on the way: the sender is not to know.
    Lost(usize),
}

impl Moment {
    fn rule(self) -> Value {
        match self {
            Self::Before(nth) => json!({"nth": nth, "when": "before", "effect": "hang"}),
            Self::After(nth) => json!({"nth": nth, "when": "after", "effect": "hang"}),
            Self::Lost(nth) => json!({"nth": nth, "effect": "cut"}),
        }
    }
}

impl FakeGcp {
    /// Serves on a free port of 127.0.0.1; every project exists.
    pub fn start() -> std::io::Result<Self> {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self::serve(any_port, Projects::default())
    }

    /// Waits until the server ends, which by itself it does only on an error.
    pub fn wait(mut self) -> std::io::Result<()> {
        match self.server.take().map(thread::JoinHandle::join) {
            None => Ok(()),
            Some(Ok(served)) => served,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
        }
    }

    /// Every request so far but those to `/_fake/`, oldest first.
    pub fn requests(&self) -> Vec<RequestSeen> {
        lock(&self.world).requests.clone()
    }

    pub fn forget_requests(&self) {
        lock(&self.world).requests.clear();
    }

    /// Makes a rule of what is to go wrong, in the form of `docs/fake-gcp.md`, in the place of one of the same name.
    pub fn fault(&self, name: &str, rule: Value) {
        let world = &mut *lock(&self.world);
        let made = world.faults.put(name, rule, world.clock.now());
        made.unwrap_or_else(|ApiError { message, .. }| panic!("`{name}` is no rule: {message}"));
    }

    /// How many requests met the rule.
    pub fn met(&self, name: &str) -> usize {
        lock(&self.world).faults.met(name)
    }

    /// Takes a rule back; what hangs by it goes on.
    pub fn mend(&self, name: &str) {
        lock(&self.world).faults.remove(name);
    }

    /// Takes every rule back.
    pub fn mend_all(&self) {
        lock(&self.world).faults.clear();
    }

    /// Whether a request hangs.
    pub fn is_holding(&self) -> bool {
        lock(&self.world).faults.is_holding()
    }

    /// Stops one of the requests from now on, counted from 1; in the place of an earlier such wish.
    pub fn hold(&self, moment: Moment) {
        self.fault(HELD, moment.rule());
    }

    /// The same, counting the requests of this caller only.
    pub fn hold_of(&self, caller: &str, moment: Moment) {
        let mut rule = moment.rule();
        rule["caller"] = json!(caller);
        self.fault(HELD, rule);
    }

    /// Lets the held request go on.
    pub fn release(&self) {
        self.mend(HELD);
    }

    /// Every payload that any version ever had, destroyed ones and those of deleted secrets too.
    pub fn payloads(&self) -> Vec<StoredPayload> {
        lock(&self.world).payloads.clone()
    }

    /// The project's number, which answers name instead of its id.
    pub fn project_number(&self, project: &str) -> Option<u64> {
        let mut world = lock(&self.world);
        world
            .projects
            .resolve(project)
            .map(|project| project.number)
    }

    /// A Cloud Run job that runs as `service_account`, or as the default account.
    pub fn seed_job(&self, project: &str, region: &str, job: &str, service_account: Option<&str>) {
        let task = workload(service_account);
        self.seed(
            Kind::Job,
            [project, region, job],
            json!({"template": {"template": task}}),
        );
    }

    /// A Cloud Run service that runs as `service_account`, or as the default account.
    pub fn seed_service(
        &self,
        project: &str,
        region: &str,
        service: &str,
        service_account: Option<&str>,
    ) {
        let revision = workload(service_account);
        self.seed(
            Kind::Service,
            [project, region, service],
            json!({ "template": revision }),
        );
    }

    /// A job or service in the v2 form.
    pub fn seed(&self, kind: Kind, [project, region, id]: [&str; 3], resource: Value) {
        let of = Collection {
            project,
            region,
            kind,
        };
        let seeded = run::seed(&mut lock(&self.world), of, id, resource);
        seeded.unwrap_or_else(|ApiError { message, .. }| {
            panic!("`{id}` cannot be seeded: {message}")
        });
    }

    /// An execution of a job (`executions`) or a revision of a service (`revisions`), of which `seen` is to be seen.
    pub fn seed_below(
        &self,
        kind: Kind,
        [project, region, id]: [&str; 3],
        below: [&str; 2],
        seen: &Value,
    ) {
        let of = Collection {
            project,
            region,
            kind,
        };
        let seeded = run::seed_below(&mut lock(&self.world), of, id, below, seen);
        let seeded = seeded.unwrap_or_else(|| panic!("{kind:?} has no `{}`", below[0]));
        seeded.unwrap_or_else(|ApiError { message, .. }| {
            panic!("`{}` cannot be seeded: {message}", below[1])
        });
    }

    pub fn set_clock(&self, now: Timestamp) {
        lock(&self.world).clock.set(now);
    }

    pub fn advance_clock(&self, by: SignedDuration) {
        lock(&self.world).clock.advance(by);
    }

    /// From now on the caller holds these permissions, and what the policies of secrets grant it.
    pub fn restrict(&self, caller: &str, permissions: &[&str]) {
        lock(&self.world)
            .permissions
            .restrict(caller, Restriction::Holds(owned(permissions)));
    }

    /// From now on the caller may do everything but this.
    pub fn deny(&self, caller: &str, permissions: &[&str]) {
        lock(&self.world)
            .permissions
            .restrict(caller, Restriction::Lacks(owned(permissions)));
    }

    /// The caller may do everything again.
    pub fn lift(&self, caller: &str) {
        lock(&self.world).permissions.lift(caller);
    }
}

fn owned(permissions: &[&str]) -> BTreeSet<String> {
    permissions
        .iter()
        .map(|permission| (*permission).to_owned())
        .collect()
}

fn workload(service_account: Option<&str>) -> Value {
    let mut workload =
        json!({"containers": [{"image": "us-docker.pkg.dev/cloudrun/container/hello"}]});
    if let Some(account) = service_account {
        workload["serviceAccount"] = json!(account);
    }
    workload
}
