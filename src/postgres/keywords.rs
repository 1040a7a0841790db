//! What the keywords of a connection string mean.

use std::net::IpAddr;
use std::time::Duration;

use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio_postgres::config::{SslNegotiation, TargetSessionAttrs};

use super::auth::{Binding, Methods, Terms};
use super::conninfo::Keywords;
use super::environment::Environment;
use super::passfile;
use super::route::Address;
use super::route_error::RouteError;
use super::tls::{Mode, Settings, Tls};
use crate::model::{DatabaseName, Password, RoleName};

const DEFAULT_PORT: u16 = 5432;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Keywords that are understood. <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>
pub const KNOWN: [&str; 21] = [
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
    "require_auth",
    "channel_binding",
    "sslcertmode",
    "sslsni",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
];

/// Keywords that change nothing here: we name ourselves, speak UTF-8 and version 3.0 of the protocol, never compress, never
/// use GSS, dial one host, always keep connections alive, and read no service file.
const WITHOUT_EFFECT: [&str; 15] = [
    "application_name",
    "fallback_application_name",
    "client_encoding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "load_balance_hosts",
    "max_protocol_version",
    "sslcompression",
    "gssdelegation",
    "krbsrvname",
    "gsslib",
    "servicefile",
];

/// Keywords that ask for what is not done here, with the values that ask for nothing of it. Left out silently, a connection
/// would be less safe than its string says, or go elsewhere.
const UNSUPPORTED: [(&str, &[&str]); 15] = [
    ("gssencmode", &["disable", "prefer"]),
    ("min_protocol_version", &["3.0"]),
    ("replication", &["false", "off", "no", "0"]),
    ("service", &[]),
    ("requirepeer", &[]),
    ("sslcrl", &[]),
    ("sslcrldir", &[]),
    ("sslpassword", &[]),
    ("sslkeylogfile", &[]),
    ("scram_client_key", &[]),
    ("scram_server_key", &[]),
    ("oauth_issuer", &[]),
    ("oauth_client_id", &[]),
    ("oauth_client_secret", &[]),
    ("oauth_scope", &[]),
];

/// Versions of TLS from the oldest on, which is no longer spoken.
const TLS_VERSIONS: [(&str, Option<&SupportedProtocolVersion>); 4] = [
    ("TLSv1", None),
    ("TLSv1.1", None),
    ("TLSv1.2", Some(&TLS12)),
    ("TLSv1.3", Some(&TLS13)),
];

/// Keywords by their meaning.
pub struct Values<'a>(pub &'a Keywords);

