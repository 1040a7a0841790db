//! Who gets the credential from the secret, and which version they hold.

use jiff::{SignedDuration, Timestamp};

use crate::model::CloudRunKind;

/// Google says when something was made, the server of the database when a credential was published: two clocks, and each
/// may be wrong by half of this.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// The moment of publication is written by the call that publishes, so that the alias moves after it; by then that call is
/// over, or has failed.
const PUBLISHING: SignedDuration = SignedDuration::from_secs(120);

/// When and as what the credential in use was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// The version in use.
    pub version: i64,
    /// The version of the credential before.
    pub before: i64,
    /// By the clock of the database's server.
    pub at: Timestamp,
}

impl Publication {
    /// Whether what Google made at that moment may have been there before the alias moved.
    fn may_follow(&self, made: Timestamp) -> bool {
        made.duration_since(self.at) <= SKEW + PUBLISHING
    }
}

/// A Cloud Run job or service among the readers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Consumer {
    /// `projects/P/locations/R/jobs/J`.
    pub resource: String,
    /// Job or service.
    pub kind: CloudRunKind,
    /// How it names the secret, once for every place.
    pub references: Vec<Reference>,
    /// What runs of it, or may still be sent work.
    pub holders: Vec<Holder>,
    /// When the newest of its revisions was made, whether that gets requests or not.
    pub newest: Option<Timestamp>,
    /// The newest version of which a revision says that it was made after its publication.
    pub noted: Option<i64>,
}

/// How a version is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// The most recently created one.
    Latest,
    /// What an alias stands for.
    Alias(String),
    /// This one.
    Pinned(i64),
}

impl Reference {
    /// Reads what Cloud Run calls the version.
    pub fn parse(text: &str) -> Self {
        match text.parse() {
            Ok(number) => Self::Pinned(number),
            Err(_) if text.is_empty() || text == "latest" => Self::Latest,
            Err(_) => Self::Alias(text.to_owned()),
        }
    }
}

/// A revision or an execution that may hold a credential: Cloud Run resolves a secret when an instance starts.
/// <https://cloud.google.com/run/docs/configuring/services/secrets>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Holder {
    /// Its name.
    pub name: String,
    /// Which of the two.
    pub kind: HolderKind,
    /// When it was made; `None`: it cannot be seen.
    pub started: Option<Timestamp>,
    /// How it names the secret.
    pub references: Vec<Reference>,
    /// The version that was published already when it was made, where it says so.
    pub since: Option<i64>,
}

/// What may hold a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderKind {
    /// Of a service: instances of it start and end as there are requests.
    Revision,
    /// Of a job.
    Execution,
}

impl Consumer {
    /// Pinned to a version that is not `current`.
    pub fn pinned_behind(&self, current: i64) -> Option<i64> {
        pins(&self.references).find(|number| *number != current)
    }

    /// Pinned to an older version: a newer one would be moved back where what is read of the secret lags behind.
    pub fn may_move(&self, current: i64) -> bool {
        pins(&self.references).any(|number| number < current)
    }

    /// Whether another credential has it changed, where that is allowed: a pin, or a service that runs.
    pub fn will_move(&self) -> bool {
        pins(&self.references).next().is_some()
            || (self.kind == CloudRunKind::Service && !self.holders.is_empty())
    }

    /// What of it may still hold a credential from before.
    pub fn holding(&self, publication: Publication) -> impl Iterator<Item = &Holder> {
        self.holders
            .iter()
            .filter(move |holder| holder.holds_old(publication))
    }

    /// What of it may hold the credential in one of `versions`, which were published before.
    pub fn holding_any(
        &self,
        versions: &[i64],
        publication: Publication,
    ) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(move |holder| {
            let is_named = pins(&holder.references).any(|number| versions.contains(&number));
            is_named || (!versions.is_empty() && holder.is_older(publication))
        })
    }

    /// Whether it names the version by its number itself.
    pub fn is_pinned_to(&self, version: i64) -> bool {
        pins(&self.references).any(|number| number == version)
    }

    /// Whether it names the version by its number, itself or in something that runs of it.
    pub fn names(&self, version: i64) -> bool {
        let running = self
            .holders
            .iter()
            .flat_map(|holder| pins(&holder.references));
        pins(&self.references)
            .chain(running)
            .any(|number| number == version)
    }

    /// Whether it gets whatever was stored last.
    pub fn follows_latest(&self) -> bool {
        self.references.contains(&Reference::Latest)
    }

    /// Only a new revision holds the new credential. Where there is one already, an older one gets requests because whoever
    /// runs the service wants it so: another revision would change nothing.
    pub fn wants_revision(&self, publication: Publication) -> bool {
        let is_older = self
            .newest
            .is_none_or(|newest| publication.may_follow(newest));
        self.kind == CloudRunKind::Service
            && is_older
            && self.noted <= Some(publication.before)
            && self.holding(publication).next().is_some()
    }
}

