//! Secrets as a whole: their labels, and the end of their versions.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Annotations, Identity, RoleName, Secret, SecretName, Shape, VersionState};
use crate::plan::{Finding, Grounds, Rule, Withheld};
use crate::rotation::{Reading, SealKey, read};

/// Seconds until an ordered destruction happens where the secret does not say: the least Google takes, a day in which
/// whoever still needs the version can enable it again.
/// <https://cloud.google.com/secret-manager/docs/delay-destruction-of-secret-versions>
const DESTROY_TTL: i64 = 86_400;

/// Annotations that say what our aliases name.
const OF_ALIASES: [&str; 4] = [
    Annotations::VERSION,
    Annotations::SEAL,
    Annotations::PREVIOUS_VERSION,
    Annotations::PREVIOUS_LOGIN,
];

impl Run<'_> {
    /// Adds labels; those of others stay.
    pub(super) async fn label(
        &self,
        name: &SecretName,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), ApplyError> {
        self.update(name, |secret| {
            let mut all = secret.labels.clone();
            all.extend(labels.clone());
            Ok(SecretUpdate {
                labels: Some(all),
                ..SecretUpdate::default()
            })
        })
        .await
    }

    /// Takes our alias away, sees to it that what is destroyed can be brought back for a while, and orders the end of what
    /// was stored here. Other versions are handed back.
    pub(super) async fn destroy(
        &self,
        role: &RoleName,
        name: &SecretName,
        versions: &[i64],
    ) -> Result<Option<Withheld>, ApplyError> {
        let secret = self.present(name).await?;
        let mut ours = self.stored_here(role, &secret, versions).await?;
        // As long as the one in use can be read, it shows which others were retired here.
        ours.sort_by_key(|number| {
            (
                secret
                    .current()
                    .is_some_and(|current| current.number == *number),
                *number,
            )
        });
        if !ours.is_empty() {
            self.update(name, |secret| {
                let mut aliases = secret.aliases.clone();
                aliases.retain(|_, number| !ours.contains(number));
                let destroy_ttl = secret.destroy_ttl.is_none().then_some(DESTROY_TTL);
                let mut annotations = secret.annotations.clone();
                OF_ALIASES
                    .iter()
                    .for_each(|key| drop(annotations.remove(*key)));
                let (annotations, aliases) = (Some(annotations), Some(aliases));
                Ok(SecretUpdate {
                    annotations,
                    aliases,
                    destroy_ttl,
                    ..SecretUpdate::default()
                })
            })
            .await?;
        }
        for number in &ours {
            let version = self.google()?.version(name, *number).await?;
            self.google_to_change()
                .await?
                .set_version_state(name, &version, VersionState::Destroyed)
                .await?;
        }
        let others: Vec<_> = versions
            .iter()
            .filter(|number| !ours.contains(number))
            .copied()
            .collect();
        Ok((!others.is_empty()).then(|| stored_by_others(role, name, &others)))
    }

    /// Those of `versions` that hold a credential of the role, or were retired here.
    async fn stored_here(
        &self,
        role: &RoleName,
        secret: &Secret,
        versions: &[i64],
    ) -> Result<Vec<i64>, ApplyError> {
        let (wanted, logins) = (self.wanted(role)?, self.logins(role));
        let shape = secret
            .annotations
            .get(Annotations::SHAPE)
            .and_then(|text| Shape::parse(text));
        let Reading {
            ledger,
            problems: _,
        } = read(secret, &logins, None);
        let (mut payloads, mut ours) = (BTreeMap::new(), Vec::new());
        for version in secret
            .versions
            .iter()
            .filter(|version| version.state == VersionState::Enabled)
        {
            payloads.insert(
                version.number,
                self.google()?.access(&secret.name, version.number).await?,
            );
        }
        let current = secret
            .current()
            .and_then(|current| payloads.get(&current.number));
        let key = current
            .zip(ledger.login.as_ref())
            .and_then(|(payload, login)| SealKey::of(wanted, payload, login));
        for number in versions {
            let is_ours = match payloads
                .get(number)
                .map(|payload| wanted.identify(payload, &logins, shape.as_ref()))
            {
                Some(identity) => matches!(identity, Identity::Of(_) | Identity::Generated),
                None => key
                    .as_ref()
                    .is_some_and(|key| ledger.is_sealed(*number, key)),
            };
            ours.extend(is_ours.then_some(*number));
        }
        Ok(ours)
    }

    /// Writes what `change` makes of the secret. Where somebody else changed it since it was read, or what was read lagged
    /// behind, it is read again: labels and annotations of others stay.
    pub(super) async fn update(
        &self,
        name: &SecretName,
        change: impl Fn(&Secret) -> Result<SecretUpdate, ApplyError>,
    ) -> Result<(), ApplyError> {
        let pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(8))
            .with_max_times(7);
        let write = async || {
            let secret = self.google()?.existing_secret(name).await?;
            let secret = secret.ok_or_else(|| ApplyError::Vanished(name.to_string()))?;
            let update = change(&secret)?;
            self.google_to_change()
                .await?
                .update_secret(name, &secret.etag, &update)
                .await?;
            Ok(())
        };
        let is_stale =
            |error: &ApplyError| matches!(error, ApplyError::Google(error) if error.is_stale());
        write.retry(pauses).when(is_stale).await
    }
}

/// Versions of the secret of a retired role that nothing shows to hold its credential.
fn stored_by_others(role: &RoleName, name: &SecretName, versions: &[i64]) -> Withheld {
    let numbers: Vec<_> = versions.iter().map(ToString::to_string).collect();
    let advice = |number: &String| {
        format!(
            "gcloud secrets versions destroy {number} --secret={} --project={}",
            name.id, name.project
        )
    };
    let finding = Finding {
        role: Some(role.to_string()),
        object: Some(format!("secret {name}")),
        ..Finding::new(
            Rule::SecretForeign,
            format!(
                "nothing shows that version {} of {name} holds a credential of {role}",
                numbers.join(", ")
            ),
        )
    };
    Withheld {
        findings: vec![finding],
        summary: None,
        reason: "only what was stored here is destroyed".into(),
        advice: numbers.iter().map(advice).collect::<Vec<_>>().join("; "),
        grounds: Grounds::Decision,
    }
}
