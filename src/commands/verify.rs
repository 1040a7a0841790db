//! `verify`: every stored credential logs in and proves both sides; changes nothing.

use super::check::{credentials, invalid, missing_databases, unknown};
use super::connection::{Connection, Dialer};
use super::{Exit, described, load, publish};
use crate::apply::{ApplyError, observe};
use crate::cli::VerifyArgs;
use crate::model::{Policy, State};
use crate::output::progress::Progress;
use crate::output::{self, Verification, VerifiedInstance, stream};
use crate::plan::{self, Failure, InstanceVerdict};
use crate::verify;

pub(super) async fn run(args: &VerifyArgs) -> anyhow::Result<Exit> {
    let policies = match load::load(&args.policy)?.policies {
        Ok(policies) => policies,
        Err(problems) => {
            let instances = invalid(&problems)
                .instances
                .into_iter()
                .map(unproven)
                .collect();
            return publish(args, &Verification { instances });
        }
    };
    let mut instances = Vec::new();
    let dialer = Dialer::new(&args.connection, &policies, "verify")?;
    for policy in &policies {
        instances.push(match dialer.connect(policy).await {
            Ok(connection) => prove(policy, &connection).await,
            Err(error) => unproven(InstanceVerdict {
                errors: vec![described(&error)],
                ..unknown(policy)
            }),
        });
    }
    publish(args, &Verification { instances })
}

fn publish(args: &VerifyArgs, verification: &Verification) -> anyhow::Result<Exit> {
    publish::publish(&args.output, |format| output::verify(verification, format))?;
    let verdict = verification.verdict();
    verdict
        .instances
        .iter()
        .flat_map(|instance| &instance.errors)
        .for_each(stream::failure);
    Ok(Exit::from(verdict.status()))
}

async fn prove(policy: &Policy, connection: &Connection) -> VerifiedInstance {
    match try_prove(policy, connection).await {
        Ok((
            state,
            verify::Proofs {
                proven,
                mut findings,
                errors,
            },
        )) => {
            findings.extend(plan::code_run_as_owner(policy, &state, connection.today()));
            VerifiedInstance {
                verdict: InstanceVerdict {
                    errors: missing_databases(policy, &state)
                        .into_iter()
                        .chain(errors)
                        .collect(),
                    findings: plan::accept(policy, connection.today(), findings),
                    credentials: credentials(policy, &state),
                    ..unknown(policy)
                },
                proven,
            }
        }
        Err(error) => unproven(InstanceVerdict {
            errors: vec![Failure::new(&error, error.hint())],
            ..unknown(policy)
        }),
    }
}

async fn try_prove(
    policy: &Policy,
    connection: &Connection,
) -> Result<(State, verify::Proofs), ApplyError> {
    let progress = Progress::start();
    let edges = connection.edges(&progress);
    let state = observe(&edges, policy).await?;
    let proofs = verify::prove(&edges, policy, &state).await?;
    Ok((state, proofs))
}

fn unproven(verdict: InstanceVerdict) -> VerifiedInstance {
    VerifiedInstance {
        verdict,
        proven: Vec::new(),
    }
}
