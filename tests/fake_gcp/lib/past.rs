//! What secrets were like before, for answers that lag behind: "operations within Secret Manager are eventually
//! consistent", <https://cloud.google.com/secret-manager/docs/reference/rest#consistency>.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::secret_name::SecretName;
use super::secrets::Secret;

/// How many changes of a secret are remembered; before that, it was as it was before the first of them.
const KEPT: usize = 50;

/// Earlier states of secrets, each with the moment at which it ended.
#[derive(Default)]
pub struct Past {
    ended: BTreeMap<SecretName, VecDeque<(Timestamp, Secret)>>,
}

impl Past {
    /// The secret is about to change.
    pub fn keep(&mut self, secret: &Secret, now: Timestamp) {
        let states = self.ended.entry(secret.name.clone()).or_default();
        states.push_back((now, secret.clone()));
        if states.len() > KEPT {
            states.pop_front();
        }
    }

    /// The secret is no more; one of the same name has no part in what it was.
    pub fn forget(&mut self, name: &SecretName) {
        self.ended.remove(name);
    }

    /// What `secret` was at that moment; nothing where there was none yet.
    pub fn at<'a>(&'a self, secret: &'a Secret, moment: Timestamp) -> Option<&'a Secret> {
        if moment < secret.create_time {
            return None;
        }
        let mut states = self.ended.get(&secret.name).into_iter().flatten();
        let then = states
            .find(|(ended, _)| *ended > moment)
            .map(|(_, then)| then);
        Some(then.unwrap_or(secret))
    }
}
