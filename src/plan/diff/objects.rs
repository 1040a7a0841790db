//! Who may do what with which object: the ACLs of a database and of the instance.

use std::collections::BTreeSet;

use super::emit::{Reason, step};
use super::owners::Judged;
use super::{Diff, Phase};
use crate::model::{
    AclItem, Database, DatabaseName, Dependence, Grantee, Group, Object, ObjectKind, Origin, Privilege, PrivilegeClass,
    Privileges, PublicAccess, RoleName, Target,
};
use crate::plan::expected::{Expectations, Wants};
use crate::plan::standing::Standing;
use crate::plan::{Change, Extent, Pending, Rule, findings};

/// Objects that are judged together: one group, or the part of it that no declared grant names.
pub(super) struct Lot<'g> {
    pub(super) database: &'g DatabaseName,
    pub(super) group: &'g Group,
    pub(super) members: Vec<Object>,
}

impl Diff<'_> {
    /// Everything about one managed database.
    pub(super) fn database(&mut self, name: &DatabaseName, database: &Database) {
        let made = self.schemas(name, database);
        self.extensions(name, database);
        let expectations = Expectations::new(self.policy, name, database);
        // Databases that are alike are one group: this one is judged by itself.
        let own = self
            .reach
            .database(name)
            .cloned()
            .map(|group| Group { members: vec![Object::Database(name.clone())], ..group });
        for group in own.iter().chain(&database.groups).chain(&made) {
            let (apart, together): (Vec<_>, Vec<_>) =
                group.members.iter().cloned().partition(|object| apart(object, &expectations));
            let lots = apart.into_iter().map(|object| vec![object]).chain((!together.is_empty()).then_some(together));
            for members in lots {
                self.lot(&Lot { database: name, group, members }, &expectations);
            }
        }
        self.pending(name, database, &made, &expectations);
        self.defaults(name, database);
    }

    fn lot(&mut self, lot: &Lot<'_>, expectations: &Expectations<'_>) {
        let judged = self.owner(lot);
        let wants = expectations.of(lot.group, &lot.members[0], judged.trusted);
        self.acl(lot, &judged, &wants);
        if lot.group.security_definer && judged.trusted && self.is_managed(lot) {
            self.definer_notes(lot, &wants);
        }
    }

    /// A SECURITY DEFINER routine is a way round the ACLs that its owner chose to offer: no drift, but worth a look.
    fn definer_notes(&mut self, lot: &Lot<'_>, wants: &Wants) {
        for role in wants.keys() {
            for object in &lot.members {
                self.note(findings::definer(lot.database, role, object, &lot.group.owner));
            }
        }
    }

    /// Databases that are not managed, tablespaces and parameters: a managed role has nothing there but by a declared grant.
    pub(super) fn other_databases(&mut self) {
        let Some(from) = self.state.databases.keys().next() else { return };
        let state = self.state;
        for group in &state.shared {
            for object in &group.members {
                if matches!(object, Object::Database(name) if self.policy.databases.contains_key(name)) {
                    continue;
                }
                let mut wants = Wants::new();
                for (name, role) in &self.policy.roles {
                    for grant in role.grants.iter().filter(|grant| grant.target.covers(object)) {
                        let wanted = wants.entry(name.clone()).or_default();
                        wanted.privileges = wanted.privileges.union(grant.privileges);
                    }
                }
                let lot = Lot { database: from, group, members: vec![object.clone()] };
                self.acl(&lot, &Judged::as_is(group), &wants);
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

    /// Takes away what is too much. Returns the entries that stay.
    fn excess(&mut self, lot: &Lot<'_>, judged: &Judged, wants: &Wants) -> Vec<AclItem> {
        let mut left: Vec<AclItem> = judged.acl.items().to_vec();
        // A grant option goes after what was granted with it: the deepest entry of a chain first.
        for item in by_depth(judged.acl.items()) {
            let excess = self.excess_of(lot, &item, wants);
            if excess.is_empty() {
                self.excess_grant_option(lot, judged, &item, wants, &left);
                continue;
            }
            for (privileges, blocked) in self.connect_apart(lot, &item, excess) {
                let taken = blocked.is_none() && self.options.phase != Phase::Expand;
                self.revoke(lot, judged, &item, privileges, Extent::Privileges, &left, blocked);
                if taken {
                    subtract(&mut left, &item, privileges);
                }
            }
        }
        left
    }

    fn excess_of(&self, lot: &Lot<'_>, item: &AclItem, wants: &Wants) -> Privileges {
        match &item.grantee {
            Grantee::Public => self.excess_of_public(lot, item),
            Grantee::Role(role) => match self.cast.standing(role) {
                Standing::Declared | Standing::Login | Standing::Iam => {
                    item.privileges.minus(wants.get(role).copied().unwrap_or_default().privileges)
                }
                Standing::Undeclared if self.is_managed(lot) => item.privileges,
                Standing::Undeclared | Standing::Admin | Standing::System | Standing::Ignored => Privileges::NONE,
            },
        }
    }

    /// Whether the policy speaks of the object itself: a managed database, a managed schema, what is in one.
    fn is_managed(&self, lot: &Lot<'_>) -> bool {
        let Some(database) = self.policy.databases.get(lot.database) else { return false };
        match &lot.members[0] {
            Object::Database(name) => name == lot.database,
            object => {
                lot.group.dependence != Dependence::Extension
                    && object.schema().is_some_and(|schema| database.schemas.contains_key(schema))
            }
        }
    }

    fn excess_of_public(&self, lot: &Lot<'_>, item: &AclItem) -> Privileges {
        let class = lot.group.kind.class();
        let is_public_schema = matches!(&lot.members[0], Object::Schema(name) if name.as_str() == "public");
        let excess = match class {
            PrivilegeClass::Database | PrivilegeClass::Schema if self.is_managed(lot) => item.privileges,
            PrivilegeClass::Schema if is_public_schema => {
                item.privileges.intersection(Privileges::of(&[Privilege::Create]))
            }
            PrivilegeClass::Relation | PrivilegeClass::Column | PrivilegeClass::Sequence | PrivilegeClass::Routine
                if self.is_managed(lot) =>
            {
                item.privileges
            }
            PrivilegeClass::ForeignServer | PrivilegeClass::ForeignDataWrapper | PrivilegeClass::LargeObject
                if lot.group.dependence != Dependence::Extension =>
            {
                item.privileges
            }
            _ => Privileges::NONE,
        };
        match self.policy.databases.get(lot.database).map(|database| database.public) {
            Some(PublicAccess::None) => excess,
            Some(PublicAccess::Keep) if is_public_schema => Privileges::NONE,
            Some(PublicAccess::Keep) => excess.minus(class.public_default()),
            None => Privileges::NONE,
        }
    }

    /// CONNECT is not taken from PUBLIC where somebody who is not ours to judge lives by it, nor where the admin does.
    fn connect_apart(&self, lot: &Lot<'_>, item: &AclItem, excess: Privileges) -> Vec<(Privileges, Option<Reason>)> {
        let connect = Privileges::of(&[Privilege::Connect]);
        let is_public = lot.group.kind == ObjectKind::Database && item.grantee == Grantee::Public;
        if !is_public || !excess.contains(Privilege::Connect) {
            return vec![(excess, None)];
        }
        let reason = if !self.reach.keeps_connect(lot.group) {
            let admin = self.reach.admin();
            Some(Reason::impossible(
                format!("`{admin}` itself gets into `{}` only through PUBLIC", lot.database),
                format!("GRANT CONNECT ON DATABASE {} TO {admin}", lot.database),
            ))
        } else {
            let guests = self.guests(lot);
            (!guests.is_empty() && !self.options.prune).then(|| {
                Reason::decision(
                    format!("{} would no longer get in", guests.join(", ")),
                    "declare them, grant them CONNECT, or use --prune",
                )
            })
        };
        match reason {
            None => vec![(excess, None)],
            reason => {
                let rest = excess.minus(connect);
                let rest = (!rest.is_empty()).then_some((rest, None));
                rest.into_iter().chain([(connect, reason)]).collect()
            }
        }
    }

    /// Logins the policy does not declare that hold something in the database and CONNECT only through PUBLIC.
    fn guests(&self, lot: &Lot<'_>) -> Vec<String> {
        let Some(database) = self.state.databases.get(lot.database) else { return Vec::new() };
        let mut holders: BTreeSet<&RoleName> = BTreeSet::new();
        for group in database.groups.iter().chain([lot.group]) {
            holders.extend(group.acl.items().iter().filter_map(|item| item.grantee.role()).chain([&group.owner]));
        }
        let foreign = |role: &RoleName| matches!(self.cast.standing(role), Standing::Undeclared | Standing::Ignored);
        holders.retain(|role| foreign(role));
        let connected = |login: &RoleName| {
            lot.group.acl.items().iter().any(|item| {
                item.privileges.contains(Privilege::Connect)
                    && item.grantee.role().is_some_and(|role| self.reach.inherits(login, role))
            })
        };
        let logins = self.state.roles.values().filter(|role| role.login && foreign(&role.name));
        logins
            .map(|role| &role.name)
            .filter(|login| holders.iter().any(|holder| self.reach.inherits(login, holder)) && !connected(login))
            .map(|login| format!("`{login}`"))
            .collect()
    }

    fn excess_grant_option(&mut self, lot: &Lot<'_>, judged: &Judged, item: &AclItem, wants: &Wants, left: &[AclItem]) {
        let Some(role) = item.grantee.role().filter(|role| self.cast.standing(role).is_managed()) else { return };
        let wanted = wants.get(role).copied().unwrap_or_default();
        let excess = item.grantable.minus(wanted.grantable);
        if !excess.is_empty() {
            self.revoke(lot, judged, item, excess, Extent::GrantOption, left, None);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "they are the parts of one REVOKE")]
    fn revoke(
        &mut self,
        lot: &Lot<'_>,
        judged: &Judged,
        item: &AclItem,
        privileges: Privileges,
        extent: Extent,
        left: &[AclItem],
        blocked: Option<Reason>,
    ) {
        let dependents = dependents(left, item, privileges);
        let change = Change::Revoke {
            database: lot.database.clone(),
            objects: lot.members.clone(),
            grantor: item.grantor.clone(),
            grantee: item.grantee.clone(),
            privileges,
            extent,
            cascade: !dependents.is_empty(),
        };
        let mut taken = step(change, self.rule_of_excess(lot, item, extent), None);
        taken.path = path(item, privileges, &lot.members);
        let blocked = blocked
            .or_else(|| self.blocked_by_prune(item))
            .or_else(|| self.blocked_by_dependents(&dependents))
            .or_else(|| self.blocked_by_reach(lot, judged, item));
        self.push_or(taken, blocked);
    }

    fn rule_of_excess(&self, lot: &Lot<'_>, item: &AclItem, extent: Extent) -> Rule {
        match self.cast.standing_of(&item.grantee) {
            None => Rule::PublicUnexpected,
            Some(Standing::Undeclared) => Rule::RoleUndeclared,
            Some(_) if extent == Extent::GrantOption => Rule::GrantGrantable,
            Some(_) if lot.group.kind == ObjectKind::Column => Rule::ColumnUnexpected,
            Some(_) => Rule::GrantUnexpected,
        }
    }

    /// Nothing is taken from a role the policy does not declare, unless asked for.
    fn blocked_by_prune(&self, item: &AclItem) -> Option<Reason> {
        let role = item.grantee.role().filter(|role| self.cast.standing(role) == Standing::Undeclared)?;
        (!self.options.prune).then(|| {
            Reason::decision(
                format!("`{role}` is not declared"),
                "declare it, put it under `ignore` or `admins`, or use --prune",
            )
        })
    }

    fn blocked_by_dependents(&self, dependents: &[AclItem]) -> Option<Reason> {
        let foreign = dependents.iter().filter_map(|item| item.grantee.role()).find(|role| {
            let standing = self.cast.standing(role);
            !(standing.is_managed() || standing == Standing::Undeclared && self.options.prune)
        })?;
        Some(Reason::decision(
            format!("`{foreign}` would lose what was granted on to it"),
            "grant it to them as the owner first, or use --prune",
        ))
    }

    fn blocked_by_reach(&self, lot: &Lot<'_>, judged: &Judged, item: &AclItem) -> Option<Reason> {
        let grantor = self.reach.real_owner(&item.grantor, lot.database);
        let as_owner = self.reach.real_owner(&judged.owner, lot.database);
        let reachable = self.reach.can_become(grantor) || (grantor == as_owner && self.reach.can_become(as_owner));
        (!reachable).then(|| Reason::unreachable(grantor, self.reach.admin(), self.state.server.major()))
    }

    fn missing(&mut self, lot: &Lot<'_>, judged: &Judged, wants: &Wants, left: &[AclItem]) {
        for (role, wanted) in wants.iter().filter(|(role, _)| **role != judged.owner) {
            let held = left.iter().filter(|item| item.grantee.role() == Some(role));
            let (mut privileges, mut grantable) = (Privileges::NONE, Privileges::NONE);
            held.for_each(|item| {
                privileges = privileges.union(item.privileges);
                grantable = grantable.union(item.grantable);
            });
            let with_option = wanted.grantable.minus(grantable);
            self.grant(
                lot,
                judged,
                role,
                wanted.privileges.minus(privileges).minus(with_option),
                false,
                Rule::GrantMissing,
            );
            let rule = if with_option.minus(privileges).is_empty() { Rule::GrantGrantable } else { Rule::GrantMissing };
            self.grant(lot, judged, role, with_option, true, rule);
        }
    }

    fn grant(
        &mut self,
        lot: &Lot<'_>,
        judged: &Judged,
        role: &RoleName,
        privileges: Privileges,
        grantable: bool,
        rule: Rule,
    ) {
        // What stays with somebody else is one finding, `owner.unexpected`; what it lacks would only repeat that.
        if privileges.is_empty() || judged.foreign {
            return;
        }
        let change = Change::Grant {
            database: lot.database.clone(),
            objects: lot.members.clone(),
            owner: judged.owner.clone(),
            grantee: Grantee::Role(role.clone()),
            privileges,
            grantable,
        };
        let owner = self.reach.real_owner(&judged.owner, lot.database);
        let blocked = (!self.reach.can_become(owner))
            .then(|| Reason::unreachable(owner, self.reach.admin(), self.state.server.major()));
        let origin = self.origin(role);
        self.push_or(step(change, rule, origin.as_ref()), blocked);
    }

    /// Where the policy declares `role`.
    pub(super) fn origin(&self, role: &RoleName) -> Option<Origin> {
        self.policy.roles.get(role).map(|role| role.origin.clone())
    }

    /// Declared grants whose object does not exist yet.
    fn pending(&mut self, name: &DatabaseName, database: &Database, made: &[Group], expectations: &Expectations<'_>) {
        let shared = self.state.shared.iter();
        let inventory: Vec<&Group> = database.groups.iter().chain(made).chain(shared).collect();
        let exists = |target: &Target| match target {
            Target::AllInSchema(_, schema) => {
                let named = |group: &&&Group| group.kind == ObjectKind::Schema;
                inventory.iter().filter(named).any(|group| group.members.iter().any(|one| one.schema() == Some(schema)))
            }
            target => inventory.iter().any(|group| group.members.iter().any(|object| target.covers(object))),
        };
        for (role, grant) in expectations.grants().filter(|(_, grant)| !exists(&grant.target)) {
            self.plan.pending.push(Pending {
                role: role.clone(),
                database: name.clone(),
                grant: format!("{} on {}", grant.privileges, grant.target),
                origin: grant.origin.clone(),
            });
        }
    }
}

/// Whether an object is judged apart from its group: a declared grant names it, or it is a column, whose owner is that of
/// its own relation.
fn apart(object: &Object, expectations: &Expectations<'_>) -> bool {
    object.kind() == ObjectKind::Column || expectations.singles_out(object)
}

/// The entries, those granted by other entries' grantees before the ones they hang on.
fn by_depth(items: &[AclItem]) -> Vec<AclItem> {
    let depth = |item: &AclItem| {
        let mut depth = 0;
        let mut grantor = &item.grantor;
        // A chain cannot be longer than the list; a hand-edited ACL may be a circle.
        while let Some(above) = items.iter().find(|one| one.grantee.role() == Some(grantor)) {
            depth += 1;
            grantor = &above.grantor;
            if depth > items.len() {
                break;
            }
        }
        depth
    };
    let mut sorted: Vec<_> = items.iter().map(|item| (std::cmp::Reverse(depth(item)), item.clone())).collect();
    sorted.sort();
    sorted.into_iter().map(|(_, item)| item).collect()
}

/// What was granted on by whoever holds `item`, down the chain.
fn dependents(items: &[AclItem], item: &AclItem, privileges: Privileges) -> Vec<AclItem> {
    let mut found: Vec<AclItem> = Vec::new();
    let mut frontier = vec![item.grantee.clone()];
    while let Some(grantor) = frontier.pop() {
        for one in items {
            let hangs = Some(&one.grantor) == grantor.role() && !one.privileges.intersection(privileges).is_empty();
            if hangs && one != item && !found.contains(one) {
                found.push(one.clone());
                frontier.push(one.grantee.clone());
            }
        }
    }
    found
}

/// Takes `privileges` of `item` out of the list, with what hangs on them.
fn subtract(left: &mut Vec<AclItem>, item: &AclItem, privileges: Privileges) {
    let gone = dependents(left, item, privileges);
    for one in left.iter_mut().filter(|one| *one == item || gone.contains(one)) {
        one.privileges = one.privileges.minus(privileges);
        one.grantable = one.grantable.minus(privileges);
    }
    left.retain(|one| !one.privileges.is_empty());
}

/// How the grantee comes to it, in one line.
fn path(item: &AclItem, privileges: Privileges, objects: &[Object]) -> Vec<String> {
    let on = match objects {
        [one] => one.to_string(),
        many => format!("{} objects", many.len()),
    };
    vec![item.grantee.to_string(), format!("{privileges} on {on} granted by {}", item.grantor)]
}
