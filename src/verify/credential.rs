//! The versions of a secret that consumers may have, as credentials, or why they are none.

use std::collections::BTreeSet;

use super::refused::{Verdict, judge};
use crate::apply::{ApplyError, Edges};
use crate::google::Google;
use crate::model::{
    Annotations, Lifecycle, Login, Logins, NoCredential, Password, Policy, RoleName, RolePolicy,
    Secret, SecretPolicy, Shape, State, Version, VersionState,
};
use crate::plan::{Failure, Finding, Rule};
use crate::postgres::{LoginError, login};
use crate::rotation::{Ledger, Previous, Reading, overlap, read};

/// A role with a stored credential.
#[derive(Clone, Copy)]
pub(super) struct Holder<'a> {
    pub(super) name: &'a RoleName,
    pub(super) role: &'a RolePolicy,
    pub(super) wanted: &'a SecretPolicy,
    pub(super) policy: &'a Policy,
}

/// What consumers log in with.
pub(super) struct Stored {
    pub(super) login: Login,
    pub(super) password: Password,
}

/// What came of a stored credential.
pub(super) enum LogIn {
    /// It logs in.
    Done(Stored),
    /// It is not what it should be.
    Found(Box<Finding>),
    /// The server has another password of this login, or no such login.
    Refused(RoleName, Box<Finding>),
    /// Its password is right, and there is no room for another session.
    Full(Box<Finding>),
    /// The server does not say.
    Unknown(Failure),
}

/// What is known of credentials after they were tried.
#[derive(Default)]
pub struct Probed {
    /// What is not as it should be.
    pub findings: Vec<Finding>,
    /// What could not be told.
    pub errors: Vec<Failure>,
}

/// A version that consumers may have.
struct Entry {
    number: i64,
    /// The alias that names it.
    alias: &'static str,
    /// Its login, as the secret's annotations say.
    login: Option<Login>,
}

/// Every role of the policy that is to have a stored credential.
pub(super) fn holders(policy: &Policy) -> impl Iterator<Item = Holder<'_>> {
    let present = policy
        .roles
        .iter()
        .filter(|(_, role)| role.lifecycle == Lifecycle::Present);
    present.filter_map(|(name, role)| {
        Some(Holder {
            name,
            role,
            wanted: role.secret.as_ref()?,
            policy,
        })
    })
}

/// Logs in once with each stored credential that is meant to work: a server may lock a user out after several failures.
///
/// # Errors
/// A server or Google that cannot be asked: then nothing is known of the credential.
pub async fn probe(
    edges: &Edges<'_>,
    policy: &Policy,
    state: &State,
) -> Result<Probed, ApplyError> {
    let mut probed = Probed::default();
    for holder in holders(policy) {
        for tried in log_in(edges, holder, state).await? {
            match tried {
                LogIn::Done(_) => {}
                LogIn::Found(finding) | LogIn::Refused(_, finding) | LogIn::Full(finding) => {
                    probed.findings.push(*finding);
                }
                LogIn::Unknown(failure) => probed.errors.push(failure),
            }
        }
    }
    Ok(probed)
}

/// The logins whose published password the server does not take. Where it must not be `lenient`, what cannot be asked is an
/// error; else it is left out.
///
/// # Errors
/// A server or Google that cannot be asked.
pub async fn refused(
    edges: &Edges<'_>,
    policy: &Policy,
    state: &State,
    lenient: bool,
) -> Result<BTreeSet<RoleName>, ApplyError> {
    let mut refused = BTreeSet::new();
    for holder in holders(policy).filter(|holder| holder.is_settled(state)) {
        let tried = match log_in(edges, holder, state).await {
            Ok(tried) => tried,
            Err(error) if lenient => {
                tracing::warn!(role = %holder.name, error = error.to_string(), "its stored credential was not tried");
                continue;
            }
            Err(error) => return Err(error),
        };
        refused.extend(tried.into_iter().filter_map(|one| match one {
            LogIn::Refused(login, _) => Some(login),
            LogIn::Done(_) | LogIn::Found(_) | LogIn::Full(_) | LogIn::Unknown(_) => None,
        }));
    }
    Ok(refused)
}

/// Each credential that is meant to work, once it has logged in to the database that its payload names.
pub(super) async fn log_in(
    edges: &Edges<'_>,
    holder: Holder<'_>,
    state: &State,
) -> Result<Vec<LogIn>, ApplyError> {
    let google = edges.google.ok_or(ApplyError::NoGoogle)?;
    let name = &holder.wanted.name;
    let Some((secret, current)) = state
        .secrets
        .get(name)
        .and_then(|secret| Some((secret, secret.current()?)))
    else {
        let message = format!("{name} has no published version");
        let finding = holder.finding(Rule::SecretMissing, message);
        // A login whose password nobody stored is not given another one unasked.
        let live = |login: &RoleName| state.roles.get(login).is_some_and(|role| role.login);
        let options: &[&str] = match holder.role.logins(holder.name).iter().any(live) {
            true => &["--reset-passwords"],
            false => &[],
        };
        let fix = Some(holder.policy.given.command("apply", options));
        return Ok(vec![LogIn::Found(Box::new(Finding { fix, ..*finding }))]);
    };
    let mut found = Vec::new();
    let logins = Logins::of(holder.policy, holder.name, &state.roles);
    for entry in entries(holder, secret, current, &logins, state) {
        found.push(
            match stored(google, holder, secret, &entry, &logins).await? {
                Ok(stored) => enter(edges, holder, stored, state).await?,
                Err(finding) => LogIn::Found(finding),
            },
        );
    }
    Ok(found)
}

