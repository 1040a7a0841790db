//! What is wrong with a connection string or a PG* variable.

use super::environment::Environment;
use super::keywords::KNOWN;
use crate::model::NameError;

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
    /// The address of the server, or the login, is missing.
    #[error("no `{keyword}` to connect with")]
    Missing {
        /// The keyword.
        keyword: &'static str,
    },
    /// A keyword of libpq that asks for something that is not done here.
    #[error("`{keyword}`{} is not supported", other_than(supported))]
    Unsupported {
        /// The keyword.
        keyword: &'static str,
        /// The values that ask for nothing that is not done.
        supported: &'static [&'static str],
    },
    /// `require_auth` without the only method that is spoken.
    #[error("`require_auth` leaves out scram-sha-256, which is all that is spoken here")]
    Method,
    /// `channel_binding=require` without a channel.
    #[error("`channel_binding=require` needs TLS, which this connection does not use")]
    Unbound,
    /// `sslnegotiation=direct` where TLS is not demanded.
    #[error("`sslnegotiation=direct` needs `sslmode=require` or stronger")]
    WeakDirect,
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
            Self::Unsupported { keyword, .. } => match Environment::variable_of(keyword) {
                Some(variable) => format!("leave it out, and unset {variable}: it is not ignored silently"),
                None => "leave it out: it is not ignored silently".into(),
            },
            Self::Method => "add scram-sha-256 to require_auth and PGREQUIREAUTH, or leave them out".into(),
            Self::Unbound => "connect over TCP with sslmode=require or stronger, or leave channel_binding out".into(),
            Self::Unencrypted => "leave sslmode out, or go through a unix socket or a proxy on loopback".into(),
            _ => return None,
        })
    }
}

fn other_than(supported: &[&str]) -> String {
    if supported.is_empty() {
        String::new()
    } else {
        format!(" other than {}", supported.join(" or "))
    }
}
