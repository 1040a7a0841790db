//! Every keyword and variable of libpq 18, and what becomes of it here: nothing is left out silently that would make a
//! connection safer, or lead it elsewhere. <https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS>,
//! <https://www.postgresql.org/docs/18/libpq-envars.html>

use super::{Environment, Route, RouteError};

#[derive(Clone, Copy)]
enum Meaning {
    /// A name, a secret or a path, which is used.
    Free,
    /// A value that is understood, and one that is refused.
    Judged(&'static str, &'static str),
    /// This value is refused, and what it stands for is not done.
    Refused(&'static str),
    /// Any value: it changes nothing about who is trusted and where the connection leads.
    WithoutEffect,
}

use Meaning::{Free, Judged, Refused, WithoutEffect};

/// Keyword and variable; one of them may be missing.
const LIBPQ: [(&str, &str, Meaning); 65] = [
    ("host", "PGHOST", Free),
    ("hostaddr", "PGHOSTADDR", Judged("127.0.0.1", "elsewhere")),
    ("port", "PGPORT", Judged("5432", "0")),
    ("dbname", "PGDATABASE", Free),
    ("user", "PGUSER", Free),
    ("password", "PGPASSWORD", Free),
    ("passfile", "PGPASSFILE", Free),
    ("options", "PGOPTIONS", Free),
    (
        "require_auth",
        "PGREQUIREAUTH",
        Judged("scram-sha-256", "password"),
    ),
    (
        "require_auth",
        "PGREQUIREAUTH",
        Judged("!password,!none", "none"),
    ),
    (
        "channel_binding",
        "PGCHANNELBINDING",
        Judged("require", "always"),
    ),
    ("connect_timeout", "PGCONNECT_TIMEOUT", Judged("5", "soon")),
    (
        "target_session_attrs",
        "PGTARGETSESSIONATTRS",
        Judged("read-write", "primary-ish"),
    ),
    (
        "target_session_attrs",
        "PGTARGETSESSIONATTRS",
        Refused("standby"),
    ),
    ("sslmode", "PGSSLMODE", Judged("require", "no")),
    (
        "sslnegotiation",
        "PGSSLNEGOTIATION",
        Judged("postgres", "direct"),
    ),
    ("sslrootcert", "PGSSLROOTCERT", Free),
    ("sslcert", "PGSSLCERT", Refused("/nonexistent")),
    ("sslkey", "PGSSLKEY", Refused("/nonexistent")),
    ("sslcertmode", "PGSSLCERTMODE", Judged("disable", "require")),
    ("sslcrl", "PGSSLCRL", Refused("/crl.pem")),
    ("sslcrldir", "PGSSLCRLDIR", Refused("/crl")),
    ("sslsni", "PGSSLSNI", Judged("0", "maybe")),
    ("sslpassword", "", Refused("hunter2")),
    ("sslkeylogfile", "", Refused("/tmp/keys")),
    ("sslcompression", "PGSSLCOMPRESSION", WithoutEffect),
    (
        "ssl_min_protocol_version",
        "PGSSLMINPROTOCOLVERSION",
        Judged("TLSv1.3", "SSLv3"),
    ),
    (
        "ssl_max_protocol_version",
        "PGSSLMAXPROTOCOLVERSION",
        Judged("tlsv1.2", "TLSv1.1"),
    ),
    ("", "PGREQUIRESSL", Free),
    ("requirepeer", "PGREQUIREPEER", Refused("postgres")),
    ("gssencmode", "PGGSSENCMODE", Judged("disable", "require")),
    ("gssdelegation", "PGGSSDELEGATION", WithoutEffect),
    ("krbsrvname", "PGKRBSRVNAME", WithoutEffect),
    ("gsslib", "PGGSSLIB", WithoutEffect),
    (
        "min_protocol_version",
        "PGMINPROTOCOLVERSION",
        Judged("3.0", "3.2"),
    ),
    (
        "max_protocol_version",
        "PGMAXPROTOCOLVERSION",
        WithoutEffect,
    ),
    ("replication", "", Judged("off", "database")),
    ("service", "PGSERVICE", Refused("prod")),
    ("servicefile", "PGSERVICEFILE", WithoutEffect),
    ("", "PGSYSCONFDIR", WithoutEffect),
    ("", "PGLOCALEDIR", WithoutEffect),
    ("scram_client_key", "", Refused("a2V5")),
    ("scram_server_key", "", Refused("a2V5")),
    ("oauth_issuer", "", Refused("https://issuer")),
    ("oauth_client_id", "", Refused("id")),
    ("oauth_client_secret", "", Refused("hunter2")),
    ("oauth_scope", "", Refused("openid")),
    ("", "PGOAUTHDEBUG", WithoutEffect),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS", WithoutEffect),
    ("application_name", "PGAPPNAME", WithoutEffect),
    ("fallback_application_name", "", WithoutEffect),
    ("client_encoding", "PGCLIENTENCODING", WithoutEffect),
    ("keepalives", "", WithoutEffect),
    ("keepalives_idle", "", WithoutEffect),
    ("keepalives_interval", "", WithoutEffect),
    ("keepalives_count", "", WithoutEffect),
    ("tcp_user_timeout", "", WithoutEffect),
    ("", "PGDATESTYLE", WithoutEffect),
    ("", "PGTZ", WithoutEffect),
    ("", "PGGEQO", WithoutEffect),
    // Removed from libpq, which calls them invalid.
    ("requiressl", "", Refused("1")),
    ("authtype", "", Refused("password")),
    ("tty", "", Refused("x")),
    // In the form of other drivers.
    ("ssl", "", Refused("true")),
    ("sslMode", "", Refused("verify-full")),
];

/// The route that this keyword, or this variable beside the others, makes of a plain one.
fn route(keyword: Option<&str>, variable: Option<&str>, value: &str) -> Result<String, RouteError> {
    let port = if keyword == Some("port") || variable == Some("PGPORT") {
        ""
    } else {
        " port=6000"
    };
    let pair = keyword
        .map(|keyword| format!(" {keyword}='{value}'"))
        .unwrap_or_default();
    // An address in the text goes before that of the variable.
    let host = if variable == Some("PGHOSTADDR") {
        ""
    } else {
        "host=127.0.0.1"
    };
    let text = format!("{host}{port}{pair}");
    let variables = variable.map(|variable| (variable.to_owned(), value.to_owned()));
    let environment = Environment::new(
        variables
            .into_iter()
            .chain([("USER".to_owned(), "u".to_owned())]),
    );
    Route::from_url(&text, &environment).map(|route| format!("{route:?}"))
}

#[test]
fn no_keyword_and_no_variable_of_libpq_is_left_out_silently() {
    let plain = route(None, None, "").unwrap();
    for (keyword, variable, meaning) in LIBPQ {
        let names = [(Some(keyword), None), (None, Some(variable))];
        for (keyword, variable) in names
            .into_iter()
            .filter(|(keyword, variable)| (*keyword).or(*variable) != Some(""))
        {
            let of = |value| route(keyword, variable, value);
            let name = format!("{keyword:?} {variable:?}");
            match meaning {
                Free => assert!(of("1").is_ok(), "{name}"),
                Judged(good, bad) => {
                    assert!(of(good).is_ok(), "{name}: {:?}", of(good));
                    let refused = of(bad).expect_err(&name);
                    assert!(
                        !refused.to_string().contains(&format!("`{bad}`")) || bad.starts_with('/'),
                        "{refused}"
                    );
                }
                Refused(value) => {
                    let refused = of(value).expect_err(&name);
                    assert!(
                        !format!("{refused} {:?}", refused.hint()).contains("hunter2"),
                        "{refused}"
                    );
                }
                WithoutEffect => assert_eq!(of("1").ok().as_ref(), Some(&plain), "{name}"),
            }
        }
    }
}

#[test]
fn what_is_refused_says_what_to_leave_out() {
    let told = |variable, value| {
        let error = route(None, Some(variable), value).unwrap_err();
        format!("{error}; {}", error.hint().unwrap_or_default())
    };
    assert_eq!(
        told("PGREQUIREPEER", "postgres"),
        "`requirepeer` is not supported; leave it out, and unset PGREQUIREPEER: it is not ignored silently"
    );
    assert!(
        told("PGGSSENCMODE", "require")
            .starts_with("`gssencmode` other than disable or prefer is not supported")
    );
    assert!(told("PGREQUIREAUTH", "md5").starts_with("`require_auth` leaves out scram-sha-256"));
    assert!(
        told("PGREQUIREAUTH", "scram")
            .starts_with("the value of `require_auth` is not a list of methods")
    );
    assert!(
        told("PGSSLNEGOTIATION", "direct")
            .starts_with("`sslnegotiation=direct` needs `sslmode=require`")
    );
}

#[test]
fn what_is_understood_is_in_the_route() {
    for (variable, value, part) in [
        ("PGREQUIREAUTH", "scram-sha-256", "admission: Scram,"),
        ("PGCHANNELBINDING", "require", "binding: Require"),
        ("PGCHANNELBINDING", "require", "tls: Require"),
        ("PGCHANNELBINDING", "disable", "binding: Disable"),
        ("PGREQUIRESSL", "1", "tls: Require"),
        ("PGREQUIRESSL", "0", "tls: Prefer"),
        ("PGSSLMODE", "verify-full", "tls: Require"),
        ("PGTARGETSESSIONATTRS", "read-only", "ReadOnly"),
    ] {
        let shown = route(None, Some(variable), value).unwrap();
        assert!(shown.contains(part), "{variable}={value}: {shown}");
    }
    let unbound = Route::from_url(
        "host=/run user=u channel_binding=require",
        &Environment::default(),
    )
    .unwrap_err();
    assert!(
        unbound
            .to_string()
            .starts_with("`channel_binding=require` needs TLS"),
        "{unbound}"
    );
    let clear = "host=127.0.0.1 user=u sslmode=disable channel_binding=require";
    assert!(matches!(
        Route::from_url(clear, &Environment::default()),
        Err(RouteError::Unbound)
    ));
    let socket = |rest: &str| {
        format!(
            "{:?}",
            Route::from_url(&format!("host=/run user=u {rest}"), &Environment::default())
        )
    };
    assert!(socket("").contains("admission: ScramOrUnasked"));
    assert!(socket("require_auth=!none").contains("admission: Scram,"));
}