/// The version in use, and the one before while that is meant to work beside it.
fn entries(
    holder: Holder<'_>,
    secret: &Secret,
    current: &Version,
    logins: &Logins,
    state: &State,
) -> Vec<Entry> {
    let Reading {
        ledger,
        problems: _,
    } = read(secret, logins, state.server.now);
    let logs_in = |before: &Previous<'_>| {
        state
            .roles
            .get(before.login.name())
            .is_some_and(|role| role.login)
    };
    let before = overlap(
        &ledger,
        &holder.role.rotation,
        logs_in,
        state.server.now.unwrap_or_default(),
    );
    let before = before.map(|(number, login)| Entry {
        number,
        alias: Annotations::PREVIOUS,
        login: Some(login),
    });
    let current = Entry {
        number: current.number,
        alias: Annotations::CURRENT,
        login: ledger.login,
    };
    std::iter::once(current).chain(before).collect()
}

async fn enter(
    edges: &Edges<'_>,
    holder: Holder<'_>,
    stored: Stored,
    state: &State,
) -> Result<LogIn, ApplyError> {
    let Stored {
        login: user,
        password,
    } = &stored;
    match login(
        edges.route,
        &holder.wanted.database,
        user,
        password,
        edges.purpose,
    )
    .await
    {
        Ok(()) => Ok(LogIn::Done(stored)),
        Err(LoginError::Refused {
            source, database, ..
        }) => Ok(match judge(holder, user, &database, &source, state) {
            Verdict::Finding(finding)
                if matches!(finding.rule, Rule::CredentialRejected | Rule::RoleMissing) =>
            {
                LogIn::Refused(user.name().clone(), finding)
            }
            Verdict::Finding(finding) => LogIn::Found(finding),
            Verdict::Full(finding) => LogIn::Full(finding),
            Verdict::Unknown(failure) => LogIn::Unknown(failure),
        }),
        Err(LoginError::Unreachable(error)) => Err(error.into()),
    }
}

async fn stored(
    google: &Google,
    holder: Holder<'_>,
    secret: &Secret,
    entry: &Entry,
    own: &Logins,
) -> Result<Result<Stored, Box<Finding>>, ApplyError> {
    let (
        name,
        Entry {
            number,
            alias,
            login,
        },
    ) = (&secret.name, entry);
    let is_it =
        |version: &&Version| version.number == *number && version.state == VersionState::Enabled;
    if secret.versions.iter().find(is_it).is_none() {
        let message =
            format!("version {number} of {name}, which `{alias}` names, cannot be accessed");
        return Ok(Err(holder.finding(Rule::SecretVersion, message)));
    }
    let payload = google.access(name, *number).await?;
    let rejected = |what: &str| {
        holder.finding(
            Rule::CredentialRejected,
            format!("version {number} of {name} {what}"),
        )
    };
    // A strategy that was changed does not take the login before away.
    // Until `apply` has stored it in the declared form, it is in the one before.
    let shape = secret
        .annotations
        .get(Annotations::SHAPE)
        .and_then(|text| Shape::parse(text));
    let noted = shape.as_ref().zip(login.as_ref());
    let noted =
        noted.and_then(|(shape, login)| holder.wanted.credential_of(&payload, login, Some(shape)));
    let credential =
        match noted.map_or_else(|| holder.wanted.credential(&payload, own.every_login()), Ok) {
            Ok(credential) => credential,
            Err(NoCredential::Form) => return Ok(Err(rejected("is not of the declared form"))),
            Err(NoCredential::OtherLogin) => return Ok(Err(rejected("is for another login"))),
        };
    let login = match &credential.user {
        Some(user) => own.parse(user),
        None => login.clone().or_else(|| own.declared().first().cloned()),
    };
    Ok(login
        .map(|login| Stored {
            login,
            password: credential.password,
        })
        .ok_or_else(|| rejected("is for another login")))
}

impl Holder<'_> {
    /// What its secret remembers of a version that was published here.
    pub(super) fn ledger(self, state: &State) -> Option<Ledger> {
        let secret = state.secrets.get(&self.wanted.name)?;
        let logins = Logins::of(self.policy, self.name, &state.roles);
        let Reading { ledger, problems } = read(secret, &logins, state.server.now);
        let is_published =
            problems.is_empty() && ledger.current().is_some() && ledger.login.is_some();
        is_published.then_some(ledger)
    }

    /// Whether a version is published and no other is on its way: what a rotation has begun, it ends, and until then the
    /// server may have the password of the next version.
    fn is_settled(self, state: &State) -> bool {
        self.ledger(state)
            .is_some_and(|ledger| ledger.pending.is_none())
    }

    pub(super) fn finding(self, rule: Rule, message: String) -> Box<Finding> {
        Box::new(Finding {
            role: Some(self.name.to_string()),
            object: Some(format!("secret {}", self.wanted.name)),
            origin: Some(self.wanted.origin.clone()),
            path: vec![
                self.name.to_string(),
                format!("secret {}", self.wanted.name),
            ],
            fix: Some(
                self.policy
                    .given
                    .command_for("rotate", self.name, &["--now"]),
            ),
            ..Finding::new(rule, message)
        })
    }
}
