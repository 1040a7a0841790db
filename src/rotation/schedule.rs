//! When a credential is due.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::Terms;
use crate::model::SecretName;

/// A credential is due up to this part of its period early, so that those of one policy do not all rotate at once.
const SPREAD: i64 = 10;

/// When a credential published at `published` is due; `None`: never. Always the same moment for the same secret: a tenth
/// of the period, or less, before it is over.
pub fn due(terms: &Terms, secret: &SecretName, published: Timestamp) -> Option<Timestamp> {
    let every = terms.every?;
    Some(after(published, every - early(secret, every)))
}

/// Whether it is due at `now`.
pub fn is_due(
    terms: &Terms,
    secret: &SecretName,
    published: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    match published {
        // Nobody knows how old it is.
        None => terms.every.is_some(),
        Some(published) => due(terms, secret, published).is_some_and(|due| due <= now),
    }
}

fn early(secret: &SecretName, every: i64) -> i64 {
    let digest = Sha256::digest(secret.to_string());
    let number = digest
        .iter()
        .take(4)
        .fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
    number % (every / SPREAD).max(1)
}

/// `seconds` after `time`, on the next full second: the server keeps no others for a login.
pub(super) fn after(time: Timestamp, seconds: i64) -> Timestamp {
    let full = time.as_second() + i64::from(time.subsec_nanosecond() > 0);
    Timestamp::from_second(full.saturating_add(seconds)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ProjectId, SecretId, Strategy};

    fn secret(id: &str) -> SecretName {
        SecretName {
            project: ProjectId::new("p").unwrap(),
            id: SecretId::new(id).unwrap(),
        }
    }

    fn terms(every: Option<i64>) -> Terms {
        Terms {
            strategy: Strategy::Single,
            logins: Vec::new(),
            former: Vec::new(),
            every,
            grace: 60,
            deadline: None,
            keep: 2,
        }
    }

    #[test]
    fn what_has_no_period_is_never_due() {
        assert_eq!(due(&terms(None), &secret("s"), Timestamp::UNIX_EPOCH), None);
        assert!(!is_due(&terms(None), &secret("s"), None, Timestamp::MAX));
    }

    #[test]
    fn secrets_are_due_apart_from_each_other_and_a_tenth_early_at_most() {
        let every = 30 * 24 * 3600;
        let at = |id: &str| {
            due(&terms(Some(every)), &secret(id), Timestamp::UNIX_EPOCH)
                .unwrap()
                .as_second()
        };
        let moments: std::collections::BTreeSet<_> = ["a", "b", "c", "d", "e"].map(at).into();
        assert_eq!(moments.len(), 5);
        assert!(
            moments
                .iter()
                .all(|at| (every - every / SPREAD..=every).contains(at)),
            "{moments:?}"
        );
        assert_eq!(at("a"), at("a"));
    }
}
