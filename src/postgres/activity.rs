//! Open sessions: the only evidence of whether a credential is still in use.

use super::error::PostgresError;
use super::inspect::rows;
use super::session::Session;
use super::sql::ACTIVITY;
use crate::model::{DatabaseName, RoleName};

/// Who is logged in, and when that was so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// By the server's clock, in milliseconds since 1970.
    pub at: i64,
    /// The logins that exist.
    pub logins: Vec<LoginActivity>,
    /// CONNECTION LIMIT of the database that was asked about, and its sessions without the one that asks.
    pub database: Option<(i32, i64)>,
}

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
    /// CONNECTION LIMIT; negative: none.
    pub limit: i32,
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

/// The logins of `logins` that exist, with their sessions, and how full `database` is.
///
/// # Errors
/// The server refused or is gone.
pub async fn activity(
    session: &mut Session,
    logins: &[RoleName],
    database: Option<&DatabaseName>,
) -> Result<Activity, PostgresError> {
    let names: Vec<_> = logins.iter().map(ToString::to_string).collect();
    let database: Vec<_> = database.iter().map(ToString::to_string).collect();
    session
        .read("the sessions of logins", |client, _| async move {
            let mut found = Activity {
                at: 0,
                logins: Vec::new(),
                database: None,
            };
            rows::each(client, ACTIVITY, &[&names, &database], |columns| {
                found.at = columns.get(0)?;
                found.database = columns.get::<Option<i32>>(9)?.zip(columns.get(10)?);
                // One row without a login tells the time alone.
                let Some(login) = columns.role_or_none(1)? else {
                    return Ok(());
                };
                let logins = &mut found.logins;
                if logins.last().is_none_or(|last| last.login != login) {
                    let (can_login, valid_until, limit) =
                        (columns.get(2)?, columns.get(3)?, columns.get(8)?);
                    logins.push(LoginActivity {
                        login,
                        can_login,
                        valid_until,
                        sessions: Vec::new(),
                        limit,
                    });
                }
                if let (true, Some(last)) = (columns.get(4)?, logins.last_mut()) {
                    last.sessions.push(ClientSession {
                        application: columns.get(5)?,
                        address: columns.get(6)?,
                        since: columns.get(7)?,
                    });
                }
                Ok(())
            })
            .await?;
            Ok(found)
        })
        .await
}
