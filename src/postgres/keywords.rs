//! What the keywords of a connection string mean.

use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::config::{SslNegotiation, TargetSessionAttrs};

use super::conninfo::Keywords;
use super::environment::Environment;
use super::passfile;
use super::route::{Address, RouteError};
use super::tls::{Files, Mode, Tls};
use crate::model::{DatabaseName, Password, RoleName};

const DEFAULT_PORT: u16 = 5432;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Keywords that are understood. <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS>
pub const KNOWN: [&str; 15] = [
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

/// Keywords by their meaning.
pub struct Values<'a>(pub &'a Keywords);

impl Values<'_> {
    /// Refuses what neither libpq nor this program knows: a keyword that is misspelt would be left out silently.
    pub fn check_known(&self) -> Result<(), RouteError> {
        let mut keywords = self.0.keys().map(String::as_str);
        match keywords.find(|keyword| !KNOWN.contains(keyword) && !WITHOUT_EFFECT.contains(keyword)) {
            None => Ok(()),
            Some(unknown) => {
                // Compared in a table as large as the product of the lengths: what is much longer resembles nothing.
                let near = |known: &&str| unknown.len() <= 32 && strsim::damerau_levenshtein(known, unknown) <= 2;
                let known = KNOWN.into_iter().find(near);
                Err(RouteError::UnknownKeyword { known })
            }
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
        self.get(keyword).map(|value| parse(value).ok_or(wrong)).transpose()
    }

    pub fn address(&self) -> Result<Address, RouteError> {
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

    pub fn tls(&self, address: &Address) -> Result<Tls, RouteError> {
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

    pub fn negotiation(&self) -> Result<SslNegotiation, RouteError> {
        let parse = |text: &str| match text {
            "postgres" => Some(SslNegotiation::Postgres),
            "direct" => Some(SslNegotiation::Direct),
            _ => None,
        };
        Ok(self.parsed("sslnegotiation", "postgres or direct", parse)?.unwrap_or(SslNegotiation::Postgres))
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
        let path = self.get("passfile").map(Into::into).or_else(|| environment.default_passfile())?;
        let (host, port) = match address {
            Address::Socket { directory, port } => (directory, port),
            Address::Tcp { host, port, .. } => (host, port),
        };
        passfile::lookup(&path, host, *port, database.as_str(), user.as_str())
    }

    pub fn connect_timeout(&self) -> Result<Duration, RouteError> {
        // Zero and less are libpq's "for ever": not for a program that runs unattended.
        let seconds = self.parsed("connect_timeout", "a number of seconds", |text| text.parse::<i64>().ok())?;
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_by_where_the_connection_goes() {
        let local = |host: &str, address: Option<&str>| is_loopback(host, address.map(|text| text.parse().unwrap()));
        for host in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "LOCALHOST"] {
            assert!(local(host, None), "{host}");
        }
        for host in ["10.0.0.1", "localhost.example.com", "db", "::2"] {
            assert!(!local(host, None), "{host}");
        }
        assert!(local("db.example.com", Some("127.0.0.1")));
        assert!(!local("localhost", Some("10.0.0.1")));
    }
}
