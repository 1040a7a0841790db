//! Who could read the next password, asked when a rotation is about to begin.

use std::collections::BTreeMap;

use super::{End, Turn};
use crate::apply::ApplyError;
use crate::model::Reader;
use crate::plan::{advice_about_readers, other_readers};
use crate::rotation::{Held, Source, Step};

impl Turn<'_> {
    /// Holds a new password where undeclared members could read it: they appeared since the first one was stored. The one that a
    /// rollback goes back to is stored already.
    pub(super) async fn read_by_others(&mut self, step: &Step) -> Result<Option<End>, ApplyError> {
        let Step::Begin {
            source: Source::Fresh,
            ..
        } = step
        else {
            return Ok(None);
        };
        let google = self.run.google()?;
        let Some(bindings) = google.bindings_if_readable(self.secret).await? else {
            let unknown = "whether undeclared members can read the secret is unknown: this identity lacks \
                           secretmanager.secrets.getIamPolicy on it";
            self.run.report.events.push(unknown.into());
            return Ok(None);
        };
        let wanted = self.run.wanted(self.role)?;
        let mut cloud_run = BTreeMap::new();
        for reader in &wanted.readers {
            let Reader::CloudRun {
                kind,
                project,
                region,
                name,
                service_account: None,
            } = reader
            else {
                continue;
            };
            if let Some(resource) = reader.resource() {
                cloud_run.insert(
                    resource,
                    google.cloud_run(*kind, project, region, name).await?,
                );
            }
        }
        let today = self.seen.now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let others = other_readers(self.run.policy, wanted, &bindings, &cloud_run, today);
        let readers: Vec<_> = others.iter().map(ToString::to_string).collect();
        let advice = advice_about_readers(self.secret);
        Ok((!readers.is_empty()).then_some(End::Held(Held::ReadByOthers { readers, advice })))
    }
}
