//! What a refused login says of a stored credential: the server's answer, and what the catalogs know beside it. Only a password
//! that the server does not take is mended by another one.

use super::credential::Holder;
use crate::model::{
    DatabaseName, Object, RoleName, State, VersionState, quote_identifier, shell_command,
};
use crate::plan::{
    Failure, Finding, Rule, Severity, iam_only, reset_settings, undeclared_settings,
};
use crate::postgres::Refusal;
use crate::rotation::Ledger;

/// What is to be said of it.
pub(super) enum Verdict {
    /// Something is not as the policy says.
    Finding(Box<Finding>),
    /// The password is right, and there is no room for another session.
    Full(Box<Finding>),
    /// Nothing is known of the credential.
    Unknown(Failure),
}

/// Judges why `database` refused `login`, whose credential is that of `holder`.
pub(super) fn judge(
    holder: Holder<'_>,
    login: &RoleName,
    database: &DatabaseName,
    refusal: &Refusal,
    state: &State,
) -> Verdict {
    let said = format!("the server refuses `{login}` at database `{database}`: {refusal}");
    match refusal {
        Refusal::Password(_) | Refusal::Verifier(_) if !state.roles.contains_key(login) => {
            Verdict::Finding(missing(holder, login))
        }
        Refusal::Password(_) | Refusal::Verifier(_) => {
            Verdict::Finding(password(holder, login, said, state))
        }
        Refusal::Rule(_) => rule(holder, login, said, refusal, state),
        Refusal::Full(_) => Verdict::Full(full(holder, login, refusal, state)),
        Refusal::NoLogin(_) => {
            let message = format!(
                "{login} is NOLOGIN: the password in {} is right",
                holder.wanted.name
            );
            Verdict::Finding(attribute(holder, login, message))
        }
        Refusal::Database(error) if error.sqlstate == NO_CONNECT => {
            let finding =
                holder.finding(Rule::GrantMissing, format!("{said}: the password is right"));
            Verdict::Finding(Box::new(Finding {
                database: Some(database.clone()),
                object: Some(Object::Database(database.clone()).to_string()),
                privilege: Some("CONNECT".into()),
                fix: Some(holder.policy.given.command("apply", &[])),
                ..*finding
            }))
        }
        Refusal::Session(_) => session(holder, login, database, said, refusal, state),
        Refusal::Database(_) => Verdict::Unknown(Failure {
            causes: vec![said],
            hint: refusal.hint(),
        }),
    }
}

/// The settings of the login can be the cause: it may change them itself, and `apply` resets those that are not declared.
fn session(
    holder: Holder<'_>,
    login: &RoleName,
    database: &DatabaseName,
    said: String,
    refusal: &Refusal,
    state: &State,
) -> Verdict {
    let settings = undeclared_settings(holder.policy, state, (holder.name, login), database);
    let Some(advice) = reset_settings(&settings) else {
        return Verdict::Unknown(Failure {
            causes: vec![said],
            hint: refusal.hint(),
        });
    };
    let resets: Option<Vec<String>> = settings.into_iter().map(|one| one.reset).collect();
    let message = format!("{said}: the password is right; {advice}");
    Verdict::Finding(Box::new(Finding {
        database: Some(database.clone()),
        role: Some(login.to_string()),
        object: None,
        fix: resets.map(|all| all.join("; ")),
        ..*holder.finding(Rule::RoleSetting, message)
    }))
}

/// SQLSTATE of a database on which the login has no CONNECT.
const NO_CONNECT: &str = "42501";

/// The server answers a login that does not exist as it does a wrong password. `apply` makes the role again, with the stored
/// password: the same finding as that of the catalogs.
fn missing(holder: Holder<'_>, login: &RoleName) -> Box<Finding> {
    Box::new(Finding {
        role: Some(login.to_string()),
        object: None,
        fix: Some(holder.policy.given.command("apply", &[])),
        ..*holder.finding(
            Rule::RoleMissing,
            format!(
                "role {login} does not exist, and {} holds its credential",
                holder.wanted.name
            ),
        )
    })
}

