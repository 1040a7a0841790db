//! The transactions of a plan: who says each statement, and which memberships that takes for a moment.

use std::collections::BTreeSet;

use super::batch::{batches, room};
use super::reach::{Actor, Reach};
use super::shelter::sheltered;
use super::together::{Saying, Wholes, together};
use super::{Aim, Change, Phase, Plan, statement};
use crate::model::{
    Database, DatabaseName, Object, ObjectKind, Privilege, RoleName, SchemaName, Server, State,
};

/// The statements of one transaction, BEGIN and COMMIT included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The database it runs in; `None` for what is of the instance: any one will do.
    pub database: Option<DatabaseName>,
    /// What it changes.
    pub changes: Vec<Change>,
    /// The statements.
    pub statements: Vec<String>,
    /// Which one it is of how many, where the server's lock table is too small for one.
    pub batch: Batch,
}

/// One of several transactions in the same database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

/// How long a statement waits for a lock at most before the transaction is given up and tried again: a queued ALTER or
/// GRANT makes everybody who comes after it wait too.
pub const LOCK_TIMEOUT: &str = "5s";

/// The transactions of `plan`, made for `state`: one for the roles and one for each database, unless the server has too
/// few locks for that.
pub fn script(plan: &Plan, state: &State) -> Vec<Transaction> {
    let Some(reach) = Reach::new(state) else {
        return Vec::new();
    };
    let mut transactions = Vec::new();
    let mut rest = &plan.steps[..];
    while let Some(first) = rest.first() {
        let target = first.change.target();
        let length = rest
            .iter()
            .take_while(|step| step.change.target() == target)
            .count();
        let (now, later) = rest.split_at(length);
        rest = later;
        let database = match target {
            Aim::Instance | Aim::Sessions | Aim::Departures => None,
            Aim::Database(database) => Some(database),
            Aim::Secret(_) => continue,
        };
        let changes: Vec<Change> = now.iter().map(|step| step.change.clone()).collect();
        let known = database
            .as_ref()
            .and_then(|name| Some((name, state.databases.get(name)?)));
        let wholes = Wholes::new(
            known.map(|(_, inventory)| inventory),
            &changes,
            room(&plan.server),
        );
        let batches = batches(changes, &plan.server, &wholes);
        let of = batches.len();
        for (index, changes) in batches.into_iter().enumerate() {
            let batch = Batch {
                number: index + 1,
                of,
            };
            let (name, inventory) = known.unzip();
            let statements = transaction(&reach, name, inventory, &changes, &wholes, &plan.server);
            transactions.push(Transaction {
                database: database.clone(),
                changes,
                statements,
                batch,
            });
        }
    }
    transactions
}

/// Whether `login` gets into `database` as `state` is, by its own rights or PUBLIC's.
pub fn may_connect(state: &State, login: &RoleName, database: &DatabaseName) -> bool {
    let Some(reach) = Reach::new(state) else {
        return false;
    };
    let Some(group) = reach.database(database) else {
        return false;
    };
    let public = group
        .acl
        .held_by(&crate::model::Grantee::Public)
        .contains(crate::model::Privilege::Connect);
    public || (reach.admin() == login && reach.keeps_connect(group))
}

/// The beginning of a transaction that changes `role` in the name of whoever may.
pub fn administer(state: &State, role: &RoleName) -> Vec<String> {
    let Some(reach) = Reach::new(state) else {
        return begin();
    };
    let mut writer = Writer {
        statements: begin(),
        now: Actor::Admin,
    };
    writer.act_as(&reach.administrator(role).unwrap_or(Actor::Admin), &reach);
    writer.statements
}

/// The schemas and extensions of `plan`, made and rolled back.
pub fn rehearsal(plan: &Plan, state: &State) -> Vec<Transaction> {
    let makes = |change: &Change| {
        matches!(
            change,
            Change::CreateSchema { .. } | Change::CreateExtension { .. }
        )
    };
    let steps = plan
        .steps
        .iter()
        .filter(|step| makes(&step.change))
        .cloned()
        .collect();
    let mut transactions = script(
        &Plan {
            steps,
            ..plan.clone()
        },
        state,
    );
    transactions.retain(|one| {
        one.statements
            .iter()
            .any(|text| text.starts_with("CREATE EXTENSION"))
    });
    for transaction in &mut transactions {
        transaction.statements.pop();
        transaction.statements.push("ROLLBACK".into());
    }
    transactions
}

