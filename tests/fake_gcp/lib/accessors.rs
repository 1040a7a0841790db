//! What tests ask of a fake that runs in their own process.
#![allow(dead_code, reason = "the example serves over HTTP only; each test uses its part")]

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::error::ApiError;
use super::gate::{Gate, Moment};
use super::run::{self, Collection, Kind};
use super::serve::lock;
use super::{FakeGcp, Projects, world};

pub use super::run::Kind as RunKind;
pub use world::{RequestSeen, StoredPayload};

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

    /// Holds one of the requests from now on, counted from 1, until it is released or its sender is gone.
    pub fn hold(&self, moment: Moment) {
        lock(&self.world).gate = Gate::at(moment);
    }

    /// Lets the held request go on.
    pub fn release(&self) {
        lock(&self.world).gate = Gate::default();
    }

    /// Whether a request is being held.
    pub fn is_holding(&self) -> bool {
        lock(&self.world).gate.is_holding()
    }

    /// Every payload that any version ever had, destroyed ones and those of deleted secrets too.
    pub fn payloads(&self) -> Vec<StoredPayload> {
        lock(&self.world).payloads.clone()
    }

    /// The project's number, which answers name instead of its id.
    pub fn project_number(&self, project: &str) -> Option<u64> {
        let mut world = lock(&self.world);
        world.projects.resolve(project).map(|project| project.number)
    }

    /// A Cloud Run job that runs as `service_account`, or as the default account.
    pub fn seed_job(&self, project: &str, region: &str, job: &str, service_account: Option<&str>) {
        let task = workload(service_account);
        self.seed(Kind::Job, [project, region, job], json!({"template": {"template": task}}));
    }

    /// A Cloud Run service that runs as `service_account`, or as the default account.
    pub fn seed_service(&self, project: &str, region: &str, service: &str, service_account: Option<&str>) {
        let revision = workload(service_account);
        self.seed(Kind::Service, [project, region, service], json!({ "template": revision }));
    }

    /// A job or service in the v2 form.
    pub fn seed(&self, kind: Kind, [project, region, id]: [&str; 3], resource: Value) {
        let of = Collection { project, region, kind };
        let seeded = run::seed(&mut lock(&self.world), of, id, resource);
        seeded.unwrap_or_else(|ApiError { message, .. }| panic!("`{id}` cannot be seeded: {message}"));
    }

    pub fn set_clock(&self, now: Timestamp) {
        lock(&self.world).clock.set(now);
    }

    pub fn advance_clock(&self, by: SignedDuration) {
        lock(&self.world).clock.advance(by);
    }

    /// From now on the caller holds these permissions, and what the policies of secrets grant it.
    pub fn restrict(&self, caller: &str, permissions: &[&str]) {
        let permissions: BTreeSet<String> = permissions.iter().map(|p| (*p).to_owned()).collect();
        lock(&self.world).permissions.restrict(caller, permissions);
    }

    /// The caller may do everything again.
    pub fn lift(&self, caller: &str) {
        lock(&self.world).permissions.lift(caller);
    }
}

fn workload(service_account: Option<&str>) -> Value {
    let mut workload = json!({"containers": [{"image": "us-docker.pkg.dev/cloudrun/container/hello"}]});
    if let Some(account) = service_account {
        workload["serviceAccount"] = json!(account);
    }
    workload
}
