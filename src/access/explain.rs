//! Why a role can do what it can: all of it, or one privilege on one object.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Access, Behind, DATABASE_OWNER, Manner, ON_ROWS, Power, Predefined, Route, RowAccess, Rows,
    Source, Views, Way,
};
use crate::model::{
    Database, DatabaseName, Group, Object, ObjectKind, Privilege, Privileges, RoleName, State,
    Target,
};

/// Everything a role can do.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The role.
    pub role: RoleName,
    /// The roles it can act as, by every chain of memberships, the best first.
    pub acts_as: Vec<Route>,
    /// What it can do beyond any grant.
    pub powers: Vec<Reserve>,
    /// What it holds in each database, then what all databases share.
    pub places: Vec<Place>,
}

/// What is held in one database; without a name, what all databases share.
#[derive(Debug, Clone)]
pub struct Place {
    /// The database.
    pub database: Option<DatabaseName>,
    /// Objects, together where they are of one kind and schema and held in the same ways.
    pub lots: Vec<Lot>,
    /// What it owns and has no ACL nor schema, and code of its own that others run.
    pub belongings: Vec<Owned>,
    /// Where row security leaves less than the privileges say.
    pub limits: Vec<RowLimit>,
}

/// Privileges on a relation that row security limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLimit {
    /// The relation.
    pub object: Object,
    /// The privileges.
    pub privileges: Privileges,
    /// What is left of them.
    pub rows: Rows,
}

/// Something that has an owner and nothing to grant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owned {
    /// What it is.
    pub object: String,
    /// How the role comes to it, one step a line.
    pub path: Vec<String>,
}

/// Objects held in the same ways.
#[derive(Debug, Clone)]
pub struct Lot {
    /// The objects.
    pub objects: Vec<Object>,
    /// Every way to them, the best first.
    pub ways: Vec<Way>,
    /// Whose rights they run with: SECURITY DEFINER routines only.
    pub runs_as: Option<RoleName>,
}

/// Something a role can do without a grant.
#[derive(Debug, Clone)]
pub struct Reserve {
    /// How the role comes to it.
    pub route: Route,
    /// An attribute, or the name of a predefined role.
    pub name: String,
    /// What it allows.
    pub allows: &'static str,
}

impl Reserve {
    /// How `role` comes to it, one step a line.
    pub fn path(&self, role: &RoleName) -> Vec<String> {
        let line = format!("{}: {}", self.name, self.allows);
        [role.to_string()]
            .into_iter()
            .chain(self.route.lines())
            .chain([line])
            .collect()
    }
}

/// Whether a role can do one thing, and why.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The role.
    pub role: RoleName,
    /// The privilege asked about.
    pub privilege: Privilege,
    /// The object.
    pub object: Object,
    /// The database it is in; `None` for what all databases share.
    pub database: Option<DatabaseName>,
    /// What it takes; `None`: it cannot.
    pub manner: Option<Manner>,
    /// What it lacks besides: without USAGE on the schema and CONNECT on the database a grant is of no use.
    pub lacks: Vec<String>,
    /// Every way to the privilege, the best first, each with the object it is granted on: a column's privileges may be its
    /// relation's.
    pub ways: Vec<(Object, Way)>,
    /// SECURITY DEFINER routines it may call whose owner holds the privilege, with that owner: what they do with it is their
    /// code's.
    pub routines: Vec<(Object, RoleName)>,
    /// How it comes there through views that run with the rights of others, one step a line.
    pub views: Vec<Vec<String>>,
    /// What it can do beyond any grant and would lead there.
    pub powers: Vec<Reserve>,
    /// The rows that the privilege is good for.
    pub rows: Rows,
}

/// Everything `role` can do, as far as `state` shows.
pub fn explain(state: &State, role: &RoleName) -> Explanation {
    let everywhere = Access::new(state, role, None);
    let mut places: Vec<_> = state
        .databases
        .iter()
        .map(|(name, database)| {
            let access = Access::new(state, role, Some(name));
            Place {
                database: Some(name.clone()),
                lots: lots(&access, database.groups.iter().chain(&database.exposed)),
                belongings: belongings(&access, database),
                limits: limits(state, &access, name),
            }
        })
        .collect();
    places.push(Place {
        database: None,
        lots: lots(&everywhere, state.shared.iter()),
        belongings: Vec::new(),
        limits: Vec::new(),
    });
    places.retain(|place| !place.lots.is_empty() || !place.belongings.is_empty());
    let acts_as = everywhere
        .routes()
        .iter()
        .filter(|route| !route.hops.is_empty())
        .cloned()
        .collect();
    Explanation {
        role: role.clone(),
        acts_as,
        powers: powers(state, role, &everywhere),
        places,
    }
}

