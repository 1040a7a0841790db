//! No password is ever shown: not at the highest verbosity, in no format, file, process list or server log.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use jiff::SignedDuration;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::fake_gcp::{FakeGcp, Moment};
use crate::stage::{READER, Stage};
use crate::support::{Cluster, Outcome, newest};

/// Texts that may be read by others, and what must not stand in them.
#[derive(Default)]
struct Watch {
    shown: Vec<(String, Vec<u8>)>,
    secrets: BTreeSet<Vec<u8>>,
}

impl Watch {
    fn output(&mut self, what: &str, outcome: &Outcome) {
        self.shown
            .push((format!("stdout of {what}"), outcome.stdout.clone().into()));
        self.shown
            .push((format!("stderr of {what}"), outcome.stderr.clone().into()));
    }

    fn text(&mut self, what: &str, text: impl Into<Vec<u8>>) {
        self.shown.push((what.to_owned(), text.into()));
    }

    /// A payload, and the password inside it.
    fn secret(&mut self, payload: &[u8]) {
        let text = String::from_utf8_lossy(payload);
        // The form `url`, with what percent-encoding stands for.
        if let Ok(config) = text.parse::<tokio_postgres::Config>() {
            self.secrets
                .extend(config.get_password().map(<[u8]>::to_vec));
        }
        if let Some(password) = serde_json::from_slice::<serde_json::Value>(payload)
            .ok()
            .as_ref()
            .and_then(|doc| doc["password"].as_str())
        {
            self.secrets.insert(password.into());
        }
        self.secrets.insert(text.trim_end().as_bytes().to_vec());
    }

    /// `what: form of which secret`, for whatever shows.
    fn leaks(&self) -> Vec<String> {
        let mut leaks = Vec::new();
        for (number, secret) in self.secrets.iter().enumerate() {
            for (form, text) in forms(secret) {
                let found = self
                    .shown
                    .iter()
                    .filter(|(_, shown)| contains(shown, &text));
                leaks.extend(found.map(|(what, _)| format!("{what}: secret {number} {form}")));
            }
        }
        leaks
    }
}

/// How a secret may be written.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = String::from_utf8_lossy(secret);
    let percent = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
    vec![
        ("raw", secret.to_vec()),
        ("in base64", within(&STANDARD, secret, 0)),
        ("in base64 after one byte", within(&STANDARD, secret, 1)),
        ("in base64 after two bytes", within(&STANDARD, secret, 2)),
        ("in base64 for URLs", within(&URL_SAFE, secret, 0)),
        ("percent-encoded", percent.clone().into_bytes()),
        (
            "percent-encoded in lower case",
            percent.to_ascii_lowercase().into_bytes(),
        ),
        ("in hexadecimal", hex.clone().into_bytes()),
        (
            "in upper-case hexadecimal",
            hex.to_ascii_uppercase().into_bytes(),
        ),
        (
            "as a list of bytes",
            format!("{secret:?}")
                .trim_matches(['[', ']'])
                .as_bytes()
                .to_vec(),
        ),
        (
            "as a debug text",
            format!("{text:?}").trim_matches('"').as_bytes().to_vec(),
        ),
    ]
}

/// What base64 makes of `secret` where `before` bytes of its group stand before it, whatever stands there and behind.
fn within(engine: &impl Engine, secret: &[u8], before: usize) -> Vec<u8> {
    let encoded = engine.encode([&[0; 2][..before], secret].concat());
    let (first, last) = ((before * 8).div_ceil(6), (before + secret.len()) * 8 / 6);
    encoded.as_bytes()[first..last].to_vec()
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && text.windows(needle.len()).any(|window| window == needle)
}

fn admin_password(cluster: &Cluster) -> Vec<u8> {
    let config: tokio_postgres::Config = cluster.admin_url().parse().expect("a URL");
    config
        .get_password()
        .expect("the admin has a password")
        .to_vec()
}

