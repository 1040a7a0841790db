//! ACLs as the server prints them: items, a line each, behind the name of the owner.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolewright::model::{Acl, AclItem, Grantee, Privilege, Privileges, RoleName};

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let Some(Ok(owner)) = lines.next().map(RoleName::new) else {
        return;
    };
    let mut items = Vec::new();
    for line in lines {
        match AclItem::parse(line) {
            Ok(item) => {
                let printed = printed(&item);
                assert_eq!(AclItem::parse(&printed).as_ref(), Ok(&item), "{printed:?}");
                assert!(item.grantable.minus(item.privileges).is_empty());
                items.push(item);
            }
            Err(error) => assert_eq!(error.0, line),
        }
    }
    is_a_normal_form(&owner, items);
});

/// One list, however it is written; and nothing is lost or made up when its object changes hands.
fn is_a_normal_form(owner: &RoleName, items: Vec<AclItem>) {
    let acl = Acl::new(owner, items.iter().cloned());
    assert_eq!(Acl::new(owner, items.iter().rev().cloned()), acl);
    assert_eq!(Acl::new(owner, acl.items().iter().cloned()), acl);
    assert_eq!(acl.after_owner_change(owner, owner), acl);
    for item in acl.items() {
        assert_ne!(item.grantee.role(), Some(owner));
        assert!(
            acl.held_by(&item.grantee)
                .minus(held(&items, &item.grantee))
                .is_empty()
        );
        let new = &item.grantor;
        let after = acl.after_owner_change(owner, new);
        assert_eq!(
            after.held_by(&Grantee::Public),
            acl.held_by(&Grantee::Public)
        );
        assert!(after.items().iter().all(
            |item| item.grantee.role() != Some(new) && (new == owner || item.grantor != *owner)
        ));
    }
}

fn held(items: &[AclItem], grantee: &Grantee) -> Privileges {
    items
        .iter()
        .filter(|item| item.grantee == *grantee)
        .fold(Privileges::NONE, |sum, item| sum.union(item.privileges))
}

/// As `aclitemout()` does it.
fn printed(item: &AclItem) -> String {
    let letters: String = ('A'..='z')
        .filter_map(|letter| Some((letter, Privilege::from_letter(letter)?)))
        .filter(|(_, privilege)| item.privileges.contains(*privilege))
        .flat_map(|(letter, privilege)| {
            [
                Some(letter),
                item.grantable.contains(privilege).then_some('*'),
            ]
        })
        .flatten()
        .collect();
    let grantee = item
        .grantee
        .role()
        .map(|role| name(role.as_str()))
        .unwrap_or_default();
    format!("{grantee}={letters}/{}", name(item.grantor.as_str()))
}

/// As `putid()` does it.
fn name(name: &str) -> String {
    let safe = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if safe {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
