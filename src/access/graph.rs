//! Who is a member of whom, over however many memberships.

use std::collections::BTreeMap;

use super::{Manner, Ways};
use crate::model::{DatabaseName, Membership, Object, RoleName, State};

/// Its one member is the owner of the database one is in.
/// <https://www.postgresql.org/docs/current/predefined-roles.html>
pub const DATABASE_OWNER: &str = "pg_database_owner";

/// Routes that are followed from one role: beyond, only the shortest to each role.
const MANY: usize = 2_000;

/// The memberships of an instance as they count in one database.
#[derive(Debug, Clone)]
pub struct Graph {
    edges: BTreeMap<RoleName, Vec<Membership>>,
}

/// One chain of memberships from a role to another; none from a role to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The memberships, from the role on.
    pub hops: Vec<Membership>,
    /// How it can be used.
    pub ways: Ways,
}

impl Route {
    /// From a role to itself.
    pub const SELF: Self = Self {
        hops: Vec::new(),
        ways: Ways::SELF,
    };

    /// The role it begins with and the one it leads to; `start` where they are the same.
    pub fn end<'r>(&'r self, start: &'r RoleName) -> &'r RoleName {
        self.hops.last().map_or(start, |hop| &hop.role)
    }

    /// Whether attributes count at its end: they are not inherited, and SET ROLE takes them on.
    pub fn counts_as_itself(&self) -> bool {
        self.hops.is_empty()
            || self.ways.becomes()
            || self.ways.manner() == Some(Manner::ByAdminOption)
    }

    /// How good it is: the lower, the better.
    fn rank(&self) -> (Option<Manner>, usize) {
        (self.ways.manner(), self.hops.len())
    }

    /// One line a membership: `member of reporting`.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let mut ways = Ways::SELF;
        self.hops.iter().map(move |hop| {
            ways = ways.over(hop);
            line(hop, ways)
        })
    }
}

fn line(hop: &Membership, ways: Ways) -> String {
    let role = &hop.role;
    match ways.manner() {
        _ if role.as_str() == DATABASE_OWNER => {
            format!("member of {role} as the owner of the database")
        }
        Some(Manner::Inherits) => format!("member of {role}"),
        Some(Manner::BySetRole) => format!("member of {role}, by SET ROLE"),
        Some(Manner::ByAdminOption) if hop.admin => {
            format!("may grant itself {role}, by ADMIN OPTION")
        }
        Some(Manner::ByAdminOption) => format!("member of {role}"),
        None => format!("member of {role} without INHERIT and SET"),
    }
}

impl Graph {
    /// The memberships that `follows` accepts, as seen in `database`.
    pub fn new(
        state: &State,
        database: Option<&DatabaseName>,
        follows: impl Fn(&Membership) -> bool,
    ) -> Self {
        let mut edges: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let implicit = database.and_then(|name| owner_of_database(state, name));
        for edge in state
            .memberships
            .iter()
            .cloned()
            .chain(implicit)
            .filter(follows)
        {
            edges.entry(edge.member.clone()).or_default().push(edge);
        }
        Self { edges }
    }

    /// Every role that `start` is a member of in any way, itself included.
    pub fn closure(&self, start: &RoleName) -> BTreeMap<RoleName, Ways> {
        let mut reached = BTreeMap::from([(start.clone(), Ways::SELF)]);
        let mut frontier = vec![start.clone()];
        while let Some(role) = frontier.pop() {
            let ways = reached[&role];
            for edge in self.of(&role) {
                let known = reached.entry(edge.role.clone()).or_default();
                let more = known.or(ways.over(edge));
                if more != *known {
                    *known = more;
                    frontier.push(edge.role.clone());
                }
            }
        }
        reached
    }

    /// Every chain of memberships by which `start` can act as another role, the best first; [`Route::SELF`] among them.
    pub fn routes(&self, start: &RoleName) -> Vec<Route> {
        let mut routes = vec![Route::SELF];
        let mut at = 0;
        while at < routes.len() {
            let here = routes[at].clone();
            for edge in self.of(here.end(start)) {
                let ways = here.ways.over(edge);
                let circular =
                    edge.role == *start || here.hops.iter().any(|hop| hop.role == edge.role);
                let known = || routes.iter().any(|route| route.end(start) == &edge.role);
                if ways.manner().is_some() && !circular && (routes.len() < MANY || !known()) {
                    let hops = here.hops.iter().chain([edge]).cloned().collect();
                    routes.push(Route { hops, ways });
                }
            }
            at += 1;
        }
        routes.sort_by_key(Route::rank);
        routes
    }

    fn of(&self, member: &RoleName) -> &[Membership] {
        self.edges.get(member).map_or(&[], Vec::as_slice)
    }
}

/// The membership that was not granted: `pg_database_owner`. Before 16 INHERIT is the member's attribute here too.
fn owner_of_database(state: &State, database: &DatabaseName) -> Option<Membership> {
    let is_it = |object: &Object| matches!(object, Object::Database(name) if name == database);
    let owner = &state
        .shared
        .iter()
        .find(|group| group.members.iter().any(is_it))?
        .owner;
    let inherit =
        state.server.major() >= 16 || state.roles.get(owner).is_some_and(|role| role.inherit);
    let role = RoleName::new(DATABASE_OWNER).ok()?;
    Some(Membership {
        role,
        member: owner.clone(),
        grantor: owner.clone(),
        admin: false,
        inherit,
        set: true,
    })
}
