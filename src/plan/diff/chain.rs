//! How the entries of one ACL hang together: whatever was granted with a grant option goes when the option does.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::model::{Acl, AclItem, Grantee, Privileges, RoleName};
use crate::plan::Extent;

/// The entries of one ACL on their way to what they are to be.
#[derive(Clone)]
pub(super) struct Chain {
    owner: RoleName,
    items: Vec<Arc<AclItem>>,
}

/// What is taken from one entry.
pub(super) struct Cut {
    pub(super) grantor: RoleName,
    pub(super) grantee: Grantee,
    pub(super) privileges: Privileges,
    pub(super) extent: Extent,
}

impl Chain {
    pub(super) fn new(owner: &RoleName, acl: &Acl) -> Self {
        Self {
            owner: owner.clone(),
            items: acl.items().to_vec(),
        }
    }

    /// The entries.
    pub(super) fn items(&self) -> &[Arc<AclItem>] {
        &self.items
    }

    pub(super) fn into_items(self) -> Vec<Arc<AclItem>> {
        self.items
    }

    /// The entries, those that hang on others first.
    pub(super) fn deepest_first(&self) -> Vec<Arc<AclItem>> {
        let mut sorted: Vec<_> = self
            .items
            .iter()
            .map(|item| (Reverse(self.depth(item)), item.clone()))
            .collect();
        sorted.sort();
        sorted.into_iter().map(|(_, item)| item).collect()
    }

    fn depth(&self, item: &AclItem) -> usize {
        let (mut depth, mut grantor) = (0, &item.grantor);
        // A chain cannot be longer than the list; a hand-edited ACL may be a circle.
        while let Some(above) = self
            .items
            .iter()
            .find(|one| one.grantee.role() == Some(grantor))
        {
            depth += 1;
            grantor = &above.grantor;
            if depth > self.items.len() {
                break;
            }
        }
        depth
    }

    /// Who gave `role` its grant option for `privileges`, where that is one role alone.
    pub(super) fn source_of_option(
        &self,
        role: &RoleName,
        privileges: Privileges,
    ) -> Option<&RoleName> {
        let of_role = self
            .items
            .iter()
            .filter(|item| item.grantee.role() == Some(role));
        let mut options =
            of_role.filter(|item| !item.grantable.intersection(privileges).is_empty());
        let first = options.next()?;
        options.next().is_none().then_some(&first.grantor)
    }

    /// The list after REVOKE … CASCADE.
    pub(super) fn after(&self, cut: &Cut) -> Self {
        let mut chain = self.clone();
        chain.cut(&cut.grantor, &cut.grantee, cut.privileges, cut.extent);
        chain
    }

    /// The list after everything that `role` granted on has been taken with its grant option, and the option given again.
    pub(super) fn without_grants_by(&self, role: &RoleName, privileges: Privileges) -> Self {
        let mut chain = self.clone();
        for item in self.items.iter().filter(|item| item.grantor == *role) {
            chain.cut(role, &item.grantee, privileges, Extent::Privileges);
        }
        chain
    }

    /// What others than the one it is taken from lose on the way to `after`.
    pub(super) fn lost_besides(&self, after: &Self, cut: &Cut) -> Vec<AclItem> {
        let lost = self.items.iter().filter_map(|item| {
            let same =
                |one: &&Arc<AclItem>| one.grantee == item.grantee && one.grantor == item.grantor;
            let kept = after
                .items
                .iter()
                .find(same)
                .map_or(Privileges::NONE, |one| one.privileges);
            let privileges = item.privileges.minus(kept);
            (!privileges.is_empty()).then(|| AclItem {
                privileges,
                ..AclItem::clone(item)
            })
        });
        lost.filter(|item| item.grantee != cut.grantee || item.grantor != cut.grantor)
            .collect()
    }

    fn cut(
        &mut self,
        grantor: &RoleName,
        grantee: &Grantee,
        privileges: Privileges,
        extent: Extent,
    ) {
        let entry = self
            .items
            .iter_mut()
            .find(|item| item.grantor == *grantor && item.grantee == *grantee);
        let Some(entry) = entry.map(Arc::make_mut) else {
            return;
        };
        let options = entry.grantable.intersection(privileges);
        entry.grantable = entry.grantable.minus(privileges);
        if extent == Extent::Privileges {
            entry.privileges = entry.privileges.minus(privileges);
        }
        self.items.retain(|item| !item.privileges.is_empty());
        if let Some(role) = grantee.role() {
            self.cut_below(role, options);
        }
    }

