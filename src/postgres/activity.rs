//! Who is logged in: nobody else can tell whether a credential is still in use.

use super::error::PostgresError;
use super::inspect::rows;
use super::session::Session;
use super::sql::ACTIVITY;
use crate::model::RoleName;

/// A login and its sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginActivity {
    /// The login.
    pub login: RoleName,
    /// LOGIN
    pub can_login: bool,
    /// VALID UNTIL, in seconds since 1970; `None`: for ever.
    pub valid_until: Option<i64>,
    /// Its sessions, oldest first.
    pub sessions: Vec<ClientSession>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSession {
    /// `application_name`
    pub application: String,
    /// Where it comes from; `None` for a socket, and where this admin may not see it.
    pub address: Option<String>,
    /// Since when, in seconds since 1970; `None` where this admin may not see it.
    pub since: Option<i64>,
}

/// The logins of `logins` that exist, with their sessions.
///
/// # Errors
/// The server refused or is gone.
pub async fn activity(session: &mut Session, logins: &[RoleName]) -> Result<Vec<LoginActivity>, PostgresError> {
    let names: Vec<_> = logins.iter().map(ToString::to_string).collect();
    session
        .read("the sessions of logins", |client, _| async move {
            let mut found: Vec<LoginActivity> = Vec::new();
            rows::each(client, ACTIVITY, &[&names], |columns| {
                let login = columns.role(0)?;
                if found.last().is_none_or(|last| last.login != login) {
                    let (can_login, valid_until) = (columns.get(1)?, columns.get(2)?);
                    found.push(LoginActivity { login, can_login, valid_until, sessions: Vec::new() });
                }
                if let (true, Some(last)) = (columns.get(3)?, found.last_mut()) {
                    last.sessions.push(ClientSession {
                        application: columns.get(4)?,
                        address: columns.get(5)?,
                        since: columns.get(6)?,
                    });
                }
                Ok(())
            })
            .await?;
            Ok(found)
        })
        .await
}