fn lots<'g>(access: &Access<'_>, groups: impl Iterator<Item = &'g Group>) -> Vec<Lot> {
    let mut lots: BTreeMap<(String, ObjectKind, Vec<Vec<String>>), Lot> = BTreeMap::new();
    for group in groups {
        let Some(object) = group.members.first() else {
            continue;
        };
        let ways = access.to(group, object);
        if ways.is_empty() {
            continue;
        }
        let runs_as = group.security_definer.then(|| group.owner.clone());
        let mut alike: Vec<_> = ways.iter().map(|way| way.path(access.role(), "")).collect();
        alike.push(runs_as.iter().map(ToString::to_string).collect());
        let schema = object.schema().map(ToString::to_string).unwrap_or_default();
        let lot = lots.entry((schema, kind_in_order(group.kind), alike));
        lot.or_insert(Lot {
            objects: Vec::new(),
            ways,
            runs_as,
        })
        .objects
        .extend(group.members.iter().cloned());
    }
    lots.into_values().collect()
}

/// Publications, subscriptions, event triggers and extensions, and what others run, by every chain of memberships.
fn belongings(access: &Access<'_>, database: &Database) -> Vec<Owned> {
    let belongings = database
        .belongings
        .iter()
        .map(|one| (one.to_string(), &one.owner, None));
    let extensions = database
        .extensions
        .iter()
        .map(|(name, one)| (format!("extension {name}"), &one.owner, None));
    let calls = database
        .calls
        .iter()
        .map(|one| (one.code.to_string(), &one.owner, Some(one.line())));
    let all: Vec<_> = belongings.chain(extensions).chain(calls).collect();
    let mut found: Vec<_> = access
        .routes()
        .iter()
        .flat_map(|route| {
            all.iter()
                .filter(|one| one.1 == route.end(access.role()))
                .map(move |one| (route, one))
        })
        .map(|(route, (object, _, runs))| {
            let owns = format!("owner of {object}");
            let path = [access.role().to_string()]
                .into_iter()
                .chain(route.lines())
                .chain([owns]);
            Owned {
                object: object.clone(),
                path: path.chain(runs.clone()).collect(),
            }
        })
        .collect();
    found.sort_unstable();
    found
}

/// A partitioned table reads as a table.
fn kind_in_order(kind: ObjectKind) -> ObjectKind {
    use crate::model::RelationKind::{PartitionedTable, Table};
    if kind == ObjectKind::Relation(PartitionedTable) {
        ObjectKind::Relation(Table)
    } else {
        kind
    }
}

fn powers(state: &State, role: &RoleName, access: &Access<'_>) -> Vec<Reserve> {
    let major = state.server.major();
    let mut found = Vec::new();
    for route in access.routes() {
        let name = route.end(role);
        let reserve = |name: &str, allows| Reserve {
            route: route.clone(),
            name: name.to_owned(),
            allows,
        };
        let attributes = state.roles.get(name).into_iter().flat_map(Power::of);
        if route.counts_as_itself() {
            found.extend(attributes.map(|power| reserve(power.keyword(), power.allows(major))));
        }
        let predefined = Predefined::find(name, major).filter(|one| one.name != DATABASE_OWNER);
        found.extend(predefined.map(|one| reserve(one.name, one.allows)));
    }
    found
}

/// An object of the instance that a policy's notation names, with its database unless all databases share it.
pub fn find<'a>(
    state: &'a State,
    database: &DatabaseName,
    target: &Target,
) -> Option<(&'a Group, &'a Object)> {
    let own = state
        .databases
        .get(database)
        .into_iter()
        .flat_map(|one| one.groups.iter().chain(&one.exposed));
    let groups = own.chain(&state.shared);
    let members = groups.flat_map(|group| group.members.iter().map(move |object| (group, object)));
    members
        .into_iter()
        .find(|(_, object)| target.covers(object))
}

