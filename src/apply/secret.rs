//! Secrets as a whole: their labels, and the end of their versions.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};

use super::{ApplyError, Run};
use crate::google::SecretUpdate;
use crate::model::{Secret, SecretName, VersionState};

/// Seconds until an ordered destruction happens where the secret does not say: the least Google takes, a day in which
/// whoever still needs the version can enable it again.
/// <https://cloud.google.com/secret-manager/docs/delay-destruction-of-secret-versions>
const DESTROY_TTL: i64 = 86_400;

impl Run<'_> {
    /// Adds labels; those of others stay.
    pub(super) async fn label(&self, name: &SecretName, labels: &BTreeMap<String, String>) -> Result<(), ApplyError> {
        self.update(name, |secret| {
            let mut all = secret.labels.clone();
            all.extend(labels.clone());
            Ok(SecretUpdate { labels: Some(all), ..SecretUpdate::default() })
        })
        .await
    }

    /// Takes our alias away, sees to it that what is destroyed can be brought back for a while, and orders the end.
    pub(super) async fn destroy(&self, name: &SecretName, versions: &[i64]) -> Result<(), ApplyError> {
        self.update(name, |secret| {
            let mut aliases = secret.aliases.clone();
            aliases.retain(|_, number| !versions.contains(number));
            let destroy_ttl = secret.destroy_ttl.is_none().then_some(DESTROY_TTL);
            Ok(SecretUpdate { aliases: Some(aliases), destroy_ttl, ..SecretUpdate::default() })
        })
        .await?;
        for number in versions {
            let version = self.google()?.version(name, *number).await?;
            self.google_to_change().await?.set_version_state(name, &version, VersionState::Destroyed).await?;
        }
        Ok(())
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
            self.google_to_change().await?.update_secret(name, &secret.etag, &update).await?;
            Ok(())
        };
        let is_stale = |error: &ApplyError| matches!(error, ApplyError::Google(error) if error.is_stale());
        write.retry(pauses).when(is_stale).await
    }
}
