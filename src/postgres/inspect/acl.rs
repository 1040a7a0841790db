//! ACLs as the server prints them. Few different items stand in many ACLs: each is parsed once, and shared.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Acl, AclItem, PrivilegeClass, Privileges, RoleName};
use crate::postgres::error::Cause;

/// Items parsed so far.
#[derive(Default)]
pub struct Items(HashMap<String, Arc<AclItem>>);

impl Items {
    /// One item.
    pub fn parse(&mut self, text: &str) -> Result<Arc<AclItem>, Cause> {
        if let Some(item) = self.0.get(text) {
            return Ok(item.clone());
        }
        let item = Arc::new(AclItem::parse(text).map_err(|_| Cause::unknown("the ACL entry", text))?);
        self.0.insert(text.to_owned(), item.clone());
        Ok(item)
    }

    /// The ACL of an object of `owner`, and what the owner itself holds by it; NULL is the default of its class.
    pub fn acl(
        &mut self,
        class: PrivilegeClass,
        owner: &RoleName,
        items: Option<Vec<&str>>,
    ) -> Result<(Acl, Privileges), Cause> {
        let Some(items) = items else { return Ok((Acl::default_for(class, owner), class.owner_default())) };
        let items: Vec<_> = items.into_iter().map(|text| self.parse(text)).collect::<Result<_, _>>()?;
        let own = Acl::own(owner, items.iter().map(Arc::as_ref));
        Ok((Acl::new(owner, items), own))
    }
}
