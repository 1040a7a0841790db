//! Relations that are granted on, kept from being altered until COMMIT. Up to 17 GRANT takes no lock, and from 18 on too
//! weak a one: an ALTER TABLE that begins meanwhile waits for the row of the catalog, and then fails with `tuple
//! concurrently updated`. Behind a lock it waits and succeeds. <https://www.postgresql.org/docs/current/explicit-locking.html>

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::batch::room;
use super::{Change, Phase};
use crate::model::{
    Database, Group, Object, ObjectKind, Privilege, Privileges, RelationKind, RoleName, Server,
};

/// What PostgreSQL asks of whoever locks a table: any of them.
const NEEDED: [Privilege; 3] = [Privilege::Update, Privilege::Delete, Privilege::Truncate];

/// The relations of one owner.
#[derive(Default)]
pub(super) struct Sheltered<'a> {
    /// Tables that the owner may lock.
    pub(super) tables: BTreeSet<&'a Object>,
    /// What `LOCK TABLE` is not for.
    pub(super) others: BTreeSet<&'a Object>,
}

/// What to lock, by owner; nothing where the server's lock table is too small for all of it. `acts`: a change is made in
/// the name of this role.
pub(super) fn sheltered<'a>(
    changes: &'a [Change],
    database: &Database,
    server: &Server,
    acts: impl Fn(&RoleName, &Change) -> bool,
) -> BTreeMap<RoleName, Sheltered<'a>> {
    let wanted = wanted(changes);
    let mut sheltered: BTreeMap<RoleName, Sheltered<'a>> = BTreeMap::new();
    if wanted.is_empty() || wanted.len() > room(server) {
        return sheltered;
    }
    for group in database
        .groups
        .iter()
        .filter(|group| is_relation(group.kind))
    {
        let lockable = may_lock(group);
        for member in &group.members {
            let Some((object, change)) = wanted.get_key_value(member) else {
                continue;
            };
            if acts(&group.owner, change) {
                let of_owner = sheltered.entry(group.owner.clone()).or_default();
                if lockable {
                    of_owner.tables.insert(object)
                } else {
                    of_owner.others.insert(object)
                };
            }
        }
    }
    sheltered
}

/// The relations that are granted on, each with one of the changes; ALTER … OWNER locks what it is about more than that.
fn wanted(changes: &[Change]) -> BTreeMap<&Object, &Change> {
    let mut granted: Vec<_> = changes.iter().collect();
    granted.retain(|change| matches!(change.phase(), Phase::Revokes | Phase::Grants));
    // A grant for each role, all by the owner and on one list of many objects: one of them is enough.
    let mut lists = HashSet::new();
    granted.retain(|change| match change {
        Change::Grant { objects, .. } => lists.insert(objects.as_ptr()),
        _ => true,
    });
    let pairs = granted.into_iter().flat_map(|change| {
        change
            .objects()
            .into_iter()
            .flatten()
            .map(move |object| (object, change))
    });
    let mut wanted: BTreeMap<_, _> = pairs
        .filter(|(object, _)| is_relation(object.kind()))
        .collect();
    let taken_over = changes
        .iter()
        .filter(|change| matches!(change, Change::ChangeOwner { .. }));
    for object in taken_over.filter_map(Change::objects).flatten() {
        wanted.remove(object);
    }
    wanted
}

fn is_relation(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Relation(_) | ObjectKind::Sequence)
}

/// `LOCK TABLE` is for tables; and an owner can have taken everything from itself.
fn may_lock(group: &Group) -> bool {
    let is_table = matches!(
        group.kind,
        ObjectKind::Relation(RelationKind::Table | RelationKind::PartitionedTable)
    );
    is_table
        && !group
            .owner_holds
            .intersection(Privileges::of(&NEEDED))
            .is_empty()
}
