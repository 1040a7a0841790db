//! Credentials are replaced while clients use them: a pair in turn, a single login in place, back again, and the end of what
//! nobody uses.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::Config;

use crate::stage::{READER, Stage, secret_path};
use crate::support::{each_major, newest, on_a_runtime};

/// A second of grace: what is waited for in tests.
fn pair(stage: &Stage, rotate: &str) {
    stage.roles(&format!(
        "  app: {{ access: dml, settings: {{ statement_timeout: 5s }}, connection_limit: 7, \
         secret: {{ name: app, payload: url, readers: [\"{READER}\"] }}, rotate: {{ strategy: alternate, {rotate} }} }}\n"
    ));
}

fn single(stage: &Stage, rotate: &str) {
    stage.roles(&format!(
        "  app: {{ access: dml, secret: {{ name: app, payload: url, readers: [\"{READER}\"] }}, rotate: {{ {rotate} }} }}\n"
    ));
}

/// User and password in a stored URL.
fn credential(url: &str) -> (String, String) {
    let url: Config = url.parse().expect("a URL");
    let password = std::str::from_utf8(url.get_password().expect("a password"))
        .expect("text")
        .to_owned();
    (url.get_user().expect("a user").to_owned(), password)
}

async fn current(stage: &Stage) -> (String, String) {
    credential(&stage.payload("app", "current").await)
}

async fn aliases(stage: &Stage) -> Value {
    stage.secret("app").await["versionAliases"].clone()
}

fn after_grace() {
    std::thread::sleep(Duration::from_millis(2100));
}

async fn works(stage: &Stage, (user, password): &(String, String)) -> bool {
    stage.logs_in(user, password).await
}

each_major! {
    async fn a_pair_takes_turns(major: u32) {
        let stage = Stage::new(major);
        pair(&stage, "grace: 1s");
        stage.apply(&[]).assert_status(0);
        let first = current(&stage).await;
        assert_eq!(first.0, "app_a");

        // Nothing is due, and nothing happens.
        stage.fake.forget_requests();
        stage.run("rotate", &[]).assert_status(0);
        assert!(stage.fake.requests().iter().all(|seen| seen.method == "GET"));

        let rotated = stage.run("rotate", &["--now", "--format", "json"]).assert_status(0).json();
        let entry = &rotated["credentials"][0];
        assert_eq!((&entry["login"], &entry["version"]), (&json!("app_b"), &json!(2)));
        let second = current(&stage).await;
        assert_eq!(second.0, "app_b");
        assert!(works(&stage, &first).await && works(&stage, &second).await, "both work within grace");
        assert_eq!(aliases(&stage).await, json!({"current": "2", "previous": "1"}));
        stage.assert_in_sync();

        // A session of the old login is in the way, and named.
        let session = stage.log_in(&first.0, &first.1).await.expect("it logs in");
        after_grace();
        let held = stage.run("rotate", &["--format", "json"]).assert_status(3).json();
        let by = &held["credentials"][0]["held"]["by"][0];
        assert_eq!((&by["login"], by["since"].is_string()), (&json!("app_a"), true), "{held}");
        let status = stage.run("status", &["--format", "json"]).assert_status(0).json();
        assert_eq!(status["credentials"][0]["phase"], "draining");
        assert_eq!(status["credentials"][0]["still_used_by"][0]["login"], "app_a");
        assert!(works(&stage, &first).await);
        stage.assert_in_sync();
        drop(session);

        let mut tries = 0;
        while stage.run("rotate", &[]).status == 3 {
            tries += 1;
            assert!(tries < 50, "the session does not end");
        }
        // One look without a session is not enough.
        assert!(works(&stage, &first).await);
        after_grace();
        stage.run("rotate", &[]).assert_status(0);
        assert!(!works(&stage, &first).await && works(&stage, &second).await);
        assert_eq!(aliases(&stage).await, json!({"current": "2"}));
        assert_eq!(stage.versions("app").await, ["1 DISABLED", "2 ENABLED"]);
        stage.assert_in_sync();

        // And back to the first login, with another password; what is older than what is kept is destroyed.
        stage.run("rotate", &["--now"]).assert_status(0);
        let third = current(&stage).await;
        assert_eq!(third.0, "app_a");
        assert!(works(&stage, &third).await && !works(&stage, &first).await);
        for _ in 0..3 {
            after_grace();
            stage.run("rotate", &[]).assert_status(0);
        }
        assert_eq!(stage.versions("app").await, ["1 DESTROYED", "2 DISABLED", "3 ENABLED"]);
        stage.assert_in_sync();
    }

    async fn back_to_the_credential_before(major: u32) {
        let stage = Stage::new(major);
        pair(&stage, "grace: 1s, deadline: 1h");
        stage.apply(&[]).assert_status(0);
        let first = current(&stage).await;
        stage.run("rollback", &["--role", "app"]).assert_status(1);
        stage.run("rotate", &["--now"]).assert_status(0);
        let second = current(&stage).await;
        stage.assert_in_sync();
        stage.run("rollback", &["--role", "app"]).assert_status(0);
        assert_eq!(current(&stage).await, first);
        assert_eq!(credential(&stage.payload("app", "latest").await), first, "`latest` goes back too");
        assert!(works(&stage, &first).await && works(&stage, &second).await);
        stage.assert_in_sync();
        for _ in 0..2 {
            after_grace();
            stage.run("rotate", &[]).assert_status(0);
        }
        assert!(works(&stage, &first).await && !works(&stage, &second).await);
        stage.run("rollback", &["--role", "app"]).assert_status(1);
        stage.assert_in_sync();
    }

    async fn a_single_login_is_replaced_in_place(major: u32) {
        let stage = Stage::new(major);
        single(&stage, "grace: 1s");
        stage.apply(&[]).assert_status(0);
        let first = current(&stage).await;
        let session = stage.log_in(&first.0, &first.1).await.expect("it logs in");
        let held = stage.run("rotate", &["--now"]).assert_status(3);
        assert!(held.stdout.contains("expect a gap") && held.stdout.contains("a session of `app`"), "{}", held.stdout);
        assert_eq!(current(&stage).await, first);
        stage.run("rotate", &["--now", "--accept-outage"]).assert_status(0);
        let second = current(&stage).await;
        assert!(!works(&stage, &first).await && works(&stage, &second).await);
        stage.assert_in_sync();
        stage.run("rollback", &["--role", "app"]).assert_status(0);
        assert_eq!(current(&stage).await, first);
        assert!(works(&stage, &first).await && !works(&stage, &second).await);
        drop(session);
        after_grace();
        stage.run("rotate", &[]).assert_status(0);
        assert_eq!(aliases(&stage).await, json!({"current": "3"}));
        assert_eq!(stage.versions("app").await, ["1 DISABLED", "2 DISABLED", "3 ENABLED"]);
        after_grace();
        stage.run("rotate", &[]).assert_status(0);
        assert_eq!(stage.versions("app").await, ["1 DESTROYED", "2 DISABLED", "3 ENABLED"]);
        stage.assert_in_sync();
    }
}

