//! Credentials from nothing: made in the right order, working as stored, and left alone from then on.

use serde_json::json;

use crate::fidelity::{gcloud_access, python_access};
use crate::stage::{INSTANCE, PROJECT, READER, Stage, described};
use crate::support::each_major;

const SINGLE: &str = "  app: { access: dml, secret: { name: app, readers: [\"serviceAccount:api@shop-prod.iam.gserviceaccount.com\"] } }\n";
const ALTERNATE: &str = "  app: { access: dml, secret: { name: app, payload: url, host: db.internal, readers: [\"serviceAccount:api@shop-prod.iam.gserviceaccount.com\"] }, rotate: { strategy: alternate } }\n";

/// The password in a payload of the form `url`.
fn password_in(url: &str) -> String {
    let parsed = url::Url::parse(url).expect("a URL");
    percent_encoding::percent_decode_str(parsed.password().expect("a password"))
        .decode_utf8_lossy()
        .into_owned()
}

/// `login` and whether there is a password, of each role that begins with `app`.
async fn logins(stage: &Stage) -> Vec<String> {
    let superuser = stage.cluster.connect_superuser("shop").await;
    let query = "SELECT concat_ws(' ', rolname, CASE WHEN rolcanlogin THEN 'login' END,
            CASE WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'verifier' WHEN rolpassword IS NOT NULL THEN 'other' END)
        FROM pg_authid WHERE rolname LIKE 'app%' ORDER BY rolname";
    superuser
        .query(query, &[])
        .await
        .expect("pg_authid")
        .iter()
        .map(|row| row.get(0))
        .collect()
}

/// What Google says of a secret that holds a credential in use.
async fn assert_described(stage: &Stage, login: &str) {
    let secret = stage.secret("app").await;
    assert_eq!(secret["labels"], json!({"managed-by": "rolewright"}));
    assert_eq!(secret["replication"], json!({"automatic": {}}));
    assert_eq!(secret["versionAliases"], json!({"current": "1"}));
    let annotations = &secret["annotations"];
    assert_eq!(
        ["role", "instance", "login"].map(|key| &annotations[format!("rolewright.{key}")]),
        ["app", INSTANCE, login]
    );
    assert!(annotations["rolewright.pending"].is_null(), "{annotations}");
    assert!(
        annotations["rolewright.published"].is_string(),
        "{annotations}"
    );
    assert_eq!(stage.versions("app").await, ["1 ENABLED"]);
    let accessor = json!([{"role": "roles/secretmanager.secretAccessor", "members": [READER]}]);
    assert_eq!(stage.bindings("app").await, accessor);
}

each_major! {
    async fn a_single_login_from_nothing(major: u32) {
        let stage = Stage::new(major);
        stage.roles(SINGLE);
        stage.apply(&[]).assert_status(0);
        // Durable and read back before anybody logs in with it, proven before it is published.
        let order = [
            stage.asked_at("POST", "/secrets"),
            stage.logged_at("ALTER ROLE \"app\" NOLOGIN PASSWORD"),
            stage.asked_at("POST", ":addVersion"),
            stage.asked_at("GET", "/versions/1:access"),
            stage.logged_at("ALTER ROLE \"app\" LOGIN"),
            stage.logged_at("connection authorized: user=app "),
            stage.published_at(),
        ];
        assert!(order.is_sorted(), "{order:?}{}", described(&stage.fake.requests()));

        assert_described(&stage, "app").await;
        let password = stage.payload("app", "current").await;
        assert!(password.len() >= 32);
        assert!(stage.logs_in("app", &password).await);
        assert!(!stage.logs_in("app", "wrong").await);
        assert_eq!(logins(&stage).await, ["app login verifier"]);
        let log = stage.cluster.server_log();
        assert!(log.contains("PASSWORD 'SCRAM-SHA-256$4096:") && !log.contains(&password));
        stage.assert_in_sync();
    }

    async fn an_alternate_pair_from_nothing(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ALTERNATE);
        stage.apply(&[]).assert_status(0);
        // Nobody uses an idle login: armed and proven before it is stored, and read back before it is published.
        let order = [
            stage.logged_at("ALTER ROLE \"app_a\" LOGIN PASSWORD"),
            stage.logged_at("connection authorized: user=app_a "),
            stage.asked_at("POST", ":addVersion"),
            stage.asked_at("GET", "/versions/1:access"),
            stage.published_at(),
        ];
        assert!(order.is_sorted(), "{order:?}{}", described(&stage.fake.requests()));

        assert_described(&stage, "app_a").await;
        let url = stage.payload("app", "current").await;
        assert!(url.starts_with("postgresql://app_a:") && url.ends_with("@db.internal:5432/shop"));
        let active = stage.log_in("app_a", &password_in(&url)).await.expect("the stored credential logs in");
        let who = active.query_one("SELECT session_user::text, current_user::text", &[]).await.expect("it asks");
        assert_eq!((who.get::<_, &str>(0), who.get::<_, &str>(1)), ("app_a", "app"));
        assert_eq!(logins(&stage).await, ["app", "app_a login verifier", "app_b"]);
        stage.assert_in_sync();
    }

    async fn a_dropped_role_gets_its_stored_password_back(major: u32) {
        let stage = Stage::new(major);
        stage.roles(SINGLE);
        stage.apply(&[]).assert_status(0);
        let password = stage.payload("app", "current").await;
        stage.cluster.batch("shop", "DROP OWNED BY app CASCADE; DROP ROLE app").await;
        stage.run("check", &[]).assert_status(2);
        stage.apply(&[]).assert_status(0);
        assert!(stage.logs_in("app", &password).await);
        assert_eq!(stage.versions("app").await, ["1 ENABLED"]);
        stage.assert_in_sync();
    }
}

