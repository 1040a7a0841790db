//! The one place where faults happen.

use std::time::Duration;

use jiff::Timestamp;

use super::super::call::Call;
use super::super::reply::Reply;
use super::super::serve::{SharedWorld, lock};
use super::rule::{Effect, Span, When};
use super::{Faults, Met};

/// What faults change about how a request sees the world.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// When what it reads was true; now, where there is none.
    pub as_of: Option<Timestamp>,
    /// Whether its caller lacks the permission it needs.
    pub is_denied: bool,
}

/// How a fault ends a request.
pub enum End {
    Answered(Reply),
    /// In the middle of its answer.
    Cut,
    Dropped,
}

/// A request on its way, with the faults that it meets.
pub struct Passage {
    met: Vec<Met>,
}

impl Passage {
    pub fn new(faults: &mut Faults, call: &Call, now: Timestamp) -> Self {
        Self {
            met: faults.meet(call, now),
        }
    }

    /// The names of the rules.
    pub fn names(&self) -> Vec<String> {
        self.met.iter().map(|met| met.name.clone()).collect()
    }

    pub fn view(&self, now: Timestamp) -> View {
        let mut view = View::default();
        for met in &self.met {
            match met.effect {
                Effect::Deny => view.is_denied = true,
                Effect::Frozen => view.as_of = Some(met.since),
                Effect::Stale(Span(age)) => view.as_of = Some(now - age),
                Effect::Delay(_)
                | Effect::Hang
                | Effect::Answer(_)
                | Effect::Drop
                | Effect::Cut => {}
            }
        }
        view
    }

    /// Lets happen what happens at this point, one after the other, until one of them ends the request.
    pub async fn pass(&self, world: &SharedWorld, when: When) -> Option<End> {
        for met in self.met.iter().filter(|met| met.when == when) {
            match &met.effect {
                Effect::Delay(Span(delay)) => {
                    tokio::time::sleep(Duration::try_from(*delay).unwrap_or_default()).await;
                }
                Effect::Hang => hang(world, met).await,
                Effect::Answer(refusal) => return Some(End::Answered(refusal.reply())),
                Effect::Drop => return Some(End::Dropped),
                Effect::Cut => return Some(End::Cut),
                Effect::Deny | Effect::Stale(_) | Effect::Frozen => {}
            }
        }
        None
    }
}

/// When the sender is gone, hyper drops the request, and this with it.
async fn hang(world: &SharedWorld, met: &Met) {
    let end = lock(world).faults.end_of(met);
    if let Some(mut end) = end {
        // Nothing is ever sent: the channel closes with its rule.
        let _ = end.changed().await;
    }
}
