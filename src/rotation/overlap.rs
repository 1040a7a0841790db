//! How long the credential before is meant to work.

use jiff::Timestamp;

use super::schedule::after;
use super::{Ledger, Previous};
use crate::model::{Login, Rotation};

/// The credential before, while it is meant to work beside the one in use: as long as `grace`, and then until its login is
/// closed (`logs_in` says whether it is) or its `deadline` is over. One that was replaced in place never works.
pub fn overlap(
    ledger: &Ledger,
    terms: &Rotation,
    logs_in: impl Fn(&Previous<'_>) -> bool,
    now: Timestamp,
) -> Option<(i64, Login)> {
    let (previous, published) = (ledger.previous()?, ledger.published?);
    let beside = ledger.login.as_ref() != Some(previous.login);
    let is_over = |seconds: i64| after(published, seconds) <= now;
    let expired = terms.deadline.is_some_and(is_over);
    let meant = !is_over(terms.grace) || (logs_in(&previous) && !expired);
    (beside && meant).then(|| (previous.version, previous.login.clone()))
}