/// Wrong, or past its date: the server does not tell which.
fn password(holder: Holder<'_>, login: &RoleName, said: String, state: &State) -> Box<Finding> {
    let until = state
        .roles
        .get(login)
        .and_then(|role| role.valid_until.as_ref());
    let now = state.server.now;
    let passed = until.filter(|until| {
        until
            .parse::<jiff::Timestamp>()
            .ok()
            .zip(now)
            .is_some_and(|(end, now)| end <= now)
    });
    match passed {
        None => holder.rejected(login, said, state),
        Some(until) => {
            let message =
                format!("the password of {login} is valid until {until}, which has passed");
            attribute(holder, login, message)
        }
    }
}

impl Holder<'_> {
    /// A password that the server does not take: the stored one mends it if it is set again, which refuses no other client, and
    /// else another one. One that was not stored here is never overwritten.
    fn rejected(self, login: &RoleName, said: String, state: &State) -> Box<Finding> {
        let given = &self.policy.given;
        let (apply, rotate) = (
            given.command("apply", &[]),
            given.command_for("rotate", self.name, &["--now"]),
        );
        let finding = |message: String, fix: String| {
            Box::new(Finding {
                fix: Some(fix),
                ..*self.finding(Rule::CredentialRejected, message)
            })
        };
        let Some(ledger) = self.ledger(state) else {
            let quoted = quote_identifier(login.as_str());
            return finding(
                format!(
                    "{said}; the stored password was never adopted: give it to the login, or store the one that it has"
                ),
                shell_command(["psql", "-c", &format!("\\password {quoted}")]),
            );
        };
        let is_in_use = ledger
            .login
            .as_ref()
            .is_some_and(|in_use| *in_use.name() == *login);
        match is_in_use && !self.may_be_set_again(&ledger, state) {
            true => finding(
                format!(
                    "{said}; no seal shows that the stored password was published here: it is not set again"
                ),
                rotate,
            ),
            false if is_in_use => {
                finding(format!("{said}; `{rotate}` stores a new password"), apply)
            }
            false => finding(said, apply),
        }
    }

    /// Whether `apply` sets the password in use again, as far as it shows without the other payloads.
    fn may_be_set_again(self, ledger: &Ledger, state: &State) -> bool {
        let secret = state.secrets.get(&self.wanted.name);
        let versions = secret.iter().flat_map(|secret| &secret.versions);
        let readable = versions.filter(|version| version.state == VersionState::Enabled);
        ledger.may_be_vouched_for(readable.map(|version| version.number))
    }
}

/// A role's attribute is put right by `apply`.
fn attribute(holder: Holder<'_>, login: &RoleName, message: String) -> Box<Finding> {
    Box::new(Finding {
        role: Some(login.to_string()),
        object: None,
        fix: Some(holder.policy.given.command("apply", &[])),
        ..*holder.finding(Rule::RoleAttribute, message)
    })
}

/// Cloud SQL has one such rule that depends on the role: its memberships tell.
fn rule(
    holder: Holder<'_>,
    login: &RoleName,
    said: String,
    refusal: &Refusal,
    state: &State,
) -> Verdict {
    let found = iam_only(holder.policy, state)
        .into_iter()
        .find(|one| one.logins.contains(login));
    match found {
        Some(found) => Verdict::Finding(Box::new(Finding {
            origin: Some(holder.wanted.origin.clone()),
            ..found.finding()
        })),
        None => Verdict::Unknown(Failure {
            causes: vec![said],
            hint: refusal.hint(),
        }),
    }
}

fn full(holder: Holder<'_>, login: &RoleName, refusal: &Refusal, state: &State) -> Box<Finding> {
    let limit = state
        .roles
        .get(login)
        .map(|role| role.connection_limit)
        .filter(|limit| *limit >= 0);
    let limit = limit
        .map(|limit| format!("; its CONNECTION LIMIT is {limit}"))
        .unwrap_or_default();
    let message = format!(
        "no more sessions of {login} are let in ({refusal}), and its password is right{limit}: end idle sessions, or raise the \
         limit"
    );
    Box::new(Finding {
        severity: Severity::Warning,
        role: Some(login.to_string()),
        fix: None,
        ..*holder.finding(Rule::RoleAttribute, message)
    })
}
