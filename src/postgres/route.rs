//! Where the server is and how to log in there.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{SslNegotiation, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::conninfo::{self, Keywords};
use super::environment::Environment;
use super::passfile;
use super::tls::{Files, Mode, Tls};
use crate::model::{DatabaseName, NameError, Password, RoleName};

const DEFAULT_PORT: u16 = 5432;
const DEFAULT_DATABASE: &str = "postgres";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A network that drops idle connections without a word is noticed after about a minute.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Keywords that are understood. <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>
const KNOWN: [&str; 15] = [
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "passfile",
    "options",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslnegotiation",
    "connect_timeout",
    "target_session_attrs",
];

/// Keywords that change nothing here: we name ourselves, speak UTF-8, know no GSS encryption and always keep connections
/// alive.
const WITHOUT_EFFECT: [&str; 8] = [
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "gssencmode",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
];

/// A connection string, or PG* variables, that lead nowhere. The values are never shown: a password may be among them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Neither a URL nor pairs.
    #[error("the connection string cannot be read: {0}")]
    Syntax(&'static str),
    /// A keyword that libpq or this program does not know.
    #[error("the connection string has an unknown keyword{}", known.as_ref().map(|known| format!(" that resembles `{known}`")).unwrap_or_default())]
    UnknownKeyword {
        /// The known one that resembles it.
        known: Option<&'static str>,
    },
    /// A value that does not fit its keyword.
    #[error("the value of `{keyword}` is not {expected}")]
    Value {
        /// The keyword.
        keyword: &'static str,
        /// What it should have been.
        expected: &'static str,
    },
    /// A user or database name that cannot be one.
    #[error("the value of `{keyword}` cannot be a name")]
    Name {
        /// The keyword.
        keyword: &'static str,
        /// Why.
        source: NameError,
    },
    /// Nobody says where the server is, or who logs in.
    #[error("no `{keyword}` to connect with")]
    Missing {
        /// The keyword.
        keyword: &'static str,
    },
    /// `sslmode=disable` over a network.
    #[error("`sslmode=disable` would send everything in clear text over the network")]
    Unencrypted,
    /// A certificate or key file.
    #[error("cannot read `{path}`")]
    File {
        /// The file.
        path: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Certificates and keys that do not fit.
    #[error("cannot set up TLS")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl RouteError {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Syntax(_) => "write postgres://USER@HOST:PORT/DATABASE, with `@ : / ? % #` in names and passwords \
                                percent-encoded, or host=HOST user=USER dbname=DATABASE"
                .into(),
            Self::UnknownKeyword { .. } => format!("known are {}", KNOWN.join(", ")),
            Self::Missing { keyword } => {
                format!("add `{keyword}`, or set {}", Environment::variable_of(keyword).unwrap_or_default())
            }
            Self::Unencrypted => "leave sslmode out, or go through a unix socket or a proxy on loopback".into(),
            _ => return None,
        })
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    Socket { directory: String, port: u16 },
    Tcp { host: String, address: Option<IpAddr>, port: u16 },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket { directory, .. } => f.write_str(directory),
            Self::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
        }
    }
}

/// Where the server is and how to log in there as the admin.
#[derive(Debug)]
pub struct Route {
    address: Address,
    tls: Tls,
    negotiation: SslNegotiation,
    user: RoleName,
    password: Option<Password>,
    database: DatabaseName,
    options: Option<String>,
    connect_timeout: Duration,
    session_attributes: TargetSessionAttrs,
}

impl Route {
    /// The route of a `postgres://` URL or of `key=value` pairs; what they leave out is taken from the PG* variables, the
    /// password from the password file.
    ///
    /// # Errors
    /// The text or a variable cannot be read, or a certificate file.
    pub fn from_url(text: &str, environment: &Environment) -> Result<Self, RouteError> {
        Self::from_keywords(conninfo::parse(text)?, environment)
    }

    /// Whether the connection string has a password in it, as a process list would show.
    ///
    /// # Errors
    /// The text cannot be read.
    pub fn has_password_in(text: &str) -> Result<bool, RouteError> {
        Ok(conninfo::parse(text)?.contains_key("password"))
    }

