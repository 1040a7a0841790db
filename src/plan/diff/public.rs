//! What PUBLIC may have, and who lives by it.

use std::collections::BTreeSet;

use super::Diff;
use super::emit::Reason;
use super::objects::Lot;
use crate::model::{
    AclItem, Dependence, Grantee, Object, ObjectKind, Privilege, PrivilegeClass, Privileges, PublicAccess, RoleName,
};
use crate::plan::standing::Standing;

impl Diff<'_> {
    /// What PUBLIC holds there beyond what `public:` leaves it.
    pub(super) fn excess_of_public(&self, lot: &Lot<'_>, item: &AclItem) -> Privileges {
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
    pub(super) fn connect_apart(
        &self,
        lot: &Lot<'_>,
        item: &AclItem,
        excess: Privileges,
    ) -> Vec<(Privileges, Option<Reason>)> {
        let connect = Privileges::of(&[Privilege::Connect]);
        let is_public = lot.group.kind == ObjectKind::Database && item.grantee == Grantee::Public;
        if excess.is_empty() {
            return Vec::new();
        }
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
}
