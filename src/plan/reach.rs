//! What the executing admin may do, read from the catalogs and never found out by trying: a refused statement would
//! abort the whole transaction, and some are refused with no more than a warning.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};

use super::Attribute;
use crate::model::{
    DatabaseName, Dependence, Group, Membership, Object, ObjectKind, Privilege, RoleName,
    SchemaName, Server, State,
};

/// In whose name a statement runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// The session's own login.
    Admin,
    /// Somebody the session can `SET ROLE` to.
    Role(RoleName),
}

/// The executing admin and whom it can become.
pub struct Reach<'a> {
    state: &'a State,
    admin: RoleName,
    maker: Option<RoleName>,
    superuser: bool,
    memberships: Above<'a>,
    inherited: Above<'a>,
    settable: Above<'a>,
    schemas: OnceCell<HashMap<&'a DatabaseName, HashMap<&'a SchemaName, &'a Group>>>,
    members: OnceCell<HashMap<&'a RoleName, Vec<&'a RoleName>>>,
    of_columns: OnceCell<HashMap<&'a DatabaseName, OfColumns<'a>>>,
}

/// The schemas in which each role owns sequences of columns.
type OfColumns<'a> = HashMap<&'a RoleName, BTreeSet<&'a SchemaName>>;

/// The roles that each one is a member of, over memberships of some kind. With hundreds of roles, going through all
/// memberships again for each step would be most of the work.
type Above<'a> = HashMap<&'a RoleName, Vec<&'a RoleName>>;

fn above(state: &State, follows: impl Fn(&Membership) -> bool) -> Above<'_> {
    let mut above = Above::new();
    for edge in state.memberships.iter().filter(|edge| follows(edge)) {
        above.entry(&edge.member).or_default().push(&edge.role);
    }
    above
}

/// The group that Cloud SQL makes every admin a member of.
pub const CLOUD_SQL_SUPERUSER: &str = "cloudsqlsuperuser";

/// Owns the schema `public` from 15 on; its one member is the owner of the database, whoever that is.
const DATABASE_OWNER: &str = "pg_database_owner";

impl<'a> Reach<'a> {
    /// What the admin of `state` may do; `None` when nobody looked at the server.
    pub fn new(state: &'a State) -> Option<Self> {
        let admin = state.server.admin.clone()?;
        let superuser = state.roles.get(&admin).is_some_and(|role| role.superuser);
        let mut reach = Self {
            state,
            admin,
            maker: None,
            superuser,
            memberships: above(state, |_| true),
            inherited: above(state, |edge| edge.inherit),
            settable: above(state, |edge| edge.set),
            schemas: OnceCell::new(),
            members: OnceCell::new(),
            of_columns: OnceCell::new(),
        };
        reach.maker = state
            .roles
            .values()
            .find(|role| role.name.as_str() == CLOUD_SQL_SUPERUSER)
            .filter(|role| role.create_role && reach.can_set(&role.name))
            .map(|role| role.name.clone());
        Some(reach)
    }

