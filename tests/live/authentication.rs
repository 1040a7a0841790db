//! Who gets a password: a server that speaks SCRAM-SHA-256, and no other, on any route.

use std::time::{Duration, Instant};

use rolewright::model::{DatabaseName, Password, RoleName};
use rolewright::postgres::{
    ApplicationName, Environment, LoginError, PostgresError, Route, Session, login,
};

use crate::stage::Stage;
use crate::support::impostor::{
    Impostor, Says, announcement, authentication, message, sasl, welcome,
};
use crate::support::{Cluster, Proxy, each_major, newest, on_a_runtime};

const SECRET: &str = "correct-horse-battery";

/// The MD5 hash of the password, the user and the salt `salt`, which takes no more than a guess to check.
const HASH: &str = "md5";

fn purpose() -> ApplicationName {
    ApplicationName::new("test", "authentication")
}

fn route(text: &str) -> Route {
    Route::from_url(text, &Environment::default()).unwrap()
}

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

fn database() -> DatabaseName {
    DatabaseName::new("postgres").unwrap()
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

fn challenged(then: impl IntoIterator<Item = Says>) -> Vec<Says> {
    [sasl(&["SCRAM-SHA-256"]), Says::Challenge(4096)]
        .into_iter()
        .chain(then)
        .collect()
}

/// What an impostor may say, and what is said of it.
fn impostors() -> Vec<(&'static str, Vec<Says>, &'static str)> {
    let once = |bytes| vec![Says::Bytes(bytes)];
    vec![
        (
            "clear text",
            once(authentication(3, b"")),
            "asks for the password in clear text",
        ),
        (
            "MD5",
            once(authentication(5, b"salt")),
            "asks for an MD5 hash",
        ),
        ("Kerberos", once(authentication(2, b"")), "ticket"),
        ("GSSAPI", once(authentication(7, b"")), "ticket"),
        ("SSPI", once(authentication(9, b"")), "ticket"),
        (
            "unknown",
            once(authentication(99, b"")),
            "authentication method 99",
        ),
        (
            "other mechanisms",
            vec![sasl(&["OAUTHBEARER", "PLAIN"])],
            "offers no SCRAM-SHA-256",
        ),
        ("no mechanism", vec![sasl(&[])], "offers no SCRAM-SHA-256"),
        (
            "clear text after SASL",
            vec![
                sasl(&["SCRAM-SHA-256"]),
                Says::Bytes(authentication(3, b"")),
            ],
            "asks for the password in clear text",
        ),
        (
            "welcome after SASL",
            vec![sasl(&["SCRAM-SHA-256"]), Says::Bytes(welcome())],
            "did not prove that it knows the password",
        ),
        (
            "no signature",
            challenged([Says::Bytes(welcome())]),
            "did not prove that it knows the password",
        ),
        (
            "clear text after the proof",
            challenged([Says::Bytes(authentication(3, b""))]),
            "asks for the password in clear text",
        ),
        (
            "a wrong signature",
            challenged([Says::Bytes(
                [authentication(12, b"v=d3Jvbmc="), welcome()].concat(),
            )]),
            "did not prove that it knows the password",
        ),
        (
            "one iteration",
            vec![sasl(&["SCRAM-SHA-256"]), Says::Challenge(1)],
            "1 iterations",
        ),
        (
            "all iterations",
            vec![sasl(&["SCRAM-SHA-256"]), Says::Challenge(4_000_000_000)],
            "4000000000 iterations",
        ),
        (
            "another protocol",
            once(b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec()),
            "does not speak PostgreSQL's protocol",
        ),
        (
            "a nonce of its own",
            vec![
                sasl(&["SCRAM-SHA-256"]),
                Says::Bytes(authentication(11, b"r=mine,s=c2FsdA==,i=4096")),
            ],
            "did not prove that it knows the password",
        ),
        (
            "a huge question",
            once(announcement(b'R', 2_000_000_000)),
            "2000000000 bytes",
        ),
        (
            "a huge error",
            once(announcement(b'E', 2_000_000_000)),
            "2000000000 bytes",
        ),
        (
            "notices",
            vec![Says::Endlessly(message(b'N', &[b'x'; 1000]))],
            "does not speak PostgreSQL's protocol",
        ),
        (
            "parameters",
            vec![Says::Endlessly(message(b'S', b"a\0b\0"))],
            "does not speak PostgreSQL's protocol",
        ),
    ]
}

async fn refused_as_admin(impostor: &Impostor) -> PostgresError {
    let route = route(&format!(
        "{} user=csadmin password={SECRET}",
        impostor.address()
    ));
    Session::connect(&route, &database(), &purpose())
        .await
        .expect_err("an impostor")
}

async fn refused_as_login(impostor: &Impostor) -> LoginError {
    let route = route(&format!("{} user=csadmin", impostor.address()));
    let password = Password::from_text(SECRET.to_owned().into());
    login(&route, &database(), &role("app"), &password, &purpose())
        .await
        .expect_err("an impostor")
}

#[track_caller]
fn assert_kept(heard: &[u8], name: &str) {
    let text = String::from_utf8_lossy(heard);
    assert!(text.contains("user\0"), "{name}: nobody logged in");
    assert!(
        !text.contains(SECRET) && !text.contains(HASH),
        "{name}: {text}"
    );
}

#[tokio::test]
async fn no_impostor_gets_a_password() {
    for (name, script, told) in impostors() {
        let started = Instant::now();
        for impostor in [
            Impostor::on_loopback(script.clone()),
            Impostor::on_a_socket(script.clone()),
        ] {
            let admin = refused_as_admin(&impostor).await;
            assert!(chain(&admin).contains(told), "{name}: {}", chain(&admin));
            assert!(!admin.is_away(), "{name} does not get better");
            let app = refused_as_login(&impostor).await;
            assert!(chain(&app).contains(told), "{name}: {}", chain(&app));
            assert_kept(&impostor.heard(), name);
        }
        assert!(
            started.elapsed() < Duration::from_secs(9),
            "{name}: {:?}",
            started.elapsed()
        );
    }
}

#[tokio::test]
async fn a_server_that_asks_for_nothing_is_trusted_by_the_admin_through_a_socket_only() {
    let everywhere = Impostor::on_loopback(vec![Says::Bytes(welcome())]);
    for error in [
        chain(&refused_as_admin(&everywhere).await),
        chain(&refused_as_login(&everywhere).await),
    ] {
        assert!(
            error.ends_with("lets the login in without SCRAM-SHA-256"),
            "{error}"
        );
    }
    assert_kept(&everywhere.heard(), "a server that asks for nothing");
    let row = |pid: &[u8]| {
        let column = [b"pid\0".as_slice(), &[0; 18]].concat();
        let described = message(b'T', &[&[0, 1], &column[..]].concat());
        let length = u32::try_from(pid.len()).unwrap().to_be_bytes();
        let row = message(b'D', &[&[0, 1], &length[..], pid].concat());
        Says::Bytes(
            [
                described,
                row,
                message(b'C', b"SELECT 1\0"),
                message(b'Z', b"I"),
            ]
            .concat(),
        )
    };
    let local = Impostor::on_a_socket(vec![Says::Bytes(welcome()), row(b"7")]);
    let text = format!("{} user=csadmin", local.address());
    Session::connect(&route(&text), &database(), &purpose())
        .await
        .unwrap();
    let strict = route(&format!("{text} require_auth=scram-sha-256"));
    let error = Session::connect(&strict, &database(), &purpose())
        .await
        .unwrap_err();
    assert!(
        chain(&error).ends_with("lets the login in without SCRAM-SHA-256"),
        "{}",
        chain(&error)
    );
    // It proves nothing about a password.
    let error = chain(&refused_as_login(&local).await);
    assert!(
        error.ends_with("lets the login in without SCRAM-SHA-256"),
        "{error}"
    );
}

#[tokio::test]
async fn a_session_reads_no_message_that_takes_all_memory() {
    for (kind, announced) in [
        (b'T', 2_000_000_000),
        (b'D', 100_000_000),
        (b'N', 1_000_000_000),
        (b'E', 3_000_000_000),
    ] {
        let local = Impostor::on_a_socket(vec![
            Says::Bytes(welcome()),
            Says::Bytes(announcement(kind, announced)),
        ]);
        let error = refused_as_admin(&local).await;
        assert!(
            chain(&error).contains(&format!("announces a message of {announced} bytes")),
            "{}",
            chain(&error)
        );
    }
    let flood = Impostor::on_a_socket(vec![
        Says::Bytes(welcome()),
        Says::Endlessly(message(b'N', &[b'x'; 60_000])),
    ]);
    let text = format!("{} user=csadmin connect_timeout=60", flood.address());
    let error = Session::connect(&route(&text), &database(), &purpose())
        .await
        .unwrap_err();
    assert!(
        !chain(&error).contains("no answer within"),
        "{}",
        chain(&error)
    );
}

#[test]
fn the_passwords_of_a_run_are_kept_from_an_impostor_on_its_way() {
    newest(|major| on_a_runtime(keeps_the_passwords_of_a_run(major)));
}

async fn keeps_the_passwords_of_a_run(major: u32) {
    let stage = Stage::new(major);
    stage.roles("  app: { access: dml, secret: { name: app, payload: password } }\n");
    let proxy = Proxy::to(stage.cluster.port());
    let rolewright = stage.rolewright.clone().env(
        "ROLEWRIGHT_ADMIN_URL",
        &proxy.url(stage.cluster.admin_url()),
    );
    let file = stage.file();
    let file = file.to_str().unwrap();
    let run =
        |arguments: &[&str]| rolewright.run([&[arguments[0], file], &arguments[1..]].concat());
    let questions = [
        (authentication(3, b""), "clear text"),
        (authentication(5, b"salt"), "MD5"),
        (welcome(), "without SCRAM-SHA-256"),
    ];
    for (question, told) in &questions {
        proxy.impersonate("app", vec![Says::Bytes(question.clone())]);
        let failed = run(&["apply", "--yes"]).assert_status(1);
        assert!(failed.stderr.contains(told), "{failed:?}");
    }
    proxy.impersonate("nobody", Vec::new());
    run(&["apply", "--yes"]).assert_status(0);
    for arguments in [&["check", "--probe"][..], &["verify"], &["rotate", "--now"]] {
        for (question, told) in &questions {
            proxy.impersonate("app", vec![Says::Bytes(question.clone())]);
            let failed = run(arguments);
            assert!([1, 2].contains(&failed.status), "{arguments:?}: {failed:?}");
            let shown = format!("{}{}", failed.stdout, failed.stderr);
            assert!(shown.contains(told), "{arguments:?}: {shown}");
        }
    }
    let overheard = proxy.overheard();
    let text = String::from_utf8_lossy(&overheard);
    assert!(text.contains("user\0app\0"));
    let payloads = stage.fake.payloads();
    assert!(payloads.len() > 1);
    for payload in payloads {
        let sent = overheard
            .windows(payload.data.len())
            .any(|part| *part == payload.data[..]);
        assert!(!sent, "a password was sent");
    }
    assert!(!text.contains(HASH), "a hash was sent: {text}");
}

#[test]
fn the_admins_password_out_of_a_secret_is_kept_too() {
    newest(|major| {
        on_a_runtime(async {
            let stage = Stage::new(major);
            stage.roles("  app: { access: dml }\n");
            stage.make_secret("admin", Some(SECRET)).await;
            let impostor = Impostor::on_loopback(vec![Says::Bytes(authentication(3, b""))]);
            let url = format!("{} user=csadmin dbname=shop", impostor.address());
            let rolewright = stage.rolewright.clone().env("ROLEWRIGHT_ADMIN_URL", &url);
            let file = stage.file();
            let file = file.to_str().unwrap();
            let secret = "projects/shop-prod/secrets/admin";
            let failed = rolewright
                .run(["check", file, "--admin-password-secret", secret])
                .assert_status(1);
            assert!(
                failed
                    .stderr
                    .contains("asks for the password in clear text"),
                "{failed:?}"
            );
            assert!(failed.stderr.contains("no password was sent"), "{failed:?}");
            assert_kept(&impostor.heard(), "the admin");
        });
    });
}

each_major! {
    async fn real_servers_get_a_password_by_scram_only(major: u32) {
        let cluster = Cluster::start(major);
        cluster.batch("postgres", &format!("
            CREATE ROLE clear LOGIN PASSWORD '{SECRET}';
            CREATE ROLE open LOGIN PASSWORD '{SECRET}';
            CREATE ROLE scram LOGIN PASSWORD '{SECRET}';
            CREATE ROLE negotiated LOGIN PASSWORD '{SECRET}';
            SET password_encryption = md5;
            CREATE ROLE old LOGIN PASSWORD '{SECRET}';
        ")).await;
        cluster.let_in_by("host all clear 127.0.0.1/32 password
            host all open 127.0.0.1/32 trust
            host all old,negotiated 127.0.0.1/32 md5").await;
        let route = route(cluster.admin_url());
        let password = Password::from_text(SECRET.to_owned().into());
        let tried = async |user: &str| match login(&route, &database(), &role(user), &password, &purpose()).await {
            Ok(()) => "in".to_owned(),
            Err(LoginError::Refused { source, .. }) => format!("refused: {source}; {}", source.hint().unwrap_or_default()),
            Err(error) => chain(&error),
        };
        assert_eq!(tried("scram").await, "in");
        // The method md5 is SCRAM for a role with a SCRAM verifier.
        assert_eq!(tried("negotiated").await, "in");
        assert!(tried("clear").await.ends_with("asks for the password in clear text instead of SCRAM-SHA-256"));
        assert!(tried("open").await.ends_with("lets the login in without SCRAM-SHA-256"));
        let old = tried("old").await;
        assert!(old.starts_with("refused: the server asks for an MD5 hash of the password"), "{old}");
        assert!(old.contains("\\password"), "{old}");
    }

    async fn options_that_are_swallowed_on_the_way_are_missed(major: u32) {
        let cluster = Cluster::start(major);
        let proxy = Proxy::to(cluster.port());
        let route = route(&proxy.url(cluster.admin_url()));
        Session::connect(&route, &database(), &purpose()).await.unwrap();
        proxy.swallow_options();
        let error = Session::connect(&route, &database(), &purpose()).await.unwrap_err();
        assert!(chain(&error).ends_with("begins with search_path = `\"$user\", public` instead of `pg_catalog`"), "{}", chain(&error));
        assert!(error.hint().unwrap().starts_with("connect to the server itself"));
    }

    async fn target_session_attrs_is_kept(major: u32) {
        let cluster = Cluster::start(major);
        let connect = async |attributes: &str| {
            let url = format!("{}?target_session_attrs={attributes}", cluster.admin_url());
            Session::connect(&route(&url), &database(), &purpose()).await.map(drop).map_err(|error| chain(&error))
        };
        assert_eq!(connect("read-write").await, Ok(()));
        assert!(connect("read-only").await.unwrap_err().contains("the database is not read only"));
        cluster.batch("postgres", "ALTER ROLE csadmin SET default_transaction_read_only = on").await;
        assert!(connect("read-write").await.unwrap_err().contains("the database does not allow writes"));
        assert_eq!(connect("read-only").await, Ok(()));
    }

    async fn connect_on_the_database_of_the_lock_is_asked_for_by_name(major: u32) {
        let cluster = Cluster::start(major);
        cluster.batch("postgres", "ALTER DATABASE postgres OWNER TO cloudsqladmin; REVOKE CONNECT ON DATABASE postgres FROM PUBLIC").await;
        let error = Session::connect(&route(cluster.admin_url()), &database(), &purpose()).await.unwrap_err();
        let hint = error.hint().unwrap();
        assert!(hint.contains("takes its lock in `postgres`"), "{hint}");
        let (_, grant) = hint.rsplit_once(", ").unwrap();
        assert_eq!(grant, "GRANT CONNECT ON DATABASE postgres TO csadmin");
        cluster.batch("template1", grant).await;
        Session::connect(&route(cluster.admin_url()), &database(), &purpose()).await.unwrap();
    }
}
