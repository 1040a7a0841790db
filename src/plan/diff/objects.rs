//! Who may do what with which object: the ACLs of a database and of the instance.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Diff;
use super::owners::Judged;
use crate::model::{
    Database, DatabaseName, Dependence, Group, Lifecycle, Object, ObjectKind, Origin, Policy,
    PrivilegeClass, RoleName, SchemaName,
};
use crate::plan::expected::{Expectations, Wants};
use crate::plan::{Objects, findings};

/// Objects that are judged together: one group, or the part of it that no declared grant names.
pub(super) struct Lot<'g> {
    pub(super) database: &'g DatabaseName,
    pub(super) group: &'g Group,
    pub(super) members: Objects,
    /// The schema they are in; none for a schema itself.
    pub(super) place: Option<&'g Place<'g>>,
}

/// A schema, and what the policy wants roles to hold on it.
pub(super) struct Place<'g> {
    pub(super) schema: &'g Group,
    /// Whose it will be.
    pub(super) owner: RoleName,
    pub(super) wants: Rc<Wants>,
    /// Whether that is granted in this run.
    pub(super) gives: bool,
}

impl Diff<'_> {
    /// Everything about one managed database.
    pub(super) fn database(&mut self, name: &DatabaseName, database: &Database) {
        let made = self.schemas(name, database);
        self.extensions(name, database);
        let expectations =
            Expectations::new(self.policy, name, database, self.state.server.major());
        // Databases that are alike are one group: this one is judged by itself.
        let own = self.reach.database(name).cloned().map(|group| Group {
            members: vec![Object::Database(name.clone())],
            ..group
        });
        self.lots(name, database, &made, own.as_ref(), &expectations);
        self.exposed(name, database);
        self.pending(name, database, &made, &expectations);
        self.defaults(name, database, &made, &expectations);
        self.remains(name);
    }

    /// Every object of a database, with those that alike ones are judged together with.
    pub(super) fn lots(
        &mut self,
        name: &DatabaseName,
        database: &Database,
        made: &[Group],
        own: Option<&Group>,
        expectations: &Expectations<'_>,
    ) {
        let places = self.places(name, database.groups.iter().chain(made), expectations);
        let mut found = Vec::new();
        for group in own.into_iter().chain(&database.groups).chain(made) {
            let place = match &group.members[..] {
                [Object::Schema(_), ..] => None,
                members => members
                    .first()
                    .and_then(Object::schema)
                    .and_then(|schema| places.get(schema)),
            };
            let apart = |object: &Object| {
                self.apart(object, expectations)
                    || self.has_rules(name, object)
                    || self.untrusted.singles_out(name, object)
            };
            let (apart, together): (Vec<_>, Vec<_>) =
                group.members.iter().cloned().partition(apart);
            let lots = apart
                .into_iter()
                .map(|object| vec![object])
                .chain((!together.is_empty()).then_some(together));
            let lots = lots.map(Objects::from);
            found.extend(lots.map(|members| Lot {
                database: name,
                group,
                members,
                place,
            }));
        }
        self.find_stuck(name, &found);
        for lot in &found {
            self.lot(lot, expectations);
        }
    }

    /// The schemas by name.
    fn places<'g>(
        &self,
        database: &'g DatabaseName,
        groups: impl Iterator<Item = &'g Group>,
        expectations: &Expectations<'_>,
    ) -> BTreeMap<&'g SchemaName, Place<'g>> {
        let mut places = BTreeMap::new();
        for group in groups.filter(|group| group.kind == ObjectKind::Schema) {
            for object in &group.members {
                let Some(name) = object.schema() else {
                    continue;
                };
                let lot = Lot {
                    database,
                    group,
                    members: [object.clone()].into(),
                    place: None,
                };
                let (owner, gives) = (self.owner_to_be(&lot), self.gives(&lot));
                let wants = expectations.of(group, object, true);
                places.insert(
                    name,
                    Place {
                        schema: group,
                        owner,
                        wants,
                        gives,
                    },
                );
            }
        }
        places
    }

    fn lot(&mut self, lot: &Lot<'_>, expectations: &Expectations<'_>) {
        let of_owner = |trusted| expectations.of(lot.group, &lot.members[0], trusted);
        let judged = self.owner(lot);
        self.former_owner(lot, &judged);
        self.outside(lot);
        let wants = of_owner(judged.trusted);
        self.acl(lot, &judged, &wants);
        if lot.group.security_definer && judged.trusted && self.is_managed(lot) {
            self.definer_notes(lot, &wants);
        }
        self.past_views(lot, &judged, &wants, expectations);
    }

    /// A SECURITY DEFINER routine is a way round the ACLs that its owner chose to offer: no drift, but worth a look.
    fn definer_notes(&mut self, lot: &Lot<'_>, wants: &Wants) {
        for role in wants.keys() {
            for object in lot.members.iter() {
                self.note(findings::definer(
                    lot.database,
                    role,
                    object,
                    &lot.group.owner,
                ));
            }
        }
    }

    /// Databases that are not managed, tablespaces and parameters: a managed role has nothing there but by a declared grant.
    pub(super) fn other_databases(&mut self) {
        let Some(from) = self.state.databases.keys().next() else {
            return;
        };
        let state = self.state;
        for group in &state.shared {
            for object in &group.members {
                if matches!(object, Object::Database(name) if self.policy.databases.contains_key(name))
                {
                    continue;
                }
                let wants = declared_on(self.policy, object);
                let lot = Lot {
                    database: from,
                    group,
                    members: [object.clone()].into(),
                    place: None,
                };
                let judged = match self.cast.going(&group.owner) {
                    Some(_) => self.owner(&lot),
                    None => Judged::as_is(group),
                };
                self.acl(&lot, &judged, &wants);
            }
        }
    }

    fn acl(&mut self, lot: &Lot<'_>, judged: &Judged, wants: &Wants) {
        if lot.group.kind.class() == PrivilegeClass::Owned {
            return;
        }
        let left = self.excess(lot, judged, wants);
        self.missing(lot, judged, wants, &left);
    }

    /// Whether the policy speaks of the object itself: a managed database, a managed schema, what is in one.
    pub(super) fn is_managed(&self, lot: &Lot<'_>) -> bool {
        let Some(database) = self.policy.databases.get(lot.database) else {
            return false;
        };
        match &lot.members[0] {
            Object::Database(name) => name == lot.database,
            object => {
                lot.group.dependence != Dependence::Extension
                    && object
                        .schema()
                        .is_some_and(|schema| database.schemas.contains_key(schema))
            }
        }
    }

    /// Where the policy declares `role`.
    pub(super) fn origin(&self, role: &RoleName) -> Option<Origin> {
        self.policy.roles.get(role).map(|role| role.origin.clone())
    }

    /// Whether an object is judged apart from its group: a declared grant or an accepted finding names it, or it is a
    /// column, whose owner is that of its own relation.
    fn apart(&self, object: &Object, expectations: &Expectations<'_>) -> bool {
        object.kind() == ObjectKind::Column
            || expectations.singles_out(object)
            || self.is_accepted(object)
    }

    pub(super) fn is_accepted(&self, object: &Object) -> bool {
        let mut named = self
            .policy
            .allow
            .iter()
            .filter_map(|allow| allow.object.as_ref())
            .peekable();
        named.peek().is_some() && {
            let text = object.to_string();
            named.any(|name| *name == text)
        }
    }
}

/// What every role is to hold on an object of the instance: what a declared grant says, whatever its database.
fn declared_on(policy: &Policy, object: &Object) -> Wants {
    let mut wants = Wants::new();
    let present = policy
        .roles
        .iter()
        .filter(|(_, role)| role.lifecycle == Lifecycle::Present);
    for (name, role) in present {
        for grant in role
            .grants
            .iter()
            .filter(|grant| grant.target.covers(object))
        {
            let wanted = wants.entry(name.clone()).or_default();
            wanted.privileges = wanted.privileges.union(grant.privileges);
            if grant.grantable {
                wanted.grantable = wanted.grantable.union(grant.privileges);
            }
        }
    }
    wants
}
