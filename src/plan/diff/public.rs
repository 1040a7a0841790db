//! What PUBLIC may have, and who lives by it.

use std::collections::BTreeSet;

use super::emit::{Reason, step};
use super::objects::Lot;
use super::owners::expand_first;
use super::{Diff, Phase};
use crate::model::{
    AclItem, Database, DatabaseName, Grantee, Object, ObjectKind, Privilege, PrivilegeClass,
    Privileges, PublicAccess, RoleName,
};
use crate::plan::expected::Wants;
use crate::plan::standing::Standing;
use crate::plan::{ApplyOption, Change, Extent, Finding, Rule, Severity, advice, findings};

impl Diff<'_> {
    /// What PUBLIC holds there beyond what `public:` leaves it.
    pub(super) fn excess_of_public(&self, lot: &Lot<'_>, item: &AclItem) -> Privileges {
        let class = lot.group.kind.class();
        let is_public_schema =
            matches!(&lot.members[0], Object::Schema(name) if name.as_str() == "public");
        let excess = match class {
            PrivilegeClass::Database | PrivilegeClass::Schema if self.is_managed(lot) => {
                item.privileges
            }
            PrivilegeClass::Schema if is_public_schema => item
                .privileges
                .intersection(Privileges::of(&[Privilege::Create])),
            PrivilegeClass::Relation
            | PrivilegeClass::Column
            | PrivilegeClass::Sequence
            | PrivilegeClass::Routine
                if self.is_managed(lot) =>
            {
                item.privileges
            }
            // No extension gives PUBLIC any of these.
            PrivilegeClass::ForeignServer
            | PrivilegeClass::ForeignDataWrapper
            | PrivilegeClass::LargeObject => item.privileges,
            // Nobody needs them, and what they open is open in every database.
            PrivilegeClass::Parameter | PrivilegeClass::Tablespace => item.privileges,
            _ => Privileges::NONE,
        };
        match self
            .policy
            .databases
            .get(lot.database)
            .map(|database| database.public)
        {
            Some(PublicAccess::None) => excess,
            Some(PublicAccess::Keep) if is_public_schema => Privileges::NONE,
            Some(PublicAccess::Keep) => excess.minus(class.public_default()),
            None => Privileges::NONE,
        }
    }

    /// What PUBLIC holds of PostgreSQL's own objects, and did not come with them. None of them is managed, and only whoever
    /// runs the server could have granted or can mend it: it is said.
    pub(super) fn exposed(&mut self, name: &DatabaseName, database: &Database) {
        for group in &database.exposed {
            for item in group.acl.items() {
                let revoke = Change::Revoke {
                    database: name.clone(),
                    objects: group.members.clone().into(),
                    owner: group.owner.clone(),
                    grantor: item.grantor.clone(),
                    grantee: Grantee::Public,
                    privileges: item.privileges,
                    extent: Extent::Privileges,
                    cascade: Vec::new(),
                    via: None,
                };
                for finding in findings::of_proposed(
                    &self.plan,
                    &step(revoke, Rule::PublicUnexpected, None),
                    &self.reach,
                ) {
                    self.note(Finding {
                        severity: Severity::Warning,
                        ..finding
                    });
                }
            }
        }
    }

    /// CONNECT is not taken from PUBLIC where somebody who is not ours to judge lives by it, nor where the admin does.
    pub(super) fn connect_apart(
        &self,
        lot: &Lot<'_>,
        item: &AclItem,
        excess: Privileges,
        wants: &Wants,
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
                format!(
                    "`{admin}` itself gets into `{}` only through PUBLIC",
                    lot.database
                ),
                advice::grant_connect(lot.database, admin),
            ))
        } else if let Some(stranded) = self.stranded(lot, wants) {
            Some(stranded)
        } else {
            let guests = self.guests(lot, wants);
            (!guests.is_empty() && !self.options.prune).then(|| {
                Reason::option(
                    ApplyOption::Prune,
                    format!("{} would no longer get in", guests.join(", ")),
                    "declare them, grant them CONNECT, or use ",
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

    /// A login of a declared role that gets in through PUBLIC only, because its membership in the role is withheld, or is for
    /// the other part of a deployment to give.
    fn stranded(&self, lot: &Lot<'_>, wants: &Wants) -> Option<Reason> {
        let connect = Privilege::Connect;
        let enters = |role: &RoleName| {
            wants
                .get(role)
                .is_some_and(|wanted| wanted.privileges.contains(connect))
                || lot.group.acl.items().iter().any(|item| {
                    item.grantee.role() == Some(role) && item.privileges.contains(connect)
                })
        };
        let entitled = self.policy.roles.iter().filter(|(name, _)| enters(name));
        let logins = entitled.flat_map(|(name, role)| {
            role.logins(name)
                .into_iter()
                .chain(role.iam.iter().map(|principal| principal.user().clone()))
                .map(move |login| (login, name))
        });
        let mut stranded = logins.filter(|(login, _)| {
            self.state.roles.get(login).is_some_and(|role| role.login)
                && !self.heritage.all(login).into_iter().any(enters)
        });
        let (login, role) = stranded.next()?;
        if let Some(waits) = self.waits(role) {
            return Some(waits);
        }
        let reason =
            format!("`{login}` would no longer get in: it is no inheriting member of `{role}`");
        Some(match self.options.phase {
            Phase::Contract => expand_first(reason),
            Phase::Both | Phase::Expand => {
                Reason::impossible(reason, advice::grant_membership(role.as_str(), &login))
            }
        })
    }

    /// Logins the policy does not declare that hold something in the database and CONNECT only through PUBLIC.
    fn guests(&self, lot: &Lot<'_>, wants: &Wants) -> Vec<String> {
        let Some(database) = self.state.databases.get(lot.database) else {
            return Vec::new();
        };
        let mut holders: BTreeSet<&RoleName> = BTreeSet::new();
        for group in database.groups.iter().chain([lot.group]) {
            holders.extend(
                group
                    .acl
                    .items()
                    .iter()
                    .filter_map(|item| item.grantee.role())
                    .chain([&group.owner]),
            );
        }
        let foreign = |role: &RoleName| {
            matches!(
                self.cast.standing(role),
                Standing::Undeclared | Standing::Ignored
            )
        };
        holders.retain(|role| foreign(role));
        let connected = |login: &RoleName| {
            lot.group.acl.items().iter().any(|item| {
                item.privileges.contains(Privilege::Connect)
                    && item
                        .grantee
                        .role()
                        .is_some_and(|role| self.reach.inherits(login, role))
            }) || wants.iter().any(|(role, wanted)| {
                wanted.privileges.contains(Privilege::Connect) && self.reach.inherits(login, role)
            })
        };
        let logins = self
            .state
            .roles
            .values()
            .filter(|role| role.login && foreign(&role.name));
        logins
            .map(|role| &role.name)
            .filter(|login| {
                holders
                    .iter()
                    .any(|holder| self.reach.inherits(login, holder))
                    && !connected(login)
            })
            .map(|login| format!("`{login}`"))
            .collect()
    }
}
