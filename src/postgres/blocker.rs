//! What blocks a session. The server reports it only while the session waits.

use std::fmt;

use tokio_postgres::types::Type;

use super::error::{Cause, PostgresError};
use super::names::Raw;
use super::session::Session;
use super::sql::BLOCKER;

/// A session that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// Its process on the server; 0 for a prepared transaction.
    pub pid: i32,
    /// Its login.
    pub user: Option<String>,
    /// What it calls itself.
    pub application_name: Option<String>,
    /// What it has locked, quoted as in SQL.
    pub relations: Option<String>,
}

impl Blocker {
    /// Whether it is an autovacuum: only those work in nobody's name and lock tables. What kind of process it is, the
    /// server does not tell everybody. <https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ACTIVITY-VIEW>
    pub fn is_autovacuum(&self) -> bool {
        self.user.is_none() && self.application_name.is_some()
    }

    /// One line of advice.
    pub fn hint(&self) -> String {
        match self.pid {
            // Only its owner or a superuser may, and in its database alone.
            0 => "end it: SELECT gid, owner, database FROM pg_prepared_xacts; in that database GRANT the owner to yourself, SET ROLE \
                  to it, and ROLLBACK PREPARED or COMMIT PREPARED with the gid"
                .into(),
            _ if self.is_autovacuum() => {
                "wait until it is done: one that prevents transaction ID wraparound gives way to nobody".into()
            }
            pid => {
                let who = self.user.as_ref().map(|user| format!("`{user}` or "));
                format!(
                    "wait until it is done, or end it: {}a member of pg_signal_backend runs SELECT pg_terminate_backend({pid})",
                    who.unwrap_or_default()
                )
            }
        }
    }
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pid,
            user,
            application_name,
            relations: _,
        } = self;
        let named = [user, application_name]
            .into_iter()
            .flatten()
            .filter(|name| !name.is_empty());
        let named: Vec<_> = named.map(|name| format!("`{name}`")).collect();
        match (pid, named.is_empty()) {
            (0, _) => f.write_str("a prepared transaction"),
            _ if self.is_autovacuum() => write!(f, "process {pid}, an autovacuum"),
            (_, true) => write!(f, "process {pid}"),
            (_, false) => write!(f, "process {pid} ({})", named.join(", ")),
        }
    }
}

impl Session {
    /// Its process on the server.
    ///
    /// # Errors
    /// The server is gone.
    pub async fn pid(&mut self) -> Result<i32, PostgresError> {
        self.read("its own process", |client, _| async move {
            Ok(client
                .query_typed_one("SELECT pg_backend_pid()", &[])
                .await?
                .try_get(0)?)
        })
        .await
    }

    /// Who keeps the process `pid` waiting, if it waits.
    ///
    /// # Errors
    /// The server is gone.
    pub async fn blocker(&mut self, pid: i32) -> Result<Option<Blocker>, PostgresError> {
        self.read("who holds a lock", |client, _| async move {
            let rows = client.query_typed(BLOCKER, &[(&pid, Type::INT4)]).await?;
            let Some(row) = rows.first() else {
                return Ok(None);
            };
            let text = |at: usize| {
                Ok::<_, Cause>(row.try_get::<_, Option<Raw<'_>>>(at)?.map(Raw::readable))
            };
            let (pid, user, application_name) = (row.try_get(0)?, text(1)?, text(2)?);
            Ok(Some(Blocker {
                pid,
                user,
                application_name,
                relations: text(3)?,
            }))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocker(pid: i32, user: Option<&str>, name: Option<&str>) -> Blocker {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Blocker {
            pid,
            user: owned(user),
            application_name: owned(name),
            relations: None,
        }
    }

    #[test]
    fn a_blocker_is_named_as_far_as_it_is_known() {
        let named = |pid, user, name| blocker(pid, user, name).to_string();
        assert_eq!(
            named(7, Some("alice"), Some("psql")),
            "process 7 (`alice`, `psql`)"
        );
        assert_eq!(named(7, Some("alice"), Some("")), "process 7 (`alice`)");
        assert_eq!(named(7, None, None), "process 7");
        assert_eq!(named(7, None, Some("")), "process 7, an autovacuum");
        assert_eq!(named(0, None, None), "a prepared transaction");
    }

    #[test]
    fn only_sessions_are_advised_to_be_terminated() {
        let ended = |pid, user, name| {
            blocker(pid, user, name)
                .hint()
                .contains("pg_terminate_backend(7)")
        };
        assert!(ended(7, Some("alice"), Some("psql")) && ended(7, None, None));
        assert!(!ended(7, None, Some("")));
        let hint = blocker(0, None, None).hint();
        assert!(
            hint.contains("SET ROLE to it") && hint.contains("ROLLBACK PREPARED"),
            "{hint}"
        );
    }
}
