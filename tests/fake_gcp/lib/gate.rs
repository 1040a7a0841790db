//! Requests that are held, so that a test can end their sender at a known moment, and answers that get lost.

use std::time::Duration;

use super::call::Call;
use super::serve::{SharedWorld, lock};

/// How often a held request looks whether it may go on.
const INTERVAL: Duration = Duration::from_millis(5);

/// When one of the requests is held, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// It has arrived, and nothing has happened.
    Before(usize),
    /// It has been carried out, and is not answered.
    After(usize),
    /// It has been carried out, and its answer breaks off on the way: the sender is not to know.
    Lost(usize),
}

/// Where requests wait.
#[derive(Default)]
pub struct Gate {
    closed_at: Option<Moment>,
    arrived: usize,
    holding: bool,
}

impl Gate {
    /// Closed at `moment` of the requests from now on.
    pub fn at(moment: Moment) -> Self {
        Self { closed_at: Some(moment), ..Self::default() }
    }

    pub fn is_holding(&self) -> bool {
        self.holding
    }
}

/// The number of this request; 0, at which no gate is closed, for those to the fake itself.
pub fn arrive(world: &SharedWorld, call: &Call) -> usize {
    if call.is_to_the_fake() {
        return 0;
    }
    let mut world = lock(world);
    world.gate.arrived += 1;
    world.gate.arrived
}

/// Returns at once, unless the gate is closed at this moment: then not before it is opened or set to another one. When
/// the sender is gone, hyper drops the request, which opens the gate.
pub async fn pass(world: &SharedWorld, moment: Moment) {
    if lock(world).gate.closed_at != Some(moment) {
        return;
    }
    lock(world).gate.holding = true;
    let _opened = Opened(world);
    while lock(world).gate.closed_at == Some(moment) {
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Whether the answer to this request gets lost.
pub fn loses(world: &SharedWorld, number: usize) -> bool {
    lock(world).gate.closed_at == Some(Moment::Lost(number))
}

struct Opened<'a>(&'a SharedWorld);

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        lock(self.0).gate = Gate::default();
    }
}