    /// The route of the PG* variables alone, where they name a host.
    ///
    /// # Errors
    /// A variable cannot be read, or a certificate file.
    pub fn from_environment(environment: &Environment) -> Result<Option<Self>, RouteError> {
        match environment.get("PGHOST").or_else(|| environment.get("PGHOSTADDR")) {
            Some(_) => Self::from_keywords(Keywords::new(), environment).map(Some),
            None => Ok(None),
        }
    }

    /// The route through the unix socket in `directory`, for example `/cloudsql/<instance>`; who logs in is taken from the
    /// PG* variables.
    ///
    /// # Errors
    /// A variable cannot be read.
    pub fn from_socket_directory(directory: &str, environment: &Environment) -> Result<Self, RouteError> {
        let socket = [("host", directory), ("port", "5432")];
        let keywords = socket.map(|(keyword, value)| (keyword.to_owned(), value.to_owned().into()));
        Self::from_keywords(keywords.into(), environment)
    }

    fn from_keywords(mut keywords: Keywords, environment: &Environment) -> Result<Self, RouteError> {
        check_known(&keywords)?;
        let address_given = keywords.contains_key("host") || keywords.contains_key("hostaddr");
        for (keyword, value) in environment.keywords() {
            // PGHOSTADDR next to a host of the text would send us elsewhere than the text says.
            if !(address_given && keyword == "hostaddr") {
                keywords.entry(keyword.to_owned()).or_insert_with(|| value.to_owned().into());
            }
        }
        let values = Values(&keywords);
        let address = values.address()?;
        let user = values.get("user").or_else(|| environment.login()).ok_or(RouteError::Missing { keyword: "user" })?;
        let user = RoleName::new(user).map_err(|source| RouteError::Name { keyword: "user", source })?;
        let database = DatabaseName::new(values.get("dbname").unwrap_or(DEFAULT_DATABASE))
            .map_err(|source| RouteError::Name { keyword: "dbname", source })?;
        Ok(Self {
            tls: values.tls(&address)?,
            negotiation: values.negotiation()?,
            password: values.password(&address, &database, &user, environment),
            options: values.get("options").map(str::to_owned),
            connect_timeout: values.connect_timeout()?,
            session_attributes: values.session_attributes()?,
            address,
            user,
            database,
        })
    }

    /// The same route with another password.
    #[must_use]
    pub fn with_password(self, password: Password) -> Self {
        Self { password: Some(password), ..self }
    }

    /// Who logs in.
    pub fn user(&self) -> &RoleName {
        &self.user
    }

    /// The database to begin with.
    pub fn start_database(&self) -> &DatabaseName {
        &self.database
    }

    /// Host and port, or the directory of the socket, for messages.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn password(&self) -> Option<&Password> {
        self.password.as_ref()
    }

    pub(super) fn options(&self) -> Option<&str> {
        self.options.as_deref()
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(super) fn tls(&self) -> MakeRustlsConnect {
        self.tls.connect()
    }

    /// Everything of the driver's settings but who logs in where.
    pub(super) fn config(&self) -> Config {
        let mut config = Config::new();
        match &self.address {
            Address::Socket { directory, port } => {
                config.host_path(Path::new(directory)).port(*port);
            }
            Address::Tcp { host, address, port } => {
                config.host(host).port(*port);
                address.iter().for_each(|address| {
                    config.hostaddr(*address);
                });
            }
        }
        config
            .ssl_mode(self.tls.mode())
            .ssl_negotiation(self.negotiation)
            .target_session_attrs(self.session_attributes)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE / 3)
            .keepalives_retries(3);
        config
    }
}

fn check_known(keywords: &Keywords) -> Result<(), RouteError> {
    let unknown = keywords
        .keys()
        .find(|keyword| !KNOWN.contains(&keyword.as_str()) && !WITHOUT_EFFECT.contains(&keyword.as_str()));
    match unknown {
        None => Ok(()),
        Some(unknown) => {
            let known = KNOWN.into_iter().find(|known| strsim::damerau_levenshtein(known, unknown) <= 2);
            Err(RouteError::UnknownKeyword { known })
        }
    }
}

