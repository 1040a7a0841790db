//! Ways to a server, and what is said when there is none.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use rolewright::model::{DatabaseName, Password, RoleName};
use rolewright::postgres::{
    ApplicationName, Environment, LoginError, PostgresError, Refusal, Route, Session, login,
};
use tempfile::TempDir;

use crate::support::{Cluster, Options, each_major};

fn purpose() -> ApplicationName {
    ApplicationName::new("test", "connect")
}

fn environment<const N: usize>(variables: [(&str, &str); N]) -> Environment {
    Environment::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn database(name: &str) -> DatabaseName {
    DatabaseName::new(name).unwrap()
}

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

fn password(text: &str) -> Password {
    Password::from_text(text.into())
}

async fn enters(route: Route) {
    let session = Session::connect(&route, route.start_database(), &purpose())
        .await
        .unwrap();
    session.close().await;
}

async fn refusal(route: Route) -> PostgresError {
    Session::connect(&route, route.start_database(), &purpose())
        .await
        .unwrap_err()
}

/// An error with everything below it, as a user reads it.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// The admin's password, as the test world made it.
fn admin_password(cluster: &Cluster) -> String {
    let rest = cluster
        .admin_url()
        .strip_prefix("postgres://csadmin:")
        .unwrap();
    rest.split_once('@').unwrap().0.to_owned()
}

/// A server with a certificate for `names`, and the certificate of its authority; `None` where this cannot be had.
async fn with_tls(major: u32, subject: &str, names: &str) -> Option<(Cluster, TempDir, PathBuf)> {
    let cluster = Cluster::start(major);
    let admin = cluster.connect_superuser("postgres").await;
    let make = format!(
        "set -e; exec 2>&1; command -v openssl; \
         openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt \
           -addext basicConstraints=critical,CA:TRUE; \
         openssl req -newkey rsa:2048 -nodes -subj /CN={subject} -keyout server.key -out server.csr; \
         printf ''{names}'' > names; \
         openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt; \
         chmod 600 server.key"
    );
    // The server's account makes the files, so that they belong to it.
    let made = admin
        .batch_execute(&format!("COPY (SELECT 1) TO PROGRAM '{make}'"))
        .await;
    let library: String = admin
        .query_one("SHOW ssl_library", &[])
        .await
        .unwrap()
        .get(0);
    if made.is_err() || library.is_empty() {
        // Not `eprintln!`, which the test runner captures.
        eprintln!("skipped: no openssl, or a server without TLS: {made:?}");
        return None;
    }
    admin
        .batch_execute("ALTER SYSTEM SET ssl = on")
        .await
        .unwrap();
    admin
        .batch_execute("SELECT pg_reload_conf()")
        .await
        .unwrap();
    let certificate: String = admin
        .query_one("SELECT pg_read_file('ca.crt')", &[])
        .await
        .unwrap()
        .get(0);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.crt");
    std::fs::write(&path, certificate).unwrap();
    while !is_encrypted(&cluster, "require").await {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Some((cluster, dir, path))
}

async fn is_encrypted(cluster: &Cluster, mode: &str) -> bool {
    let route = Route::from_url(
        &format!("{}?sslmode={mode}", cluster.admin_url()),
        &Environment::default(),
    )
    .unwrap();
    let Ok(session) = Session::connect(&route, route.start_database(), &purpose()).await else {
        return false;
    };
    let encrypted = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'rolewright/test/connect'";
    let rows = cluster
        .connect_superuser("postgres")
        .await
        .query(encrypted, &[])
        .await
        .unwrap();
    session.close().await;
    rows[0].get(0)
}

async fn verified(cluster: &Cluster, mode: &str, authority: &Path) -> Result<(), String> {
    let url = format!(
        "{}?sslmode={mode}&sslrootcert={}",
        cluster.admin_url(),
        authority.display()
    );
    let route = Route::from_url(&url, &Environment::default()).unwrap();
    match Session::connect(&route, route.start_database(), &purpose()).await {
        Ok(session) => {
            session.close().await;
            Ok(())
        }
        Err(error) => Err(format!(
            "{}; {}",
            chain(&error),
            error.hint().unwrap_or_default()
        )),
    }
}

#[tokio::test]
async fn a_silent_address_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "host=127.0.0.1 port={} user=u connect_timeout=1",
        silent.local_addr().unwrap().port()
    );
    let error = refusal(Route::from_url(&text, &Environment::default()).unwrap()).await;
    assert!(
        chain(&error).ends_with("no answer within 1s"),
        "{}",
        chain(&error)
    );
}

