//! Sessions that outlive their login: what the server does not let in any more, it does not end either.

use super::reach::Reach;
use super::{script, statement};
use crate::model::{Login, State};

/// The transaction that ends every session of `login`, with the rights of that login; `None` where this admin cannot have them.
/// <https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-SIGNAL>
pub fn end_sessions(state: &State, login: &Login) -> Option<Vec<String>> {
    let reach = Reach::new(state)?;
    let role = login.name();
    let can = reach.can_become(role);
    can.then(|| script::acting_as(&reach, role, statement::end_login_sessions(role)))
}
