//! The other side of the fence: who comes to managed objects without an entry that names it. What an entry or a membership
//! of its own gives is reported where that stands; here is what attributes give, and what roles give that nobody judges
//! for themselves: PostgreSQL's and Cloud SQL's, `admins`, and what is ignored.

use std::collections::{BTreeMap, BTreeSet};

use super::Diff;
use super::emit::Reason;
use crate::access::{Graph, Power, Predefined, Route};
use crate::model::{DatabaseName, Dependence, Grantee, Group, Membership, Object, RoleName};
use crate::plan::standing::Standing;
use crate::plan::{Attribute, Change, Finding, Rule, fix};

/// The groups Cloud SQL puts every IAM user into.
/// <https://cloud.google.com/sql/docs/postgres/iam-authentication>
pub(super) const IAM_GROUPS: &str = "cloudsqliam";

/// What opens managed objects to whoever can act as a role. The first is the one that is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Opening {
    /// The role is one the policy declares.
    Declared,
    /// It may reach everything.
    Admin,
    /// An attribute, which counts after SET ROLE.
    Attribute(String),
    /// By its name.
    Predefined(&'static str),
    /// It owns something managed.
    Owner(String),
    /// An entry names it.
    Grant(String),
}

impl Opening {
    fn line(&self, role: &RoleName) -> Option<String> {
        match self {
            Self::Declared => None,
            Self::Admin => Some(format!("{role} is one of the admins")),
            Self::Predefined(allows) => Some(format!("{role} {allows}")),
            Self::Attribute(text) | Self::Owner(text) | Self::Grant(text) => Some(text.clone()),
        }
    }
}

type Openings = BTreeMap<RoleName, BTreeSet<Opening>>;

