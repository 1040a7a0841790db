//! The published version of a secret as a credential, or why it is none.

use crate::apply::{ApplyError, Edges};
use crate::google::Google;
use crate::model::{
    Lifecycle, Password, Policy, RoleName, RolePolicy, Secret, SecretPolicy, State, Version, VersionState,
};
use crate::plan::{Finding, Rule};
use crate::postgres::{LoginError, login};

/// A role with a stored credential.
#[derive(Clone, Copy)]
pub(super) struct Holder<'a> {
    pub(super) name: &'a RoleName,
    pub(super) role: &'a RolePolicy,
    pub(super) wanted: &'a SecretPolicy,
}

/// What consumers log in with.
pub(super) struct Published {
    pub(super) login: RoleName,
    pub(super) password: Password,
}

/// Every role of the policy that is to have a stored credential.
pub(super) fn holders(policy: &Policy) -> impl Iterator<Item = Holder<'_>> {
    let present = policy.roles.iter().filter(|(_, role)| role.lifecycle == Lifecycle::Present);
    present.filter_map(|(name, role)| Some(Holder { name, role, wanted: role.secret.as_ref()? }))
}

/// Logs in once with each published credential: a server may lock a user out after several failures.
///
/// # Errors
/// A server or Google that cannot be asked: then nothing is known of the credential.
pub async fn probe(edges: &Edges<'_>, policy: &Policy, state: &State) -> Result<Vec<Finding>, ApplyError> {
    let mut findings = Vec::new();
    for holder in holders(policy) {
        findings.extend(log_in(edges, holder, state).await?.err().map(|finding| *finding));
    }
    Ok(findings)
}

/// The credential, once it has logged in to the database that its payload names.
pub(super) async fn log_in(
    edges: &Edges<'_>,
    holder: Holder<'_>,
    state: &State,
) -> Result<Result<Published, Box<Finding>>, ApplyError> {
    let google = edges.google.ok_or(ApplyError::NoGoogle)?;
    let published = match published(google, holder, state).await? {
        Ok(published) => published,
        Err(finding) => return Ok(Err(finding)),
    };
    let Published { login: user, password } = &published;
    match login(edges.route, &holder.wanted.database, user, password, edges.purpose).await {
        Ok(()) => Ok(Ok(published)),
        Err(LoginError::Refused { source, database, .. }) => {
            let message = format!("the server refuses `{user}` at database `{database}`: {source}");
            Ok(Err(holder.finding(Rule::CredentialRejected, message)))
        }
        Err(LoginError::Unreachable(error)) => Err(error.into()),
    }
}

async fn published(
    google: &Google,
    holder: Holder<'_>,
    state: &State,
) -> Result<Result<Published, Box<Finding>>, ApplyError> {
    let secret = &holder.wanted.name;
    let number = match state.secrets.get(secret).and_then(Secret::current) {
        Some(Version { number, state: VersionState::Enabled, .. }) => *number,
        Some(Version { number, .. }) => {
            let message = format!("version {number} of {secret} is in use and cannot be accessed");
            return Ok(Err(holder.finding(Rule::SecretVersion, message)));
        }
        None => return Ok(Err(holder.finding(Rule::SecretMissing, format!("{secret} has no published version")))),
    };
    let payload = google.access(secret, number).await?;
    let logins = holder.role.logins(holder.name);
    let rejected =
        |what: &str| holder.finding(Rule::CredentialRejected, format!("version {number} of {secret} {what}"));
    let Some(credential) = holder.wanted.credential(&payload, &logins) else {
        return Ok(Err(rejected("is not of the declared form")));
    };
    let login = match credential.user {
        Some(user) => logins.into_iter().find(|login| login.as_str() == user),
        None => logins.into_iter().next(),
    };
    Ok(login
        .map(|login| Published { login, password: credential.password })
        .ok_or_else(|| rejected("is for another login")))
}

impl Holder<'_> {
    pub(super) fn finding(self, rule: Rule, message: String) -> Box<Finding> {
        Box::new(Finding {
            role: Some(self.name.to_string()),
            object: Some(format!("secret {}", self.wanted.name)),
            origin: Some(self.wanted.origin.clone()),
            ..Finding::new(rule, message)
        })
    }
}