/// What is said before anything else in a writing transaction. READ COMMITTED, so that the check before COMMIT sees what
/// others did meanwhile.
pub fn begin() -> Vec<String> {
    vec![
        "BEGIN ISOLATION LEVEL READ COMMITTED".into(),
        "SET LOCAL search_path = pg_catalog".into(),
        format!("SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"),
    ]
}

/// The statements of one change and of what it brings along in the same transaction, for this admin to run by hand; `None`
/// where it may not do all of it. Without the beginning that keeps a whole plan from waiting for locks.
pub(super) fn alone(reach: &Reach<'_>, change: &Change, brings: &[Change]) -> Option<Vec<String>> {
    let database = match change.target() {
        Aim::Database(database) => Some(database),
        Aim::Instance | Aim::Sessions | Aim::Departures | Aim::Secret(_) => None,
    };
    let changes: Vec<_> = std::iter::once(change).chain(brings).cloned().collect();
    if !changes
        .iter()
        .all(|one| is_possible(reach, database.as_ref(), one))
    {
        return None;
    }
    let server = reach.server();
    let wholes = Wholes::new(None, &changes, room(server));
    let all = transaction(reach, database.as_ref(), None, &changes, &wholes, server);
    let mut statements: Vec<_> = all.into_iter().skip(begin().len()).collect();
    statements.pop();
    statements.pop_if(|last| *last == statement::set_role(None));
    if statements.len() > 1 {
        statements.insert(0, "BEGIN".into());
        statements.push("COMMIT".into());
    }
    Some(statements)
}

/// A statement that takes the rights of `from` and of `to` at once, with the memberships that it takes for a moment.
pub(super) fn handing_over(
    reach: &Reach<'_>,
    from: &RoleName,
    to: &RoleName,
    statement: String,
) -> Vec<String> {
    let by = reach.transferrer([from, to]);
    let (member, major) = (reach.name(&by).clone(), reach.server().major());
    let mut loans = BTreeSet::new();
    for role in [from, to]
        .into_iter()
        .filter(|role| reach.needs_loan(role, &member))
    {
        loans.extend(
            reach
                .administrator(role)
                .map(|by| (role.clone(), member.clone(), by)),
        );
    }
    let mut writer = Writer {
        statements: vec!["BEGIN".into()],
        now: Actor::Admin,
    };
    writer.lend(&loans, reach, major);
    writer.act_as(&by, reach);
    writer.say(statement);
    writer.give_back(&loans, reach, major);
    writer.say("COMMIT".into());
    writer.statements
}

/// A transaction of `statement` with the rights of `role`, with the membership that it takes for a moment.
pub(super) fn acting_as(reach: &Reach<'_>, role: &RoleName, statement: String) -> Vec<String> {
    let mut loans = Loans::new();
    if reach.needs_membership(role) {
        loans.extend(
            reach
                .administrator(role)
                .map(|by| (role.clone(), reach.admin().clone(), by)),
        );
    }
    let mut writer = Writer {
        statements: begin(),
        now: Actor::Admin,
    };
    writer.lend(&loans, reach, reach.server().major());
    writer.act_as(&Actor::Role(role.clone()), reach);
    writer.say(statement);
    writer.give_back(&loans, reach, reach.server().major());
    writer.act_as(&Actor::Admin, reach);
    writer.say("COMMIT".into());
    writer.statements
}

