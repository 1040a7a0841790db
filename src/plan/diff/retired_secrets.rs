//! Secrets of roles that are to go: nobody reads them any more, and their versions end.

use super::emit::{Reason, step};
use super::{Diff, Phase};
use crate::model::{Annotations, RoleName, Secret, SecretName, SecretPolicy, VersionState};
use crate::plan::{Change, Grounds, Rule, gcloud};

impl Diff<'_> {
    pub(super) fn retired_secret(&mut self, name: &RoleName, wanted: &SecretPolicy) {
        let state = self.state;
        let Some(secret) = state.secrets.get(&wanted.name) else {
            return;
        };
        let live = secret
            .versions
            .iter()
            .filter(|one| one.state != VersionState::Destroyed && one.destroyed_at.is_none());
        let versions: Vec<i64> = live.map(|version| version.number).collect();
        if let Some((message, reason)) = self.not_ours(name, secret) {
            if !versions.is_empty() {
                self.withhold_secret(name, wanted, Rule::SecretForeign, message, reason);
            }
            return;
        }
        self.no_readers(name, wanted, secret);
        if versions.is_empty() {
            return;
        }
        let blocked = self
            .still_needed(name, wanted)
            .or_else(|| aliased(secret, &versions));
        let change = Change::DestroyVersions {
            secret: wanted.name.clone(),
            role: name.clone(),
            versions,
        };
        self.push_or(
            step(change, Rule::SecretSprawl, Some(&wanted.origin)),
            blocked,
        );
    }

    fn not_ours(&self, name: &RoleName, secret: &Secret) -> Option<(String, Reason)> {
        self.kept_by_others(name, secret).or_else(|| {
            let unsigned = !secret.annotations.contains_key(Annotations::ROLE);
            unsigned.then(|| {
                let advice = gcloud::secret("delete", &secret.name, &[]);
                let reason =
                    Reason::decision("it was made by others, and never taken over", advice);
                (
                    format!(
                        "{} may hold something else than the credential of {name}",
                        secret.name
                    ),
                    reason,
                )
            })
        })
    }

    /// A credential goes after its role, and never while something is deployed with it.
    fn still_needed(&self, name: &RoleName, wanted: &SecretPolicy) -> Option<Reason> {
        if self.options.phase != Phase::Expand && self.stays(name) {
            return Some(Reason::on(
                Grounds::after(self.why_unfinished(name)),
                format!("`{name}` is still there"),
                "it follows once the role is gone",
            ));
        }
        let refers = |(resource, _): &(&String, &Vec<(String, String)>)| {
            wanted
                .readers
                .iter()
                .any(|reader| reader.resource().as_ref() == Some(*resource))
        };
        let found = self
            .state
            .cloud_run
            .iter()
            .filter_map(|(resource, found)| Some((resource, &found.as_ref()?.secrets)));
        let mut found = found
            .filter(refers)
            .filter(|(_, secrets)| secrets.iter().any(|(id, _)| names(id, &wanted.name)));
        let (resource, _) = found.next()?;
        Some(Reason::decision(
            format!("{resource} is deployed with it"),
            "deploy it without that secret first",
        ))
    }

    fn stays(&self, name: &RoleName) -> bool {
        let drops = |role: &RoleName| {
            self.plan
                .steps
                .iter()
                .any(|step| matches!(&step.change, Change::DropRole { role: dropped, .. } if dropped == role))
        };
        self.cast
            .all_going()
            .iter()
            .any(|(role, declared)| *declared == name && !drops(role))
    }

    fn no_readers(&mut self, name: &RoleName, wanted: &SecretPolicy, secret: &Secret) {
        let nobody = SecretPolicy {
            readers: Vec::new(),
            ..wanted.clone()
        };
        self.readers_of(name, &nobody, Some(secret), true);
    }
}

/// A reference of Cloud Run: a bare id, or a full name with the project's id or number.
fn names(reference: &str, secret: &SecretName) -> bool {
    reference.rsplit('/').next() == Some(secret.id.as_str())
}

/// An alias that is not ours says that somebody counts on the version.
fn aliased(secret: &Secret, versions: &[i64]) -> Option<Reason> {
    let others = secret
        .aliases
        .iter()
        .filter(|(alias, _)| !OUR_ALIASES.contains(&alias.as_str()));
    let (alias, number) = others
        .into_iter()
        .find(|(_, number)| versions.contains(number))?;
    let reason = format!("the alias `{alias}` names version {number}");
    Some(Reason::decision(
        reason,
        "whoever made the alias takes it away first",
    ))
}

/// Aliases that this program keeps.
const OUR_ALIASES: [&str; 2] = [Annotations::CURRENT, "previous"];
