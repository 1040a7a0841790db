//! Access through views: what their users reach with the rights of the owner.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::Access;
use crate::model::{
    By, Database, DatabaseName, Group, Object, ObjectKind, Privilege, Privileges, RelationKind,
    RoleName, SchemaName, Shown, State, View,
};

/// Privileges on a view that are used on what is behind it.
const USABLE: [Privilege; 4] = [
    Privilege::Select,
    Privilege::Insert,
    Privilege::Update,
    Privilege::Delete,
];

/// The views of one database that read with the rights of their owners, and the relations whose rules act with them.
pub struct Views<'a> {
    state: &'a State,
    name: &'a DatabaseName,
    views: &'a BTreeMap<Object, View>,
    /// What is behind them, and the columns of it that have an ACL.
    groups: BTreeMap<&'a Object, &'a Group>,
    /// What owners can do, as far as it was asked.
    owners: RefCell<BTreeMap<RoleName, Access<'a>>>,
}

/// A table, and how one comes to it from a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind<'a> {
    /// The table, with the columns that can be seen.
    pub shown: &'a Shown,
    /// What can be done there.
    pub privileges: Privileges,
    /// What on the view leads to it: the same, or what sets a rule off.
    pub by: Privileges,
    /// From the view on: `view owned by admin`, perhaps further views, `SELECT on table audit.t`.
    pub path: Vec<String>,
}

impl<'a> Views<'a> {
    /// Those of `database`.
    pub fn new(state: &'a State, name: &'a DatabaseName, database: &'a Database) -> Self {
        let shown = database.views.values().flat_map(|view| &view.shows);
        let shown: BTreeSet<_> = shown
            .filter_map(|shown| relation(&shown.relation))
            .collect();
        let of_interest =
            |object: &&Object| relation(object).is_some_and(|one| shown.contains(&one));
        let mut groups = BTreeMap::new();
        for group in database
            .groups
            .iter()
            .filter(|group| !shown.is_empty() && is_readable(group.kind))
        {
            groups.extend(
                group
                    .members
                    .iter()
                    .filter(of_interest)
                    .map(|object| (object, group)),
            );
        }
        Self {
            state,
            name,
            views: &database.views,
            groups,
            owners: RefCell::default(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// Whose rights `view` gives; `None` where it gives none, or those of the `ddl` role of its schema.
    pub fn owner(&self, view: &Object) -> Option<&'a RoleName> {
        self.views.get(view).map(|view| &view.owner)
    }

    /// The view, or the relation with rules, that a column is of.
    pub fn relation_of(&self, column: &Object) -> Option<&'a Object> {
        let of = relation(column)?;
        self.views.keys().find(|view| relation(view) == Some(of))
    }

    /// What a role with `privileges` on `view` reaches by it.
    pub fn behind(&self, view: &Object, privileges: Privileges) -> Vec<Behind<'a>> {
        let usable = privileges.intersection(Privileges::of(&USABLE));
        let mut found = Vec::new();
        self.follow(view, usable, None, &[], &mut found);
        found
    }

    /// The group of what is behind a view.
    pub fn group(&self, relation: &Object) -> Option<&'a Group> {
        self.groups.get(relation).copied()
    }

    /// Views cannot be circular: a view is made after what it shows. Rows of one that was made circular by
    /// `CREATE OR REPLACE` are refused by the server; the path tells where to stop.
    fn follow(
        &self,
        view: &Object,
        privileges: Privileges,
        set_off: Option<Privilege>,
        so_far: &[String],
        found: &mut Vec<Behind<'a>>,
    ) {
        let Some(View { owner, shows }) = self.views.get(view) else {
            return;
        };
        for shown in shows {
            let mut set_off = set_off;
            let (by, passed) = match shown.by {
                By::Showing(writes) => {
                    let passed = writes.union(Privileges::of(&[Privilege::Select]));
                    (
                        format!("view owned by {owner}"),
                        privileges.intersection(passed),
                    )
                }
                By::Rule { on, does } if privileges.contains(on) => {
                    set_off = set_off.or(Some(on));
                    (format!("rule on {on} of {view}, owned by {owner}"), does)
                }
                By::Rule { .. } => continue,
            };
            let usable: Privileges = passed
                .iter()
                .filter(|one| self.owner_may(owner, shown, *one))
                .collect();
            let line = format!("{usable} on {}", shown.relation);
            if usable.is_empty() || so_far.contains(&line) {
                continue;
            }
            let path: Vec<_> = so_far.iter().cloned().chain([by, line]).collect();
            // Rows of a view are those of what it shows; a table has its own, whatever its rules do besides.
            self.follow(&shown.relation, usable, set_off, &path, found);
            if shown.relation.kind() != ObjectKind::Relation(RelationKind::View) {
                let by = set_off.map_or(usable, |on| Privileges::of(&[on]));
                found.push(Behind {
                    shown,
                    privileges: usable,
                    by,
                    path,
                });
            }
        }
    }

    fn owner_may(&self, owner: &RoleName, shown: &Shown, privilege: Privilege) -> bool {
        let mut known = self.owners.borrow_mut();
        let access = known
            .entry(owner.clone())
            .or_insert_with(|| Access::new(self.state, owner, Some(self.name)));
        self.covers(shown, |group, object| {
            access.at_once(group, object).contains(privilege)
        })
    }

    /// Whether a role can do the same without the view: with the relation, or with every column of it that is shown.
    pub fn covers(&self, shown: &Shown, holds: impl Fn(&Group, &Object) -> bool) -> bool {
        let on = |object: &Object| self.group(object).is_some_and(|group| holds(group, object));
        let Object::InSchema { schema, name, .. } = &shown.relation else {
            return false;
        };
        let column = |column: &std::sync::Arc<str>| Object::Column {
            schema: schema.clone(),
            relation: name.clone(),
            column: column.clone(),
        };
        on(&shown.relation)
            || !shown.columns.is_empty() && shown.columns.iter().map(column).all(|one| on(&one))
    }
}

