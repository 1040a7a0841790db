//! Managed databases that do not let the admin in: what the shared catalogs show of them is judged all the same, and what keeps
//! the admin out is mended from outside where it can be.

use super::Diff;
use super::emit::{Reason, step};
use crate::model::{
    ClosedDatabase, Database, DatabaseName, Grantee, Group, Object, Privilege, Privileges,
    RoleName, quote_identifier,
};
use crate::plan::expected::Expectations;
use crate::plan::{Aim, Change, Finding, Rule, Step};

/// SQLSTATE of a database on which the admin has no CONNECT.
const NO_CONNECT: &str = "42501";

/// SQLSTATE of a database that allows no connections.
const NO_CONNECTIONS: &str = "55000";

/// SQLSTATE of a database that allows no more connections.
const TOO_MANY_CONNECTIONS: &str = "53300";

impl Diff<'_> {
    /// Every managed database that does not let the admin in.
    pub(super) fn closed_managed(&mut self) {
        let state = self.state;
        let empty = Database::default();
        for (name, closed) in &state.closed {
            let Some(group) = self.reach.database(name).cloned() else {
                continue;
            };
            let own = Group {
                members: vec![Object::Database(name.clone())],
                ..group
            };
            let expectations = Expectations::new(self.policy, name, &empty, state.server.major());
            self.lots(name, &empty, &[], Some(&own), &expectations);
            self.let_in(name, closed, &own);
            self.report_closed(name, closed, &own);
        }
    }

    /// CONNECT for the admin, where nothing but that is missing. A new owner brings its own.
    fn let_in(&mut self, name: &DatabaseName, closed: &ClosedDatabase, own: &Group) {
        let moves = self
            .plan
            .steps
            .iter()
            .any(|step| is_owner_of(&step.change, name));
        let (owner, admin) = (
            self.reach.real_owner(&own.owner, name).clone(),
            self.reach.admin().clone(),
        );
        let inherits = self.reach.inherits(&admin, &owner);
        // What the catalogs say now: by a change of this run the admin may already have it.
        let granted = own.acl.items().iter().any(|item| {
            let holds = item
                .grantee
                .role()
                .is_none_or(|role| self.reach.inherits(&admin, role));
            holds && item.privileges.contains(Privilege::Connect)
        });
        let may = granted || inherits && own.owner_holds.contains(Privilege::Connect);
        if closed.sqlstate != NO_CONNECT || moves || may {
            return;
        }
        let connect = Privileges::of(&[Privilege::Connect]);
        let grantee = if inherits { owner.clone() } else { admin };
        let change = Change::Grant {
            database: name.clone(),
            objects: [Object::Database(name.clone())].into(),
            owner: owner.clone(),
            grantee: Grantee::Role(grantee),
            privileges: connect,
            grantable: false,
        };
        let origin = self
            .policy
            .databases
            .get(name)
            .map(|database| database.origin.clone());
        let blocked = self.out_of_reach(&owner);
        self.push_or(step(change, Rule::GrantMissing, origin.as_ref()), blocked);
    }

    fn report_closed(&mut self, name: &DatabaseName, closed: &ClosedDatabase, own: &Group) {
        let opened = self.plan.steps.iter().any(|step| opens(&step.change, name));
        let admin = self.reach.admin();
        let finding = Finding {
            database: Some(name.clone()),
            role: Some(admin.to_string()),
            object: Some(Object::Database(name.clone()).to_string()),
            path: vec![
                admin.to_string(),
                format!("database {name}"),
                closed.message.clone(),
            ],
            origin: self
                .policy
                .databases
                .get(name)
                .map(|database| database.origin.clone()),
            ..Finding::new(
                Rule::DatabaseClosed,
                format!("{admin} cannot enter database {name}: {}", closed.message),
            )
        };
        let reason = match opened {
            true => Reason::decision(
                format!("what is in database `{name}` is planned once it can be entered"),
                format!(
                    "{} enters it after the changes above",
                    self.policy.given.command("apply", &[])
                ),
            ),
            false => self.refused(name, closed, &own.owner),
        };
        self.withhold_findings(vec![finding], reason);
    }

    /// The server's reason, and what would open the database.
    fn refused(&self, name: &DatabaseName, closed: &ClosedDatabase, owner: &RoleName) -> Reason {
        let (database, admin) = (
            quote_identifier(name.as_str()),
            quote_identifier(self.reach.admin().as_str()),
        );
        let advice = match closed.sqlstate.as_str() {
            NO_CONNECT => {
                format!("`{owner}` runs: GRANT CONNECT ON DATABASE {database} TO {admin}")
            }
            NO_CONNECTIONS => format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true"),
            TOO_MANY_CONNECTIONS => {
                format!("ALTER DATABASE {database} CONNECTION LIMIT -1, or end idle sessions")
            }
            _ => format!("let `{}` connect to database `{name}`", self.reach.admin()),
        };
        let reason = format!("the server refuses the session: {}", closed.message);
        match closed.sqlstate == NO_CONNECT && self.reach.can_become(owner) {
            true => Reason::decision(reason, advice),
            false => Reason::impossible(reason, advice),
        }
    }

    /// A step about a closed database as it is taken in another one: only its owner and who may connect are changed from there.
    /// The rest waits.
    pub(super) fn seen_from_outside(&self, step: Step) -> Result<Step, (Box<Step>, Reason)> {
        let Aim::Database(name) = step.change.target() else {
            return Ok(step);
        };
        let Some(closed) = self.state.closed.get(&name) else {
            return Ok(step);
        };
        let entrance = self
            .state
            .databases
            .keys()
            .next()
            .or(self.state.entrance.as_ref());
        match entrance
            .filter(|_| opens(&step.change, &name) || self.lets_admin_in(&step.change, &name))
        {
            Some(entrance) => Ok(Step {
                change: step.change.run_in(entrance),
                ..step
            }),
            None => {
                let owner = self
                    .reach
                    .database(&name)
                    .map_or_else(|| self.reach.admin().clone(), |one| one.owner.clone());
                let reason = self.refused(&name, closed, &owner);
                Err((Box::new(step), reason))
            }
        }
    }

    fn lets_admin_in(&self, change: &Change, name: &DatabaseName) -> bool {
        let Change::Grant {
            objects,
            grantee: Grantee::Role(role),
            privileges,
            ..
        } = change
        else {
            return false;
        };
        let admin = self.reach.admin();
        is_about(objects, name)
            && privileges.contains(Privilege::Connect)
            && self.reach.inherits(admin, role)
    }
}

/// Whether the change, wherever it is made, may let the admin into database `name`.
fn opens(change: &Change, name: &DatabaseName) -> bool {
    is_owner_of(change, name)
        || matches!(change, Change::Grant { objects, database, .. } if is_about(objects, name) && database != name)
}

fn is_owner_of(change: &Change, name: &DatabaseName) -> bool {
    matches!(change, Change::ChangeOwner { objects, .. } if is_about(objects, name))
}

fn is_about(objects: &[Object], name: &DatabaseName) -> bool {
    matches!(objects, [Object::Database(database)] if database == name)
}

impl Change {
    /// The same change of an object of the instance, made in another database.
    fn run_in(self, entrance: &DatabaseName) -> Self {
        match self {
            Self::ChangeOwner {
                objects,
                from,
                to,
                creates_by,
                database: _,
            } => Self::ChangeOwner {
                database: entrance.clone(),
                objects,
                from,
                to,
                creates_by,
            },
            Self::Grant {
                objects,
                owner,
                grantee,
                privileges,
                grantable,
                database: _,
            } => Self::Grant {
                database: entrance.clone(),
                objects,
                owner,
                grantee,
                privileges,
                grantable,
            },
            other => other,
        }
    }
}
