//! One connection to one database.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation, TargetSessionAttrs};

use super::auth::{Admission, Binding, Terms};
use super::channel::{AsItIs, Channel, Plain, Transport};
use super::dial::dial;
use super::error::{Cause, PostgresError};
use super::names::Catalog;
use super::pipeline::{self, Notice, Statement};
use super::route::{Route, STATEMENT_TIMEOUT};
use super::session_check;
use super::startup::{Begins, options};
use super::wire::Wire;
use crate::model::{DatabaseName, Password, RoleName};

/// The oldest major version that is supported.
const OLDEST: u32 = 14;

/// The server cancels a statement itself, and says so; only a server that hangs is not waited for any longer.
const BEYOND_STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything is read as of one moment.
pub(super) const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Who the server's own log says we are: `rolewright/<command>/<run id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationName(String);

impl ApplicationName {
    /// The name of one run of one command.
    pub fn new(command: &str, run: impl fmt::Display) -> Self {
        Self(format!("rolewright/{command}/{run}"))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A session: one connection, one operation at a time. Dropped inside a transaction, the server rolls it back.
pub struct Session {
    pub(super) client: Catalog,
    pub(super) wire: Wire,
    database: DatabaseName,
    user: RoleName,
    major: u32,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("database", &self.database)
            .field("user", &self.user)
            .field("major", &self.major)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Logs in to `database` as the route's own user.
    ///
    /// # Errors
    /// Not reached, refused, or a server older than 14.
    pub async fn connect(
        route: &Route,
        database: &DatabaseName,
        purpose: &ApplicationName,
    ) -> Result<Self, PostgresError> {
        let options = options(route.options(), route.statement_timeout(), Begins::AsLogin);
        let config = config(options, database, route.user(), route.password(), purpose);
        Self::open(route, config, route.terms(), database, route.user()).await
    }

    /// Logs in to `database` by the same route with other credentials.
    ///
    /// # Errors
    /// Not reached, refused, or a server older than 14.
    pub async fn connect_as(
        route: &Route,
        database: &DatabaseName,
        user: &RoleName,
        password: &Password,
        purpose: &ApplicationName,
    ) -> Result<Self, PostgresError> {
        let options = options(
            route.options(),
            route.statement_timeout(),
            Begins::AsItsSettingSays,
        );
        let config = config(options, database, user, Some(password), purpose);
        // A server that asks for no password proves nothing about it, through a socket neither.
        let terms = Terms {
            admission: Admission::Scram,
            ..route.terms()
        };
        Self::open(route, config, terms, database, user).await
    }

    async fn open(
        route: &Route,
        config: Config,
        terms: Terms,
        database: &DatabaseName,
        user: &RoleName,
    ) -> Result<Self, PostgresError> {
        let opened = tokio::time::timeout(route.connect_timeout(), async {
            let transport = dial(route.server(), route.tls())
                .await
                .map_err(|error| Failed::unheard(error.into()))?;
            let silence = silence(route.statement_timeout());
            begin(
                transport,
                config,
                terms,
                route.session_attributes(),
                silence,
            )
            .await
        });
        let opened = opened.await.unwrap_or(Err(Failed::unheard(Cause::Timeout(
            route.connect_timeout(),
        ))));
        Self::adopt(opened, route.address(), database, user)
    }

    /// Logs in over `stream`, which already leads to the server and is as private as it has to be: what the Cloud SQL
    /// connector dials.
    ///
    /// # Errors
    /// Refused, or a server older than 14.
    pub async fn over<S>(
        stream: S,
        address: &str,
        database: &DatabaseName,
        user: &RoleName,
        password: Option<&Password>,
        purpose: &ApplicationName,
    ) -> Result<Self, PostgresError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let options = options(None, STATEMENT_TIMEOUT, Begins::AsItsSettingSays);
        let config = config(options, database, user, password, purpose);
        // The stream is already encrypted, so that there is nothing left to bind the password exchange to.
        let terms = Terms {
            admission: Admission::Scram,
            binding: Binding::Disable,
        };
        let silence = silence(STATEMENT_TIMEOUT);
        let opened = begin(
            Box::new(Plain(stream)),
            config,
            terms,
            TargetSessionAttrs::Any,
            silence,
        )
        .await;
        Self::adopt(opened, address.to_owned(), database, user)
    }

    fn adopt(
        opened: Result<(Catalog, String, Wire), Failed>,
        address: String,
        database: &DatabaseName,
        user: &RoleName,
    ) -> Result<Self, PostgresError> {
        let (client, version, wire) =
            opened.map_err(|Failed { cause, admitted }| PostgresError::Connect {
                address: address.clone(),
                database: database.clone(),
                user: user.clone(),
                admitted,
                source: cause,
            })?;
        match major_of(&version) {
            Some(major) if major >= OLDEST => Ok(Self {
                client,
                wire,
                database: database.clone(),
                user: user.clone(),
                major,
            }),
            _ => Err(PostgresError::Version { address, version }),
        }
    }

    /// The database it is in.
    pub fn database(&self) -> &DatabaseName {
        &self.database
    }

    /// The login.
    pub fn user(&self) -> &RoleName {
        &self.user
    }

    /// The server's major version.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Begins a transaction in which everything is read as of one moment.
    ///
    /// # Errors
    /// The server refused, or is gone.
    pub async fn begin_snapshot(&mut self) -> Result<(), PostgresError> {
        self.transaction("begin a snapshot", BEGIN_SNAPSHOT).await
    }

    /// Begins a transaction that changes something and waits for no lock longer than `lock_timeout`. READ COMMITTED, so
    /// that reading the catalogs again before COMMIT shows what others did meanwhile.
    ///
    /// # Errors
    /// The server refused, or is gone.
    pub async fn begin_write(&mut self, lock_timeout: Duration) -> Result<(), PostgresError> {
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE; SET LOCAL lock_timeout = {}",
            lock_timeout.as_millis()
        );
        self.transaction("begin a transaction", &begin).await
    }

