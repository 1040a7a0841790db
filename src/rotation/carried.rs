//! Who is refused once a login that is not in use is closed, or gets another password: what refers to a version that carries it.

use super::consumer::Publication;
use super::{Blocker, Held, State, Step};
use crate::model::{Annotations, Identity, Login, VersionState};

impl State {
    /// The jobs, services and aliases that refer to a version with a credential of `login` which the server takes. A version that
    /// something refers to is looked into and tried first: the secret may not say any more whose it is.
    pub(super) fn referrers(&self, login: &Login) -> Result<Vec<Blocker>, Step> {
        let Some(publication) = self.any_before() else {
            return Ok(Vec::new());
        };
        let mut carriers = Vec::new();
        for version in self.superseded() {
            if self.is_within_reach(version, publication) && self.carries(version, login)? {
                carriers.push(version);
            }
        }
        let mut found = Vec::new();
        for consumer in &self.consumers {
            let pinned = carriers
                .iter()
                .find(|version| consumer.is_pinned_to(**version));
            found.extend(pinned.map(|version| Blocker::Pin {
                resource: consumer.resource.clone(),
                version: *version,
            }));
            let holders = consumer.holding_any(&carriers, publication);
            found.extend(holders.map(|holder| Blocker::Holder {
                resource: consumer.resource.clone(),
                name: holder.name.clone(),
                since: holder.started,
            }));
        }
        found.extend(
            carriers
                .iter()
                .flat_map(|version| self.aliases_of_others(*version)),
        );
        Ok(found)
    }

    /// Keeps `login`, which works and is not in use, from another password while something refers to the one that it has.
    pub(super) fn still_carried(&self, login: &Login) -> Option<Step> {
        let is_idle = self.ledger.login.as_ref() != Some(login) && self.login(login).can_login;
        if !is_idle || self.leave.outage {
            return None;
        }
        match self.referrers(login) {
            Err(step) => Some(step),
            Ok(found) => (!found.is_empty()).then_some(Step::Hold(Held::StillUsed(found, None))),
        }
    }

    /// Keeps the login before from another password while its credential is promised to work, and does: what holds it and has no
    /// session at the moment shows nowhere.
    pub(super) fn promised(&self, login: &Login) -> Option<Step> {
        let previous = self.ledger.previous().filter(|one| one.login == login)?;
        let until = self.grace().filter(|until| self.now < *until)?;
        let is_other = self.ledger.login.as_ref() != Some(login);
        // Sessions hold it in any case.
        let is_idle = self.sessions(login).is_empty();
        if !is_other || !is_idle || self.leave.outage || self.is_shut(&previous) {
            return None;
        }
        let version = previous.version;
        if self.takes(version, login).is_none() && self.is_enabled(version) {
            let login = login.clone();
            return Some(Step::Probe { version, login });
        }
        let by = self.outage(login).map(|held| held.blockers().to_vec());
        Some(Step::Hold(Held::Promised {
            role: self.role.clone(),
            login: login.clone(),
            until,
            by: by.unwrap_or_default(),
        }))
    }

    /// The aliases that name the version, and are not written here.
    pub(super) fn aliases_of_others(&self, version: i64) -> impl Iterator<Item = Blocker> {
        let is_ours = |alias: &str| [Annotations::CURRENT, Annotations::PREVIOUS].contains(&alias);
        let named = self.ledger.aliases.iter();
        let named = named.filter(move |(alias, number)| **number == version && !is_ours(alias));
        named.map(move |(alias, _)| Blocker::Alias {
            alias: alias.clone(),
            version,
        })
    }

    /// What is in use now, and that anything may have been in use before it.
    fn any_before(&self) -> Option<Publication> {
        let version = self.ledger.current()?;
        Some(Publication {
            version,
            before: version - 1,
            at: self.ledger.published?,
        })
    }

    /// The versions that can be read and are not in use.
    fn superseded(&self) -> impl Iterator<Item = i64> {
        let current = self.ledger.current();
        let readable = self
            .versions
            .iter()
            .filter(|(_, state)| **state == VersionState::Enabled);
        readable
            .map(|(number, _)| *number)
            .filter(move |number| Some(*number) != current)
    }

    /// Whether something but our own aliases refers to the version, or may have been given it.
    fn is_within_reach(&self, version: i64, publication: Publication) -> bool {
        self.aliases_of_others(version).next().is_some()
            || self.consumers.iter().any(|consumer| {
                consumer.names(version)
                    || consumer
                        .holding_any(&[version], publication)
                        .next()
                        .is_some()
            })
    }

    /// Whether the version holds a credential of `login` that the server takes.
    fn carries(&self, version: i64, login: &Login) -> Result<bool, Step> {
        match self.identities.get(&version) {
            None => return Err(Step::Identify(version)),
            Some(Identity::Of(found)) if found != login => return Ok(false),
            Some(Identity::Foreign) => return Ok(false),
            Some(Identity::Of(_) | Identity::Generated | Identity::Unknown) => {}
        }
        self.takes(version, login).ok_or_else(|| Step::Probe {
            version,
            login: login.clone(),
        })
    }
}