/// Keywords by their meaning.
struct Values<'a>(&'a Keywords);

impl Values<'_> {
    fn get(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword).map(|value| value.as_str())
    }

    fn parsed<T>(
        &self,
        keyword: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, RouteError> {
        let wrong = RouteError::Value { keyword, expected };
        self.get(keyword).map(|value| parse(value).ok_or(wrong)).transpose()
    }

    fn address(&self) -> Result<Address, RouteError> {
        let port = self.parsed("port", "one port number", |text| text.parse().ok().filter(|port| *port > 0))?;
        let port = port.unwrap_or(DEFAULT_PORT);
        let address: Option<IpAddr> = self.parsed("hostaddr", "one IP address", |text| text.parse().ok())?;
        let host = self.parsed("host", "one host", |text| (!text.contains(',')).then(|| text.to_owned()))?;
        match (host, address) {
            (Some(directory), None) if directory.starts_with('/') => Ok(Address::Socket { directory, port }),
            (Some(host), address) => Ok(Address::Tcp { host, address, port }),
            (None, Some(address)) => Ok(Address::Tcp { host: address.to_string(), address: Some(address), port }),
            (None, None) => Err(RouteError::Missing { keyword: "host" }),
        }
    }

    fn tls(&self, address: &Address) -> Result<Tls, RouteError> {
        let expected = "disable, allow, prefer, require, verify-ca or verify-full";
        let asked = self.parsed("sslmode", expected, Mode::parse)?;
        let identity = match (self.get("sslcert"), self.get("sslkey")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(RouteError::Missing { keyword: "sslkey" }),
            (None, Some(_)) => return Err(RouteError::Missing { keyword: "sslcert" }),
        };
        match address {
            Address::Socket { .. } => Tls::none(),
            Address::Tcp { host, address, .. } => {
                Tls::new(asked, is_loopback(host, *address), &Files { roots: self.get("sslrootcert"), identity })
            }
        }
    }

    fn negotiation(&self) -> Result<SslNegotiation, RouteError> {
        let parse = |text: &str| match text {
            "postgres" => Some(SslNegotiation::Postgres),
            "direct" => Some(SslNegotiation::Direct),
            _ => None,
        };
        Ok(self.parsed("sslnegotiation", "postgres or direct", parse)?.unwrap_or(SslNegotiation::Postgres))
    }

    fn password(
        &self,
        address: &Address,
        database: &DatabaseName,
        user: &RoleName,
        environment: &Environment,
    ) -> Option<Password> {
        if let Some(password) = self.get("password") {
            return Some(Password::from_text(password.into()));
        }
        let path = self.get("passfile").map(Into::into).or_else(|| environment.default_passfile())?;
        let (host, port) = match address {
            Address::Socket { directory, port } => (directory, port),
            Address::Tcp { host, port, .. } => (host, port),
        };
        passfile::lookup(&path, host, *port, database.as_str(), user.as_str())
    }

    fn connect_timeout(&self) -> Result<Duration, RouteError> {
        // Zero and less are libpq's "for ever": not for a program that runs unattended.
        let seconds = self.parsed("connect_timeout", "a number of seconds", |text| text.parse::<i64>().ok())?;
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
        Ok(seconds.map_or(CONNECT_TIMEOUT, Duration::from_secs))
    }

    fn session_attributes(&self) -> Result<TargetSessionAttrs, RouteError> {
        let parse = |text: &str| match text {
            "any" => Some(TargetSessionAttrs::Any),
            "read-write" => Some(TargetSessionAttrs::ReadWrite),
            "read-only" => Some(TargetSessionAttrs::ReadOnly),
            _ => None,
        };
        let expected = "any, read-write or read-only";
        Ok(self.parsed("target_session_attrs", expected, parse)?.unwrap_or(TargetSessionAttrs::Any))
    }
}

/// Whether nobody else can sit between us and the server. `hostaddr` is where the connection goes, whatever `host` says.
fn is_loopback(host: &str, address: Option<IpAddr>) -> bool {
    match address.or_else(|| host.parse().ok()) {
        Some(address) => address.to_canonical().is_loopback(),
        None => host.eq_ignore_ascii_case("localhost"),
    }
}
