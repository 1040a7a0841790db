//! `check`: the drift verdict; changes nothing.

use super::connection::{Connection, Dialer};
use super::{Exit, described, load, publish};
use crate::apply::observe;
use crate::cli::CheckArgs;
use crate::model::{
    Annotations, DatabaseName, Lifecycle, Logins, Policy, RoleName, RolePolicy, Secret,
    SecretPolicy, State,
};
use crate::output::progress::Progress;
use crate::output::{self, stream};
use crate::plan::{self, Credential, Failure, InstanceVerdict, Options, Verdict};
use crate::policy::{Problem, Problems};
use crate::verify;

pub(super) async fn run(args: &CheckArgs) -> anyhow::Result<Exit> {
    let policies = match load::load(&args.policy)?.policies {
        Ok(policies) => policies,
        Err(problems) => return unusable(args, &problems),
    };
    let mut instances = Vec::new();
    let dialer = Dialer::new(&args.connection, &policies, "check")?;
    for policy in &policies {
        instances.push(match dialer.connect(policy).await {
            Ok(connection) => judge(policy, &connection, args.probe).await,
            Err(error) => InstanceVerdict {
                errors: vec![described(&error)],
                ..unknown(policy)
            },
        });
    }
    let verdict = Verdict { instances };
    publish::publish(&args.output, |format| output::check(&verdict, format))?;
    verdict
        .instances
        .iter()
        .flat_map(|instance| &instance.errors)
        .for_each(stream::failure);
    Ok(Exit::from(verdict.status()))
}

/// A policy that cannot be used is no verdict, in whatever format one was asked for.
fn unusable(args: &CheckArgs, problems: &Problems) -> anyhow::Result<Exit> {
    let verdict = invalid(problems);
    publish::publish(&args.output, |format| output::check(&verdict, format))?;
    Ok(Exit::Failed)
}

/// No verdict, and everything that is wrong with the policy.
pub(super) fn invalid(problems: &Problems) -> Verdict {
    let error = |problem: &Problem| Failure {
        causes: vec![format!(
            "{}:{}:{}: {}",
            problem.origin.file, problem.origin.line, problem.origin.column, problem.message
        )],
        hint: problem.hint.clone(),
    };
    let errors: Vec<_> = problems.0.iter().map(error).collect();
    load::say(problems);
    Verdict {
        instances: vec![InstanceVerdict {
            errors,
            ..InstanceVerdict::default()
        }],
    }
}

async fn judge(policy: &Policy, connection: &Connection, probes: bool) -> InstanceVerdict {
    let unknown = unknown(policy);
    let progress = Progress::start();
    let edges = connection.edges(&progress);
    match observe(&edges, policy).await {
        Err(error) => InstanceVerdict {
            errors: vec![Failure::new(&error, error.hint())],
            ..unknown
        },
        Ok(state) => {
            let today = connection.today();
            let plan = plan::diff(
                policy,
                &state,
                &Options {
                    today,
                    ..Options::default()
                },
            );
            let errors = missing_databases(policy, &state)
                .into_iter()
                .chain(hidden_readers(&state))
                .collect();
            let mut verdict = InstanceVerdict {
                errors,
                findings: plan.findings(&state),
                credentials: credentials(policy, &state),
                ..unknown
            };
            if probes && has_credentials(policy) {
                match verify::probe(&edges, policy, &state).await {
                    Ok(probed) => {
                        let found = plan::accept(policy, today, probed.findings);
                        let new = |one: &plan::Finding| {
                            !verdict.findings.iter().any(|known| is_same(known, one))
                        };
                        let new: Vec<_> = found.into_iter().filter(new).collect();
                        verdict.findings.extend(new);
                        verdict.errors.extend(probed.errors);
                    }
                    Err(error) => verdict.errors.push(Failure::new(&error, error.hint())),
                }
            }
            verdict
        }
    }
}

/// What the catalogs show is not said again because a login failed for it.
fn is_same(known: &plan::Finding, probed: &plan::Finding) -> bool {
    known.severity == probed.severity && known.fingerprint() == probed.fingerprint()
}

fn has_credentials(policy: &Policy) -> bool {
    policy
        .roles
        .values()
        .any(|role| role.lifecycle == Lifecycle::Present && role.secret.is_some())
}

/// The verdict before anything was looked at.
pub(super) fn unknown(policy: &Policy) -> InstanceVerdict {
    let origins = policy.databases.values().map(|database| &database.origin);
    let file = origins
        .chain(policy.roles.values().map(|role| &role.origin))
        .map(|origin| origin.file.clone())
        .next();
    InstanceVerdict {
        instance: policy.instance.clone(),
        file,
        ..InstanceVerdict::default()
    }
}

/// A database that is not there, or that does not let the admin in, cannot be judged.
pub(super) fn missing_databases(policy: &Policy, state: &State) -> Vec<Failure> {
    let known =
        |name: &DatabaseName| state.databases.contains_key(name) || state.closed.contains_key(name);
    let missing = policy.databases.keys().filter(|name| !known(name));
    let admin = state
        .server
        .admin
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let closed = state.closed.iter().map(|(name, closed)| Failure {
        causes: vec![
            format!("cannot connect to database `{name}` as `{admin}`"),
            closed.message.clone(),
        ],
        hint: Some("what the shared catalogs show of it is among the findings".into()),
    });
    missing
        .map(|name| Failure {
            causes: vec![format!("database `{name}` does not exist")],
            hint: Some(plan::gcloud::create_database(
                policy.instance.as_ref(),
                name,
            )),
        })
        .chain(closed)
        .collect()
}

/// The readers of a secret are unknown if its IAM policy may not be read.
fn hidden_readers(state: &State) -> impl Iterator<Item = Failure> {
    state
        .secrets
        .values()
        .filter(|secret| secret.bindings.is_none())
        .map(|Secret { name, .. }| Failure {
            causes: vec![format!(
                "this identity has no `secretmanager.secrets.getIamPolicy` on {name}"
            )],
            hint: Some(plan::gcloud::secret(
                "add-iam-policy-binding",
                name,
                &[("member", "MEMBER"), ("role", "roles/secretmanager.viewer")],
            )),
        })
}

pub(super) fn credentials(policy: &Policy, state: &State) -> Vec<Credential> {
    let present = policy
        .roles
        .iter()
        .filter(|(_, role)| role.lifecycle == Lifecycle::Present);
    present
        .filter_map(|(name, role)| {
            Some(credential(policy, name, role, role.secret.as_ref()?, state))
        })
        .collect()
}

fn credential(
    policy: &Policy,
    name: &RoleName,
    role: &RolePolicy,
    wanted: &SecretPolicy,
    state: &State,
) -> Credential {
    let logins = Logins::of(policy, name, &state.roles);
    let secret = state.secrets.get(&wanted.name);
    let current = secret.and_then(|secret| secret.current());
    let annotation = |key: &str| secret.and_then(|secret| secret.annotations.get(key));
    Credential {
        role: name.clone(),
        strategy: role.rotation.strategy,
        login: annotation(Annotations::LOGIN)
            .and_then(|login| logins.parse(login))
            .map(|login| login.name().clone()),
        secret: wanted.name.clone(),
        version: current.map(|version| version.number),
        state: current.map(|version| version.state),
        published: annotation(Annotations::PUBLISHED).cloned(),
    }
}
