//! What is left after a transaction: what it was to do and did not, apart from what others made necessary meanwhile.

use std::collections::{HashMap, HashSet};
use std::mem::{Discriminant, discriminant};

use super::{Change, Step};
use crate::model::{Grantee, Object, RoleName};

/// The steps of a plan that was made after a transaction.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// About what the transaction was to do.
    pub undone: Vec<Step>,
    /// About something else.
    pub new: Vec<Step>,
}

/// Whether what is left was to be done by a transaction that made the changes `made`. Of a step about many objects each
/// is told apart.
pub fn left(made: &[Change], steps: Vec<Step>) -> Left {
    if steps.is_empty() {
        return Left::default();
    }
    let mut of_subject: HashMap<Subject<'_>, Vec<&Change>> = HashMap::new();
    for change in made {
        of_subject
            .entry(Subject::of(change))
            .or_default()
            .push(change);
    }
    let mut left = Left::default();
    for step in steps {
        let alike = of_subject
            .get(&Subject::of(&step.change))
            .map(Vec::as_slice)
            .unwrap_or_default();
        let Some(objects) = step.change.objects() else {
            let kept = if alike.is_empty() {
                &mut left.new
            } else {
                &mut left.undone
            };
            kept.push(step);
            continue;
        };
        // One step after the other: all together they are as many as objects times roles.
        let was_made: HashSet<&Object> = alike
            .iter()
            .filter_map(|change| change.objects())
            .flatten()
            .collect();
        let (undone, new): (Vec<_>, Vec<_>) =
            objects.iter().partition(|object| was_made.contains(object));
        if undone.is_empty() {
            // As it is, its list shared with other steps: with more batches to come, that is most of the plan.
            left.new.push(step);
            continue;
        }
        let about = |objects: Vec<&Object>| {
            let change = step
                .change
                .with_objects(objects.into_iter().cloned().collect());
            change
                .objects()
                .is_some_and(|objects| !objects.is_empty())
                .then(|| Step {
                    change,
                    ..step.clone()
                })
        };
        left.undone.extend(about(undone));
        left.new.extend(about(new));
    }
    left
}

/// What a change is about but for its objects, whatever exactly it makes of it: a GRANT that gave less than it should is
/// found by it.
#[derive(PartialEq, Eq, Hash)]
struct Subject<'a> {
    kind: Discriminant<Change>,
    names: [&'a str; 4],
}

impl<'a> Subject<'a> {
    fn of(change: &'a Change) -> Self {
        Self {
            kind: discriminant(change),
            names: names(change),
        }
    }
}

fn names(change: &Change) -> [&str; 4] {
    match change {
        Change::CreateRole { role, .. }
        | Change::AlterRole { role, .. }
        | Change::EndSessions { role }
        | Change::DropOwned { role, .. }
        | Change::DropRole { role, .. } => [role.as_str(), "", "", ""],
        Change::ReassignOwned { from, to, .. } => [from.as_str(), to.as_str(), "", ""],
        Change::SetParameter { role, setting } | Change::ResetParameter { role, setting } => {
            let database = setting
                .database
                .as_ref()
                .map_or("", |database| database.as_str());
            [role.as_str(), &setting.parameter, database, ""]
        }
        Change::GrantMembership { edge } => [edge.role.as_str(), edge.member.as_str(), "", ""],
        Change::RevokeMembership { membership, .. } => [
            membership.role.as_str(),
            membership.member.as_str(),
            membership.grantor.as_str(),
            "",
        ],
        Change::CreateSchema { schema, .. } => [schema.as_str(), "", "", ""],
        Change::CreateExtension { extension, .. } | Change::UpdateExtension { extension, .. } => {
            [extension.as_str(), "", "", ""]
        }
        Change::ChangeOwner { .. } => [""; 4],
        Change::Grant { grantee, .. } => [name(grantee), "", "", ""],
        Change::Revoke {
            grantee, grantor, ..
        } => [name(grantee), grantor.as_str(), "", ""],
        Change::GrantDefault { default, .. } | Change::RevokeDefault { default, .. } => {
            let schema = default.schema.as_ref().map_or("", |schema| schema.as_str());
            [
                default.owner.as_str(),
                schema,
                default.objects.keyword(),
                name(&default.grantee),
            ]
        }
        Change::CreateSecret { secret, .. }
        | Change::Credential { secret, .. }
        | Change::LabelSecret { secret, .. }
        | Change::DestroyVersions { secret, .. }
        | Change::Bind { secret, .. }
        | Change::Unbind { secret, .. } => [secret.id.as_str(), "", "", ""],
    }
}

/// Nothing for PUBLIC, which is no name of a role.
fn name(grantee: &Grantee) -> &str {
    grantee.role().map_or("", RoleName::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DatabaseName, ObjectKind, Privilege, Privileges, RelationKind, SchemaName};
    use crate::plan::Rule;

    fn grant(to: &str, tables: &[&str], privileges: &[Privilege]) -> Change {
        let kind = ObjectKind::Relation(RelationKind::Table);
        let schema = SchemaName::new("s").unwrap();
        let table = |name: &&str| Object::InSchema {
            kind,
            schema: schema.clone(),
            name: (*name).into(),
        };
        Change::Grant {
            database: DatabaseName::new("d").unwrap(),
            objects: tables.iter().map(table).collect(),
            owner: RoleName::new("mig").unwrap(),
            grantee: Grantee::Role(RoleName::new(to).unwrap()),
            privileges: Privileges::of(privileges),
            grantable: false,
        }
    }

    fn step(change: Change) -> Step {
        Step {
            change,
            rule: Rule::GrantMissing,
            path: Vec::new(),
            asked: None,
            origin: None,
            by_run: false,
        }
    }

    #[test]
    fn part_of_a_grant_is_undone_and_what_came_meanwhile_is_new() {
        let made = [grant(
            "app",
            &["a", "b"],
            &[Privilege::Select, Privilege::Insert],
        )];
        let missing = |table| step(grant("app", &[table], &[Privilege::Insert]));
        let found = left(
            &made,
            vec![step(grant("app", &["b", "c"], &[Privilege::Insert]))],
        );
        assert_eq!(
            found,
            Left {
                undone: vec![missing("b")],
                new: vec![missing("c")]
            }
        );
    }

    #[test]
    fn what_somebody_else_gets_is_new() {
        let others = step(grant("reader", &["a"], &[Privilege::Select]));
        let found = left(
            &[grant("app", &["a"], &[Privilege::Select])],
            vec![others.clone()],
        );
        assert_eq!(
            found,
            Left {
                undone: Vec::new(),
                new: vec![others]
            }
        );
    }

    #[test]
    fn a_role_made_without_its_attributes_is_new_work() {
        let role = RoleName::new("app").unwrap();
        let create = Change::CreateRole {
            role: role.clone(),
            login: false,
            inherit: true,
            connection_limit: -1,
        };
        let again = left(std::slice::from_ref(&create), vec![step(create.clone())]);
        assert_eq!(again.undone.len(), 1);
        let alter = step(Change::AlterRole {
            role,
            attributes: Vec::new(),
        });
        assert_eq!(left(&[create], vec![alter]).new.len(), 1);
    }
}
