//! Whether the version in use was published here: what else than its annotations says so.

use std::collections::BTreeMap;

use crate::apply::{ApplyError, Run};
use crate::model::{Identity, Login, Payload, RoleName, Secret, VersionState};
use crate::rotation::{Ledger, Seal, SealKey};

use super::{readable, shape};

impl Run<'_> {
    /// Whether the password in the version that `current` names may be given to the login of the secret, although the server does
    /// not take it: after a restore of the server, or once somebody has changed the password there.
    ///
    /// The alias has to name the version that was published last. That version, and every other one that can be read, whatever it
    /// holds, has to have sealed that publication (`rolewright.seal`, a code with the
    /// payload as its key). Who adds a version and writes annotations can seal with the payload of that version alone: the ones
    /// that were there before do not vouch for it. A payload whose password was not generated vouches for nothing, since a code
    /// with it would help to guess it; then `--reset-passwords` stores a new one.
    pub(in crate::apply) async fn vouched(
        &self,
        role: &RoleName,
        secret: &Secret,
    ) -> Result<bool, ApplyError> {
        let ledger = self.ledger(role, secret)?;
        let Some(current) = ledger
            .current()
            .filter(|current| ledger.version == Some(*current))
        else {
            return Ok(false);
        };
        let enabled = secret
            .versions
            .iter()
            .filter(|version| version.state == VersionState::Enabled);
        let mut does_current = false;
        for number in enabled.map(|version| version.number) {
            let payload = self.google()?.access(&secret.name, number).await?;
            match self.vouches(role, secret, &ledger, number, &payload)? {
                true => does_current |= number == current,
                false => return Ok(false),
            }
        }
        Ok(does_current)
    }

    /// Whether a version vouches for the one in use. How it is written is read off an annotation, which may have been made to
    /// hide whose credential it holds: one that is not understood does not vouch.
    fn vouches(
        &self,
        role: &RoleName,
        secret: &Secret,
        ledger: &Ledger,
        number: i64,
        payload: &Payload,
    ) -> Result<bool, ApplyError> {
        let (wanted, logins) = (self.wanted(role)?, self.logins(role));
        if wanted.identify(payload, &logins, shape(secret).as_ref()) == Identity::Foreign {
            return Ok(false);
        }
        let key = SealKey::of_any(wanted, payload, logins.every_login());
        Ok(key.is_some_and(|key| ledger.is_vouched_by(number, &key)))
    }

    /// What shows later that `number` was published for `login`: a seal with each payload that can be read now.
    pub(super) async fn vouchers(
        &self,
        role: &RoleName,
        login: &Login,
        secret: &Secret,
        (number, stored): (i64, &Payload),
    ) -> Result<BTreeMap<i64, Seal>, ApplyError> {
        let (wanted, logins) = (self.wanted(role)?, self.logins(role));
        let seal = |payload: &Payload| {
            SealKey::of_any(wanted, payload, logins.every_login())
                .map(|key| key.published(number, login))
        };
        let mut seals: BTreeMap<_, _> = seal(stored)
            .into_iter()
            .map(|seal| (number, seal))
            .collect();
        for other in readable(secret)
            .into_iter()
            .filter(|other| *other != number)
        {
            match self.google()?.access(&secret.name, other).await {
                Ok(payload) => seals.extend(seal(&payload).map(|seal| (other, seal))),
                // Lists may lag: it was disabled or destroyed meanwhile.
                Err(error) if error.is_failed_precondition() || error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(seals)
    }
}
