//! Prepared transactions that have changed roles. No session holds them, and they keep their locks until they end: a run that
//! changes the same role waits, and fails.

use super::Diff;
use crate::model::{RoleUse, RoleUseKind};
use crate::plan::reach::{Actor, Reach};
use crate::plan::{Finding, Rule, Severity, statement};

impl Diff<'_> {
    /// One warning for each.
    pub(super) fn prepared(&mut self) {
        let on_roles = |one: &&RoleUse| one.kind == RoleUseKind::PreparedOnRoles;
        for one in self.state.uses.iter().filter(on_roles) {
            let message = format!(
                "{one}, prepared by {}, has changed roles and keeps them locked: until it ends, apply and rotate cannot change \
                 the same roles",
                one.role
            );
            self.note(Finding {
                severity: Severity::Warning,
                database: Some(one.database.clone()),
                role: Some(one.role.to_string()),
                object: Some(one.to_string()),
                fix: roll_back(one, &self.reach),
                ..Finding::new(Rule::RoleAttribute, message)
            });
        }
    }
}

/// What ends it, in its database. Only the role that prepared it, or a superuser, may; and not inside a transaction.
/// <https://www.postgresql.org/docs/current/sql-rollback-prepared.html>
fn roll_back(one: &RoleUse, reach: &Reach<'_>) -> Option<String> {
    let end = statement::roll_back_prepared(&one.name);
    if one.role == *reach.admin() {
        return Some(end);
    }
    let (role, admin) = (&one.role, reach.admin());
    let (become_it, reset) = (
        statement::set_session_role(Some(role)),
        statement::set_session_role(None),
    );
    if !reach.needs_membership(role) {
        return Some([become_it, end, reset].join("; "));
    }
    let by = match reach.administrator(role)? {
        Actor::Admin => None,
        Actor::Role(maker) => Some(maker),
    };
    let as_lender = || statement::set_session_role(by.as_ref());
    let major = reach.server().major();
    let lend = statement::lend(role, admin, None, major);
    let give_back = statement::give_back(role, admin, None, major);
    let steps = [
        as_lender(),
        lend,
        become_it,
        end,
        as_lender(),
        give_back,
        reset,
    ];
    // Without a lender the session has its own role at the beginning and at the end.
    let needed = if by.is_some() {
        &steps[..]
    } else {
        &steps[1..6]
    };
    Some(needed.join("; "))
}