impl Diff<'_> {
    /// Roles that come to managed objects through roles that are not judged themselves.
    pub(super) fn fence(&mut self) {
        let state = self.state;
        let judged = |role: &&RoleName| {
            matches!(
                self.cast.standing(role),
                Standing::Undeclared | Standing::Iam
            )
        };
        let graph = Graph::new(state, None, |edge| self.is_unjudged(edge));
        let routes: Vec<_> = state
            .roles
            .keys()
            .filter(judged)
            .map(|role| (role, graph.routes(role)))
            .collect();
        let via = routes.iter().flat_map(|(role, routes)| {
            routes
                .iter()
                .map(|route| route.end(role))
                .filter(move |end| end != role)
        });
        let openings = self.openings(&via.collect());
        for (role, routes) in &routes {
            if self.cast.standing(role) == Standing::Undeclared {
                self.open_by_attribute(role);
            }
            for (first, found) in by_first_hop(role, routes, &openings) {
                self.open_by_membership(role, first, &found);
            }
        }
    }

    /// Whether a membership leads on, and no other finding names it.
    fn is_unjudged(&self, edge: &Membership) -> bool {
        let (role, member) = (
            self.cast.standing(&edge.role),
            self.cast.standing(&edge.member),
        );
        let only_admin = edge.admin && !edge.inherit && !edge.set;
        let left_by_create_role = only_admin
            && role != Standing::System
            && (member == Standing::Admin
                || member == Standing::System
                || Some(&edge.grantor) == self.state.server.bootstrap.as_ref());
        let leads_on = match member {
            Standing::Iam => edge.role.as_str().starts_with(IAM_GROUPS),
            // What a declared role is a member of is judged there, and a role that is to go loses its memberships with itself.
            Standing::Declared | Standing::Login | Standing::Retiring => false,
            Standing::Undeclared => !role.is_managed(),
            Standing::Admin | Standing::System | Standing::Ignored => true,
        };
        leads_on
            && !matches!(role, Standing::Undeclared | Standing::Retiring)
            && !left_by_create_role
    }

    /// What each of the roles opens, in one pass over what is managed: of what it owns and was granted, one example.
    fn openings(&self, roles: &BTreeSet<&RoleName>) -> Openings {
        let mut openings: Openings = roles
            .iter()
            .map(|role| ((*role).clone(), self.by_name(role)))
            .collect();
        let (mut owners, mut grantees) = (BTreeSet::new(), BTreeSet::new());
        let mut add =
            |role: &RoleName, opening| openings.entry(role.clone()).or_default().insert(opening);
        for (database, group) in self.managed_groups().filter(|_| !roles.is_empty()) {
            let Some(object) = group
                .members
                .iter()
                .find(|object| self.manages(database, group, object))
            else {
                continue;
            };
            if roles.contains(&group.owner) && owners.insert(&group.owner) {
                add(&group.owner, Opening::Owner(format!("owner of {object}")));
            }
            for item in group.acl.items() {
                let grantee = item.grantee.role().filter(|role| roles.contains(role));
                if let Some(role) = grantee.filter(|role| grantees.insert(*role)) {
                    let text = format!(
                        "{} on {object} granted by {}",
                        item.privileges, item.grantor
                    );
                    add(role, Opening::Grant(text));
                }
            }
        }
        for (role, text) in self.past_views_of(&roles.difference(&grantees).copied().collect()) {
            openings
                .entry(role.clone())
                .or_default()
                .insert(Opening::Grant(text));
        }
        openings
    }

    fn by_name(&self, role: &RoleName) -> BTreeSet<Opening> {
        let major = self.state.server.major();
        let mut found = BTreeSet::new();
        found.extend(match self.cast.standing(role) {
            Standing::Declared | Standing::Login | Standing::Iam => Some(Opening::Declared),
            Standing::Admin => Some(Opening::Admin),
            Standing::System | Standing::Ignored | Standing::Retiring | Standing::Undeclared => {
                None
            }
        });
        let predefined = Predefined::find(role, major).filter(|one| one.opens_objects);
        found.extend(predefined.map(|one| Opening::Predefined(one.allows)));
        let powers = self.state.roles.get(role).into_iter().flat_map(Power::of);
        let opening =
            |power: Power| format!("{role} has {}: {}", power.keyword(), power.allows(major));
        found.extend(
            powers
                .filter(|power| power.opens_objects(major))
                .map(|power| Opening::Attribute(opening(power))),
        );
        found
    }

    fn managed_groups(&self) -> impl Iterator<Item = (&DatabaseName, &Group)> {
        self.state.databases.iter().flat_map(|(name, database)| {
            self.reach
                .database(name)
                .into_iter()
                .chain(&database.groups)
                .map(move |group| (name, group))
        })
    }

    fn manages(&self, database: &DatabaseName, group: &Group, object: &Object) -> bool {
        let Some(policy) = self.policy.databases.get(database) else {
            return false;
        };
        match object {
            Object::Database(name) => name == database,
            object => {
                group.dependence != Dependence::Extension
                    && object
                        .schema()
                        .is_some_and(|schema| policy.schemas.contains_key(schema))
            }
        }
    }

    fn open_by_attribute(&mut self, role: &RoleName) {
        let (state, major) = (self.state, self.state.server.major());
        let powers = state.roles.get(role).into_iter().flat_map(Power::of);
        for power in powers.filter(|power| power.opens_objects(major)) {
            let what = format!("{}: {}", power.keyword(), power.allows(major));
            let change = Change::AlterRole {
                role: role.clone(),
                attributes: vec![taken(power)],
            };
            let finding = Finding {
                role: Some(role.to_string()),
                privilege: Some(power.keyword().into()),
                path: vec![role.to_string(), what.clone()],
                fix: fix::fix(&change, &self.reach),
                ..Finding::new(
                    Rule::RoleUndeclared,
                    format!("{role} can reach managed objects: it has {what}"),
                )
            };
            self.withhold_findings(vec![finding], not_declared(role));
        }
    }

    fn open_by_membership(&mut self, role: &RoleName, first: &Membership, found: &Found<'_>) {
        let Found { route, opening } = found;
        let change = Change::RevokeMembership {
            membership: first.clone(),
            cascade: Vec::new(),
        };
        let path = [role.to_string()]
            .into_iter()
            .chain(route.lines())
            .chain(opening.line(route.end(role)));
        let iam = self.cast.standing(role) == Standing::Iam;
        let rule = if iam {
            Rule::PrivilegeEffective
        } else {
            Rule::RoleUndeclared
        };
        let finding = Finding {
            role: Some(role.to_string()),
            object: Some(format!("role {}", first.role)),
            path: path.collect(),
            fix: fix::fix(&change, &self.reach),
            ..Finding::new(
                rule,
                format!(
                    "{role} can reach managed objects as a member of {}",
                    first.role
                ),
            )
        };
        let reason = match iam {
            true => Reason::decision(
                format!(
                    "every IAM user of the instance is a member of `{}`",
                    first.role
                ),
                format!("revoke what `{}` holds on managed objects", first.role),
            ),
            false => not_declared(role),
        };
        self.withhold_findings(vec![finding], reason);
    }

    /// What undeclared roles may call outside the managed schemas, and runs with the rights of somebody who reaches them.
    pub(super) fn open_by_definer(&mut self, database: &DatabaseName, group: &Group) {
        let owner = self.cast.standing(&group.owner);
        let reaches = owner.is_managed() || matches!(owner, Standing::Admin | Standing::System);
        if !group.security_definer || group.dependence == Dependence::Extension || !reaches {
            return;
        }
        let undeclared = |role: &&RoleName| self.cast.standing(role) == Standing::Undeclared;
        let callers: BTreeSet<_> = group
            .acl
            .items()
            .iter()
            .filter_map(|item| item.grantee.role())
            .filter(undeclared)
            .collect();
        for role in callers {
            for object in &group.members {
                let grantee = Grantee::Role(role.clone());
                let held = group.acl.held_by(&grantee);
                let one = std::slice::from_ref(object);
                let statements = fix::revokes(database, group, one, (&grantee, held), &self.reach);
                let finding = Finding {
                    rule: Rule::RoleUndeclared,
                    fix: statements.map(|all| all.join("; ")),
                    ..crate::plan::findings::definer(database, role, object, &group.owner)
                };
                // What an admin lets others do is the admin's to answer for; a declared role has no such say.
                match owner.is_managed() {
                    true => {
                        let drift = Finding {
                            severity: crate::plan::Severity::Error,
                            ..finding
                        };
                        self.withhold_findings(vec![drift], not_declared(role));
                    }
                    false => self.note(finding),
                }
            }
        }
    }
}