/// Whether this admin can make a change, as far as the roles in whose name it is made decide that.
fn is_possible(reach: &Reach<'_>, database: Option<&DatabaseName>, change: &Change) -> bool {
    let becomes = |role: &RoleName| {
        reach.can_become(database.map_or(role, |name| reach.real_owner(role, name)))
    };
    let administers = |role: &RoleName| reach.administrator(role).is_some();
    let names = |role: &RoleName, objects: &[Object]| {
        let place = |object: &Object| Some((database?, object.schema()?.clone()));
        let places: BTreeSet<_> = objects.iter().filter_map(place).collect();
        let role = database.map_or(role, |name| reach.real_owner(role, name));
        let of_schemas = objects
            .iter()
            .any(|object| matches!(object, Object::Schema(_)));
        let uses = |place: &(&DatabaseName, SchemaName)| {
            reach.holds_on_schema(role, (place.0, &place.1), Privilege::Usage)
        };
        of_schemas || places.iter().all(uses)
    };
    match change {
        Change::CreateRole { .. } => reach.can_create_roles(),
        Change::AlterRole { role, attributes } => {
            administers(role) && attributes.iter().all(|one| reach.may_set(one))
        }
        Change::SetParameter { role, setting } | Change::ResetParameter { role, setting } => {
            let settable =
                setting.parameter == "role" || reach.server().settable.contains(&setting.parameter);
            administers(role) && settable
        }
        Change::DropRole { role, .. } => administers(role),
        Change::GrantMembership { edge } => administers(&edge.role),
        Change::RevokeMembership { membership, .. } => reach.revoker(membership).is_some(),
        Change::CreateSchema { .. } | Change::CreateExtension { .. } => {
            database.is_some_and(|database| reach.creator(database).is_some())
        }
        Change::UpdateExtension { owner, .. } => becomes(owner),
        Change::Grant { owner, objects, .. } => becomes(owner) && names(owner, objects),
        Change::Revoke {
            grantor,
            via,
            objects,
            ..
        } => {
            let by = via.as_ref().unwrap_or(grantor);
            becomes(by) && names(by, objects)
        }
        Change::GrantDefault { default, .. } | Change::RevokeDefault { default, .. } => {
            becomes(&default.owner)
        }
        Change::ChangeOwner {
            from,
            to,
            objects,
            creates_by,
            ..
        } => {
            let holds =
                becomes(from) && becomes(to) && (names(from, objects) || names(to, objects));
            holds && may_own(reach, database, objects, (to, creates_by.as_ref()))
        }
        Change::ReassignOwned { from, to, .. } => becomes(from) && becomes(to),
        Change::DropOwned {
            role, policies_of, ..
        } => becomes(role) && policies_of.iter().all(becomes),
        Change::EndSessions { role } => becomes(role),
        Change::CreateSecret { .. }
        | Change::LabelSecret { .. }
        | Change::DestroyVersions { .. }
        | Change::Credential { .. }
        | Change::Bind { .. }
        | Change::Unbind { .. } => false,
    }
}

/// Whether objects may go to `to`, which has CREATE in their schemas, or is let for the moment by `creates_by`. Some kinds
/// want rights on something else of their owner, or a superuser.
fn may_own(
    reach: &Reach<'_>,
    database: Option<&DatabaseName>,
    objects: &[Object],
    (to, creates_by): (&RoleName, Option<&RoleName>),
) -> bool {
    objects
        .iter()
        .all(|object| match (object, database, object.schema()) {
            (Object::Schema(_), Some(database), _) => reach.creates_in(to, database),
            (
                Object::Bare {
                    kind: ObjectKind::LargeObject,
                    ..
                }
                | Object::Database(_),
                ..,
            ) => true,
            (Object::Bare { .. }, ..) => false,
            (_, Some(database), Some(schema)) => {
                creates_by.is_some_and(|by| reach.can_become(by))
                    || reach.holds_on_schema(to, (database, schema), Privilege::Create)
            }
            _ => false,
        })
}