/// Each form of payload says what a consumer needs to log in.
#[test]
fn every_form_of_payload_logs_in() {
    crate::support::newest(|major| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let stage = Stage::new(major);
            let port = stage.cluster.port();
            let socket = stage.cluster.socket_dir().display().to_string();
            stage.roles(&format!(
                "  tcp: {{ access: read, secret: {{ name: tcp, payload: url, host: 127.0.0.1, port: {port} }} }}
  socket: {{ access: read, secret: {{ name: socket, payload: url, host: {socket:?}, port: {port} }} }}
  odd-name@x.iam: {{ access: read, secret: {{ name: odd, payload: url, host: 127.0.0.1, port: {port} }} }}
  doc: {{ access: read, secret: {{ name: doc, payload: json, host: 127.0.0.1, port: {port} }} }}
  env: {{ access: read, secret: {{ name: env, payload: \"host={{host}} port={{port}} dbname={{database}} user={{user}} password={{password}}\", host: 127.0.0.1, port: {port} }} }}\n"
            ));
            stage.apply(&[]).assert_status(0);
            for (secret, user) in [("tcp", "tcp"), ("odd", "odd-name@x.iam"), ("env", "env")] {
                let config: tokio_postgres::Config = stage.payload(secret, "current").await.parse().expect("libpq's form");
                assert_eq!(config.get_user(), Some(user));
                assert_eq!(config.get_dbname(), Some("shop"));
                drop(config.connect(tokio_postgres::NoTls).await.expect(secret));
            }
            let mut config: tokio_postgres::Config = stage.payload("socket", "current").await.parse().expect("a URL");
            // The socket directory of Cloud SQL always has the default port.
            drop(config.port(port).connect(tokio_postgres::NoTls).await.expect("the socket"));
            let doc: serde_json::Value = serde_json::from_str(&stage.payload("doc", "current").await).expect("JSON");
            assert_eq!((&doc["engine"], &doc["host"], &doc["dbname"]), (&json!("postgres"), &json!("127.0.0.1"), &json!("shop")));
            assert_eq!(doc["port"], json!(port));
            assert!(stage.logs_in(doc["username"].as_str().unwrap(), doc["password"].as_str().unwrap()).await);
            stage.assert_in_sync();
        });
    });
}

/// Google's own clients read the bytes that the server takes.
#[test]
fn googles_clients_read_what_logs_in() {
    crate::support::newest(|major| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let stage = Stage::new(major);
            stage.roles(SINGLE);
            stage.apply(&[]).assert_status(0);
            let base = stage.fake.base_url();
            let read = [
                gcloud_access(&base, PROJECT, "app", "current"),
                python_access(&base, PROJECT, "app", "current"),
            ];
            for bytes in read.into_iter().flatten() {
                let password = String::from_utf8(bytes).expect("text");
                assert!(stage.logs_in("app", &password).await);
            }
        });
    });
}
