//! The form of a rule.

use std::num::NonZeroUsize;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value;

use super::super::call::Call;
use super::super::dispatch;
use super::super::error::ApiError;
use super::super::shape::duration;
use super::refusal::Refusal;

/// Which requests meet a fault, and what happens to them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// `secrets.addVersion`, or `addVersion`; any method where there is none.
    method: Option<String>,
    /// `projects/shop-prod/secrets/app`, which everything below it is part of; `*` stands for any one segment.
    resource: Option<String>,
    caller: Option<String>,
    /// The first match that meets it, counted from 1.
    nth: Option<NonZeroUsize>,
    /// How many matches meet it from then on; one, unless it is limited by time.
    times: Option<Times>,
    /// How long it is in force, by the clock of the fake.
    #[serde(rename = "for")]
    lasts: Option<Span>,
    pub when: Option<When>,
    pub effect: Effect,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Times {
    Number(NonZeroUsize),
    Always(Always),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Always {
    Always,
}

/// Where on its way a request meets a fault.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Nothing has happened.
    #[default]
    Before,
    /// It has been carried out, and is not answered.
    After,
}

/// What happens.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// It waits, then goes on.
    Delay(Span),
    /// It waits until the rule is removed or its sender is gone.
    Hang,
    /// It gets this answer and no other.
    Answer(Refusal),
    /// The connection ends without an answer.
    Drop,
    /// It is carried out, and the connection ends in the middle of the answer.
    Cut,
    /// The caller lacks the permission that the method asks for.
    Deny,
    /// What is eventually consistent is read as it was so long ago.
    Stale(Span),
    /// What is eventually consistent is read as it was when the rule was made.
    Frozen,
}

/// A `google.protobuf.Duration` that is not negative.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub SignedDuration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span = duration(&text).filter(|span| !span.is_negative());
        span.map(Self)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is no duration like `1.5s`")))
    }
}

impl Fault {
    /// # Errors
    /// 400 for a field or a method that does not exist, and for one that means nothing beside the others.
    pub fn read(given: Value) -> Result<Self, ApiError> {
        // serde would take a list for the fields in their order.
        if !given.is_object() {
            return Err(ApiError::invalid("a rule is an object"));
        }
        let mut fault: Self =
            serde_json::from_value(given).map_err(|error| ApiError::invalid(error.to_string()))?;
        if let Some(method) = fault
            .method
            .as_deref()
            .filter(|method| !dispatch::is_method(method))
        {
            return Err(ApiError::invalid(format!(
                "`{method}` is no method of this fake"
            )));
        }
        match (&fault.effect, fault.when) {
            (Effect::Cut, None) => fault.when = Some(When::After),
            (Effect::Cut | Effect::Deny | Effect::Stale(_) | Effect::Frozen, Some(_)) => {
                return Err(ApiError::invalid(
                    "`when` is said with `delay`, `hang`, `answer` and `drop` only",
                ));
            }
            _ => {}
        }
        Ok(fault)
    }

    pub fn is_for(&self, call: &Call) -> bool {
        let wanted =
            |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(is);
        wanted(&self.method, &|method| {
            dispatch::is_called(call.method_id, method)
        }) && wanted(&self.resource, &|pattern| {
            is_within(&call.resource(), pattern)
        }) && wanted(&self.caller, &|caller| caller == call.caller)
    }

    pub fn is_over(&self, since: Timestamp, now: Timestamp) -> bool {
        self.lasts
            .is_some_and(|Span(lasts)| now.duration_since(since) >= lasts)
    }

    /// Whether the match with this number, counted from 1, meets it.
    pub fn is_due(&self, number: usize) -> bool {
        let nth = self.nth.map_or(1, NonZeroUsize::get);
        let once = if self.lasts.is_some() { usize::MAX } else { 1 };
        let times = match self.times {
            None => once,
            Some(Times::Number(times)) => times.get(),
            Some(Times::Always(Always::Always)) => usize::MAX,
        };
        number >= nth && number - nth < times
    }
}

fn is_within(resource: &str, pattern: &str) -> bool {
    let mut parts = resource.split('/');
    pattern.split('/').all(|wanted| {
        parts
            .next()
            .is_some_and(|part| wanted == "*" || wanted == part)
    })
}
