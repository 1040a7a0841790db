//! Access control lists, as PostgreSQL keeps them: one item per grantor and grantee.

use std::fmt;
use std::sync::Arc;

use super::{Privilege, PrivilegeClass, Privileges, RoleName};

/// Whom a privilege is granted to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grantee {
    /// Every role.
    Public,
    /// One role.
    Role(RoleName),
}

impl Grantee {
    /// The role, unless it is PUBLIC.
    pub fn role(&self) -> Option<&RoleName> {
        match self {
            Self::Public => None,
            Self::Role(role) => Some(role),
        }
    }
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => f.write_str("PUBLIC"),
            Self::Role(role) => role.fmt(f),
        }
    }
}

impl serde::Serialize for Grantee {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One `aclitem`: what one grantor gave to one grantee.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclItem {
    /// Who holds the privileges.
    pub grantee: Grantee,
    /// In whose name they were granted.
    pub grantor: RoleName,
    /// The privileges held.
    pub privileges: Privileges,
    /// Those of them held with grant option.
    pub grantable: Privileges,
}

/// A text that is not an aclitem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an aclitem")]
pub struct AclError(pub String);

impl AclItem {
    /// Parses the text form, `grantee=privileges/grantor`, in which `*` follows what is held with grant option.
    /// <https://www.postgresql.org/docs/current/ddl-priv.html#PRIVILEGE-ABBREVS-TABLE>
    ///
    /// # Errors
    /// Not of that form, an unknown letter, or a name that cannot be one.
    pub fn parse(text: &str) -> Result<Self, AclError> {
        Self::parse_with(text, |name| RoleName::new(name).ok())
    }

    /// The same with names as `role` reads them.
    ///
    /// # Errors
    /// Not of that form, an unknown letter, or a name that `role` does not take.
    pub fn parse_with(
        text: &str,
        role: impl Fn(&str) -> Option<RoleName>,
    ) -> Result<Self, AclError> {
        Self::parse_parts(text, role).ok_or_else(|| AclError(text.to_owned()))
    }

    fn parse_parts(text: &str, role: impl Fn(&str) -> Option<RoleName>) -> Option<Self> {
        let (grantee, rest) = take_name(text)?;
        let (letters, grantor) = rest.strip_prefix('=')?.split_once('/')?;
        let (grantor, rest) = take_name(grantor)?;
        if !rest.is_empty() {
            return None;
        }
        let (privileges, grantable) = take_privileges(letters)?;
        let grantee = match grantee.as_str() {
            "" => Grantee::Public,
            name => Grantee::Role(role(name)?),
        };
        Some(Self {
            grantee,
            grantor: role(&grantor)?,
            privileges,
            grantable,
        })
    }
}

/// Reads a role name as `putid()` writes it: bare, or in double quotes with inner ones doubled.
fn take_name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(['=', '/', '"']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}

fn take_privileges(letters: &str) -> Option<(Privileges, Privileges)> {
    let (mut privileges, mut grantable) = (Privileges::NONE, Privileges::NONE);
    let mut last = Privileges::NONE;
    for letter in letters.chars() {
        if letter == '*' {
            grantable = grantable.union(last);
        } else {
            last = Privileges::of(&[Privilege::from_letter(letter)?]);
            privileges = privileges.union(last);
        }
    }
    Some((privileges, grantable))
}

/// The privileges of all roles but the owner on an object. The owner's own entries are left out: they are real
/// (`REVOKE ALL … FROM owner` bites), but never drift, for the owner can always grant them back.
///
/// Entries are shared: where fifty thousand tables have fifty thousand lists, few entries are unlike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Acl(Vec<Arc<AclItem>>);

impl Acl {
    /// The list of `items` on an object of `owner`, in normal form: sorted, merged per grantor and grantee, without
    /// the owner's own entries and without empty ones.
    pub fn new(owner: &RoleName, items: impl IntoIterator<Item: Into<Arc<AclItem>>>) -> Self {
        let mut items: Vec<Arc<AclItem>> = items
            .into_iter()
            .map(Into::into)
            .filter(|item| item.grantee.role() != Some(owner) && !item.privileges.is_empty())
            .collect();
        items.sort();
        items.dedup_by(|later, kept| {
            let same = later.grantee == kept.grantee && later.grantor == kept.grantor;
            if same {
                let kept = Arc::make_mut(kept);
                kept.privileges = kept.privileges.union(later.privileges);
                kept.grantable = kept.grantable.union(later.grantable);
            }
            same
        });
        items.shrink_to_fit();
        Self(items)
    }

