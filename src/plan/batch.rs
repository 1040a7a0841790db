//! Changes of one database in as many transactions as the server's lock table wants. One is the rule; tens of thousands of
//! tables changed in one transaction end with `53200 out of shared memory`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::together::{Saying, Wholes, together};
use super::{Change, Objects, Phase};
use crate::model::{Object, Server};

/// Locks that `ALTER … OWNER` takes for a table with an index, a TOAST table and an identity column.
const LOCKS_TO_CHANGE_OWNER: usize = 5;

/// From 18 on a GRANT that names a table locks it until COMMIT.
/// <https://www.postgresql.org/docs/18/release-18.html>
const NAMED_GRANTS_LOCK: u32 = 18;

/// The share of the lock table that is ours to fill: others are at work.
const SHARE: usize = 3;

/// The changes, in batches that fit into the lock table. Each batch that changes an owner also restores what others hold on
/// the object, so that whatever is committed is whole.
pub(super) fn batches(changes: Vec<Change>, server: &Server, wholes: &Wholes) -> Vec<Vec<Change>> {
    let room = room(server);
    let needed: usize = together(&changes)
        .iter()
        .map(|saying| locks(saying, server.major(), wholes))
        .sum();
    if needed <= room {
        return vec![changes];
    }
    let (before, many): (Vec<_>, Vec<_>) = changes
        .into_iter()
        .partition(|change| change.phase() < Phase::Owners);
    let (many, between): (Vec<_>, Vec<_>) = many
        .into_iter()
        .partition(|change| change.objects().is_some());
    let number: HashMap<Object, usize> = owned_first(&many)
        .chunks((room / LOCKS_TO_CHANGE_OWNER).max(1))
        .enumerate()
        .flat_map(|(number, chunk)| chunk.iter().map(move |&object| (object.clone(), number)))
        .collect();
    let mut batches = vec![before.into_iter().chain(between).collect()];
    batches.resize_with(
        1 + number.values().max().map_or(0, |last| last + 1),
        Vec::new,
    );
    let mut parts = HashMap::new();
    for change in &many {
        let Some(objects) = change.list() else {
            continue;
        };
        // Changes about one list of objects are about one part of it in each batch.
        for (number, part) in parts
            .entry(objects.as_ptr())
            .or_insert_with(|| divided(objects, &number))
        {
            batches[1 + *number].push(change.with_objects(part.clone()));
        }
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// How many locks one transaction may take.
pub(super) fn room(server: &Server) -> usize {
    (server.lock_slots / SHARE).max(LOCKS_TO_CHANGE_OWNER)
}

/// The objects of a list by the batch they are in.
fn divided(objects: &Objects, number: &HashMap<Object, usize>) -> BTreeMap<usize, Objects> {
    let mut parts = BTreeMap::<usize, Vec<Object>>::new();
    for object in objects.iter() {
        if let Some(number) = number.get(object) {
            parts.entry(*number).or_default().push(object.clone());
        }
    }
    parts
        .into_iter()
        .map(|(number, part)| (number, part.into()))
        .collect()
}

/// The objects of all changes, those that change their owner first: what hangs on them, such as the sequence of a serial
/// column, belongs to the new owner only then.
fn owned_first(changes: &[Change]) -> Vec<&Object> {
    let (owned, others): (Vec<_>, Vec<_>) = changes
        .iter()
        .partition(|change| matches!(change, Change::ChangeOwner { .. }));
    let mut seen = BTreeSet::new();
    let objects = owned
        .into_iter()
        .chain(others)
        .filter_map(Change::objects)
        .flatten();
    objects.filter(|object| seen.insert(*object)).collect()
}

/// A table is locked once, however many statements name it.
fn locks(saying: &Saying<'_>, major: u32, wholes: &Wholes) -> usize {
    let change = saying.change();
    let count = change.objects().map_or(0, |objects| objects.len());
    let named = change.phase() >= Phase::Revokes && major >= NAMED_GRANTS_LOCK;
    match saying {
        Saying::One(Change::ChangeOwner { .. }) if change.phase() == Phase::Owners => {
            count * LOCKS_TO_CHANGE_OWNER
        }
        Saying::One(Change::Revoke { .. }) if named => count,
        Saying::Grants(grants) if named && wholes.of(grants).is_none() => grants.objects().count(),
        Saying::One(_) | Saying::Grants(_) | Saying::Defaults(..) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        DatabaseName, Grantee, ObjectKind, Privilege, Privileges, RelationKind, RoleName,
        SchemaName,
    };

    fn tables(count: usize) -> Vec<Object> {
        let kind = ObjectKind::Relation(RelationKind::Table);
        let schema = SchemaName::new("s").unwrap();
        (0..count)
            .map(|n| Object::InSchema {
                kind,
                schema: schema.clone(),
                name: format!("t{n:05}").into(),
            })
            .collect()
    }

    fn changes(count: usize) -> Vec<Change> {
        let role = |name| RoleName::new(name).unwrap();
        let database = DatabaseName::new("d").unwrap();
        vec![
            Change::CreateSchema {
                database: database.clone(),
                schema: SchemaName::new("s").unwrap(),
            },
            Change::ChangeOwner {
                database: database.clone(),
                objects: tables(count).into(),
                from: role("a"),
                to: role("b"),
                creates_by: None,
            },
            Change::Grant {
                database,
                objects: tables(count).into(),
                owner: role("b"),
                grantee: Grantee::Role(role("c")),
                privileges: Privileges::of(&[Privilege::Select]),
                grantable: false,
            },
        ]
    }

    fn server(major: u32) -> Server {
        Server {
            version: major * 10_000,
            lock_slots: 6400,
            ..Server::default()
        }
    }

    #[test]
    fn what_fits_is_one_transaction() {
        assert_eq!(
            batches(changes(300), &server(17), &Wholes::default()).len(),
            1
        );
    }

    #[test]
    fn what_does_not_fit_is_split_by_object_and_nothing_is_lost() {
        for major in [17, 18] {
            let batches = batches(changes(10_000), &server(major), &Wholes::default());
            assert!(batches.len() > 20);
            for batch in &batches {
                let locks = together(batch)
                    .iter()
                    .map(|saying| locks(saying, major, &Wholes::default()))
                    .max();
                assert!(locks.unwrap() <= 6400 / SHARE);
            }
            let owned = batches
                .iter()
                .flatten()
                .filter(|change| matches!(change, Change::ChangeOwner { .. }));
            let objects: Vec<_> = owned
                .filter_map(Change::objects)
                .flatten()
                .cloned()
                .collect();
            assert_eq!(objects, tables(10_000));
        }
    }

    #[test]
    fn an_object_is_granted_on_in_the_transaction_that_changes_its_owner() {
        let batches = batches(changes(10_000), &server(18), &Wholes::default());
        for batch in &batches[1..] {
            assert_eq!(batch[0].objects(), batch[1].objects());
        }
    }
}
