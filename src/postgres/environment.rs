//! The PG* environment variables, handed in as a value.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The environment variables of the process. <https://www.postgresql.org/docs/current/libpq-envars.html>
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

/// Which keyword a variable stands in for.
const VARIABLES: [(&str, &str); 28] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGOPTIONS", "options"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLSNI", "sslsni"),
    ("PGSSLMINPROTOCOLVERSION", "ssl_min_protocol_version"),
    ("PGSSLMAXPROTOCOLVERSION", "ssl_max_protocol_version"),
    ("PGSSLCRL", "sslcrl"),
    ("PGSSLCRLDIR", "sslcrldir"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGMINPROTOCOLVERSION", "min_protocol_version"),
    ("PGSERVICE", "service"),
    ("PGSERVICEFILE", "servicefile"),
];

/// The variable that was there before PGSSLMODE, which libpq still knows: `1` is `sslmode=require`.
const REQUIRE_SSL: &str = "PGREQUIRESSL";

impl Environment {
    /// Takes over the variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// A variable; an empty one is none, as in libpq.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Keyword and value of every PG* variable that is set.
    pub(super) fn keywords(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let old = self
            .get(REQUIRE_SSL)
            .filter(|value| value.starts_with('1'))
            .map(|_| ("sslmode", "require"));
        let set = VARIABLES
            .iter()
            .filter_map(|(variable, keyword)| Some((*keyword, self.get(variable)?)));
        set.chain(old)
    }

    /// The variable that stands in for `keyword`, for messages.
    pub(super) fn variable_of(keyword: &str) -> Option<&'static str> {
        VARIABLES
            .iter()
            .find(|row| row.1 == keyword)
            .map(|row| row.0)
    }

    /// The login name of the operating system's user.
    pub(super) fn login(&self) -> Option<&str> {
        self.get("USER").or_else(|| self.get("LOGNAME"))
    }

    /// Where passwords are kept unless told otherwise.
    pub(super) fn default_passfile(&self) -> Option<PathBuf> {
        Some(PathBuf::from(self.get("HOME")?).join(".pgpass"))
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
