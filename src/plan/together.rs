//! Grants said together. Every GRANT writes the catalog row of every object anew, so that one statement is for all roles
//! that get the same; and one that speaks of a whole schema locks none of its tables.

use std::collections::{BTreeMap, HashMap};

use super::{Change, Objects, statement};
use crate::model::{
    Database, DefaultPrivilege, Dependence, Grantee, Group, Object, PrivilegeClass, Privileges,
    RoleName, SchemaName,
};

/// What is said in one go.
pub(super) enum Saying<'c> {
    /// One change as it is.
    One(&'c Change),
    /// GRANTs of the same to several roles.
    Grants(Grants<'c>),
    /// Default privileges of the same kind for several roles.
    Defaults(Vec<&'c DefaultPrivilege>, &'c Change),
}

/// GRANTs that differ in nothing but who gets it, and on which objects of one schema.
pub(super) struct Grants<'c> {
    /// The first of them, for whatever they have in common.
    pub(super) first: &'c Change,
    owner: &'c RoleName,
    pub(super) privileges: Privileges,
    pub(super) grantable: bool,
    pub(super) grantees: Vec<&'c Grantee>,
    /// Objects that one keyword of GRANT stands for, in one schema unless they are schemas or databases themselves.
    pub(super) lists: Vec<&'c Objects>,
}

impl Saying<'_> {
    /// The change that says in whose name it is said.
    pub(super) fn change(&self) -> &Change {
        match self {
            Self::One(change) | Self::Defaults(_, change) => change,
            Self::Grants(grants) => grants.first,
        }
    }

    /// Whether both are GRANTs of one owner on the same lists of objects.
    pub(super) fn is_about_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Grants(one), Self::Grants(other)) => {
                one.owner == other.owner && one.is_on(&other.lists)
            }
            _ => false,
        }
    }
}

/// The changes in their order, grants that follow each other put together: those of one owner hang on nothing.
pub(super) fn together(changes: &[Change]) -> Vec<Saying<'_>> {
    let kind = std::mem::discriminant::<Change>;
    let runs = changes.chunk_by(|one, next| kind(one) == kind(next) && one.phase() == next.phase());
    runs.flat_map(|run| match run.first() {
        Some(Change::Grant { .. }) => grants(run),
        Some(Change::GrantDefault { .. }) => defaults(run),
        _ => run.iter().map(Saying::One).collect(),
    })
    .collect()
}

fn grants(run: &[Change]) -> Vec<Saying<'_>> {
    let mut gathered: Vec<Grants<'_>> = Vec::new();
    let mut by_list = HashMap::new();
    for change in run {
        let Change::Grant {
            objects,
            owner,
            grantee,
            privileges,
            grantable,
            ..
        } = change
        else {
            continue;
        };
        let at = *by_list
            .entry((objects.as_ptr(), owner, privileges, grantable))
            .or_insert(gathered.len());
        match gathered.get_mut(at) {
            Some(grants) => grants.grantees.push(grantee),
            None => gathered.push(Grants {
                first: change,
                owner,
                privileges: *privileges,
                grantable: *grantable,
                grantees: vec![grantee],
                lists: vec![objects],
            }),
        }
    }
    let mut joined: Vec<Grants<'_>> = Vec::new();
    for grants in gathered {
        match joined.iter_mut().find(|one| one.goes_with(&grants)) {
            Some(one) => one.lists.extend(grants.lists),
            None => joined.push(grants),
        }
    }
    joined.into_iter().map(Saying::Grants).collect()
}

fn defaults(run: &[Change]) -> Vec<Saying<'_>> {
    let mut gathered: Vec<(Vec<&DefaultPrivilege>, &Change)> = Vec::new();
    for change in run {
        let Change::GrantDefault { default, .. } = change else {
            continue;
        };
        let same = |one: &DefaultPrivilege| {
            DefaultPrivilege {
                grantee: default.grantee.clone(),
                ..one.clone()
            } == *default
        };
        match gathered
            .iter_mut()
            .find(|(list, _)| list.first().is_some_and(|one| same(one)))
        {
            Some((list, _)) => list.push(default),
            None => gathered.push((vec![default], change)),
        }
    }
    gathered
        .into_iter()
        .map(|(list, first)| Saying::Defaults(list, first))
        .collect()
}

