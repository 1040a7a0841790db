//! What is granted too little.

use super::Diff;
use super::emit::step;
use super::objects::Lot;
use super::owners::Judged;
use crate::model::{AclItem, Grantee, Privileges, RoleName};
use crate::plan::expected::Wants;
use crate::plan::{Change, Rule};

impl Diff<'_> {
    /// Grants what the policy gives and no entry that stays does.
    pub(super) fn missing(&mut self, lot: &Lot<'_>, judged: &Judged, wants: &Wants, left: &[AclItem]) {
        for (role, wanted) in wants.iter().filter(|(role, _)| **role != judged.owner) {
            // Sorted by grantee, as every ACL is.
            let first = left.partition_point(|item| item.grantee.role() < Some(role));
            let held = left[first..].iter().take_while(|item| item.grantee.role() == Some(role));
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
        let blocked = self.out_of_reach(owner).or_else(|| self.lacks_usage(lot, owner));
        let origin = self.origin(role);
        self.push_or(step(change, rule, origin.as_ref()), blocked);
    }
}