    /// Mirrors `recursive_revoke()`: what `role` granted goes with its last grant option.
    /// <https://www.postgresql.org/docs/current/sql-revoke.html#SQL-REVOKE-DESCRIPTION>
    fn cut_below(&mut self, role: &RoleName, options: Privileges) {
        let of_role = self
            .items
            .iter()
            .filter(|item| item.grantee.role() == Some(role));
        let still = of_role.fold(Privileges::NONE, |sum, item| sum.union(item.grantable));
        let lost = options.minus(still);
        if lost.is_empty() || *role == self.owner {
            return;
        }
        let hanging = self.items.iter().filter(|item| item.grantor == *role);
        let grantees: Vec<_> = hanging.map(|item| item.grantee.clone()).collect();
        for grantee in grantees {
            self.cut(role, &grantee, lost, Extent::Privileges);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn chain(items: &[&str]) -> Chain {
        let items = items.iter().map(|text| AclItem::parse(text).unwrap());
        Chain::new(&role("o"), &Acl::new(&role("o"), items))
    }

    fn cut(from: &str, extent: Extent) -> Cut {
        let item = AclItem::parse(from).unwrap();
        Cut {
            grantor: item.grantor,
            grantee: item.grantee,
            privileges: item.privileges,
            extent,
        }
    }

    fn left(chain: &Chain) -> Vec<Arc<AclItem>> {
        chain.items.clone()
    }

    #[test]
    fn the_end_of_a_chain_comes_first() {
        let order: Vec<_> = chain(&["a=r*/o", "b=r*/a", "c=r/b"]).deepest_first();
        let order: Vec<_> = order.iter().map(|item| item.grantee.to_string()).collect();
        assert_eq!(order, ["c", "b", "a"]);
    }

    #[test]
    fn what_was_granted_on_goes_with_the_option() {
        let before = chain(&["a=r*w*/o", "b=r*w/a", "c=r/b"]);
        let after = before.after(&cut("a=r/o", Extent::GrantOption));
        assert_eq!(left(&after), left(&chain(&["a=rw*/o", "b=w/a"])));
        let lost = before.lost_besides(&after, &cut("a=r/o", Extent::GrantOption));
        let lost: Vec<_> = lost
            .iter()
            .map(|item| format!("{} {}", item.grantee, item.privileges))
            .collect();
        assert_eq!(lost, ["b SELECT", "c SELECT"]);
    }

    #[test]
    fn what_was_granted_on_stays_while_another_option_is_left() {
        let after = chain(&["a=r*/o", "a=r*/b", "b=r*/o", "c=r/a"])
            .after(&cut("a=r/o", Extent::Privileges));
        assert_eq!(left(&after), left(&chain(&["a=r*/b", "b=r*/o", "c=r/a"])));
    }

    #[test]
    fn a_circle_ends() {
        let circle = chain(&["a=r*/b", "b=r*/a"]);
        assert_eq!(circle.deepest_first().len(), 2);
        assert!(left(&circle.after(&cut("a=r/b", Extent::Privileges))).is_empty());
    }

    #[test]
    fn whoever_gave_the_option_clears_what_was_granted_by_it() {
        let before = chain(&["a=r*/o", "b=r*/a", "c=r/b", "d=r/o"]);
        let select = cut("a=r/o", Extent::Privileges).privileges;
        assert_eq!(
            before.source_of_option(&role("a"), select),
            Some(&role("o"))
        );
        assert_eq!(
            before.source_of_option(&role("b"), select),
            Some(&role("a"))
        );
        assert_eq!(before.source_of_option(&role("c"), select), None);
        assert_eq!(
            chain(&["a=r*/o", "a=r*/b"]).source_of_option(&role("a"), select),
            None
        );
        let after = before.without_grants_by(&role("a"), select);
        assert_eq!(left(&after), left(&chain(&["a=r*/o", "d=r/o"])));
    }
}