impl<'c> Grants<'c> {
    /// Their objects.
    pub(super) fn objects(&self) -> impl Iterator<Item = &'c Object> {
        self.lists.iter().flat_map(|list| list.iter())
    }

    fn is_on(&self, lists: &[&Objects]) -> bool {
        self.lists
            .iter()
            .map(|list| list.as_ptr())
            .eq(lists.iter().map(|list| list.as_ptr()))
    }

    fn goes_with(&self, other: &Self) -> bool {
        (
            self.owner,
            self.privileges,
            self.grantable,
            &self.grantees,
            self.place(),
        ) == (
            other.owner,
            other.privileges,
            other.grantable,
            &other.grantees,
            other.place(),
        )
    }

    fn place(&self) -> Option<(PrivilegeClass, &'static str, Option<&'c SchemaName>)> {
        let first = self.lists.first()?.first()?;
        let schema = if matches!(first, Object::Schema(_)) {
            None
        } else {
            first.schema()
        };
        Some((
            first.kind().class(),
            statement::grant_keyword(first.kind()),
            schema,
        ))
    }
}

/// How many objects of a class a schema has, and whose they are once the changes are made.
#[derive(Default)]
struct Stock {
    all: usize,
    owned: BTreeMap<RoleName, usize>,
    /// Sequences that follow their tables, by the owner they have now.
    following: BTreeMap<RoleName, usize>,
}

/// Which grants speak of a whole schema: those on more objects than there is room to lock, on every object there, each of
/// which belongs to whoever grants. With somebody else's among them, `ON ALL TABLES` would fail; and it would grant on
/// what others are just making and altering, so that names are better where the locks suffice.
/// <https://www.postgresql.org/docs/current/sql-grant.html#SQL-GRANT-DESCRIPTION-OBJECTS>
#[derive(Default)]
pub(super) struct Wholes {
    stocks: HashMap<(SchemaName, PrivilegeClass), Stock>,
    room: usize,
}

impl Wholes {
    /// What is in `database`, owned as it will be after `changes`, where there is room for so many locks.
    pub(super) fn new(database: Option<&Database>, changes: &[Change], room: usize) -> Self {
        let mut wholes = Self {
            room,
            ..Self::default()
        };
        database
            .into_iter()
            .flat_map(|database| &database.groups)
            .for_each(|group| wholes.count(group));
        for change in changes {
            if let Change::ChangeOwner {
                objects, from, to, ..
            } = change
            {
                wholes.hand_over(objects, from, to);
            }
        }
        wholes
    }

    fn count(&mut self, group: &Group) {
        let Some(schema) = group.members.first().and_then(Object::schema) else {
            return;
        };
        let stock = self
            .stocks
            .entry((schema.clone(), group.kind.class()))
            .or_default();
        stock.all += group.members.len();
        let follows = group.dependence == Dependence::Table;
        let owners = if follows {
            &mut stock.following
        } else {
            &mut stock.owned
        };
        *owners.entry(group.owner.clone()).or_default() += group.members.len();
    }

    fn hand_over(&mut self, objects: &Objects, from: &RoleName, to: &RoleName) {
        let Some(first) = objects.first() else { return };
        let place = first
            .schema()
            .map(|schema| (schema.clone(), first.kind().class()));
        if let Some(stock) = place.and_then(|place| self.stocks.get_mut(&place)) {
            *stock.owned.entry(to.clone()).or_default() += objects.len();
            if let Some(owned) = stock.owned.get_mut(from) {
                *owned = owned.saturating_sub(objects.len());
            }
        }
    }

