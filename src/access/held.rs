//! What one role holds on one object, by each of its ways.

use std::collections::BTreeMap;

use super::power::{Predefined, refused_on};
use super::{Graph, Manner, Route, Ways};
use crate::model::{DatabaseName, Grantee, Group, Object, Privileges, RoleName, State};

/// What gives a privilege at the end of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An entry of the object's ACL.
    Grant {
        /// The role it names, or PUBLIC.
        grantee: Grantee,
        /// In whose name it was granted.
        grantor: RoleName,
    },
    /// The role owns the object.
    Owner,
    /// The role is one of those that need no entry.
    Predefined(RoleName),
    /// The role is a superuser.
    Superuser(RoleName),
}

/// One way of a role to privileges on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// How it comes to act as the role that holds them.
    pub route: Route,
    /// What gives them.
    pub source: Source,
    /// The privileges.
    pub privileges: Privileges,
    /// Those it may grant on.
    pub grantable: Privileges,
}

impl Way {
    /// What it takes to use it; the attributes of a superuser take a SET ROLE even where its privileges are inherited.
    pub fn manner(&self) -> Option<Manner> {
        let manner = self.route.ways.manner();
        let is_attribute =
            matches!(self.source, Source::Superuser(_)) && !self.route.hops.is_empty();
        if is_attribute {
            manner.max(Some(Manner::BySetRole))
        } else {
            manner
        }
    }

    /// How `role` comes to it, one step a line: `["app_user", "member of reporting", "SELECT on table public.orders granted by
    /// migration_user"]`.
    pub fn path(&self, role: &RoleName, on: &str) -> Vec<String> {
        let privileges = self.privileges;
        let source = match &self.source {
            Source::Grant {
                grantee: Grantee::Public,
                grantor,
            } => {
                format!("{privileges} on {on} granted to PUBLIC by {grantor}")
            }
            Source::Grant { grantor, .. } => format!("{privileges} on {on} granted by {grantor}"),
            Source::Owner => format!("owner of {on}"),
            Source::Predefined(_) => format!("{privileges} on {on} without a grant"),
            Source::Superuser(_) if self.route.hops.is_empty() => "superuser".into(),
            Source::Superuser(_) => "superuser, after SET ROLE".into(),
        };
        [role.to_string()]
            .into_iter()
            .chain(self.route.lines())
            .chain([source])
            .collect()
    }
}

/// What a role can do in one database, or with what all databases share.
pub struct Access<'a> {
    state: &'a State,
    role: RoleName,
    routes: Vec<Route>,
    closure: BTreeMap<RoleName, Ways>,
}

impl<'a> Access<'a> {
    /// What `role` can do in `database`.
    pub fn new(state: &'a State, role: &RoleName, database: Option<&DatabaseName>) -> Self {
        let graph = Graph::new(state, database, |_| true);
        Self {
            state,
            role: role.clone(),
            routes: graph.routes(role),
            closure: graph.closure(role),
        }
    }

    /// The role.
    pub fn role(&self) -> &RoleName {
        &self.role
    }

    /// Every chain of memberships by which it can act as another role, the best first.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// How it is a member of `other`.
    pub fn ways(&self, other: &RoleName) -> Ways {
        if self.is_superuser(&self.role) {
            return Ways::SELF;
        }
        self.closure.get(other).copied().unwrap_or_default()
    }

    /// What the server would say it holds without SET ROLE: `has_table_privilege` and its like.
    pub fn at_once(&self, group: &Group, object: &Object) -> Privileges {
        let applicable = object.kind().class().applicable(self.state.server.major());
        if self.is_superuser(&self.role) {
            return applicable;
        }
        let inherited = self
            .closure
            .iter()
            .filter(|(_, ways)| ways.inherits())
            .map(|(name, _)| name);
        let own = inherited
            .map(|name| self.own(name, group, object))
            .fold(public(group), Privileges::union);
        own.intersection(applicable).minus(refused_on(object))
    }

    /// What `name` holds itself.
    fn own(&self, name: &RoleName, group: &Group, object: &Object) -> Privileges {
        let owned = if group.owner == *name {
            group.owner_holds
        } else {
            Privileges::NONE
        };
        let predefined = Predefined::find(name, self.state.server.major());
        let by_name = predefined.map_or(Privileges::NONE, |role| role.on(object));
        owned
            .union(by_name)
            .union(group.acl.held_by(&Grantee::Role(name.clone())))
    }

    /// Every way to privileges on an object of `group`, the best first.
    pub fn to(&self, group: &Group, object: &Object) -> Vec<Way> {
        let applicable = object.kind().class().applicable(self.state.server.major());
        let mut ways: Vec<_> = self
            .routes
            .iter()
            .flat_map(|route| self.over(route, group, object))
            .collect();
        let public = group
            .acl
            .items()
            .iter()
            .filter(|item| item.grantee == Grantee::Public)
            .map(|item| Way {
                route: Route::SELF,
                source: Source::Grant {
                    grantee: Grantee::Public,
                    grantor: item.grantor.clone(),
                },
                privileges: item.privileges,
                grantable: Privileges::NONE,
            });
        ways.extend(public);
        for way in &mut ways {
            let refused = if matches!(way.source, Source::Superuser(_)) {
                Privileges::NONE
            } else {
                refused_on(object)
            };
            way.privileges = way.privileges.intersection(applicable).minus(refused);
        }
        ways.retain(|way| !way.privileges.is_empty() || way.source == Source::Owner);
        ways.sort_by_key(|way| (way.manner(), way.route.hops.len()));
        ways
    }

    /// What the role at the end of `route` holds itself.
    fn over(&self, route: &Route, group: &Group, object: &Object) -> Vec<Way> {
        let name = route.end(&self.role);
        let major = self.state.server.major();
        let all = object.kind().class().applicable(major);
        let way = |source, privileges, grantable| Way {
            route: route.clone(),
            source,
            privileges,
            grantable,
        };
        let mut ways = Vec::new();
        // The attribute is not inherited: only what the superuser owns and was granted is.
        if self.is_superuser(name) && route.counts_as_itself() {
            ways.push(way(Source::Superuser(name.clone()), all, all));
        }
        if group.owner == *name {
            ways.push(way(Source::Owner, group.owner_holds, all));
        }
        for item in group
            .acl
            .items()
            .iter()
            .filter(|item| item.grantee.role() == Some(name))
        {
            let source = Source::Grant {
                grantee: item.grantee.clone(),
                grantor: item.grantor.clone(),
            };
            ways.push(way(source, item.privileges, item.grantable));
        }
        if let Some(held) = Predefined::find(name, major)
            .map(|role| role.on(object))
            .filter(|held| !held.is_empty())
        {
            ways.push(way(
                Source::Predefined(name.clone()),
                held,
                Privileges::NONE,
            ));
        }
        ways
    }

    fn is_superuser(&self, role: &RoleName) -> bool {
        self.state
            .roles
            .get(role)
            .is_some_and(|role| role.superuser)
    }
}

fn public(group: &Group) -> Privileges {
    group.acl.held_by(&Grantee::Public)
}