    /// Commits. After a statement that failed, COMMIT alone would roll back and report success.
    ///
    /// # Errors
    /// A statement failed before, the server refused, or is gone: then whether it committed is unknown.
    pub async fn commit(&mut self) -> Result<(), PostgresError> {
        self.transaction("commit", "SELECT 1; COMMIT").await
    }

    /// Ends the transaction without changing anything: also the end of a snapshot.
    ///
    /// # Errors
    /// The server is gone.
    pub async fn rollback(&mut self) -> Result<(), PostgresError> {
        self.transaction("roll back", "ROLLBACK").await
    }

    async fn transaction(
        &mut self,
        operation: &'static str,
        statements: &str,
    ) -> Result<(), PostgresError> {
        let Self {
            client,
            wire,
            database,
            ..
        } = self;
        wire.drive(async { Ok(client.batch_execute(statements).await?) })
            .await
            .map_err(|source| PostgresError::Transaction {
                operation,
                database: database.clone(),
                source,
            })
    }

    /// Runs `statements` in order and returns what the server remarked. They are sent ahead of the answers, so that this
    /// belongs inside a transaction: there the server ignores what follows a failure.
    ///
    /// # Errors
    /// The first statement that failed.
    pub async fn run(&mut self, statements: &[Statement]) -> Result<Vec<Notice>, PostgresError> {
        pipeline::run(&self.client, &mut self.wire, statements)
            .await
            .map_err(|failed| PostgresError::Statement {
                index: failed.index,
                number: failed.index + 1,
                statement: statements
                    .get(failed.index)
                    .map(|statement| shortened(statement.shown()))
                    .unwrap_or_default(),
                database: self.database.clone(),
                source: failed.cause,
            })
    }

    /// Waits for `work` on this session's client.
    pub(super) async fn read<'a, T, F>(
        &'a mut self,
        what: &'static str,
        work: impl FnOnce(&'a Catalog, u32) -> F,
    ) -> Result<T, PostgresError>
    where
        F: Future<Output = Result<T, Cause>>,
    {
        let Self {
            client,
            wire,
            database,
            major,
            ..
        } = self;
        wire.drive(work(client, *major))
            .await
            .map_err(|source| PostgresError::Read {
                what,
                database: database.clone(),
                source: client.names().explain(source),
            })
    }

    /// Ends the session. Dropping it does too, with a line about a lost connection in some servers' logs.
    pub async fn close(self) {
        drop(self.client);
        self.wire.close().await;
    }
}

/// Enough of a statement to know which one it was: it may name hundreds of objects.
fn shortened(text: &str) -> String {
    const SHOWN: usize = 240;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}

fn silence(statement_timeout: Duration) -> Duration {
    statement_timeout + BEYOND_STATEMENT_TIMEOUT
}

/// Why there is no session.
struct Failed {
    cause: Cause,
    /// The server had accepted the password before.
    admitted: bool,
}

impl Failed {
    /// The server was not heard.
    fn unheard(cause: Cause) -> Self {
        Self {
            cause,
            admitted: false,
        }
    }
}

/// Logs in on `transport`, and makes sure that what answers is a session.
async fn begin(
    transport: Box<dyn Transport>,
    config: Config,
    terms: Terms,
    attributes: TargetSessionAttrs,
    silence: Duration,
) -> Result<(Catalog, String, Wire), Failed> {
    let channel = Channel::new(transport, terms);
    let heard = channel.heard();
    let begun = log_in(channel, config, terms, attributes, silence).await;
    begun.map_err(|cause| Failed {
        cause,
        admitted: heard.is_admitted(),
    })
}

async fn log_in(
    channel: Channel,
    mut config: Config,
    terms: Terms,
    attributes: TargetSessionAttrs,
    silence: Duration,
) -> Result<(Catalog, String, Wire), Cause> {
    let heard = channel.heard();
    config.channel_binding(match terms.binding {
        Binding::Disable => ChannelBinding::Disable,
        Binding::Prefer => ChannelBinding::Prefer,
        Binding::Require => ChannelBinding::Require,
    });
    let (client, connection) = config.connect_raw(channel, AsItIs).await?;
    let version = connection
        .parameter("server_version")
        .unwrap_or_default()
        .to_owned();
    let mut wire = Wire::new(connection, silence);
    let names = wire
        .drive(session_check::check(&client, heard.pid(), attributes))
        .await?;
    Ok((Catalog::new(client, names), version, wire))
}

/// The driver's settings: who logs in where. The channel is encrypted already where it has to be.
fn config(
    options: String,
    database: &DatabaseName,
    user: &RoleName,
    password: Option<&Password>,
    purpose: &ApplicationName,
) -> Config {
    let mut config = Config::new();
    config
        .user(user.as_str())
        .dbname(database.as_str())
        .application_name(purpose.as_str());
    config
        .options(options)
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    if let Some(password) = password {
        config.password(password.expose());
    }
    config
}

/// The leading number of `server_version`: `15.18 (Debian 15.18-1)`, `18beta1`.
fn major_of(version: &str) -> Option<u32> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_leading_number() {
        assert_eq!(major_of("15.18 (Debian 15.18-1.pgdg120+1)"), Some(15));
        assert_eq!(major_of("18beta1"), Some(18));
        assert_eq!(major_of(""), None);
    }
}
