//! Credentials, as `rotate`, `rollback` and `status` leave or find them.

use serde::Serialize;

use super::check::ErrorEntry;
use super::{VERSION, document};
use crate::model::InstanceName;
use crate::output::Stop;
use crate::output::credential::{
    Credentials, CredentialsOf, Ended, Standing, Turn, TurnStatus, User,
};

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    status: TurnStatus,
    errors: Vec<ErrorEntry<'a>>,
    credentials: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    instance: Option<&'a InstanceName>,
    status: TurnStatus,
    #[serde(flatten)]
    standing: &'a Standing,
    events: &'a [String],
    held: Option<HeldEntry<'a>>,
}

#[derive(Serialize)]
struct HeldEntry<'a> {
    reason: &'a str,
    advice: &'a str,
    by: &'a [User],
}

/// All credentials, in one document.
pub(in crate::output) fn credentials(credentials: &Credentials) -> String {
    document(&Document {
        version: VERSION,
        status: credentials.status(),
        errors: credentials.instances.iter().flat_map(errors).collect(),
        credentials: credentials
            .instances
            .iter()
            .flat_map(|one| one.turns.iter().map(|turn| entry(one, turn)))
            .collect(),
    })
}

fn errors(one: &CredentialsOf) -> impl Iterator<Item = ErrorEntry<'_>> {
    let turns = one.turns.iter().filter_map(|turn| match &turn.ended {
        Ended::Failed(failure) => Some(failure),
        Ended::Done | Ended::Held { .. } => None,
    });
    let all = one.stop.iter().map(Stop::failure).chain(turns);
    all.map(|failure| ErrorEntry::of(one.instance.as_ref(), failure))
}

fn entry<'a>(of: &'a CredentialsOf, turn: &'a Turn) -> Entry<'a> {
    let held = match &turn.ended {
        Ended::Held { reason, advice, by } => Some(HeldEntry { reason, advice, by }),
        Ended::Done | Ended::Failed(_) => None,
    };
    Entry {
        instance: of.instance.as_ref(),
        status: turn.ended.status(),
        standing: &turn.standing,
        events: &turn.events,
        held,
    }
}
