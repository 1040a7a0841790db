//! `explain`: what a role can do on the live database, and by which path; changes nothing.

use anyhow::{Context as _, bail};

use super::connection::Dialer;
use super::{Exit, load, publish};
use crate::access;
use crate::apply::{ColumnIn, observe_alone};
use crate::cli::{ExplainArgs, PolicyArgs};
use crate::model::{DatabaseName, Object, Policy, RoleName, State, Target};
use crate::output::progress::Progress;
use crate::output::{self, Explained, Why};
use crate::policy;

pub(super) async fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let files = PolicyArgs {
        files: vec![args.file.clone()],
        variables: args.variables.clone(),
    };
    let mut policies = load::policies(&files)?;
    // Only the server is asked: no access to Google is needed.
    policies
        .iter_mut()
        .flat_map(|policy| policy.roles.values_mut())
        .for_each(|role| role.secret = None);
    let [policy] = policies.as_slice() else {
        bail!(
            "`{}` speaks of {} instances: name a file of one",
            args.file.display(),
            policies.len()
        );
    };
    let question = args
        .object
        .as_ref()
        .map(|text| question(args, policy, text))
        .transpose()?;
    let connection = Dialer::new(&args.connection, &policies, "explain")?
        .connect(policy)
        .await?;
    let progress = Progress::start();
    let columns: Vec<_> = question
        .iter()
        .filter_map(|(database, target)| column(database, target))
        .collect();
    let state = observe_alone(&connection.edges(&progress), policy, &columns).await?;
    let role = role(&state, &args.role)?;
    let why = match (&question, args.privilege) {
        (Some((database, target)), Some(privilege)) => {
            let found = access::find(&state, database, target)
                .with_context(|| unknown(database, target))?;
            Why::One(Box::new(access::ask(
                &state, &role, privilege, database, found,
            )))
        }
        _ => Why::Everything(access::explain(&state, &role)),
    };
    let explained = Explained {
        instance: policy.instance.clone(),
        why,
    };
    publish::publish(&args.output, |format| output::explain(&explained, format))?;
    Ok(Exit::Done)
}

/// Where the object is, and what names it.
fn question(
    args: &ExplainArgs,
    policy: &Policy,
    text: &str,
) -> anyhow::Result<(DatabaseName, Target)> {
    let target =
        policy::object(text).with_context(|| format!("`{text}` names no single object"))?;
    let class = target.class();
    if let Some(privilege) = args
        .privilege
        .filter(|one| !class.applicable(u32::MAX).contains(*one))
    {
        let possible = class.applicable(u32::MAX);
        bail!("`{privilege}` does not exist on `{text}`: possible are {possible}");
    }
    let database = match &args.database {
        Some(name) => DatabaseName::new(name)?,
        None => only_database(policy, &target)?,
    };
    if !policy.databases.contains_key(&database) {
        bail!("the policy does not speak of database `{database}`");
    }
    Ok((database, target))
}

/// What all databases share is seen from any of them.
fn only_database(policy: &Policy, target: &Target) -> anyhow::Result<DatabaseName> {
    let names: Vec<_> = policy.databases.keys().collect();
    match (names.as_slice(), target) {
        ([only], _) => Ok((*only).clone()),
        ([first, ..], Target::Object(object)) if object.is_shared() => Ok((*first).clone()),
        _ => bail!("the policy has several databases: say which with --database"),
    }
}

/// A column without an ACL of its own is not listed unless asked for.
fn column(database: &DatabaseName, target: &Target) -> Option<ColumnIn> {
    match target {
        Target::Object(Object::Column {
            schema,
            relation,
            column,
        }) => Some((
            database.clone(),
            (schema.clone(), relation.clone(), column.clone()),
        )),
        _ => None,
    }
}

fn role(state: &State, text: &str) -> anyhow::Result<RoleName> {
    let name = RoleName::new(text)?;
    if !state.roles.contains_key(&name) {
        bail!("role `{name}` does not exist");
    }
    Ok(name)
}

fn unknown(database: &DatabaseName, target: &Target) -> String {
    format!("there is no {target} in database `{database}`")
}
