//! Changes of one database in as many transactions as the server's lock table wants. One is the rule; tens of thousands of
//! tables changed in one transaction end with `53200 out of shared memory`.

use std::collections::BTreeSet;

use super::{Change, Phase};
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
pub(super) fn batches(changes: Vec<Change>, server: &Server) -> Vec<Vec<Change>> {
    let room = room(server);
    let needed: usize = changes.iter().map(|change| locks(change, server.major())).sum();
    if needed <= room {
        return vec![changes];
    }
    let (before, many): (Vec<_>, Vec<_>) = changes.into_iter().partition(|change| change.phase() < Phase::Owners);
    let (many, between): (Vec<_>, Vec<_>) = many.into_iter().partition(|change| change.objects().is_some());
    let mut batches: Vec<Vec<Change>> = vec![before.into_iter().chain(between).collect()];
    for chunk in owned_first(&many).chunks((room / LOCKS_TO_CHANGE_OWNER).max(1)) {
        let chunk: BTreeSet<&Object> = chunk.iter().copied().collect();
        batches.push(many.iter().filter_map(|change| of_these(change, &chunk)).collect());
    }
    batches.retain(|batch| !batch.is_empty());
    batches
}

/// How many locks one transaction may take.
pub(super) fn room(server: &Server) -> usize {
    (server.lock_slots / SHARE).max(LOCKS_TO_CHANGE_OWNER)
}

/// The objects of all changes, those that change their owner first: what hangs on them, such as the sequence of a serial
/// column, belongs to the new owner only then.
fn owned_first(changes: &[Change]) -> Vec<&Object> {
    let (owned, others): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| matches!(change, Change::ChangeOwner { .. }));
    let mut seen = BTreeSet::new();
    let objects = owned.into_iter().chain(others).filter_map(Change::objects).flatten();
    objects.filter(|object| seen.insert(*object)).collect()
}

fn locks(change: &Change, major: u32) -> usize {
    let count = change.objects().map_or(0, Vec::len);
    match change {
        Change::ChangeOwner { .. } if change.phase() == Phase::Owners => count * LOCKS_TO_CHANGE_OWNER,
        Change::Grant { .. } | Change::Revoke { .. }
            if change.phase() >= Phase::Revokes && major >= NAMED_GRANTS_LOCK =>
        {
            count
        }
        _ => 0,
    }
}

fn of_these(change: &Change, chunk: &BTreeSet<&Object>) -> Option<Change> {
    let objects: Vec<Object> = change.objects()?.iter().filter(|object| chunk.contains(object)).cloned().collect();
    (!objects.is_empty()).then(|| change.with_objects(objects))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DatabaseName, Grantee, ObjectKind, Privilege, Privileges, RelationKind, RoleName, SchemaName};

    fn tables(count: usize) -> Vec<Object> {
        let kind = ObjectKind::Relation(RelationKind::Table);
        let schema = SchemaName::new("s").unwrap();
        (0..count).map(|n| Object::InSchema { kind, schema: schema.clone(), name: format!("t{n:05}").into() }).collect()
    }

    fn changes(count: usize) -> Vec<Change> {
        let role = |name| RoleName::new(name).unwrap();
        let database = DatabaseName::new("d").unwrap();
        vec![
            Change::CreateSchema { database: database.clone(), schema: SchemaName::new("s").unwrap() },
            Change::ChangeOwner {
                database: database.clone(),
                objects: tables(count),
                from: role("a"),
                to: role("b"),
                creates_by: None,
            },
            Change::Grant {
                database,
                objects: tables(count),
                owner: role("b"),
                grantee: Grantee::Role(role("c")),
                privileges: Privileges::of(&[Privilege::Select]),
                grantable: false,
            },
        ]
    }

    fn server(major: u32) -> Server {
        Server { version: major * 10_000, lock_slots: 6400, ..Server::default() }
    }

    #[test]
    fn what_fits_is_one_transaction() {
        assert_eq!(batches(changes(300), &server(17)).len(), 1);
    }

    #[test]
    fn what_does_not_fit_is_split_by_object_and_nothing_is_lost() {
        for major in [17, 18] {
            let batches = batches(changes(10_000), &server(major));
            assert!(batches.len() > 20);
            assert!(batches.iter().flatten().map(|change| locks(change, major)).max().unwrap() <= 6400 / SHARE);
            let owned = batches.iter().flatten().filter(|change| matches!(change, Change::ChangeOwner { .. }));
            let objects: Vec<_> = owned.filter_map(Change::objects).flatten().cloned().collect();
            assert_eq!(objects, tables(10_000));
        }
    }

    #[test]
    fn an_object_is_granted_on_in_the_transaction_that_changes_its_owner() {
        let batches = batches(changes(10_000), &server(18));
        for batch in &batches[1..] {
            assert_eq!(batch[0].objects(), batch[1].objects());
        }
    }
}