    /// The server that was looked at.
    pub fn server(&self) -> &'a Server {
        &self.state.server
    }

    /// Whether this admin may name an attribute at all: some are refused to anybody but a superuser, even where nothing
    /// changes. <https://www.postgresql.org/docs/current/sql-alterrole.html>
    pub fn may_set(&self, attribute: &Attribute) -> bool {
        let reserved = matches!(
            attribute,
            Attribute::Superuser(_) | Attribute::Replication(_) | Attribute::BypassRls(_)
        );
        self.superuser || !reserved
    }

    /// The session's login.
    pub fn admin(&self) -> &RoleName {
        &self.admin
    }

    /// Who makes roles, schemas and extensions: `cloudsqlsuperuser` where it may make roles, so that from 16 on every
    /// admin can manage them later; otherwise the admin itself.
    pub fn maker(&self) -> Actor {
        self.maker.clone().map_or(Actor::Admin, Actor::Role)
    }

    /// The role behind [`Self::maker`].
    pub fn maker_name(&self) -> &RoleName {
        self.maker.as_ref().unwrap_or(&self.admin)
    }

    /// The role behind an actor.
    pub fn name<'b>(&'b self, actor: &'b Actor) -> &'b RoleName {
        match actor {
            Actor::Admin => &self.admin,
            Actor::Role(role) => role,
        }
    }

    /// Every role that `member` comes to, itself included.
    fn closure(&self, member: &RoleName, above: &Above<'a>) -> BTreeSet<&'a RoleName> {
        let mut reached = BTreeSet::new();
        let mut frontier: Vec<&RoleName> = self
            .state
            .roles
            .get_key_value(member)
            .map(|(name, _)| name)
            .into_iter()
            .collect();
        while let Some(role) = frontier.pop() {
            if reached.insert(role) {
                frontier.extend(above.get(role).into_iter().flatten());
            }
        }
        reached
    }

    /// Whether the session can `SET ROLE role` as things are. It is the session's login that is asked, whatever the
    /// current role. <https://www.postgresql.org/docs/current/sql-set-role.html>
    pub fn can_set(&self, role: &RoleName) -> bool {
        self.superuser || self.closure(&self.admin, &self.settable).contains(role)
    }

    /// Whether `member` is a member of `role`, by memberships of any kind.
    pub fn is_member(&self, member: &RoleName, role: &RoleName) -> bool {
        self.closure(member, &self.memberships).contains(role)
    }

    /// Whether `member` is, or is a member of, a role that `is` says it of, by memberships of any kind.
    pub fn leads_to(&self, member: &RoleName, is: impl Fn(&RoleName) -> bool) -> bool {
        self.closure(member, &self.memberships).into_iter().any(is)
    }

    /// Whether `member` has the privileges of `role` without SET ROLE.
    pub fn inherits(&self, member: &RoleName, role: &RoleName) -> bool {
        member == role || self.closure(member, &self.inherited).contains(role)
    }

    /// `role` and the logins and groups that have its privileges as members, in words.
    pub fn losers(&self, role: &RoleName) -> String {
        let members = self.members.get_or_init(|| self.inheriting()).get(role);
        let others: Vec<_> = members
            .into_iter()
            .flatten()
            .map(|member| format!("`{member}`"))
            .collect();
        match others.is_empty() {
            true => format!("`{role}`"),
            false => format!("`{role}` and its members {}", others.join(", ")),
        }
    }

    /// Who has the privileges of each role as a member. Gone through once, whatever the number of objects.
    fn inheriting(&self) -> HashMap<&'a RoleName, Vec<&'a RoleName>> {
        let mut members: HashMap<_, Vec<_>> = HashMap::new();
        for member in self
            .state
            .roles
            .values()
            .filter(|one| !one.superuser && !one.name.is_system())
        {
            for role in self.closure(&member.name, &self.inherited) {
                if *role != member.name {
                    members.entry(role).or_default().push(&member.name);
                }
            }
        }
        members
    }

    /// Whether a change of owner may move sequences of columns, which are granted on by themselves: which of the owner's in the
    /// schema belong to a table is not known.
    pub fn moves_sequences(&self, from: &RoleName, change: &super::Change) -> bool {
        let super::Change::ChangeOwner {
            database, objects, ..
        } = change
        else {
            return false;
        };
        let of_columns = self.of_columns.get_or_init(|| self.sequences_of_columns());
        let Some(theirs) = of_columns.get(database).and_then(|owners| owners.get(from)) else {
            return false;
        };
        let tables = objects
            .iter()
            .filter(|object| matches!(object.kind(), ObjectKind::Relation(_)));
        tables
            .filter_map(Object::schema)
            .any(|schema| theirs.contains(schema))
    }

    fn sequences_of_columns(&self) -> HashMap<&'a DatabaseName, OfColumns<'a>> {
        let mut all: HashMap<_, OfColumns<'a>> = HashMap::new();
        for (name, database) in &self.state.databases {
            let owners = all.entry(name).or_default();
            let sequences = database
                .groups
                .iter()
                .filter(|group| group.kind == ObjectKind::Sequence);
            for group in sequences.filter(|group| group.dependence == Dependence::Table) {
                owners
                    .entry(&group.owner)
                    .or_default()
                    .extend(group.members.iter().filter_map(Object::schema));
            }
        }
        all
    }

    /// Who can change `role` and grant it: before 16 whoever has CREATEROLE, unless it is a superuser; from 16 on whoever
    /// has it WITH ADMIN. A role that is still to be made is its maker's.
    /// <https://www.postgresql.org/docs/16/release-16.html> (CREATEROLE)
    pub fn administrator(&self, role: &RoleName) -> Option<Actor> {
        let Some(target) = self.state.roles.get(role) else {
            return Some(self.maker());
        };
        if self.superuser {
            return Some(Actor::Admin);
        }
        if target.superuser {
            return None;
        }
        let may = |actor: &Actor| {
            let name = self.name(actor);
            if self.state.server.major() < 16 {
                return self
                    .state
                    .roles
                    .get(name)
                    .is_some_and(|role| role.create_role);
            }
            self.state
                .memberships
                .iter()
                .any(|edge| edge.role == *role && edge.admin && self.inherits(name, &edge.member))
        };
        [self.maker(), Actor::Admin].into_iter().find(may)
    }

    /// Who can make roles at all.
    pub fn can_create_roles(&self) -> bool {
        let creates = |name: &RoleName| {
            self.state
                .roles
                .get(name)
                .is_some_and(|role| role.create_role)
        };
        self.superuser || self.maker.is_some() || creates(&self.admin)
    }

    /// Whether the session can act as `role`: it can already, or it may make itself a member for the transaction.
    pub fn can_become(&self, role: &RoleName) -> bool {
        *role == self.admin || self.can_set(role) || self.administrator(role).is_some()
    }

    /// Whether acting as `role` takes a membership that is given back before COMMIT.
    pub fn needs_membership(&self, role: &RoleName) -> bool {
        *role != self.admin && !self.can_set(role)
    }

    /// Who does what wants the privileges of several roles at once, as ALTER … OWNER does of the old owner and the new, so
    /// that all of them are lent to somebody. The maker inherits what it is lent whatever the session's login does, and
    /// has the schemas; but nobody can become a member of its own members.
    /// <https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-OWNER-TO>
    pub fn transferrer<'r>(&self, roles: impl IntoIterator<Item = &'r RoleName>) -> Actor {
        let above = |role: &RoleName| {
            self.closure(role, &self.memberships)
                .contains(self.maker_name())
        };
        let own = |role: &RoleName| role == self.maker_name();
        // What the admin is a plain member of it can lend to nobody.
        let lent = |role: &RoleName| {
            self.administrator(role).is_some() || !self.needs_loan(role, self.maker_name())
        };
        let can = |role: &RoleName| own(role) || !above(role) && lent(role);
        if roles.into_iter().all(can) {
            self.maker()
        } else {
            Actor::Admin
        }
    }

    /// Whether `member` has to be lent `role` to have its privileges and to hand objects to it.
    pub fn needs_loan(&self, role: &RoleName, member: &RoleName) -> bool {
        let sets = self.closure(member, &self.settable).contains(role);
        // Before 16 a pair has one membership: lending it again and taking it back would end it.
        let lent = self.state.server.major() < 16
            && self
                .state
                .memberships
                .iter()
                .any(|edge| edge.role == *role && edge.member == *member);
        let has = role == member || self.superuser || self.inherits(member, role) && sets;
        !has && !lent
    }

    /// The membership that a GRANT by `grantor` would change rather than add.
    pub fn existing(
        &self,
        role: &RoleName,
        member: &RoleName,
        grantor: &Actor,
    ) -> Option<&'a Membership> {
        let grantor = self.name(grantor);
        let same = |edge: &&Membership| {
            edge.role == *role && edge.member == *member && edge.grantor == *grantor
        };
        self.state.memberships.iter().find(same)
    }

    /// Who revokes this membership: before 16 whoever may change the role; from 16 on only in the name of its grantor.
    /// <https://www.postgresql.org/docs/current/sql-revoke.html#SQL-REVOKE-NOTES>
    pub fn revoker(&self, edge: &Membership) -> Option<Actor> {
        let actor = self.administrator(&edge.role);
        if self.superuser || self.state.server.major() < 16 {
            return actor;
        }
        let may = |actor: &Actor| self.inherits(self.name(actor), &edge.grantor);
        let grantor =
            || self.state.roles.contains_key(&edge.grantor) && self.can_become(&edge.grantor);
        let by_grantor = || grantor().then(|| Actor::Role(edge.grantor.clone()));
        [actor, Some(Actor::Admin)]
            .into_iter()
            .flatten()
            .find(may)
            .or_else(by_grantor)
    }

    /// The role whose rights the owner's are: `pg_database_owner` stands for the owner of the database.
    pub fn real_owner<'b>(&'b self, owner: &'b RoleName, database: &DatabaseName) -> &'b RoleName {
        if owner.as_str() != DATABASE_OWNER {
            return owner;
        }
        self.database(database).map_or(owner, |group| &group.owner)
    }

    /// The database as an object of the instance.
    pub fn database(&self, database: &DatabaseName) -> Option<&'a Group> {
        let is_it = |object: &Object| matches!(object, Object::Database(name) if name == database);
        self.state
            .shared
            .iter()
            .find(|group| group.members.iter().any(is_it))
    }

    /// Whether `name` has CREATE on `database`.
    pub fn creates_in(&self, name: &RoleName, database: &DatabaseName) -> bool {
        let Some(group) = self.database(database) else {
            return false;
        };
        let granted = group.acl.items().iter().any(|item| {
            let holds = item
                .grantee
                .role()
                .is_none_or(|role| self.inherits(name, role));
            holds && item.privileges.contains(Privilege::Create)
        });
        self.superuser || self.inherits(name, &group.owner) || granted
    }

    /// Whether `role` has a privilege on a schema, as things are. PostgreSQL's own schemas are everybody's to use.
    pub fn holds_on_schema(
        &self,
        role: &RoleName,
        (database, schema): (&DatabaseName, &SchemaName),
        privilege: Privilege,
    ) -> bool {
        let Some(rights) = self.schema(database, schema) else {
            return schema.as_str().starts_with("pg_") && privilege == Privilege::Usage;
        };
        let granted = rights.acl.items().iter().any(|item| {
            item.privileges.contains(privilege)
                && item
                    .grantee
                    .role()
                    .is_none_or(|held| self.inherits(role, held))
        });
        let is_superuser = self
            .state
            .roles
            .get(role)
            .is_some_and(|role| role.superuser);
        is_superuser || granted || self.inherits(role, self.real_owner(&rights.owner, database))
    }

    /// The owner of a schema, whose privileges on it others can be given.
    pub fn owner_of_schema(
        &self,
        database: &DatabaseName,
        schema: &SchemaName,
    ) -> Option<RoleName> {
        let rights = self.schema(database, schema)?;
        Some(self.real_owner(&rights.owner, database).clone())
    }

    /// The group that a schema of `database` is a member of.
    pub fn schema(&self, database: &DatabaseName, schema: &SchemaName) -> Option<&'a Group> {
        let known = || {
            self.state
                .databases
                .iter()
                .chain(&self.state.retirement.elsewhere)
        };
        let index = || known().map(|(name, one)| (name, one.schemas())).collect();
        self.schemas
            .get_or_init(index)
            .get(database)?
            .get(schema)
            .copied()
    }

    /// Who can create schemas and extensions in `database`: somebody with CREATE on it.
    pub fn creator(&self, database: &DatabaseName) -> Option<Actor> {
        let group = self.database(database)?;
        let may = |actor: &Actor| self.creates_in(self.name(actor), database);
        let owner = self
            .can_become(&group.owner)
            .then(|| Actor::Role(group.owner.clone()));
        [self.maker(), Actor::Admin].into_iter().find(may).or(owner)
    }

    /// Whether the session still gets into `database` when PUBLIC has nothing there.
    pub fn keeps_connect(&self, group: &Group) -> bool {
        let granted = group.acl.items().iter().any(|item| {
            let holds = item
                .grantee
                .role()
                .is_some_and(|role| self.inherits(&self.admin, role));
            holds && item.privileges.contains(Privilege::Connect)
        });
        self.superuser || self.inherits(&self.admin, &group.owner) || granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Role;

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn member(of: &str, inherit: bool, set: bool) -> Membership {
        Membership {
            role: role(of),
            member: role("admin"),
            grantor: role("boss"),
            admin: true,
            inherit,
            set,
        }
    }

    #[test]
    fn each_kind_of_membership_leads_where_it_should() {
        let mut state = State::default();
        let admin = Role {
            name: role("admin"),
            login: true,
            superuser: false,
            create_db: false,
            create_role: false,
            replication: false,
            bypass_rls: false,
            inherit: true,
            connection_limit: -1,
            valid_until: None,
            settings: BTreeSet::new(),
        };
        state.roles.insert(role("admin"), admin);
        state.server.admin = Some(role("admin"));
        state.memberships = [
            member("has", true, false),
            member("becomes", false, true),
            member("gives", false, false),
        ]
        .into();
        let reach = Reach::new(&state).unwrap();
        let told = |name: &str| {
            (
                reach.inherits(&role("admin"), &role(name)),
                reach.can_set(&role(name)),
            )
        };
        assert_eq!(
            [told("has"), told("becomes"), told("gives")],
            [(true, false), (false, true), (false, false)]
        );
    }
}