/// Whether `role` has `privilege` on an object of `group` in `database`, and why.
pub fn ask(
    state: &State,
    role: &RoleName,
    privilege: Privilege,
    database: &DatabaseName,
    (group, object): (&Group, &Object),
) -> Answer {
    let access = Access::new(state, role, Some(database));
    let inside = state.databases.get(database);
    let relation = inside.and_then(|inside| relation_of(inside, object));
    let granted_on = |(group, object): (&Group, &Object)| {
        access
            .to(group, object)
            .into_iter()
            .map(|way| (object.clone(), way))
            .collect::<Vec<_>>()
    };
    let mut ways: Vec<_> = [Some((group, object)), relation]
        .into_iter()
        .flatten()
        .flat_map(granted_on)
        .collect();
    ways.retain(|(_, way)| gives(way, privilege).is_some());
    ways.sort_by_key(|(_, way)| (gives(way, privilege), way.route.hops.len()));
    let manner = ways.first().and_then(|(_, way)| gives(way, privilege));
    let lacks = if manner.is_some() {
        lacks(state, &access, database, object)
    } else {
        Vec::new()
    };
    let routines = inside.map_or_else(Vec::new, |inside| {
        let mut found = routines(state, &access, database, inside, (group, object), privilege);
        found.retain(|(routine, _)| routine != object);
        found
    });
    let views = inside.map_or_else(Vec::new, |inside| {
        past_views(state, &access, database, inside, object, privilege)
    });
    let opens = |reserve: &Reserve| leads_to_objects(&reserve.name, state.server.major());
    let powers = powers(state, role, &access)
        .into_iter()
        .filter(opens)
        .collect();
    // After SET ROLE the policies are those for the other role.
    let actor = match (manner, ways.first()) {
        (Some(Manner::BySetRole | Manner::ByAdminOption), Some((_, way))) => way.route.end(role),
        _ => role,
    };
    let rows = rows(
        state,
        database,
        actor,
        relation.unwrap_or((group, object)),
        privilege,
    );
    let blocked = matches!(rows, Rows::None(_));
    Answer {
        role: role.clone(),
        privilege,
        object: object.clone(),
        database: (!object.is_shared()).then(|| database.clone()),
        manner: manner.filter(|_| lacks.is_empty() && !blocked),
        lacks,
        ways,
        routines,
        views,
        powers,
        rows,
    }
}

/// The rows of a relation that `privilege` is good for as `actor`.
fn rows(
    state: &State,
    database: &DatabaseName,
    actor: &RoleName,
    (group, object): (&Group, &Object),
    privilege: Privilege,
) -> Rows {
    let security = RowAccess::new(state, database).filter(|_| ON_ROWS.contains(&privilege));
    let Some(security) = security else {
        return Rows::All;
    };
    let held = Access::new(state, actor, Some(database)).at_once(group, object);
    security.rows(actor, object, privilege, held)
}

/// Relations with row security on which the role holds something without SET ROLE, and what is left of it.
fn limits(state: &State, access: &Access<'_>, database: &DatabaseName) -> Vec<RowLimit> {
    let (Some(security), Some(inside)) = (
        RowAccess::new(state, database),
        state.databases.get(database),
    ) else {
        return Vec::new();
    };
    let secured: BTreeSet<_> = security.relations().collect();
    let mut limits: Vec<RowLimit> = Vec::new();
    for group in inside
        .groups
        .iter()
        .filter(|group| matches!(group.kind, ObjectKind::Relation(_)))
    {
        for object in group
            .members
            .iter()
            .filter(|object| secured.contains(object))
        {
            let held = access.at_once(group, object);
            let first = limits.len();
            for privilege in ON_ROWS.into_iter().filter(|one| held.contains(*one)) {
                let rows = security.rows(access.role(), object, privilege, held);
                let privileges = Privileges::of(&[privilege]);
                match limits[first..].iter_mut().find(|known| known.rows == rows) {
                    Some(known) => known.privileges = known.privileges.union(privileges),
                    None if rows == Rows::All => {}
                    None => limits.push(RowLimit {
                        object: object.clone(),
                        privileges,
                        rows,
                    }),
                }
            }
        }
    }
    limits
}

/// Views the role may use that lead to `object`, a relation or a column.
fn past_views(
    state: &State,
    access: &Access<'_>,
    database: &DatabaseName,
    inside: &Database,
    object: &Object,
    privilege: Privilege,
) -> Vec<Vec<String>> {
    let views = Views::new(state, database, inside);
    let mut found = Vec::new();
    let leads = |group: &&Group| {
        matches!(group.kind, ObjectKind::Relation(_)) && group.owner != *access.role()
    };
    for group in inside
        .groups
        .iter()
        .filter(|_| !inside.views.is_empty())
        .filter(leads)
    {
        for view in group
            .members
            .iter()
            .filter(|view| views.owner(view).is_some())
        {
            let there = |way: &Way| {
                let mut behind = views.behind(view, way.privileges).into_iter();
                behind.find(|one| shows(one, object) && one.privileges.contains(privilege))
            };
            let ways = access.to(group, view);
            let Some((way, there)) = ways.iter().find_map(|way| Some((way, there(way)?))) else {
                continue;
            };
            if lacks(state, access, database, view).is_empty() {
                found.push(
                    way.path(access.role(), &view.to_string())
                        .into_iter()
                        .chain(there.path)
                        .collect(),
                );
            }
        }
    }
    found
}