fn is_readable(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::Relation(_) | ObjectKind::Column)
}

/// Schema and name of a relation, or of the one a column is of.
fn relation(object: &Object) -> Option<(&SchemaName, &str)> {
    match object {
        Object::InSchema { schema, name, .. }
        | Object::Column {
            schema,
            relation: name,
            ..
        } => Some((schema, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Acl, AclItem};

    fn object(kind: RelationKind, name: &str) -> Object {
        let schema = SchemaName::new("s").unwrap();
        Object::InSchema {
            kind: ObjectKind::Relation(kind),
            schema,
            name: name.into(),
        }
    }

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn group(object: Object, owner: &str, items: &[&str]) -> Group {
        let acl = Acl::new(
            &role(owner),
            items.iter().map(|text| AclItem::parse(text).unwrap()),
        );
        let class = object.kind().class();
        Group {
            kind: object.kind(),
            owner: role(owner),
            acl,
            owner_holds: class.owner_default(),
            dependence: crate::model::Dependence::Free,
            security_definer: false,
            members: vec![object],
        }
    }

    fn view(owner: &str, shows: &[Object]) -> View {
        let shown = |(place, one): (usize, &Object)| {
            let writes = if place == 0 {
                Privileges::of(&[Privilege::Update])
            } else {
                Privileges::NONE
            };
            Shown {
                relation: one.clone(),
                columns: Vec::new(),
                by: By::Showing(writes),
            }
        };
        View {
            owner: role(owner),
            shows: shows.iter().enumerate().map(shown).collect(),
        }
    }

    /// `outer` of `a` shows `inner` of `b`, which shows `t` and `u` of `o`.
    fn world(items_of_inner: &[&str], items_of_t: &[&str]) -> State {
        let relation = |name| object(RelationKind::Table, name);
        let (outer, inner) = (
            object(RelationKind::View, "outer"),
            object(RelationKind::View, "inner"),
        );
        let groups = vec![
            group(inner.clone(), "b", items_of_inner),
            group(relation("t"), "o", items_of_t),
            group(relation("u"), "o", &[]),
        ];
        let views = [
            (outer, view("a", std::slice::from_ref(&inner))),
            (inner, view("b", &[relation("t"), relation("u")])),
            (
                object(RelationKind::View, "plain"),
                view("b", &[relation("t")]),
            ),
        ];
        let database = Database {
            groups,
            views: views.into(),
            ..Database::default()
        };
        let name = DatabaseName::new("d").unwrap();
        State {
            databases: [(name, database)].into(),
            ..State::default()
        }
    }

    fn paths(state: &State, view: &str, privilege: Privilege) -> Vec<Vec<String>> {
        let (name, database) = state.databases.first_key_value().unwrap();
        let views = Views::new(state, name, database);
        let behind = views.behind(
            &object(RelationKind::View, view),
            Privileges::of(&[privilege]),
        );
        behind.into_iter().map(|one| one.path).collect()
    }

    #[test]
    fn every_owner_on_the_way_has_to_hold_it() {
        let open = world(&["a=r/b"], &["b=r/o"]);
        let to_t = [
            "view owned by a",
            "SELECT on view s.\"inner\"",
            "view owned by b",
            "SELECT on table s.t",
        ];
        assert_eq!(paths(&open, "outer", Privilege::Select), [to_t]);
        assert!(paths(&world(&[], &["b=r/o"]), "outer", Privilege::Select).is_empty());
        assert!(paths(&world(&["a=r/b"], &["a=r/o"]), "outer", Privilege::Select).is_empty());
    }

    #[test]
    fn what_is_written_goes_where_the_view_passes_it_on_to() {
        let open = world(&["a=rw/b"], &["b=rwd/o"]);
        assert_eq!(
            paths(&open, "plain", Privilege::Update),
            [["view owned by b", "UPDATE on table s.t"]]
        );
        assert!(
            paths(&open, "plain", Privilege::Delete).is_empty(),
            "it cannot be deleted from"
        );
        assert_eq!(
            paths(&open, "inner", Privilege::Update),
            [["view owned by b", "UPDATE on table s.t"]],
            "not to u"
        );
    }

    #[test]
    fn a_rule_does_what_its_owner_may_for_whoever_sets_it_off() {
        let mut state = world(&[], &["b=wd/o"]);
        let does = Privileges::of(&[Privilege::Select, Privilege::Delete]);
        let by = By::Rule {
            on: Privilege::Insert,
            does,
        };
        let shows = vec![Shown {
            relation: object(RelationKind::Table, "t"),
            columns: Vec::new(),
            by,
        }];
        let view = View {
            owner: role("b"),
            shows,
        };
        let ruled = object(RelationKind::Table, "ruled");
        let database = state.databases.values_mut().next().unwrap();
        database.views.insert(ruled.clone(), view);
        let (name, database) = state.databases.first_key_value().unwrap();
        let views = Views::new(&state, name, database);
        let found = views.behind(&ruled, Privileges::of(&[Privilege::Insert]));
        let path = [
            "rule on INSERT of table s.ruled, owned by b",
            "DELETE on table s.t",
        ];
        assert_eq!(
            found.iter().map(|one| one.path.clone()).collect::<Vec<_>>(),
            [path]
        );
        assert!(
            views
                .behind(
                    &ruled,
                    Privileges::of(&[Privilege::Select, Privilege::Update])
                )
                .is_empty()
        );
    }
}
