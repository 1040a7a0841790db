//! Where a secret is stored, and how long.

use std::collections::BTreeSet;

use super::Diff;
use super::emit::Reason;
use super::secrets::of_role;
use crate::model::{Replication, RoleName, Secret, SecretPolicy};
use crate::plan::{Finding, Rule, Severity, gcloud};

impl Diff<'_> {
    /// A declared `replication` that is not the secret's, and the time at which Google deletes it.
    pub(super) fn storage(&mut self, name: &RoleName, wanted: &SecretPolicy, secret: &Secret) {
        if let Some(reason) = stored_elsewhere(wanted, secret) {
            let message = format!("{} is stored elsewhere than declared", wanted.name);
            self.withhold_secret(name, wanted, Rule::SecretReplication, message, reason);
        }
        if let Some(time) = &secret.expires {
            let object = Some(format!("secret {}", wanted.name));
            let message = format!(
                "Google deletes {} with all its versions at {time} (`expireTime`)",
                wanted.name
            );
            let fix = Some(format!(
                "{} --remove-expiration",
                gcloud::secret("update", &wanted.name, &[])
            ));
            let severity = Severity::Warning;
            self.note(Finding {
                object,
                severity,
                fix,
                ..of_role(name, &wanted.origin, Rule::SecretExpiry, message)
            });
        }
    }

    /// Why nothing is to be stored in a secret for the first time.
    pub(super) fn in_the_wrong_place(&self, wanted: &SecretPolicy) -> Option<Reason> {
        stored_elsewhere(wanted, self.state.secrets.get(&wanted.name)?)
    }
}

/// What Google says of a secret is compared only where the policy declares it: the default is for secrets that are made.
fn stored_elsewhere(wanted: &SecretPolicy, secret: &Secret) -> Option<Reason> {
    let (declared, actual) = (wanted.replication.as_ref()?, secret.replication.as_ref()?);
    (regions(declared) != regions(actual)).then(|| {
        Reason::decision(
            format!("its replication is {}, not {}, and never changes", said(actual), said(declared)),
            "declare another `name`, under which the secret is made anew, or the replication that it has",
        )
    })
}

fn regions(replication: &Replication) -> BTreeSet<&String> {
    match replication {
        Replication::Automatic => BTreeSet::new(),
        Replication::Regions(regions) => regions.iter().collect(),
    }
}

fn said(replication: &Replication) -> String {
    match replication {
        Replication::Automatic => "automatic".into(),
        Replication::Regions(regions) => format!("[{}]", regions.join(", ")),
    }
}