    /// The keyword and the schema of a GRANT that speaks of everything there.
    pub(super) fn of<'c>(&self, grants: &Grants<'c>) -> Option<(&'static str, &'c SchemaName)> {
        let first = grants.lists.first()?.first()?;
        let (class, schema) = (first.kind().class(), first.schema()?);
        let keyword = match class {
            PrivilegeClass::Relation => "ALL TABLES",
            PrivilegeClass::Sequence => "ALL SEQUENCES",
            PrivilegeClass::Routine => "ALL ROUTINES",
            _ => return None,
        };
        let count: usize = grants.lists.iter().map(|list| list.len()).sum();
        let whole = count > self.room
            && self.belongs(schema, class, grants.owner)
            && self.stock(schema, class)?.all == count;
        whole.then_some((keyword, schema))
    }

    fn stock(&self, schema: &SchemaName, class: PrivilegeClass) -> Option<&Stock> {
        self.stocks.get(&(schema.clone(), class))
    }

    /// Whether everything of a class in a schema will be `owner`'s.
    fn belongs(&self, schema: &SchemaName, class: PrivilegeClass, owner: &RoleName) -> bool {
        let Some(stock) = self.stock(schema, class) else {
            return true;
        };
        let own: usize = stock.owned.get(owner).copied().unwrap_or_default();
        let following: usize = stock.following.values().sum();
        let here = stock.following.get(owner).copied().unwrap_or_default();
        let follow = here == following || self.belongs(schema, PrivilegeClass::Relation, owner);
        own + following == stock.all && follow
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Acl, DatabaseName, ObjectKind, Privilege, RelationKind};

    const TABLE: RelationKind = RelationKind::Table;
    const VIEW: RelationKind = RelationKind::View;

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn relation(kind: RelationKind, name: &str) -> Object {
        Object::InSchema {
            kind: ObjectKind::Relation(kind),
            schema: SchemaName::new("s").unwrap(),
            name: name.into(),
        }
    }

    fn list(kind: RelationKind, names: &[&str]) -> Objects {
        names.iter().map(|name| relation(kind, name)).collect()
    }

    fn grant(objects: &Objects, grantee: &str, privilege: Privilege) -> Change {
        Change::Grant {
            database: DatabaseName::new("d").unwrap(),
            objects: objects.clone(),
            owner: role("mig"),
            grantee: Grantee::Role(role(grantee)),
            privileges: Privileges::of(&[privilege]),
            grantable: false,
        }
    }

    fn take_over(objects: &Objects) -> Change {
        Change::ChangeOwner {
            database: DatabaseName::new("d").unwrap(),
            objects: objects.clone(),
            from: role("old"),
            to: role("mig"),
            creates_by: None,
        }
    }

    fn database(groups: &[(&str, &Objects)]) -> Database {
        let group = |(owner, members): &(&str, &Objects)| Group {
            kind: members[0].kind(),
            owner: role(owner),
            acl: Acl::default(),
            owner_holds: Privileges::NONE,
            dependence: Dependence::Free,
            security_definer: false,
            members: members.to_vec(),
        };
        Database {
            groups: groups.iter().map(group).collect(),
            ..Database::default()
        }
    }

    fn said(changes: &[Change], database: &Database, room: usize) -> Vec<String> {
        let wholes = Wholes::new(Some(database), changes, room);
        let sayings = together(changes);
        let said = sayings
            .iter()
            .flat_map(|saying| statement::said(saying, &wholes, 18, &role("admin")));
        said.filter(|text| text.starts_with("GRANT")).collect()
    }

    #[test]
    fn roles_that_get_the_same_are_named_in_one_statement() {
        let (some, others) = (list(TABLE, &["a", "b"]), list(TABLE, &["c"]));
        let changes = [
            grant(&some, "app", Privilege::Insert),
            grant(&some, "reader", Privilege::Select),
            grant(&some, "worker", Privilege::Insert),
            grant(&others, "app", Privilege::Insert),
        ];
        let rest = list(TABLE, &["a", "b", "c", "d"]);
        assert_eq!(
            said(&changes, &database(&[("mig", &rest)]), 0),
            [
                "GRANT INSERT ON TABLE \"s\".\"a\", \"s\".\"b\" TO \"app\", \"worker\"",
                "GRANT SELECT ON TABLE \"s\".\"a\", \"s\".\"b\" TO \"reader\"",
                "GRANT INSERT ON TABLE \"s\".\"c\" TO \"app\"",
            ]
        );
    }

    #[test]
    fn grants_on_the_same_lists_are_about_the_same() {
        let (some, others) = (list(TABLE, &["a", "b"]), list(TABLE, &["c"]));
        let changes = [
            grant(&some, "app", Privilege::Insert),
            grant(&some, "reader", Privilege::Select),
            grant(&others, "worker", Privilege::Select),
        ];
        let sayings = together(&changes);
        let runs: Vec<_> = sayings
            .chunk_by(Saying::is_about_the_same)
            .map(<[_]>::len)
            .collect();
        assert_eq!(runs, [2, 1]);
    }

    #[test]
    fn a_schema_is_spoken_of_as_a_whole_where_all_of_it_is_the_owners_and_more_than_can_be_locked()
    {
        let (tables, views) = (list(TABLE, &["a", "b"]), list(VIEW, &["v"]));
        let changes = |views: &Objects| {
            ["app", "worker"]
                .map(|who| [&tables, views].map(|list| grant(list, who, Privilege::Select)))
                .concat()
        };
        let whole = ["GRANT SELECT ON ALL TABLES IN SCHEMA \"s\" TO \"app\", \"worker\""];
        let all = database(&[("mig", &tables), ("mig", &views)]);
        assert_eq!(said(&changes(&views), &all, 2), whole);
        assert_ne!(said(&changes(&views), &all, 3), whole, "each can be locked");

        let more = database(&[("mig", &tables), ("mig", &list(VIEW, &["v", "w"]))]);
        assert_ne!(
            said(&changes(&views), &more, 0),
            whole,
            "one view is not granted on"
        );
        let foreign = database(&[("mig", &tables), ("old", &views)]);
        assert_ne!(
            said(&changes(&views), &foreign, 0),
            whole,
            "one view is somebody else's"
        );
        let taken = [vec![take_over(&views)], changes(&views)].concat();
        assert_eq!(
            said(&taken, &foreign, 0),
            whole,
            "which it takes over first"
        );
    }
}