impl Holder {
    /// A pinned one holds what it names; any other what counted when it started. That it was made after the publication it
    /// says itself, or its time is so much later that it must have been.
    fn holds_old(&self, publication: Publication) -> bool {
        let by_pin = pins(&self.references).any(|number| number != publication.version);
        by_pin || self.is_older(publication)
    }

    /// Whether it was given what counted before.
    fn is_older(&self, publication: Publication) -> bool {
        self.references
            .iter()
            .any(|one| !matches!(one, Reference::Pinned(_)))
            && self.since <= Some(publication.before)
            && self
                .started
                .is_none_or(|started| publication.may_follow(started))
    }
}

fn pins(references: &[Reference]) -> impl Iterator<Item = i64> {
    references.iter().filter_map(|reference| match reference {
        Reference::Pinned(number) => Some(*number),
        Reference::Latest | Reference::Alias(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: Publication = Publication {
        version: 3,
        before: 2,
        at: Timestamp::UNIX_EPOCH,
    };

    fn holder(reference: &str, seconds: i64, since: Option<i64>) -> Holder {
        let started = Timestamp::from_second(seconds).ok();
        let references = vec![Reference::parse(reference)];
        Holder {
            name: "h".into(),
            kind: HolderKind::Revision,
            started,
            references,
            since,
        }
    }

    fn service(holders: Vec<Holder>) -> Consumer {
        let newest = holders.iter().filter_map(|holder| holder.started).max();
        let noted = holders.iter().filter_map(|holder| holder.since).max();
        Consumer {
            resource: "s".into(),
            kind: CloudRunKind::Service,
            references: Vec::new(),
            holders,
            newest,
            noted,
        }
    }

    #[test]
    fn what_starts_while_two_clocks_and_a_call_leave_it_open_may_hold_the_old_one() {
        for (seconds, old) in [
            (-3600, true),
            (0, true),
            (59, true),
            (180, true),
            (181, false),
            (3600, false),
        ] {
            for reference in ["latest", "current"] {
                assert_eq!(
                    holder(reference, seconds, None).holds_old(PUBLISHED),
                    old,
                    "{reference} {seconds}"
                );
            }
        }
        assert!(
            Holder {
                started: None,
                ..holder("latest", 0, None)
            }
            .holds_old(PUBLISHED)
        );
    }

    #[test]
    fn a_number_needs_no_clock() {
        for seconds in [-3600, 0, 3600] {
            assert!(holder("2", seconds, Some(3)).holds_old(PUBLISHED));
            assert!(!holder("3", seconds, None).holds_old(PUBLISHED));
        }
    }

    #[test]
    fn what_says_that_it_came_after_needs_none_either() {
        for (since, old) in [
            (None, true),
            (Some(1), true),
            (Some(2), true),
            (Some(3), false),
            (Some(4), false),
        ] {
            assert_eq!(
                holder("current", 1, since).holds_old(PUBLISHED),
                old,
                "{since:?}"
            );
        }
    }

    #[test]
    fn one_revision_a_publication_is_made() {
        assert!(service(vec![holder("current", -60, None)]).wants_revision(PUBLISHED));
        // Traffic stays with the old one.
        let rolled = service(vec![
            holder("current", -60, None),
            holder("current", 1, Some(3)),
        ]);
        assert!(!rolled.wants_revision(PUBLISHED) && rolled.holding(PUBLISHED).count() == 1);
        // Deployed by others a moment after: nobody can tell what it holds.
        assert!(service(vec![holder("current", 30, Some(1))]).wants_revision(PUBLISHED));
        assert!(!service(vec![holder("current", 300, Some(1))]).wants_revision(PUBLISHED));
    }
}