const EVERY_FORM: &str = "  one: { access: dml, secret: { name: one, readers: [READER] } }
  two: { access: dml, secret: { name: two, payload: url, host: db }, rotate: { strategy: alternate } }
  three: { access: read, secret: { name: three, payload: json, host: db } }
  four: { access: read, secret: { name: four, payload: \"user={user} password={password}\" } }\n";

/// Everything the program can do with these roles, as loud as it can, each format once.
fn run_everything(stage: &Stage, watch: &mut Watch) {
    let file = |name: &str| stage.folder.path().join(name).display().to_string();
    let runs: [(&str, &[&str]); 14] = [
        ("validate", &["-vvv"]),
        ("plan", &["-vvv"]),
        ("plan", &["-vvv", "--format", "sql"]),
        (
            "plan",
            &["-vvv", "--format", "json", "--log-format", "json"],
        ),
        (
            "apply",
            &[
                "-vvv",
                "--yes",
                "--output",
                &format!("json={}", file("apply.json")),
            ],
        ),
        ("apply", &["-vvv", "--yes", "--format", "json"]),
        ("plan", &["-vvv", "--format", "markdown"]),
        ("check", &["-vvv", "--format", "json"]),
        ("check", &["-vvv", "--format", "sarif"]),
        ("check", &["-vvv", "--format", "junit"]),
        ("check", &["-vvv", "--format", "markdown"]),
        ("check", &["-vvv", "--format", "github"]),
        (
            "check",
            &["-vvv", "--output", &format!("json={}", file("check.json"))],
        ),
        (
            "apply",
            &[
                "-vvv",
                "--yes",
                "--reset-passwords",
                "--prune",
                "--take-over",
            ],
        ),
    ];
    for (command, options) in runs {
        let outcome = stage.run(command, options);
        watch.output(&format!("{command} {options:?}"), &outcome);
    }
}

fn collect_files(stage: &Stage, watch: &mut Watch) {
    for entry in fs::read_dir(stage.folder.path()).expect("the folder") {
        let path = entry.expect("an entry").path();
        watch.text(
            &path.display().to_string(),
            fs::read(&path).expect("a file"),
        );
    }
}

fn loud(mut stage: Stage) -> Stage {
    let rolewright = stage.rolewright.clone();
    stage.rolewright = rolewright
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LIB_BACKTRACE", "full")
        .env("GOOGLE_CLOUD_RUST_LOGGING", "true");
    stage
}

fn everything_stored(fake: &FakeGcp, watch: &mut Watch) {
    fake.payloads()
        .iter()
        .for_each(|stored| watch.secret(&stored.data));
}

fn on_a_stage(case: impl AsyncFnOnce(Stage)) {
    newest(|major| {
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(async { case(loud(Stage::new(major))).await });
    });
}

#[test]
fn nothing_is_shown_of_credentials_that_work() {
    on_a_stage(async |stage| {
        stage.roles(&EVERY_FORM.replace("READER", &format!("\"{READER}\"")));
        let mut watch = Watch::default();
        run_everything(&stage, &mut watch);
        stage
            .cluster
            .batch("shop", "DROP OWNED BY one CASCADE; DROP ROLE one")
            .await;
        watch.output(
            "apply that resumes",
            &stage.apply(&["-vvv"]).assert_status(0),
        );
        everything_stored(&stage.fake, &mut watch);
        assert_eq!(
            watch.secrets.len(),
            4 + 3,
            "four payloads, and a password in three of them"
        );
        watch.secret(&admin_password(&stage.cluster));
        collect_files(&stage, &mut watch);
        let log = stage.cluster.server_log();
        assert!(
            log.contains("LOGIN PASSWORD 'SCRAM-SHA-256$"),
            "statements are logged"
        );
        watch.text("the server's log", log);
        assert_eq!(watch.leaks(), [""; 0]);

        // What is looked for would be found: in each form, wherever it stands.
        let secret = watch.secrets.iter().next().expect("a secret").clone();
        for (form, text) in forms(&secret) {
            let mut told = Watch {
                secrets: [secret.clone()].into(),
                ..Watch::default()
            };
            told.text("a slip", [b"before ", &text[..], b" after"].concat());
            assert!(
                told.leaks().iter().any(|leak| leak.contains(form)),
                "{form}: {:?}",
                told.leaks()
            );
        }
    });
}

#[test]
fn nothing_is_shown_of_credentials_that_fail() {
    on_a_stage(async |stage| {
        stage.roles(&EVERY_FORM.replace("READER", &format!("\"{READER}\"")));
        let mut watch = Watch::default();
        // Payloads of somebody else's: for another login, malformed, refused.
        for (secret, payload) in [
            ("one", "Tr0ub4dor&3~nobody"),
            ("two", "postgres://postgres:c0rrect-horse~battery@db/shop"),
            (
                "three",
                r#"{"username":"three","password":"sw0rdfish~three"#,
            ),
            ("four", "user=four password=0pen~sesame"),
        ] {
            stage.make_secret(secret, Some(payload)).await;
        }
        for password in [
            "Tr0ub4dor&3~nobody",
            "c0rrect-horse~battery",
            "sw0rdfish~three",
            "0pen~sesame",
        ] {
            watch.secret(password.as_bytes());
        }
        let in_json = ["-vvv", "--format", "json", "--log-format", "json"];
        watch.output("apply in json", &stage.apply(&in_json).assert_status(3));
        run_everything(&stage, &mut watch);
        watch.output(
            "apply in json after all were replaced",
            &stage.apply(&in_json).assert_status(0),
        );
        everything_stored(&stage.fake, &mut watch);
        collect_files(&stage, &mut watch);
        watch.text("the server's log", stage.cluster.server_log());
        assert_eq!(watch.leaks(), [""; 0]);
    });
}

#[test]
fn nothing_is_shown_when_google_or_the_server_refuses() {
    on_a_stage(async |stage| {
        let mut watch = Watch::default();
        let wrong = "wr0ng~admin~password";
        let url = format!(
            "postgres://csadmin:{wrong}@127.0.0.1:{}/postgres",
            stage.cluster.port()
        );
        watch.secret(wrong.as_bytes());
        stage.roles(&format!(
            "  one: {{ access: dml, secret: {{ name: one, readers: [\"{READER}\"] }} }}\n"
        ));
        let refused = stage.rolewright.clone().env("ROLEWRIGHT_ADMIN_URL", &url);
        for command in ["plan", "check"] {
            let outcome = refused
                .run([command, stage.file().to_str().expect("UTF-8"), "-vvv"])
                .assert_status(1);
            assert!(
                outcome.stdout.contains("28P01") || outcome.stderr.contains("28P01"),
                "{outcome:?}"
            );
            watch.output(command, &outcome);
        }
        // Each permission missing in turn: refused at another step each time.
        let all = [
            "secretmanager.secrets.get",
            "secretmanager.versions.list",
            "secretmanager.secrets.getIamPolicy",
            "secretmanager.secrets.create",
            "secretmanager.secrets.update",
            "secretmanager.versions.add",
            "secretmanager.versions.access",
            "secretmanager.secrets.setIamPolicy",
        ];
        for held in 0..all.len() {
            stage.fake.restrict("anonymous", &all[..held]);
            let outcome = stage.apply(&["-vvv"]);
            assert_eq!(
                outcome.status, 1,
                "with {held} permissions: {}{}",
                outcome.stdout, outcome.stderr
            );
            watch.output(&format!("apply with {held} permissions"), &outcome);
        }
        stage.fake.lift("anonymous");
        watch.output("apply with all", &stage.apply(&["-vvv"]).assert_status(0));
        assert!(
            stage.fake.payloads().len() <= 2,
            "{} versions",
            stage.fake.payloads().len()
        );
        everything_stored(&stage.fake, &mut watch);
        watch.secret(&admin_password(&stage.cluster));
        watch.text("the server's log", stage.cluster.server_log());
        assert_eq!(watch.leaks(), [""; 0]);
        stage.assert_in_sync();
    });
}

#[test]
fn nothing_stands_in_the_process_list() {
    on_a_stage(async |stage| {
        stage.roles("  one: { access: dml, secret: { name: one } }\n");
        stage.fake.hold(Moment::After(5));
        let mut apply =
            stage
                .rolewright
                .command(["apply", "--yes", stage.file().to_str().expect("UTF-8")]);
        let mut apply = apply
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        while !stage.fake.is_holding() {
            assert!(
                apply.try_wait().expect("it is ours").is_none(),
                "ended before it was held"
            );
            sleep(Duration::from_millis(2));
        }
        let arguments =
            fs::read(format!("/proc/{}/cmdline", apply.id())).expect("the process list");
        apply.kill().expect("it is running");
        apply.wait().expect("it is ours");
        let mut watch = Watch::default();
        assert!(contains(&arguments, b"apply"));
        watch.text("the process list", arguments);
        stage.apply(&[]).assert_status(0);
        everything_stored(&stage.fake, &mut watch);
        watch.secret(&admin_password(&stage.cluster));
        assert_eq!(watch.leaks(), [""; 0]);
    });
}

/// Every command that has to do with rotation, as loud as it can.
fn run_rotations(stage: &Stage, watch: &mut Watch) {
    let runs: [(&str, &[&str], i32); 12] = [
        ("rotate", &["-vvv", "--now"], 0),
        ("status", &["-vvv"], 0),
        (
            "status",
            &["-vvv", "--format", "json", "--log-format", "json"],
            0,
        ),
        ("verify", &["-vvv"], 0),
        ("verify", &["-vvv", "--format", "json"], 0),
        ("check", &["-vvv", "--probe"], 0),
        (
            "rotate",
            &["-vvv", "--format", "json", "--log-format", "json"],
            0,
        ),
        ("rollback", &["-vvv", "--role", "two"], 0),
        (
            "rollback",
            &["-vvv", "--role", "one", "--format", "json"],
            0,
        ),
        ("rotate", &["-vvv", "--now", "--roll", "--accept-outage"], 0),
        (
            "verify",
            &["-vvv", "--format", "json", "--log-format", "json"],
            0,
        ),
        ("check", &["-vvv", "--probe", "--format", "json"], 0),
    ];
    for (command, options, status) in runs {
        watch.output(
            &format!("{command} {options:?}"),
            &stage.run(command, options).assert_status(status),
        );
    }
}

/// A rotation that Google refuses, credentials that the server refuses, and a rotation in the middle of its work.
async fn run_failing_rotations(stage: &Stage, watch: &mut Watch) {
    stage
        .cluster
        .batch("postgres", "ALTER ROLE four PASSWORD 'by hand'")
        .await;
    watch.output(
        "verify of one refused",
        &stage.run("verify", &["-vvv"]).assert_status(2),
    );
    watch.output(
        "a probe of one refused",
        &stage.run("check", &["-vvv", "--probe"]).assert_status(2),
    );
    for secret in ["one", "two", "three", "four"] {
        stage.later(secret, SignedDuration::from_hours(25)).await;
    }
    stage.fake.fault(
        "refused",
        json!({"method": "addVersion", "times": "always", "effect": "deny"}),
    );
    watch.output(
        "a refused rotation",
        &stage.run("rotate", &["-vvv", "--now"]).assert_status(1),
    );
    stage.fake.mend("refused");
    stage.fake.fault(
        "held",
        json!({"method": "addVersion", "when": "after", "effect": "hang"}),
    );
    let mut rotate =
        stage
            .rolewright
            .command(["rotate", "--now", stage.file().to_str().expect("UTF-8")]);
    let mut rotate = rotate
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    while !stage.fake.is_holding() {
        assert!(
            rotate.try_wait().expect("it is ours").is_none(),
            "ended before it was held"
        );
        sleep(Duration::from_millis(2));
    }
    watch.text(
        "the process list",
        fs::read(format!("/proc/{}/cmdline", rotate.id())).expect("the process list"),
    );
    let superuser = stage.cluster.connect_superuser("postgres").await;
    let sessions = superuser
        .query("SELECT row_to_json(a)::text FROM pg_stat_activity a", &[])
        .await
        .expect("sessions");
    sessions
        .iter()
        .for_each(|row| watch.text("the server's sessions", row.get::<_, String>(0)));
    rotate.kill().expect("it is running");
    rotate.wait().expect("it is ours");
    stage.fake.mend("held");
    watch.output(
        "a rotation that resumes",
        &stage.run("rotate", &["-vvv", "--now"]).assert_status(0),
    );
}

#[test]
fn nothing_is_shown_of_rotations() {
    on_a_stage(async |stage| {
        stage.roles(&EVERY_FORM.replace("READER", &format!("\"{READER}\"")));
        let mut watch = Watch::default();
        watch.output("apply", &stage.apply(&["-vvv"]).assert_status(0));
        run_rotations(&stage, &mut watch);
        run_failing_rotations(&stage, &mut watch).await;
        everything_stored(&stage.fake, &mut watch);
        assert!(
            watch.secrets.len() >= 3 * 7,
            "{} secrets",
            watch.secrets.len()
        );
        watch.secret(&admin_password(&stage.cluster));
        collect_files(&stage, &mut watch);
        let log = stage.cluster.server_log();
        assert!(
            log.matches("LOGIN PASSWORD 'SCRAM-SHA-256$").count() >= 8,
            "statements are logged"
        );
        watch.text("the server's log", log);
        watch.text(
            "the requests to Google",
            format!("{:?}", stage.fake.requests()),
        );
        for secret in ["one", "two", "three", "four"] {
            watch.text("what a secret says", stage.secret(secret).await.to_string());
        }
        assert_eq!(watch.leaks(), [""; 0]);
    });
}
