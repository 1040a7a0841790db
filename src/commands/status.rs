//! `status`: how each credential stands; changes nothing and reads no payload.

use super::connection::Dialer;
use super::rotate::{chosen, standing, unknown};
use super::{Exit, described, load, publish};
use crate::apply::{Ask, look};
use crate::cli::StatusArgs;
use crate::model::{Policy, RoleName};
use crate::output::credential::{Credentials, CredentialsOf, Ended, Turn};
use crate::output::progress::Progress;
use crate::output::{self, stream};
use crate::plan::Failure;
use crate::rotation::{Leave, Order};

/// Nothing is asked for.
const LOOK: Ask = Ask {
    order: Order::Due,
    leave: Leave {
        roll: false,
        outage: false,
        end_sessions: false,
    },
};

pub(super) async fn run(args: &StatusArgs) -> anyhow::Result<Exit> {
    let policies = load::policies(&args.policy)?;
    let roles = chosen(&policies, args.role.as_ref())?;
    let dialer = Dialer::new(&args.connection, &policies, "status")?;
    let mut instances = Vec::new();
    for (policy, roles) in policies.iter().zip(roles) {
        let turns = of_instance(&dialer, policy, &roles).await;
        instances.push(CredentialsOf {
            instance: policy.instance.clone(),
            turns,
            stop: None,
        });
    }
    let found = Credentials { instances };
    publish::publish(&args.output, |format| output::status(&found, format))?;
    found.failures().for_each(stream::failure);
    Ok(Exit::from(found.status()))
}

async fn of_instance(dialer: &Dialer<'_>, policy: &Policy, roles: &[RoleName]) -> Vec<Turn> {
    let connection = match dialer.connect(policy).await {
        Ok(connection) => connection,
        Err(error) => {
            return roles
                .iter()
                .map(|role| unseen(policy, role, described(&error)))
                .collect();
        }
    };
    let mut turns = Vec::new();
    for role in roles {
        turns.push(
            match look(&connection.edges(&Progress::start()), policy, role, LOOK).await {
                Ok(seen) => Turn {
                    standing: standing(role, &seen),
                    events: Vec::new(),
                    ended: Ended::Done,
                },
                Err(error) => unseen(policy, role, Failure::new(&error, error.hint())),
            },
        );
    }
    turns
}

fn unseen(policy: &Policy, role: &RoleName, failure: Failure) -> Turn {
    Turn {
        standing: unknown(policy, role),
        events: Vec::new(),
        ended: Ended::Failed(failure),
    }
}
