//! What is granted too little.

use std::sync::Arc;

use super::emit::{Part, step};
use super::objects::Lot;
use super::owners::Judged;
use super::{Diff, Phase};
use crate::model::{AclItem, Grantee, Privileges, RoleName};
use crate::plan::expected::{Wanted, Wants};
use crate::plan::{Change, Rule, Step};

impl Diff<'_> {
    /// Grants what the policy gives and no entry that stays does.
    pub(super) fn missing(
        &mut self,
        lot: &Lot<'_>,
        judged: &Judged,
        wants: &Wants,
        left: &[Arc<AclItem>],
    ) {
        for (role, lack) in self.lacking(lot, judged, wants, left) {
            self.grant(lot, judged, &role, lack);
        }
    }

    /// What each role lacks, of an object that belongs to `judged.owner`.
    fn lacking(
        &self,
        lot: &Lot<'_>,
        judged: &Judged,
        wants: &Wants,
        left: &[Arc<AclItem>],
    ) -> Vec<(RoleName, Lack)> {
        let mut lacking = Vec::new();
        for (role, wanted) in wants.iter().filter(|(role, _)| **role != judged.owner) {
            let wanted = self.of_this_run(lot, judged, role, *wanted);
            // Sorted by grantee, as every ACL is.
            let first = left.partition_point(|item| item.grantee.role() < Some(role));
            let held = left[first..]
                .iter()
                .take_while(|item| item.grantee.role() == Some(role));
            let (mut privileges, mut grantable) = (Privileges::NONE, Privileges::NONE);
            held.for_each(|item| {
                privileges = privileges.union(item.privileges);
                grantable = grantable.union(item.grantable);
            });
            let with_option = wanted.grantable.minus(grantable);
            let plain = wanted.privileges.minus(privileges).minus(with_option);
            let rule = if with_option.minus(privileges).is_empty() {
                Rule::GrantGrantable
            } else {
                Rule::GrantMissing
            };
            // Of an unproven role only what it would lose is given back.
            let back = self.would_lose(lot, judged, role, left).unwrap_or_default();
            let option_back = with_option.intersection(back.grantable);
            let plain_back = plain
                .union(with_option.minus(option_back))
                .intersection(back.privileges);
            let part = if self.options.phase == Phase::Contract {
                Part::Restores
            } else {
                Part::ByChange
            };
            let mut lacks = |privileges, grantable, part, rule| {
                lacking.push((
                    role.clone(),
                    Lack {
                        privileges,
                        grantable,
                        part,
                        rule,
                    },
                ));
            };
            lacks(plain_back, false, Part::Keeps, Rule::GrantMissing);
            lacks(option_back, true, Part::Keeps, rule);
            lacks(plain.minus(plain_back), false, part, Rule::GrantMissing);
            lacks(with_option.minus(option_back), true, part, rule);
        }
        lacking
    }

    /// A run that only takes away gives no more than what somebody had until then, and so does one that leaves the object with
    /// somebody else: that is one finding, `owner.unexpected`, and what is lacking would only repeat it.
    pub(super) fn of_this_run(
        &self,
        lot: &Lot<'_>,
        judged: &Judged,
        role: &RoleName,
        wanted: Wanted,
    ) -> Wanted {
        if self.options.phase != Phase::Contract && !judged.foreign {
            return wanted;
        }
        let exists = self.state.roles.contains_key(role);
        let (privileges, grantable) = if exists {
            held_until_now(lot, judged, role)
        } else {
            Default::default()
        };
        Wanted {
            privileges: wanted.privileges.intersection(privileges),
            grantable: wanted.grantable.intersection(grantable),
        }
    }

    fn grant(&mut self, lot: &Lot<'_>, judged: &Judged, role: &RoleName, lack: Lack) {
        if lack.privileges.is_empty() {
            return;
        }
        let change = granted(lot, judged, role, &lack);
        let Lack { part, rule, .. } = lack;
        let owner = self.reach.real_owner(&judged.owner, lot.database);
        let blocked = self
            .out_of_reach(owner)
            .or_else(|| self.lacks_usage(lot, owner));
        let origin = self.origin(role);
        if judged.waits && blocked.is_some() {
            // Its owner to be will give it.
            return;
        }
        let asked = self.asked(role, lot);
        self.push_part_or(
            Step {
                asked,
                ..step(change, rule, origin.as_ref())
            },
            part,
            blocked,
        );
    }
}

/// Privileges that a role lacks.
struct Lack {
    privileges: Privileges,
    grantable: bool,
    part: Part,
    rule: Rule,
}

fn granted(lot: &Lot<'_>, judged: &Judged, role: &RoleName, lack: &Lack) -> Change {
    Change::Grant {
        database: lot.database.clone(),
        objects: lot.members.clone(),
        owner: judged.owner.clone(),
        grantee: Grantee::Role(role.clone()),
        privileges: lack.privileges,
        grantable: lack.grantable,
    }
}

/// What `role` can do with the objects of a lot until now, by whatever entry: a run that takes such an entry away gives what
/// is declared by another one in the same transaction. What is taken over brings along everything that is declared.
fn held_until_now(lot: &Lot<'_>, judged: &Judged, role: &RoleName) -> (Privileges, Privileges) {
    let all = lot.group.kind.class().applicable(u32::MAX);
    if judged.owner != lot.group.owner {
        return (all, all);
    }
    let items = lot.group.acl.items().iter();
    let mine = items.filter(|item| item.grantee.role().is_none_or(|grantee| grantee == role));
    mine.fold(Default::default(), |(privileges, grantable), item| {
        (
            item.privileges.union(privileges),
            item.grantable.union(grantable),
        )
    })
}