fn transaction(
    reach: &Reach<'_>,
    database: Option<&DatabaseName>,
    known: Option<&Database>,
    changes: &[Change],
    wholes: &Wholes,
    server: &Server,
) -> Vec<String> {
    let major = server.major();
    let mut writer = Writer {
        statements: begin(),
        now: Actor::Admin,
    };
    // From 16 on a setting of the admin's could leave a membership behind with every role it makes.
    if major >= 16
        && changes
            .iter()
            .any(|change| matches!(change, Change::CreateRole { .. }))
    {
        writer.say("SET LOCAL createrole_self_grant = ''".into());
    }
    let loans = loans(reach, database, changes);
    writer.lend(&loans, reach, major);
    let acts = |owner: &RoleName, change: &Change| {
        actor(reach, database, change) == Actor::Role(owner.clone())
    };
    let mut sheltered = known
        .map(|known| sheltered(changes, known, server, acts))
        .unwrap_or_default();
    let sayings = together(changes);
    for run in sayings.chunk_by(Saying::is_about_the_same) {
        let Some(change) = run.first().map(Saying::change) else {
            continue;
        };
        if change.phase() >= Phase::Revokes {
            for (owner, relations) in std::mem::take(&mut sheltered) {
                writer.act_as(&Actor::Role(owner), reach);
                statement::shelter(&relations, major)
                    .into_iter()
                    .for_each(|text| writer.say(text));
            }
        }
        writer.let_create(change, true, reach);
        writer.act_as(&actor(reach, database, change), reach);
        let said = run
            .iter()
            .map(|saying| statement::said(saying, wholes, major, reach.maker_name()));
        in_turn(said.collect())
            .into_iter()
            .for_each(|text| writer.say(text));
        writer.let_create(change, false, reach);
    }
    writer.give_back(&loans, reach, major);
    writer.act_as(&Actor::Admin, reach);
    writer.say("COMMIT".into());
    writer.statements
}

/// The first statement of each, then the second of each, and so on: what is said of the same objects follows close on each
/// other, while the server has their rows at hand.
fn in_turn(said: Vec<Vec<String>>) -> Vec<String> {
    let mut lists: Vec<_> = said.into_iter().map(Vec::into_iter).collect();
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        turns.extend(lists.iter_mut().filter_map(Iterator::next));
        if turns.len() == before {
            return turns;
        }
    }
}

/// Whoever is to own something must be let create in its schema, until it does.
/// <https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-DESC-OWNER-TO>
fn creator_for(change: &Change) -> Option<(&[Object], &RoleName, Actor)> {
    match change {
        Change::ChangeOwner {
            objects,
            to,
            creates_by: Some(owner),
            ..
        } => Some((objects, to, Actor::Role(owner.clone()))),
        _ => None,
    }
}

struct Writer {
    statements: Vec<String>,
    now: Actor,
}

impl Writer {
    fn let_create(&mut self, change: &Change, allowed: bool, reach: &Reach<'_>) {
        if let Some((objects, to, by)) = creator_for(change) {
            self.act_as(&by, reach);
            statement::creates(objects, to, allowed)
                .into_iter()
                .for_each(|text| self.say(text));
        }
    }

    fn lend(&mut self, loans: &Loans, reach: &Reach<'_>, major: u32) {
        for (role, member, by) in loans {
            self.act_as(by, reach);
            self.say(statement::lend(
                role,
                member,
                reach.existing(role, member, by),
                major,
            ));
        }
    }

    fn give_back(&mut self, loans: &Loans, reach: &Reach<'_>, major: u32) {
        for (role, member, by) in loans {
            self.act_as(by, reach);
            self.say(statement::give_back(
                role,
                member,
                reach.existing(role, member, by),
                major,
            ));
        }
    }

    fn say(&mut self, text: String) {
        self.statements.push(text);
    }

    fn act_as(&mut self, actor: &Actor, reach: &Reach<'_>) {
        let actor = match actor {
            Actor::Role(role) if role == reach.admin() => Actor::Admin,
            other => other.clone(),
        };
        if actor != self.now {
            let role = match &actor {
                Actor::Admin => None,
                Actor::Role(role) => Some(role),
            };
            self.statements.push(statement::set_role(role));
            self.now = actor;
        }
    }
}

