//! What is held beyond the policy, and whether it may be taken away.

use std::borrow::Cow;
use std::sync::Arc;

use super::Diff;
use super::chain::{Chain, Cut};
use super::emit::{Reason, step};
use super::objects::Lot;
use super::owners::Judged;
use crate::model::{AclItem, Grantee, Object, ObjectKind, Privileges, RoleName};
use crate::plan::expected::{Wanted, Wants};
use crate::plan::standing::Standing;
use crate::plan::{ApplyOption, Change, Extent, Rule};

/// One ACL under judgement.
struct Case<'c> {
    lot: &'c Lot<'c>,
    judged: &'c Judged,
    wants: &'c Wants,
}

impl Diff<'_> {
    /// Takes away what is too much. Returns the entries as they will be.
    pub(super) fn excess<'j>(
        &mut self,
        lot: &Lot<'_>,
        judged: &'j Judged,
        wants: &Wants,
    ) -> Cow<'j, [Arc<AclItem>]> {
        let items = judged.acl.items();
        // Where every object has an ACL of its own, most have nothing too much all the same.
        let fine = |item: &Arc<AclItem>| {
            self.excess_of(lot, item, wants).is_empty()
                && self.excess_option(lot, item, wants).is_empty()
        };
        if items.iter().all(fine) {
            return Cow::Borrowed(items);
        }
        let mut chain = Chain::new(&judged.owner, &judged.acl);
        let case = Case { lot, judged, wants };
        for item in chain.deepest_first() {
            let cut = |privileges, extent| Cut {
                grantor: item.grantor.clone(),
                grantee: item.grantee.clone(),
                privileges,
                extent,
            };
            let excess = self.excess_of(lot, &item, wants);
            for (privileges, blocked) in self.connect_apart(lot, &item, excess, wants) {
                self.cut(
                    &case,
                    &mut chain,
                    &cut(privileges, Extent::Privileges),
                    blocked,
                );
            }
            let option = self.excess_option(lot, &item, wants).minus(excess);
            if !option.is_empty() {
                self.cut(&case, &mut chain, &cut(option, Extent::GrantOption), None);
            }
        }
        Cow::Owned(chain.into_items())
    }

    fn excess_of(&self, lot: &Lot<'_>, item: &AclItem, wants: &Wants) -> Privileges {
        match &item.grantee {
            Grantee::Public => self.excess_of_public(lot, item),
            Grantee::Role(role) => match self.cast.standing(role) {
                // Where it goes on owning something, that runs with what it holds.
                Standing::Retiring if self.is_stuck(role, lot.database) => Privileges::NONE,
                Standing::Retiring => item.privileges,
                Standing::Declared | Standing::Login | Standing::Iam if !self.judges(lot) => {
                    Privileges::NONE
                }
                Standing::Declared | Standing::Login | Standing::Iam => item
                    .privileges
                    .minus(wants.get(role).copied().unwrap_or_default().privileges),
                Standing::Undeclared if self.is_managed(lot) || self.is_data_of_managed(lot) => {
                    item.privileges
                }
                Standing::Undeclared | Standing::Admin | Standing::System | Standing::Ignored => {
                    Privileges::NONE
                }
            },
        }
    }

    /// Large objects have no schema: what is in them is the data of whoever owns them.
    fn is_data_of_managed(&self, lot: &Lot<'_>) -> bool {
        lot.group.kind == ObjectKind::LargeObject
            && self.judges(lot)
            && self.cast.standing(&lot.group.owner).is_managed()
    }

    fn excess_option(&self, lot: &Lot<'_>, item: &AclItem, wants: &Wants) -> Privileges {
        if item.grantable.is_empty() {
            return Privileges::NONE;
        }
        let managed = item
            .grantee
            .role()
            .filter(|role| self.judges(lot) && self.cast.standing(role).is_managed());
        let wanted = managed.map(|role| wants.get(role).copied().unwrap_or_default().grantable);
        wanted.map_or(Privileges::NONE, |wanted| item.grantable.minus(wanted))
    }

    /// In a database that is looked at for roles that go only, nothing else is judged.
    fn judges(&self, lot: &Lot<'_>) -> bool {
        self.policy.databases.contains_key(lot.database)
    }

    fn cut(&mut self, case: &Case<'_>, chain: &mut Chain, cut: &Cut, blocked: Option<Reason>) {
        let route = self.route(case, chain, cut);
        let after = match route {
            Ok(None) | Err(_) => chain.after(cut),
            Ok(Some(_)) => chain.without_grants_by(&cut.grantor, cut.privileges),
        };
        let lost = chain.lost_besides(&after, cut);
        let change = Change::Revoke {
            database: case.lot.database.clone(),
            objects: case.lot.members.clone(),
            owner: case.judged.owner.clone(),
            grantor: cut.grantor.clone(),
            grantee: cut.grantee.clone(),
            privileges: cut.privileges,
            extent: cut.extent,
            cascade: lost.iter().map(|item| item.grantee.clone()).collect(),
            via: route.as_ref().ok().cloned().flatten(),
        };
        let mut taken = step(change, self.rule_of_excess(case.lot, cut), None);
        taken.path = path(cut, &case.lot.members);
        if let Some(reason) = self.blocked_by_absence(cut) {
            return self.withhold(taken, reason);
        }
        let blocked = blocked
            .or_else(|| self.blocked_by_prune(cut))
            .or(route.err())
            .or_else(|| self.blocked_by_losers(cut, &lost))
            .or_else(|| self.blocked_by_restoration(case, chain, &after));
        if let Some(role) = cut.grantee.role() {
            self.note_unfinished(role, Some(case.lot.database), blocked.as_ref());
        }
        if self.push_or(taken, blocked) {
            *chain = after;
        }
    }

    /// In whose name it is revoked: the grantor's (`None`), or, where nobody can act as the grantor, that of whoever gave it
    /// the grant option, and takes from it all that it granted on.
    fn route(&self, case: &Case<'_>, chain: &Chain, cut: &Cut) -> Result<Option<RoleName>, Reason> {
        let owner = &case.judged.owner;
        let reachable = |role: &RoleName| {
            self.reach
                .can_become(self.reach.real_owner(role, case.lot.database))
        };
        let names = |role: &RoleName| {
            self.lacks_usage(case.lot, self.reach.real_owner(role, case.lot.database))
        };
        let exists = cut.grantor == *owner || self.state.roles.contains_key(&cut.grantor);
        let helpless = if exists && reachable(&cut.grantor) {
            names(&cut.grantor)
        } else {
            let grantor = self.reach.real_owner(&cut.grantor, case.lot.database);
            Some(self.unreachable(grantor))
        };
        let Some(reason) = helpless else {
            return Ok(None);
        };
        let source = chain.source_of_option(&cut.grantor, cut.privileges);
        source
            .filter(|role| reachable(role) && names(role).is_none())
            .cloned()
            .map(Some)
            .ok_or(reason)
    }

    fn rule_of_excess(&self, lot: &Lot<'_>, cut: &Cut) -> Rule {
        match self.cast.standing_of(&cut.grantee) {
            None => Rule::PublicUnexpected,
            Some(Standing::Undeclared | Standing::Retiring) => Rule::RoleUndeclared,
            Some(_) if cut.extent == Extent::GrantOption => Rule::GrantGrantable,
            Some(_) if lot.group.kind == ObjectKind::Column => Rule::ColumnUnexpected,
            Some(_) => Rule::GrantUnexpected,
        }
    }

    /// A role that was dropped by hand from the catalogs can no longer be named.
    fn blocked_by_absence(&self, cut: &Cut) -> Option<Reason> {
        let gone = |role: &&RoleName| !self.state.roles.contains_key(*role);
        let role = cut.grantee.role().filter(gone)?;
        Some(Reason::impossible(
            format!(
                "no role has the name `{role}`: the entry is left over from a role that is gone"
            ),
            "make the object anew as its owner; until then accept it with `allow`",
        ))
    }

    /// Nothing is taken from a role the policy does not declare, unless asked for.
    fn blocked_by_prune(&self, cut: &Cut) -> Option<Reason> {
        let role = cut
            .grantee
            .role()
            .filter(|role| self.cast.standing(role) == Standing::Undeclared)?;
        (!self.options.prune).then(|| {
            Reason::option(
                ApplyOption::Prune,
                format!("`{role}` is not declared"),
                "declare it, put it under `ignore` or `admins`, or use ",
            )
        })
    }

    /// What is declared and goes with it would have to be granted anew, which nobody can.
    fn blocked_by_restoration(
        &self,
        case: &Case<'_>,
        chain: &Chain,
        after: &Chain,
    ) -> Option<Reason> {
        let held = |chain: &Chain, role: &RoleName| {
            let mine = chain
                .items()
                .iter()
                .filter(|item| item.grantee.role().is_none_or(|one| one == role));
            mine.fold(Privileges::NONE, |sum, item| sum.union(item.privileges))
        };
        let loses = |(role, wanted): (&RoleName, &Wanted)| {
            let lost = held(chain, role).minus(held(after, role));
            *role != case.judged.owner && !wanted.privileges.intersection(lost).is_empty()
        };
        let owner = self.reach.real_owner(&case.judged.owner, case.lot.database);
        let helpless = || {
            self.out_of_reach(owner)
                .or_else(|| self.lacks_usage(case.lot, owner))
        };
        case.wants.iter().any(loses).then(helpless).flatten()
    }

    /// Whoever else would lose something by it.
    fn blocked_by_losers(&self, cut: &Cut, lost: &[AclItem]) -> Option<Reason> {
        let spared = |role: &RoleName| match self.cast.standing(role) {
            // A further grant of the same transaction restores what is declared.
            Standing::Declared | Standing::Login | Standing::Iam => false,
            // What a role that goes has given goes with it, to whomever.
            Standing::Undeclared => {
                !self.options.prune
                    && self.cast.standing_of(&cut.grantee) != Some(Standing::Retiring)
            }
            Standing::Retiring => false,
            Standing::Admin | Standing::System | Standing::Ignored => true,
        };
        let role = lost
            .iter()
            .filter_map(|item| item.grantee.role())
            .find(|role| spared(role))?;
        Some(Reason::option(
            ApplyOption::Prune,
            format!("`{role}` would lose what was granted on to it"),
            "grant it to them as the owner first, or use ",
        ))
    }
}

/// How the grantee comes to it, in one line.
fn path(cut: &Cut, objects: &[Object]) -> Vec<String> {
    let on = match objects {
        [one] => one.to_string(),
        many => format!("{} objects", many.len()),
    };
    vec![
        cut.grantee.to_string(),
        format!("{} on {on} granted by {}", cut.privileges, cut.grantor),
    ]
}