impl Values<'_> {
    /// Refuses what neither libpq nor this program knows: a keyword that is misspelt would be left out silently.
    pub fn check_known(&self) -> Result<(), RouteError> {
        let mut keywords = self.0.keys().map(String::as_str);
        let known = |keyword: &&str| {
            KNOWN.contains(keyword)
                || WITHOUT_EFFECT.contains(keyword)
                || UNSUPPORTED.iter().any(|row| row.0 == *keyword)
        };
        match keywords.find(|keyword| !known(keyword)) {
            None => Ok(()),
            Some(unknown) => {
                // Compared in a table as large as the product of the lengths: what is much longer resembles nothing.
                let near = |known: &&str| {
                    unknown.len() <= 32 && strsim::damerau_levenshtein(known, unknown) <= 2
                };
                let known = KNOWN.into_iter().find(near);
                Err(RouteError::UnknownKeyword { known })
            }
        }
    }

    /// Refuses what is known to libpq and not done here.
    pub fn check_supported(&self) -> Result<(), RouteError> {
        let asked = UNSUPPORTED
            .into_iter()
            .filter_map(|(keyword, supported)| Some((keyword, supported, self.get(keyword)?)));
        match asked
            .into_iter()
            .find(|(_, supported, value)| !supported.contains(value))
        {
            Some((keyword, supported, _)) => Err(RouteError::Unsupported { keyword, supported }),
            None => Ok(()),
        }
    }

    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword).map(|value| value.as_str())
    }

    fn parsed<T>(
        &self,
        keyword: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, RouteError> {
        let wrong = RouteError::Value { keyword, expected };
        self.get(keyword)
            .map(|value| parse(value).ok_or(wrong))
            .transpose()
    }

    pub fn address(&self) -> Result<Address, RouteError> {
        let port = self.parsed("port", "one port number", |text| {
            text.parse().ok().filter(|port| *port > 0)
        })?;
        let port = port.unwrap_or(DEFAULT_PORT);
        let address: Option<IpAddr> =
            self.parsed("hostaddr", "one IP address", |text| text.parse().ok())?;
        let host = self.parsed("host", "one host", |text| {
            (!text.contains(',')).then(|| text.to_owned())
        })?;
        match (host, address) {
            (Some(directory), None) if directory.starts_with('/') => {
                Ok(Address::Socket { directory, port })
            }
            (Some(host), address) => Ok(Address::Tcp {
                host,
                address,
                port,
            }),
            (None, Some(address)) => Ok(Address::Tcp {
                host: address.to_string(),
                address: Some(address),
                port,
            }),
            (None, None) => Err(RouteError::Missing { keyword: "host" }),
        }
    }

    pub fn tls(&self, address: &Address) -> Result<Tls, RouteError> {
        let expected = "disable, allow, prefer, require, verify-ca or verify-full";
        let asked = self.parsed("sslmode", expected, Mode::parse)?;
        let settings = Settings {
            roots: self.get("sslrootcert"),
            identity: self.identity()?,
            negotiation: self.negotiation()?,
            versions: self.tls_versions()?,
            server_name: self.server_name()?,
            bound: self.binding()? == Binding::Require,
        };
        match address {
            Address::Socket { .. } => Tls::none(&settings),
            Address::Tcp { host, address, .. } => {
                Tls::new(asked, is_loopback(host, *address), &settings)
            }
        }
    }

    /// Our own certificate and its key.
    fn identity(&self) -> Result<Option<(&str, &str)>, RouteError> {
        let parse = |text: &str| match text {
            "disable" => Some(false),
            "allow" => Some(true),
            _ => None,
        };
        if self.parsed("sslcertmode", "disable or allow", parse)? == Some(false) {
            return Ok(None);
        }
        match (self.get("sslcert"), self.get("sslkey")) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            (Some(_), None) => Err(RouteError::Missing { keyword: "sslkey" }),
            (None, Some(_)) => Err(RouteError::Missing { keyword: "sslcert" }),
        }
    }

    /// Those that are spoken of those that are asked for.
    pub fn tls_versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, RouteError> {
        let parse = |text: &str| {
            TLS_VERSIONS
                .iter()
                .position(|(name, _)| name.eq_ignore_ascii_case(text))
        };
        let oldest = self.parsed(
            "ssl_min_protocol_version",
            "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3",
            parse,
        )?;
        let newest = self.parsed("ssl_max_protocol_version", "TLSv1.2 or TLSv1.3", parse)?;
        let asked = oldest.unwrap_or(0)..=newest.unwrap_or(TLS_VERSIONS.len() - 1);
        let spoken: Vec<_> = asked.filter_map(|at| TLS_VERSIONS[at].1).collect();
        if spoken.is_empty() {
            let expected = "TLSv1.2 or TLSv1.3, and no older than ssl_min_protocol_version";
            return Err(RouteError::Value {
                keyword: "ssl_max_protocol_version",
                expected,
            });
        }
        Ok(spoken)
    }

    pub fn server_name(&self) -> Result<bool, RouteError> {
        let parse = |text: &str| match text {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        };
        Ok(self.parsed("sslsni", "0 or 1", parse)?.unwrap_or(true))
    }

    pub fn binding(&self) -> Result<Binding, RouteError> {
        let expected = "disable, prefer or require";
        Ok(self
            .parsed("channel_binding", expected, Binding::parse)?
            .unwrap_or(Binding::Prefer))
    }

    /// What the server has to do to be logged in to.
    pub fn terms(&self, address: &Address) -> Result<Terms, RouteError> {
        let expected = "a list of methods, all of them or none with `!`";
        let methods = self
            .parsed("require_auth", expected, Methods::parse)?
            .unwrap_or_else(Methods::all);
        let admission = methods
            .admission(matches!(address, Address::Socket { .. }))
            .ok_or(RouteError::Method)?;
        Ok(Terms {
            admission,
            binding: self.binding()?,
        })
    }

    pub fn negotiation(&self) -> Result<SslNegotiation, RouteError> {
        let parse = |text: &str| match text {
            "postgres" => Some(SslNegotiation::Postgres),
            "direct" => Some(SslNegotiation::Direct),
            _ => None,
        };
        Ok(self
            .parsed("sslnegotiation", "postgres or direct", parse)?
            .unwrap_or(SslNegotiation::Postgres))
    }

    pub fn password(
        &self,
        address: &Address,
        database: &DatabaseName,
        user: &RoleName,
        environment: &Environment,
    ) -> Option<Password> {
        if let Some(password) = self.get("password") {
            return Some(Password::from_text(password.into()));
        }
        let path = self
            .get("passfile")
            .map(Into::into)
            .or_else(|| environment.default_passfile())?;
        let (host, port) = match address {
            Address::Socket { directory, port } => (directory, port),
            Address::Tcp { host, port, .. } => (host, port),
        };
        passfile::lookup(&path, host, *port, database.as_str(), user.as_str())
    }

    pub fn connect_timeout(&self) -> Result<Duration, RouteError> {
        // Zero and less are libpq's "for ever": not for a program that runs unattended.
        let seconds = self.parsed("connect_timeout", "a number of seconds", |text| {
            text.parse::<i64>().ok()
        })?;
        let seconds = seconds
            .and_then(|seconds| u64::try_from(seconds).ok())
            .filter(|seconds| *seconds > 0);
        Ok(seconds.map_or(CONNECT_TIMEOUT, Duration::from_secs))
    }

    pub fn session_attributes(&self) -> Result<TargetSessionAttrs, RouteError> {
        let parse = |text: &str| match text {
            "any" => Some(TargetSessionAttrs::Any),
            "read-write" => Some(TargetSessionAttrs::ReadWrite),
            "read-only" => Some(TargetSessionAttrs::ReadOnly),
            _ => None,
        };
        let expected = "any, read-write or read-only";
        Ok(self
            .parsed("target_session_attrs", expected, parse)?
            .unwrap_or(TargetSessionAttrs::Any))
    }
}

/// Whether nobody else can sit between us and the server. `hostaddr` is where the connection goes, whatever `host` says.
fn is_loopback(host: &str, address: Option<IpAddr>) -> bool {
    match address.or_else(|| host.parse().ok()) {
        Some(address) => address.to_canonical().is_loopback(),
        None => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_by_where_the_connection_goes() {
        let local = |host: &str, address: Option<&str>| {
            is_loopback(host, address.map(|text| text.parse().unwrap()))
        };
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "localhost",
            "LOCALHOST",
        ] {
            assert!(local(host, None), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example.com", "db", "::2"] {
            assert!(!local(host, None), "{host}");
        }
        assert!(local("db.example.com", Some("127.0.0.1")));
        assert!(!local("localhost", Some("10.0.0.1")));
    }
}
