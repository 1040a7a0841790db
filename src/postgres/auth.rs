//! What a server has to prove before it gets anything, and what is said of one that does not.
//! <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-REQUIRE-AUTH>

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

/// Iterations of SCRAM. Fewer than RFC 7677 demands make the proof that the server gets as easy to guess from as an MD5
/// hash; with many more the client works for minutes, which nothing can interrupt.
pub const ITERATIONS: RangeInclusive<u64> = 4096..=100_000;

/// Methods of `require_auth` that libpq knows.
const METHODS: [&str; 7] = [
    "password",
    "md5",
    "gss",
    "sspi",
    "scram-sha-256",
    "oauth",
    "none",
];

/// How a server may let a login in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// After SCRAM-SHA-256, in which both sides prove that they know the password.
    Scram,
    /// Without a question too: through a unix socket, where the server knows the account that asks.
    ScramOrUnasked,
}

/// `channel_binding`: whether SCRAM is bound to the TLS channel, so that a third party cannot relay it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Never.
    Disable,
    /// Where the server offers it.
    Prefer,
    /// Always.
    Require,
}

impl Binding {
    /// The value of `channel_binding`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            _ => return None,
        })
    }
}

/// What a server has to do to be logged in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How it may let the login in.
    pub admission: Admission,
    /// Whether that is bound to the TLS channel.
    pub binding: Binding,
}

/// Methods that `require_auth` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods(BTreeSet<&'static str>);

impl Methods {
    /// The value of `require_auth`: methods, or methods that are excluded with `!`, and never both.
    pub fn parse(text: &str) -> Option<Self> {
        let mut named = BTreeSet::new();
        let (mut excluded, mut count) = (0, 0);
        for word in text.split(',') {
            let name = word.strip_prefix('!');
            let method = METHODS
                .into_iter()
                .find(|method| *method == name.unwrap_or(word))?;
            excluded += usize::from(name.is_some());
            count += 1;
            named.insert(method).then_some(())?;
        }
        match excluded {
            0 => Some(Self(named)),
            all if all == count => Some(Self(
                METHODS
                    .into_iter()
                    .filter(|method| !named.contains(method))
                    .collect(),
            )),
            _ => None,
        }
    }

    /// Those without a value.
    pub fn all() -> Self {
        Self(METHODS.into_iter().collect())
    }

    /// What is left of them where `local` is a unix socket; `None` where SCRAM-SHA-256 is not among them: logins are
    /// proven by it alone.
    pub fn admission(&self, local: bool) -> Option<Admission> {
        match (
            self.0.contains("scram-sha-256"),
            self.0.contains("none") && local,
        ) {
            (true, true) => Some(Admission::ScramOrUnasked),
            (true, false) => Some(Admission::Scram),
            (false, _) => None,
        }
    }
}

/// How a server asks for something that it does not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The password itself.
    ClearText,
    /// An MD5 hash of the password and a salt.
    Md5,
    /// A ticket: GSSAPI, SSPI or Kerberos.
    Ticket,
    /// A method that this program does not know.
    Unknown(u32),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClearText => f.write_str("the password in clear text"),
            Self::Md5 => f.write_str("an MD5 hash of the password"),
            Self::Ticket => f.write_str("a GSSAPI, SSPI or Kerberos ticket"),
            Self::Unknown(code) => write!(f, "authentication method {code}"),
        }
    }
}

/// Why nothing was sent to a server, or nothing more of it is read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UntrustedServer {
    /// It asks for something else than SCRAM.
    #[error("the server asks for {0} instead of SCRAM-SHA-256")]
    Asks(Question),
    /// It asks for SASL and offers other mechanisms only.
    #[error("the server offers no SCRAM-SHA-256")]
    Mechanisms,
    /// It lets the login in at once.
    #[error("the server lets the login in without SCRAM-SHA-256")]
    Unasked,
    /// It lets the login in without a signature of its own.
    #[error("the server did not prove that it knows the password")]
    Unproven,
    /// It asks for too few or too many iterations.
    #[error("the server asks for {0} iterations of SCRAM-SHA-256")]
    Iterations(u64),
    /// It does not bind SCRAM to the channel.
    #[error("the server does not offer SCRAM-SHA-256-PLUS, as `channel_binding=require` demands")]
    Unbound,
    /// One message is longer than any should be.
    #[error("the server announces a message of {bytes} bytes, more than {limit}")]
    LongMessage {
        /// Its length.
        bytes: usize,
        /// The most that is read.
        limit: usize,
    },
    /// One answer is longer than any should be.
    #[error("the server sends more than {limit} bytes in one answer")]
    LongAnswer {
        /// The most that is read.
        limit: usize,
    },
    /// Something else than a login is answered.
    #[error("the server does not speak PostgreSQL's protocol")]
    Protocol,
}

impl UntrustedServer {
    /// One line of advice.
    pub fn hint(&self) -> Option<String> {
        let advice = match self {
            Self::Asks(Question::Md5) => {
                "no password was sent: set the role's password again with psql's \\password, under \
                 password_encryption = scram-sha-256, so that the server keeps a SCRAM-SHA-256 verifier"
            }
            Self::Asks(_) | Self::Mechanisms => {
                "no password was sent: connect to the server or proxy that is meant, as a role with a password; IAM \
                 database authentication is not supported here"
            }
            Self::Unasked => {
                "a server that asks for nothing may be any server: use the method scram-sha-256 in pg_hba.conf, or \
                 connect through a unix socket"
            }
            Self::Unproven | Self::Protocol => {
                "look at host and port: this may not be the server that is meant"
            }
            Self::Iterations(_) => {
                "set the role's password again with scram_iterations between 4096, which is the default, and 100000"
            }
            Self::Unbound => "turn TLS on at the server, and leave out proxies that end it",
            Self::LongMessage { .. } | Self::LongAnswer { .. } => return None,
        };
        Some(advice.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(text: &str, local: bool) -> Option<Option<Admission>> {
        Methods::parse(text).map(|methods| methods.admission(local))
    }

    #[test]
    fn require_auth_is_read_as_libpq_does() {
        use Admission::{Scram, ScramOrUnasked};
        for (text, on_socket, on_tcp) in [
            ("scram-sha-256", Some(Scram), Some(Scram)),
            ("scram-sha-256,none", Some(ScramOrUnasked), Some(Scram)),
            ("password,md5,scram-sha-256", Some(Scram), Some(Scram)),
            ("!none", Some(Scram), Some(Scram)),
            ("!password,!md5", Some(ScramOrUnasked), Some(Scram)),
            ("!scram-sha-256", None, None),
            ("none", None, None),
            ("md5", None, None),
            ("gss,sspi,oauth", None, None),
        ] {
            assert_eq!(admission(text, true), Some(on_socket), "{text}");
            assert_eq!(admission(text, false), Some(on_tcp), "{text}");
        }
    }

    #[test]
    fn a_require_auth_that_libpq_refuses_is_refused() {
        for text in [
            "",
            ",",
            "scram",
            "SCRAM-SHA-256",
            "!password,md5",
            "md5,!none",
            "md5,md5",
            "!md5,!md5",
            "!",
            "!!md5",
            "md5, none",
        ] {
            assert_eq!(Methods::parse(text), None, "{text}");
        }
    }
}