/// The best opening behind one membership of a role.
struct Found<'r> {
    route: &'r Route,
    opening: &'r Opening,
}

/// One for each role that `role` is a member of itself: one cause is one finding.
fn by_first_hop<'r>(
    role: &RoleName,
    routes: &'r [Route],
    openings: &'r Openings,
) -> Vec<(&'r Membership, Found<'r>)> {
    let mut found: BTreeMap<&RoleName, (&Membership, Found<'_>)> = BTreeMap::new();
    for route in routes {
        let Some(first) = route.hops.first() else {
            continue;
        };
        let usable = |opening: &&Opening| {
            !matches!(opening, Opening::Attribute(_)) || route.counts_as_itself()
        };
        let Some(opening) = openings
            .get(route.end(role))
            .and_then(|all| all.iter().find(usable))
        else {
            continue;
        };
        let better = found
            .get(&first.role)
            .is_none_or(|(_, known)| opening < known.opening);
        if better {
            found.insert(&first.role, (first, Found { route, opening }));
        }
    }
    found.into_values().collect()
}

fn taken(power: Power) -> Attribute {
    match power {
        Power::Superuser => Attribute::Superuser(false),
        Power::CreateRole => Attribute::CreateRole(false),
        Power::Replication => Attribute::Replication(false),
        Power::BypassRls => Attribute::BypassRls(false),
        Power::CreateDb => Attribute::CreateDb(false),
    }
}

pub(super) fn not_declared(role: &RoleName) -> Reason {
    Reason::decision(
        format!("`{role}` is not declared"),
        "declare it, put it under `ignore` or `admins`, or take from it what the finding names",
    )
}