/// In whose name a change is made: object rights in the owner's, so that the recorded grantor is the owner whatever else
/// the session inherits.
fn actor(reach: &Reach<'_>, database: Option<&DatabaseName>, change: &Change) -> Actor {
    let administrator = |role: &RoleName| reach.administrator(role).unwrap_or(Actor::Admin);
    let owner = |owner: &RoleName| {
        let real = database.map_or(owner, |database| reach.real_owner(owner, database));
        Actor::Role(real.clone())
    };
    match change {
        Change::CreateRole { .. } => reach.maker(),
        Change::AlterRole { role, .. }
        | Change::SetParameter { role, .. }
        | Change::ResetParameter { role, .. } => administrator(role),
        Change::GrantMembership { edge } => administrator(&edge.role),
        Change::RevokeMembership { membership, .. } => {
            reach.revoker(membership).unwrap_or(Actor::Admin)
        }
        Change::CreateSchema { .. } | Change::CreateExtension { .. } => database
            .and_then(|database| reach.creator(database))
            .unwrap_or(Actor::Admin),
        Change::UpdateExtension { owner: of, .. } | Change::Grant { owner: of, .. } => owner(of),
        Change::Revoke { grantor, via, .. } => owner(via.as_ref().unwrap_or(grantor)),
        Change::GrantDefault { default, .. } | Change::RevokeDefault { default, .. } => {
            owner(&default.owner)
        }
        Change::ChangeOwner { from, to, .. } => reach.transferrer([
            database.map_or(from, |database| reach.real_owner(from, database)),
            to,
        ]),
        Change::ReassignOwned { from, to, .. } => reach.transferrer([from, to]),
        Change::DropOwned {
            role, policies_of, ..
        } => reach.transferrer(std::iter::once(role).chain(policies_of)),
        // Whoever has the login's rights ends its sessions; that is the login.
        Change::EndSessions { role } => Actor::Role(role.clone()),
        Change::DropRole { role, .. } => administrator(role),
        Change::CreateSecret { .. }
        | Change::LabelSecret { .. }
        | Change::DestroyVersions { .. }
        | Change::Credential { .. }
        | Change::Bind { .. }
        | Change::Unbind { .. } => Actor::Admin,
    }
}

/// Memberships that are lent until COMMIT: role, member, and who grants it.
type Loans = BTreeSet<(RoleName, RoleName, Actor)>;

/// The memberships that have to be lent. Only those that are not there.
fn loans(reach: &Reach<'_>, database: Option<&DatabaseName>, changes: &[Change]) -> Loans {
    let mut loans = BTreeSet::new();
    let mut lend = |role: &RoleName, member: &RoleName| {
        if let Some(by) = reach.administrator(role) {
            loans.insert((role.clone(), member.clone(), by));
        }
    };
    for change in changes {
        let holds = held_at_once(reach, database, change);
        if !holds.is_empty() {
            let by = reach.transferrer(holds.iter().copied());
            let member = reach.name(&by);
            holds
                .into_iter()
                .filter(|role| reach.needs_loan(role, member))
                .for_each(|role| lend(role, member));
        }
        let creator = creator_for(change).map(|(_, _, by)| by);
        for actor in [Some(actor(reach, database, change)), creator]
            .into_iter()
            .flatten()
        {
            match actor {
                Actor::Role(role) if reach.needs_membership(&role) => lend(&role, reach.admin()),
                _ => {}
            }
        }
    }
    loans
}

/// The roles whose rights a change wants all at once.
fn held_at_once<'c>(
    reach: &'c Reach<'_>,
    database: Option<&DatabaseName>,
    change: &'c Change,
) -> Vec<&'c RoleName> {
    match change {
        Change::ChangeOwner { from, to, .. } => {
            vec![
                database.map_or(from, |database| reach.real_owner(from, database)),
                to,
            ]
        }
        Change::ReassignOwned { from, to, .. } => vec![from, to],
        Change::DropOwned {
            role, policies_of, ..
        } => std::iter::once(role).chain(policies_of).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::in_turn;

    #[test]
    fn statements_take_turns_and_none_is_lost() {
        let said = |texts: &[&str]| {
            texts
                .iter()
                .map(|&text| text.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            in_turn(vec![
                said(&["a1", "a2", "a3"]),
                said(&["b1"]),
                said(&["c1", "c2"])
            ]),
            said(&["a1", "b1", "c1", "a2", "c2", "a3"])
        );
        assert!(in_turn(Vec::new()).is_empty());
    }
}
