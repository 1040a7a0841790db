//! What depends on the environment or on being the only one in the process: each test in a process of its own.

use std::error::Error as _;
use std::io::Write;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rolewright::google::{Google, GoogleError};
use serde_json::json;

use super::hop::Fault;
use super::{PAYLOAD, World, payload};

/// Everything that is logged, by whatever library.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_payload_is_in_a_trace_or_an_error() {
    run_alone("alone::traces_and_errors_are_searched", &[]);
    // Google's client then puts every request and answer into a span.
    run_alone(
        "alone::traces_and_errors_are_searched",
        &[("GOOGLE_CLOUD_RUST_LOGGING", "true")],
    );
}

#[tokio::test]
#[ignore = "tests beside it would switch off what it listens to: run by another test"]
async fn traces_and_errors_are_searched() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let (world, name) = World::with_secret().await;
    world.google.add_version(&name, &payload()).await.unwrap();
    world.google.access(&name, 1).await.unwrap();
    let echo = format!(
        "Base64 decoding failed for \"{}\" ({PAYLOAD})",
        STANDARD.encode(PAYLOAD)
    );
    let echo = json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": echo}});
    world
        .hop
        .next(":addVersion", Fault::Answer(StatusCode::BAD_REQUEST, echo));
    let refused = world
        .google
        .add_version(&name, &payload())
        .await
        .unwrap_err();
    world.hop.next(
        ":access",
        Fault::Tamper(|answer| answer.replace("dataCrc32c", "x")),
    );
    let damaged = world.google.access(&name, 1).await.unwrap_err();
    drop(guard);

    let mut shown = String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();
    assert!(
        shown.contains("calling Google"),
        "the log is the one looked at"
    );
    for error in [refused, damaged] {
        shown += &format!("{error} {error:?} {:?} {:?}", error.source(), error.hint());
    }
    let percent = PAYLOAD.replace(':', "%3A").replace('/', "%2F");
    for form in [
        PAYLOAD,
        "pa~ss-w.rd",
        STANDARD.encode(PAYLOAD).trim_end_matches('='),
        &percent,
    ] {
        assert!(!shown.contains(form), "`{form}` is shown");
    }
}

/// Runs one test of the Google edge in an environment of its own.
fn run_alone(test: &str, environment: &[(&str, &str)]) {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("google::{test}"), "--include-ignored"])
        .env_clear()
        .env("HOME", home.path())
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
fn without_credentials_it_says_so_within_seconds() {
    let started = Instant::now();
    // Nothing listens on port 1; the other port takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    run_alone(
        "alone::there_are_no_credentials",
        &[("GCE_METADATA_HOST", "127.0.0.1:1")],
    );
    run_alone(
        "alone::there_are_no_credentials",
        &[("GCE_METADATA_HOST", &silent)],
    );
    run_alone(
        "alone::there_are_no_credentials",
        &[("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")],
    );
    assert!(started.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
#[ignore = "needs an environment without credentials: run by another test"]
async fn there_are_no_credentials() {
    let error = Google::connect(None).await.err().unwrap();
    assert!(
        error
            .to_string()
            .starts_with("no usable Google credentials"),
        "{error}"
    );
    assert!(
        error
            .hint()
            .unwrap()
            .contains("gcloud auth application-default login")
    );
}

#[test]
fn a_loopback_endpoint_needs_no_credentials() {
    run_alone("a_secret_lives", &[]);
}

#[test]
fn no_call_to_this_machine_goes_through_a_proxy() {
    let proxy = "http://127.0.0.1:1";
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        run_alone(
            "alone::a_proxied_loopback_endpoint_is_refused",
            &[(variable, proxy)],
        );
        run_alone(
            "a_secret_lives",
            &[(variable, proxy), ("NO_PROXY", "localhost,127.0.0.1")],
        );
    }
    run_alone("a_secret_lives", &[("HTTPS_PROXY", proxy)]);
}

#[tokio::test]
#[ignore = "needs an environment with a proxy: run by another test"]
async fn a_proxied_loopback_endpoint_is_refused() {
    for (endpoint, host) in [
        ("http://127.0.0.1:9", "127.0.0.1"),
        ("http://[::1]:9", "::1"),
    ] {
        let error = Google::connect(Some(&endpoint.parse().unwrap()))
            .await
            .err()
            .unwrap();
        assert!(matches!(error, GoogleError::Proxied { .. }), "{error:?}");
        assert_eq!(error.hint().unwrap(), format!("add `{host}` to `NO_PROXY`"));
    }
}

/// Runs `check` with the admin's password in `reference`, against a server that is not there.
fn check_with_password_in(reference: &str, world: &World) -> String {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.yaml");
    std::fs::write(
        &policy,
        "version: 1\ndatabases: {app: {schemas: [public]}}\nroles: {owner: {access: ddl}}\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rolewright"))
        .arg("check")
        .arg(&policy)
        .args([
            "--admin-url",
            "postgres://admin@127.0.0.1:1/postgres",
            "-vvv",
        ])
        .args([
            "--admin-password-secret",
            reference,
            "--google-endpoint",
            &world.fake.base_url(),
        ])
        .env_clear()
        .env("GOOGLE_CLOUD_RUST_LOGGING", "true")
        .env("RUST_LOG", "trace")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn the_accessor_of_a_numbered_password_needs_nothing_else() {
    let (world, name) = World::with_secret().await;
    world.google.add_version(&name, &payload()).await.unwrap();
    world
        .fake
        .restrict("anonymous", &["secretmanager.versions.access"]);

    let told = check_with_password_in("projects/shop/secrets/db-app-url/versions/1", &world);
    assert!(!told.contains("cannot read secret"), "{told}");
    assert_eq!(world.count("GET", "versions/1:access"), 1);
    assert!(
        told.contains("calling Google") && !told.contains("pa~ss-w.rd"),
        "{told}"
    );

    let told = check_with_password_in("projects/shop/secrets/db-app-url", &world);
    assert!(
        told.contains("cannot read secret `projects/shop/secrets/db-app-url`"),
        "{told}"
    );
}
