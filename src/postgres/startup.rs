//! The settings with which a session begins: `options` of a connection string, and ours.

use std::time::Duration;

/// Settings that a role or database could have set otherwise (`ALTER ROLE … SET`), and that would change what is read
/// or hide what the server remarks. Those of the connection win: <https://www.postgresql.org/docs/current/config-setting.html>.
/// Without `jit=off` the first large catalog query waits for a compiler; with 4 MB of `work_mem` grouping 50,000 tables
/// that all differ goes through files.
///
/// A run that is frozen inside a transaction keeps others from what it has locked no longer than a minute, and a machine
/// that vanished is noticed about as soon, where the system's own keepalive takes hours.
const SETTINGS: [(&str, &str); 11] = [
    ("search_path", "pg_catalog"),
    ("client_min_messages", "notice"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("idle_session_timeout", "0"),
    ("idle_in_transaction_session_timeout", "1min"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("jit", "off"),
    ("work_mem", "64MB"),
];

/// The parameter of this name with the value that a session is asked to begin with, as the server shows it.
pub fn setting(name: &str) -> Option<(&'static str, &'static str)> {
    SETTINGS.into_iter().find(|setting| setting.0 == name)
}

/// As whom a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// As the login itself, whatever role it has set to begin with: a plan says where another role is taken on, and comes
    /// back to this.
    AsLogin,
    /// As the login's own `role` setting says: that is part of what is proven.
    AsItsSettingSays,
}

/// The settings of a session. Ours come after those of the connection string: the last one wins. Its `role` is left out:
/// the admin takes on others by itself, and the logins whose credentials are proven on the same route may not take on that one.
pub fn options(theirs: Option<&str>, statement_timeout: Duration, begins: Begins) -> String {
    let theirs = theirs.into_iter().flat_map(without_role).map(str::to_owned);
    let role = (begins == Begins::AsLogin).then_some(("role", "none"));
    let ours = SETTINGS
        .into_iter()
        .chain(role)
        .map(|(name, value)| format!("-c {name}={value}"));
    let timeout = format!("-c statement_timeout={}", statement_timeout.as_millis());
    theirs
        .chain(ours)
        .chain([timeout])
        .collect::<Vec<_>>()
        .join(" ")
}

/// The words of `options` but for those that set `role`: `-c role=x`, `-crole=x`, `--role=x`.
/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-OPTIONS>
fn without_role(options: &str) -> Vec<&str> {
    let mut kept = Vec::new();
    let mut words = words(options).into_iter();
    while let Some(word) = words.next() {
        let next = if word == "-c" { words.next() } else { None };
        let setting = next
            .or_else(|| word.strip_prefix("--"))
            .or_else(|| word.strip_prefix("-c"))
            .unwrap_or_default();
        let name = setting.split_once('=').map_or(setting, |(name, _)| name);
        if !name.eq_ignore_ascii_case("role") {
            kept.extend([word].into_iter().chain(next));
        }
    }
    kept
}

/// White space separates, unless there is a backslash before it.
fn words(options: &str) -> Vec<&str> {
    let mut escaped = false;
    let separates = |letter: char| {
        let separates = letter.is_ascii_whitespace() && !escaped;
        escaped = letter == '\\' && !escaped;
        separates
    };
    options
        .split(separates)
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_of_a_connection_string_is_left_out() {
        for (given, kept) in [
            ("-c role=boss", ""),
            ("-crole=boss --role=boss -c ROLE=b\\ oss", ""),
            (
                "-c  work_mem=8MB -c role=boss  --geqo=off",
                "-c work_mem=8MB --geqo=off",
            ),
            (
                "-c application_name=a\\ role=b -e",
                "-c application_name=a\\ role=b -e",
            ),
            ("--role_x=1 -c", "--role_x=1 -c"),
        ] {
            assert_eq!(without_role(given).join(" "), kept, "{given}");
        }
    }

    #[test]
    fn only_the_admin_begins_as_none() {
        let timeout = Duration::from_secs(1);
        assert!(options(None, timeout, Begins::AsLogin).contains("-c role=none"));
        assert!(!options(Some("-c role=x"), timeout, Begins::AsItsSettingSays).contains("role="));
    }
}
