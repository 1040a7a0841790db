//! ACLs as the server prints them. Few different items stand in many ACLs: each is parsed once, and shared.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Acl, AclItem, PrivilegeClass, Privileges, RoleName};
use crate::postgres::error::Cause;
use crate::postgres::names::{Names, Raw};

/// Items parsed so far.
#[derive(Default)]
pub struct Items(HashMap<Vec<u8>, Arc<AclItem>>);

impl Items {
    /// One item.
    pub fn parse(&mut self, names: &Names, text: Raw<'_>) -> Result<Arc<AclItem>, Cause> {
        if let Some(item) = self.0.get(text.0) {
            return Ok(item.clone());
        }
        let item = Arc::new(names.acl_item(text)?);
        self.0.insert(text.0.to_owned(), item.clone());
        Ok(item)
    }

    /// The ACL of an object of `owner`, and what the owner itself holds by it; NULL is the default of its class.
    pub fn acl(
        &mut self,
        names: &Names,
        class: PrivilegeClass,
        owner: &RoleName,
        items: Option<Vec<Raw<'_>>>,
    ) -> Result<(Acl, Privileges), Cause> {
        let Some(items) = items else {
            return Ok((Acl::default_for(class, owner), class.owner_default()));
        };
        let items: Vec<_> = items
            .into_iter()
            .map(|text| self.parse(names, text))
            .collect::<Result<_, _>>()?;
        let own = Acl::own(owner, items.iter().map(Arc::as_ref));
        Ok((Acl::new(owner, items), own))
    }
}
