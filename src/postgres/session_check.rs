//! Whether a session is one: served by the process that logged it in, and begun with the settings that it was asked for.
//!
//! A connection pooler answers a login itself and names a process of its own invention
//! (<https://www.pgbouncer.org/features.html>). Behind it, transactions of one client go to several server sessions: an
//! advisory lock is held by whichever took it, and `search_path` is what the last client left.

use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::error::Cause;
use super::names::Names;
use super::sql::SESSION_CHECK;
use super::startup::setting;
use super::unreadable::{Unreadable, is_of_encoding};

/// One line of advice.
pub const NO_POOLER: &str = "connect to the server itself, not through a connection pooler: locks, settings and \
                             transactions need one session";

/// Why a connection is not the session that is needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Another process serves it than the one that logged it in.
    #[error(
        "a connection pooler is between: the login named process {named}, and process {serving} answers"
    )]
    Pooler {
        /// As told at login.
        named: i32,
        /// As the session says.
        serving: String,
    },
    /// It does not begin with the settings that it was asked for.
    #[error("the session begins with {name} = `{value}` instead of `{asked}`")]
    Setting {
        /// The parameter.
        name: &'static str,
        /// What it is.
        value: String,
        /// What it was asked to be.
        asked: &'static str,
    },
    /// `target_session_attrs=read-write`.
    #[error("the database does not allow writes, as `target_session_attrs` demands")]
    ReadOnly,
    /// `target_session_attrs=read-only`.
    #[error("the database is not read only, as `target_session_attrs` demands")]
    ReadWrite,
}

impl SessionError {
    /// One line of advice.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Pooler { .. } | Self::Setting { .. } => Some(NO_POOLER),
            Self::ReadOnly => Some("connect to the primary"),
            Self::ReadWrite => None,
        }
    }
}

/// Asks the session what it is, and how names are read in it.
///
/// # Errors
/// It is served by another process than `named`, began otherwise than asked, or is not fit for `attributes`.
pub async fn check(
    client: &Client,
    named: i32,
    attributes: TargetSessionAttrs,
) -> Result<Names, Cause> {
    let answered = match only_row(client, SESSION_CHECK).await {
        Err(cause) if cause.sqlstate().is_some_and(is_of_encoding) => one_by_one(client).await?,
        row => Answered::of(row?),
    };
    let row = &answered.row;
    let serving = value(row, "pid");
    if serving.parse() != Ok(named) {
        return Err(SessionError::Pooler {
            named,
            serving: serving.to_owned(),
        }
        .into());
    }
    settings(row)?;
    fits(value(row, "read_only"), attributes)?;
    let names = Names::new(value(row, "encoding"), &answered.unspelt).without(answered.unreadable);
    if names.is_unchecked() {
        // The server would refuse to send what is not UTF-8.
        client
            .batch_execute("SET client_encoding = 'SQL_ASCII'")
            .await?;
    }
    Ok(names)
}

async fn only_row(client: &Client, statement: &str) -> Result<SimpleQueryRow, Cause> {
    let answer = client.simple_query(statement).await?;
    let row = answer.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    row.ok_or_else(|| Cause::unknown("session", "without a row"))
}

/// The answer, with what is listed in it.
struct Answered {
    row: SimpleQueryRow,
    unspelt: String,
    unreadable: Vec<Unreadable>,
}

impl Answered {
    fn of(row: SimpleQueryRow) -> Self {
        Self {
            unspelt: value(&row, "unspelt").to_owned(),
            row,
            unreadable: Vec::new(),
        }
    }
}

/// The same where a name of what all databases share is nothing in the encoding of this one. The server says which only by
/// refusing one after the other.
async fn one_by_one(client: &Client) -> Result<Answered, Cause> {
    let row = only_row(client, &SESSION_CHECK.replace(CONVERTED, BYTES)).await?;
    let (mut spelt, mut unreadable) = (Vec::new(), Vec::new());
    for name in Unreadable::listed(value(&row, "unspelt")) {
        match only_row(client, &name.question()).await {
            Err(cause) if cause.sqlstate().is_some_and(is_of_encoding) => unreadable.push(name),
            answer => spelt.push(name.with_bytes(answer?.get(0).unwrap_or_default().as_bytes())),
        }
    }
    Ok(Answered {
        row,
        unspelt: spelt.join(" "),
        unreadable,
    })
}

/// What the session check sends of a name where the server converts, and in its place the bytes as they are.
const CONVERTED: &str = "pg_catalog.convert_to(s.name, 'UTF8')";
const BYTES: &str = "s.bytes";

fn settings(row: &SimpleQueryRow) -> Result<(), SessionError> {
    for (name, asked) in row
        .columns()
        .iter()
        .filter_map(|column| setting(column.name()))
    {
        let value = value(row, name);
        if value != asked {
            return Err(SessionError::Setting {
                name,
                value: value.to_owned(),
                asked,
            });
        }
    }
    Ok(())
}

/// `target_session_attrs`, as libpq judges it.
fn fits(read_only: &str, attributes: TargetSessionAttrs) -> Result<(), SessionError> {
    match (attributes, read_only) {
        (TargetSessionAttrs::ReadWrite, "on") => Err(SessionError::ReadOnly),
        (TargetSessionAttrs::ReadOnly, "off") => Err(SessionError::ReadWrite),
        _ => Ok(()),
    }
}

fn value<'a>(row: &'a SimpleQueryRow, column: &str) -> &'a str {
    row.try_get(column).ok().flatten().unwrap_or_default()
}
