//! What goes wrong on request. A rule says which requests meet it, at which of them and how often, and what happens to
//! them; every request passes its rules once before it is carried out and once after.

mod passage;
mod refusal;
mod rule;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

pub use passage::{End, Passage, View};
pub use rule::When;
use rule::{Effect, Fault};

use super::call::Call;
use super::clock::rfc3339;
use super::error::ApiError;

/// The rules in force, in the order in which they were made.
#[derive(Default)]
pub struct Faults {
    rules: Vec<Rule>,
    made: u64,
}

struct Rule {
    name: String,
    number: u64,
    /// As it was given, for those who ask.
    given: Value,
    fault: Fault,
    since: Timestamp,
    matched: usize,
    met: usize,
    /// Requests that hang wait for its end.
    alive: watch::Sender<()>,
}

/// A rule that a request meets.
struct Met {
    name: String,
    number: u64,
    since: Timestamp,
    when: When,
    effect: Effect,
}

impl Faults {
    /// Makes a rule, in the place of one of the same name.
    ///
    /// # Errors
    /// 400 for what is no rule.
    pub fn put(&mut self, name: &str, given: Value, now: Timestamp) -> Result<(), ApiError> {
        let fault = Fault::read(given.clone())?;
        self.made += 1;
        let (alive, _) = watch::channel(());
        let (name, number) = (name.to_owned(), self.made);
        self.remove(&name);
        self.rules.push(Rule {
            name,
            number,
            given,
            fault,
            since: now,
            matched: 0,
            met: 0,
            alive,
        });
        Ok(())
    }

    /// What hangs by the rule goes on.
    pub fn remove(&mut self, name: &str) {
        self.rules.retain(|rule| rule.name != name);
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rules with what came of them.
    pub fn json(&self) -> Value {
        self.rules.iter().map(Rule::json).collect()
    }

    /// Whether a request hangs.
    pub fn is_holding(&self) -> bool {
        self.rules.iter().any(|rule| rule.holding() > 0)
    }

    /// How many requests met the rule.
    pub fn met(&self, name: &str) -> usize {
        self.rules
            .iter()
            .filter(|rule| rule.name == name)
            .map(|rule| rule.met)
            .sum()
    }

    /// The rules that this request meets; it counts as a match for those, too, that only meet others.
    fn meet(&mut self, call: &Call, now: Timestamp) -> Vec<Met> {
        self.rules
            .iter_mut()
            .filter_map(|rule| rule.meet(call, now))
            .collect()
    }

    /// The end of the rule, to wait for; nothing where it has ended.
    fn end_of(&self, met: &Met) -> Option<watch::Receiver<()>> {
        let mut rules = self.rules.iter();
        rules
            .find(|rule| rule.number == met.number)
            .map(|rule| rule.alive.subscribe())
    }
}

impl Rule {
    fn json(&self) -> Value {
        json!({
            "name": self.name,
            "fault": self.given,
            "since": rfc3339(self.since),
            "matched": self.matched,
            "met": self.met,
            "holding": self.holding(),
        })
    }

    fn holding(&self) -> usize {
        self.alive.receiver_count()
    }

    fn meet(&mut self, call: &Call, now: Timestamp) -> Option<Met> {
        if !self.fault.is_for(call) || self.fault.is_over(self.since, now) {
            return None;
        }
        self.matched += 1;
        if !self.fault.is_due(self.matched) {
            return None;
        }
        self.met += 1;
        let Fault { effect, when, .. } = &self.fault;
        let (when, effect) = (when.unwrap_or_default(), effect.clone());
        Some(Met {
            name: self.name.clone(),
            number: self.number,
            since: self.since,
            when,
            effect,
        })
    }
}

#[cfg(test)]
mod tests;