fn shows(behind: &Behind<'_>, object: &Object) -> bool {
    match object {
        Object::Column {
            schema,
            relation,
            column,
        } => {
            let is_of = |one: &Object| matches!(one, Object::InSchema { schema: s, name, .. } if s == schema && name == relation);
            is_of(&behind.shown.relation) && behind.shown.columns.contains(column)
        }
        object => behind.shown.relation == *object,
    }
}

/// What it takes to use a way; an owner can always give itself back what it took from itself.
fn gives(way: &Way, privilege: Privilege) -> Option<Manner> {
    if way.privileges.contains(privilege) {
        way.manner()
    } else {
        (way.source == Source::Owner).then_some(Manner::ByAdminOption)
    }
}

fn leads_to_objects(name: &str, major: u32) -> bool {
    let attribute = [Power::Superuser, Power::CreateRole, Power::Replication]
        .into_iter()
        .find(|one| one.keyword() == name);
    let predefined = RoleName::new(name)
        .ok()
        .and_then(|name| Predefined::find(&name, major));
    attribute.is_some_and(|one| one.opens_objects(major))
        || predefined.is_some_and(|one| one.opens_objects)
}

fn relation_of<'a>(database: &'a Database, column: &Object) -> Option<(&'a Group, &'a Object)> {
    let Object::Column {
        schema, relation, ..
    } = column
    else {
        return None;
    };
    let relations = database
        .groups
        .iter()
        .filter(|group| matches!(group.kind, ObjectKind::Relation(_)));
    let mut members =
        relations.flat_map(|group| group.members.iter().map(move |object| (group, object)));
    members.find(
        |(_, object)| matches!(object, Object::InSchema { schema: s, name, .. } if s == schema && name == relation),
    )
}

/// Without these a privilege on an object is of no use.
fn lacks(
    state: &State,
    access: &Access<'_>,
    database: &DatabaseName,
    object: &Object,
) -> Vec<String> {
    let inside = state.databases.get(database);
    let is_database = |group: &&Group| group.members.contains(&Object::Database(database.clone()));
    let has = |group: &Group, object: &Object, privilege| {
        access
            .to(group, object)
            .iter()
            .any(|way| gives(way, privilege).is_some())
    };
    let mut lacks = Vec::new();
    if let Some(schema) = object
        .schema()
        .filter(|_| object.kind() != ObjectKind::Schema)
    {
        let group = inside.and_then(|inside| inside.schemas().get(schema).copied());
        let of_schema = Object::Schema(schema.clone());
        if group.is_some_and(|group| !has(group, &of_schema, Privilege::Usage)) {
            lacks.push(format!("USAGE on {of_schema}"));
        }
    }
    if let Some(group) = state
        .shared
        .iter()
        .find(is_database)
        .filter(|_| !object.is_shared())
    {
        let of_database = Object::Database(database.clone());
        if !has(group, &of_database, Privilege::Connect) {
            lacks.push(format!("CONNECT on {of_database}"));
        }
    }
    lacks
}

fn routines(
    state: &State,
    access: &Access<'_>,
    database: &DatabaseName,
    inside: &Database,
    (group, object): (&Group, &Object),
    privilege: Privilege,
) -> Vec<(Object, RoleName)> {
    let mut owners: BTreeMap<&RoleName, bool> = BTreeMap::new();
    let mut found = Vec::new();
    for routine in inside.groups.iter().filter(|group| group.security_definer) {
        let callable = |one: &Object| {
            let held = access
                .to(routine, one)
                .iter()
                .fold(Privileges::NONE, |sum, way| sum.union(way.privileges));
            held.contains(Privilege::Execute) && lacks(state, access, database, one).is_empty()
        };
        let holds = *owners.entry(&routine.owner).or_insert_with(|| {
            let owner = Access::new(state, &routine.owner, Some(database));
            owner.at_once(group, object).contains(privilege)
        });
        if holds && routine.members.first().is_some_and(callable) {
            found.extend(
                routine
                    .members
                    .iter()
                    .map(|one| (one.clone(), routine.owner.clone())),
            );
        }
    }
    found
}