each_major! {
    async fn urls_pairs_variables_and_password_files_lead_to_the_server(major: u32) {
        let cluster = Cluster::start(major);
        let (port, secret) = (cluster.port().to_string(), admin_password(&cluster));
        enters(Route::from_url(cluster.admin_url(), &Environment::default()).unwrap()).await;
        let pairs = format!("host=127.0.0.1 port={port} user=csadmin password='{secret}' dbname=postgres");
        enters(Route::from_url(&pairs, &Environment::default()).unwrap()).await;
        let variables =
            environment([("PGHOST", "localhost"), ("PGPORT", &port), ("PGUSER", "csadmin"), ("PGPASSWORD", &secret)]);
        enters(Route::from_environment(&variables).unwrap().unwrap()).await;

        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".pgpass");
        std::fs::write(&file, format!("127.0.0.1:{port}:*:csadmin:{secret}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let url = format!("postgres://csadmin@127.0.0.1:{port}/postgres");
        enters(Route::from_url(&url, &environment([("HOME", home.path().to_str().unwrap())])).unwrap()).await;
        enters(Route::from_url(&url, &environment([("PGPASSFILE", file.to_str().unwrap())])).unwrap()).await;
        let without = refusal(Route::from_url(&url, &Environment::default()).unwrap()).await;
        assert_eq!(without.hint().as_deref(), Some("the server wants a password: set PGPASSWORD or PGPASSFILE"));
        enters(Route::from_url(&url, &Environment::default()).unwrap().with_password(password(&secret))).await;
    }

    async fn a_unix_socket_leads_to_the_server(major: u32) {
        let cluster = Cluster::start(major);
        let (port, secret) = (cluster.port(), admin_password(&cluster));
        let socket = cluster.socket_dir().to_str().unwrap();
        for text in [
            format!("postgresql://csadmin:{secret}@/postgres?host={socket}&port={port}"),
            format!("postgresql://csadmin:{secret}@{}:{port}/postgres", socket.replace('/', "%2F")),
            format!("host={socket} port={port} user=csadmin password={secret} sslmode=verify-full"),
        ] {
            enters(Route::from_url(&text, &Environment::default()).unwrap()).await;
        }
        // As Cloud Run mounts it: the port in the socket's name is always 5432.
        let mounted = tempfile::tempdir().unwrap();
        std::fs::set_permissions(&mounted, std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink(cluster.socket_dir().join(format!(".s.PGSQL.{port}")), mounted.path().join(".s.PGSQL.5432")).unwrap();
        let variables = environment([("PGUSER", "csadmin"), ("PGPASSWORD", &secret), ("PGHOST", "192.0.2.1")]);
        enters(Route::from_socket_directory(mounted.path().to_str().unwrap(), &variables).unwrap()).await;
    }

    async fn the_session_is_what_it_says_whatever_is_set_for_the_login(major: u32) {
        let cluster = Cluster::start(major);
        cluster.batch("postgres", "
            ALTER ROLE csadmin SET search_path = nowhere;
            ALTER ROLE csadmin SET client_min_messages = error;
            ALTER ROLE csadmin SET quote_all_identifiers = on;
        ").await;
        let url = format!("{}?options=-c%20search_path%3Dpublic%20-c%20temp_buffers%3D5MB", cluster.admin_url());
        let route = Route::from_url(&url, &Environment::default()).unwrap();
        let mut session = Session::connect(&route, &database("postgres"), &purpose()).await.unwrap();
        assert_eq!((session.major(), session.user()), (major, &role("csadmin")));
        let proof = "DO $$ BEGIN RAISE NOTICE '%, %, %', current_setting('search_path'), current_setting('temp_buffers'),
            (SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()); END $$";
        let notices = session.run(&[rolewright::postgres::Statement::plain(proof)]).await.unwrap();
        assert_eq!(notices[0].said.message, "pg_catalog, 5MB, rolewright/test/connect");
    }

    async fn a_refused_login_keeps_its_sqlstate(major: u32) {
        let cluster = Cluster::with(major, Options::default().database("shop"));
        cluster.batch("shop", "
            CREATE ROLE app LOGIN PASSWORD 'right';
            CREATE ROLE alone LOGIN PASSWORD 'right' CONNECTION LIMIT 1;
            CREATE ROLE idle NOLOGIN PASSWORD 'right';
            CREATE ROLE expired LOGIN PASSWORD 'right' VALID UNTIL '2000-01-01';
            CREATE ROLE barred LOGIN PASSWORD 'right';
            CREATE ROLE gone LOGIN PASSWORD 'right';
            CREATE ROLE outside LOGIN PASSWORD 'right';
            CREATE ROLE here LOGIN PASSWORD 'right';
            ALTER ROLE gone SET local_preload_libraries = 'gone';
            ALTER ROLE outside SET local_preload_libraries = '/tmp/outside';
            ALTER ROLE here IN DATABASE postgres SET local_preload_libraries = 'gone';
            REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
        ").await;
        cluster.batch("postgres", "CREATE DATABASE tiny CONNECTION LIMIT 0").await;
        cluster.batch("postgres", "CREATE DATABASE shut ALLOW_CONNECTIONS false").await;
        cluster.let_in_by("host all barred 127.0.0.1/32 reject").await;
        let route = Route::from_url(cluster.admin_url(), &Environment::default()).unwrap();
        let tried = async |to: &str, user: &str, text: &str| {
            match login(&route, &database(to), &role(user), &password(text), &purpose()).await {
                Ok(()) => "in".to_owned(),
                Err(LoginError::Refused { source, .. }) => {
                    let kind = match &source {
                        Refusal::Password(_) => "password",
                        Refusal::Verifier(_) => "verifier",
                        Refusal::Rule(_) => "rule",
                        Refusal::Full(_) => "full",
                        Refusal::NoLogin(_) => "no login",
                        Refusal::Database(_) => "database",
                        Refusal::Session(_) => "session",
                    };
                    let right = if source.proves_password() { ", right" } else { "" };
                    format!("{kind} {}{right}", source.server().map(|said| said.sqlstate.as_str()).unwrap_or_default())
                }
                Err(other) => chain(&other),
            }
        };
        // A role of its own: a session that is over counts until its process is gone.
        let _only = cluster.connect_as("postgres", "alone", "right").await.unwrap();
        for (database, user, right, wrong) in [
            ("postgres", "app", "in", "password 28P01"),
            ("postgres", "nobody", "password 28P01", "password 28P01"),
            ("postgres", "idle", "no login 28000, right", "password 28P01"),
            ("postgres", "expired", "password 28P01", "password 28P01"),
            ("postgres", "barred", "rule 28000", "rule 28000"),
            ("postgres", "alone", "full 53300, right", "password 28P01"),
            ("tiny", "app", "full 53300, right", "password 28P01"),
            ("shut", "app", "database 55000, right", "password 28P01"),
            ("nowhere", "app", "database 3D000, right", "password 28P01"),
            ("shop", "app", "database 42501, right", "password 28P01"),
            ("postgres", "gone", "session 58P01, right", "password 28P01"),
            ("postgres", "outside", "session 42501, right", "password 28P01"),
            ("postgres", "here", "session 58P01, right", "password 28P01"),
            ("template1", "here", "in", "password 28P01"),
            ("shop", "gone", "database 42501, right", "password 28P01"),
        ] {
            assert_eq!(tried(database, user, "right").await, right, "{user} at {database}");
            assert_eq!(tried(database, user, "wrong").await, wrong, "{user} at {database}");
        }
    }

    async fn a_server_without_room_tells_nothing_before_it_has_asked(major: u32) {
        let cluster = Cluster::with(major, Options::default().setting("max_connections", "6"));
        cluster.batch("postgres", "CREATE ROLE app LOGIN PASSWORD 'right'").await;
        let route = Route::from_url(cluster.admin_url(), &Environment::default()).unwrap();
        let tried = async |text: &str| login(&route, &database("postgres"), &role("app"), &password(text), &purpose()).await;
        let mut sessions = Vec::new();
        while let Ok(session) = cluster.connect_as("postgres", "app", "right").await {
            sessions.push(session);
        }
        // Slots that are kept for superusers are refused once the password is known to be right.
        assert!(matches!(tried("right").await, Err(LoginError::Refused { source: Refusal::Full(_), .. })));
        assert!(matches!(tried("wrong").await, Err(LoginError::Refused { source: Refusal::Password(_), .. })));
        for _ in 0..3 {
            sessions.push(cluster.connect_superuser("postgres").await);
        }
        for text in ["right", "wrong"] {
            let error = tried(text).await.unwrap_err();
            assert!(matches!(error, LoginError::Unreachable(_)), "{error:?}");
            assert!(chain(&error).contains("53300"), "{}", chain(&error));
        }
    }

    async fn a_server_that_is_not_there_says_nothing_about_the_credential(major: u32) {
        let cluster = Cluster::start(major);
        let url = cluster.admin_url().to_owned();
        let secret = admin_password(&cluster);
        drop(cluster);
        let route = Route::from_url(&url, &Environment::default()).unwrap();
        let error = login(&route, &database("postgres"), &role("csadmin"), &password("x"), &purpose()).await.unwrap_err();
        assert!(matches!(error, LoginError::Unreachable(PostgresError::Connect { .. })), "{error:?}");
        let shown = format!("{} {error:?}", chain(&error));
        assert!(shown.starts_with("cannot connect to database `postgres` at 127.0.0.1:"), "{shown}");
        assert!(!shown.contains(&secret), "{shown}");
    }

    async fn tls_is_used_on_loopback_where_there_is_some(major: u32) {
        let Some((cluster, _dir, _authority)) = with_tls(major, "db", "subjectAltName=IP:127.0.0.1").await else { return };
        assert!(is_encrypted(&cluster, "prefer").await);
        assert!(is_encrypted(&cluster, "require").await);
        assert!(!is_encrypted(&cluster, "disable").await);
    }

    async fn the_servers_certificate_is_verified(major: u32) {
        let Some((cluster, _dir, authority)) = with_tls(major, "db", "subjectAltName=IP:127.0.0.1").await else { return };
        for mode in ["require", "verify-ca", "verify-full"] {
            assert_eq!(verified(&cluster, mode, &authority).await, Ok(()), "{mode}");
        }
        let Some((_other, _other_dir, foreign)) = with_tls(major, "other", "subjectAltName=DNS:other").await else { return };
        for mode in ["require", "verify-ca", "verify-full"] {
            let refused = verified(&cluster, mode, &foreign).await.unwrap_err();
            assert!(refused.contains("invalid peer certificate"), "{mode}: {refused}");
        }
    }

    async fn an_instances_own_authority_vouches_without_a_name(major: u32) {
        // A Cloud SQL certificate names `project:instance`, and no address.
        let Some((cluster, _dir, authority)) = with_tls(major, "project:db", "basicConstraints=CA:FALSE").await else { return };
        assert_eq!(verified(&cluster, "verify-ca", &authority).await, Ok(()));
        let refused = verified(&cluster, "verify-full", &authority).await.unwrap_err();
        assert!(refused.contains("invalid peer certificate"), "{refused}");
        assert!(refused.ends_with("add sslmode=verify-ca and sslrootcert=server-ca.pem"), "{refused}");
    }

    async fn tls_that_the_server_has_not_is_missed(major: u32) {
        let cluster = Cluster::start(major);
        assert!(!is_encrypted(&cluster, "prefer").await);
        let url = format!("{}?sslmode=require", cluster.admin_url());
        let error = refusal(Route::from_url(&url, &Environment::default()).unwrap()).await;
        assert!(chain(&error).contains("server does not support TLS"), "{}", chain(&error));
        assert!(error.hint().is_some_and(|hint| hint.contains("turn TLS on")), "{:?}", error.hint());
    }
}