    /// The list of an object whose ACL is NULL: `acldefault(class, owner)`.
    pub fn default_for(class: PrivilegeClass, owner: &RoleName) -> Self {
        let public = class.public_default();
        let item = AclItem {
            grantee: Grantee::Public,
            grantor: owner.clone(),
            privileges: public,
            grantable: Privileges::NONE,
        };
        Self::new(owner, [item])
    }

    /// What the owner of an object holds by its own entries among `items`.
    pub fn own<'a>(owner: &RoleName, items: impl IntoIterator<Item = &'a AclItem>) -> Privileges {
        let own = items
            .into_iter()
            .filter(|item| item.grantee.role() == Some(owner));
        own.fold(Privileges::NONE, |sum, item| sum.union(item.privileges))
    }

    /// The list after `ALTER … OWNER TO new`: whatever the old owner granted or held becomes the new owner's, entries
    /// that meet are merged. Mirrors `aclnewowner()`.
    #[must_use]
    pub fn after_owner_change(&self, old: &RoleName, new: &RoleName) -> Self {
        let renamed = |role: &RoleName| {
            if role == old {
                new.clone()
            } else {
                role.clone()
            }
        };
        let items = self.0.iter().map(|item| AclItem {
            grantee: match &item.grantee {
                Grantee::Public => Grantee::Public,
                Grantee::Role(role) => Grantee::Role(renamed(role)),
            },
            grantor: renamed(&item.grantor),
            privileges: item.privileges,
            grantable: item.grantable,
        });
        Self::new(new, items)
    }

    /// The entries, sorted by grantee, then grantor.
    pub fn items(&self) -> &[Arc<AclItem>] {
        &self.0
    }

    /// What `grantee` holds by whatever grantor.
    pub fn held_by(&self, grantee: &Grantee) -> Privileges {
        self.0
            .iter()
            .filter(|item| item.grantee == *grantee)
            .fold(Privileges::NONE, |sum, item| sum.union(item.privileges))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn item(text: &str) -> AclItem {
        AclItem::parse(text).unwrap()
    }

    #[test]
    fn reads_grantee_letters_options_and_grantor() {
        let parsed = item("app=r*wX/owner");
        assert_eq!(parsed.grantee, Grantee::Role(role("app")));
        assert_eq!(parsed.grantor, role("owner"));
        assert_eq!(parsed.privileges.to_string(), "SELECT, UPDATE, EXECUTE");
        assert_eq!(parsed.grantable.to_string(), "SELECT");
    }

    #[test]
    fn an_empty_grantee_is_public_and_a_quoted_public_is_too_quoted_to_be() {
        assert_eq!(item("=U/owner").grantee, Grantee::Public);
        assert_eq!(
            item("\"a=b\"\"/\"=r/\"o w\"").grantee,
            Grantee::Role(role("a=b\"/"))
        );
        assert_eq!(item("\"a=b\"\"/\"=r/\"o w\"").grantor, role("o w"));
    }

    #[test]
    fn refuses_what_is_no_aclitem() {
        for wrong in [
            "",
            "app",
            "app=r",
            "app=r/",
            "app=?/o",
            "\"app=r/o",
            "app=r/o x=\"",
            "=/=/",
        ] {
            assert!(AclItem::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_owners_own_entries_are_left_out_and_halves_are_merged() {
        let acl = Acl::new(
            &role("o"),
            [
                item("o=arwd/o"),
                item("a=r/o"),
                item("a=w*/o"),
                item("a=d/b"),
            ],
        );
        assert_eq!(acl.items(), [item("a=d/b"), item("a=rw*/o")].map(Arc::new));
    }

    #[test]
    fn a_new_owner_takes_over_what_the_old_one_granted_and_held() {
        let acl = Acl::new(
            &role("old"),
            [item("new=r/old"), item("a=r*/old"), item("b=r/a")],
        );
        let after = acl.after_owner_change(&role("old"), &role("new"));
        assert_eq!(
            after.items(),
            [item("a=r*/new"), item("b=r/a")].map(Arc::new)
        );
    }
}