/// A live login becomes a pair and one again: what is published works at every moment, and the old one until it is unused.
#[test]
fn the_strategy_of_a_live_login_changes() {
    newest(|major| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let stage = Stage::new(major);
            single(&stage, "grace: 1s");
            stage.apply(&[]).assert_status(0);
            let first = current(&stage).await;
            pair(&stage, "grace: 1s");
            stage.apply(&[]).assert_status(0);
            assert!(works(&stage, &first).await);
            stage.assert_in_sync();
            stage.run("rotate", &[]).assert_status(0);
            let second = current(&stage).await;
            assert_eq!((first.0.as_str(), second.0.as_str()), ("app", "app_a"));
            assert!(works(&stage, &first).await && works(&stage, &second).await);
            stage.assert_in_sync();
            for _ in 0..2 {
                after_grace();
                stage.run("rotate", &[]).assert_status(0);
            }
            assert!(!works(&stage, &first).await && works(&stage, &second).await);
            stage.assert_in_sync();

            single(&stage, "grace: 1s");
            stage.apply(&[]).assert_status(0);
            assert!(works(&stage, &second).await);
            stage.run("rotate", &[]).assert_status(0);
            let third = current(&stage).await;
            assert_eq!(third.0, "app");
            assert!(works(&stage, &second).await && works(&stage, &third).await);
            for _ in 0..2 {
                after_grace();
                stage.run("rotate", &[]).assert_status(0);
            }
            assert!(!works(&stage, &second).await && works(&stage, &third).await);
            stage.apply(&[]).assert_status(0);
        });
    });
}

/// `rollback` that cannot be: exit 1, the reason and a line of advice, and nothing is changed.
async fn assert_no_way_back(stage: &Stage, reason: &str) {
    let before = stage.secret("app").await;
    let refused = stage.run("rollback", &["--role", "app"]).assert_status(1);
    let [error, hint] = refused.complaints().lines().collect::<Vec<_>>()[..] else {
        panic!("{}", refused.stderr)
    };
    assert!(
        error.starts_with("error: there is nothing to go back to: ") && error.contains(reason),
        "{error}"
    );
    assert_eq!(
        hint,
        format!(
            "hint: rotate instead: `rolewright rotate {} --role=app --now`",
            stage.file().display()
        )
    );
    assert_eq!(stage.secret("app").await, before);
    assert!(works(stage, &current(stage).await).await);
}

#[test]
fn there_is_a_way_back_only_while_the_credential_before_works() {
    newest(|major| {
        on_a_runtime(async {
            let stage = Stage::new(major);
            pair(&stage, "grace: 24h");
            stage.apply(&[]).assert_status(0);
            assert_no_way_back(&stage, "no rotation is under way").await;
            stage.run("rotate", &["--now"]).assert_status(0);
            for (broken, mended, reason) in [
                (
                    "NOLOGIN",
                    "LOGIN",
                    "the server does not take the credential before",
                ),
                (
                    "VALID UNTIL '2020-01-01'",
                    "VALID UNTIL 'infinity'",
                    "the server does not take the credential before",
                ),
            ] {
                stage
                    .cluster
                    .batch("postgres", &format!("ALTER ROLE app_a {broken}"))
                    .await;
                assert_no_way_back(&stage, reason).await;
                stage
                    .cluster
                    .batch("postgres", &format!("ALTER ROLE app_a {mended}"))
                    .await;
            }
            let state = |state: &str| secret_path("app", &format!("/versions/1:{state}"));
            stage.must(Method::POST, &state("disable"), json!({})).await;
            assert_no_way_back(&stage, "the version before cannot be read").await;
            stage.must(Method::POST, &state("enable"), json!({})).await;
            for _ in 0..2 {
                stage.later("app", SignedDuration::from_hours(25)).await;
                stage.run("rotate", &[]).assert_status(0);
            }
            assert_no_way_back(&stage, "what was before the last one is closed").await;
            stage.assert_in_sync();
        });
    });
}
