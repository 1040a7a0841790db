//! What stays open for how long: versions that have lost their alias, sessions that outlive their login, a password that
//! nobody stored, and a way back that failed.

use jiff::SignedDuration;
use serde_json::json;

use crate::stage::{READER, Stage};
use crate::support::each_major;

fn roles(stage: &Stage, secret: &str, rotate: &str) {
    stage.roles(&format!(
        "  app: {{ access: dml, secret: {{ name: app, {secret}, readers: [\"{READER}\"] }}, \
         rotate: {{ strategy: alternate, {rotate} }} }}\n"
    ));
}

async fn can_log_in(stage: &Stage, login: &str) -> bool {
    let superuser = stage.cluster.connect_superuser("postgres").await;
    let asked = "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1";
    superuser
        .query_one(asked, &[&login])
        .await
        .expect("the login is there")
        .get(0)
}

each_major! {
    async fn a_version_stays_readable_for_grace_after_it_lost_its_alias(major: u32) {
        let stage = Stage::new(major);
        roles(&stage, "payload: url", "grace: 1h");
        stage.apply(&[]).assert_status(0);
        stage.run("rotate", &["--now"]).assert_status(0);
        stage.run("rollback", &["--role", "app"]).assert_status(0);
        assert_eq!(stage.versions("app").await, ["1 ENABLED", "2 ENABLED", "3 ENABLED"], "after the way back");
        roles(&stage, "payload: json", "grace: 1h");
        stage.apply(&[]).assert_status(0);
        stage.run("rotate", &[]).assert_status(0);
        let all = ["1 ENABLED", "2 ENABLED", "3 ENABLED", "4 ENABLED"];
        assert_eq!(stage.versions("app").await, all, "after another form");
        // What somebody stored and took back: the one in use is stored again.
        stage.add_version("app", "mistaken").await;
        stage.must(reqwest::Method::POST, &crate::stage::secret_path("app", "/versions/5:destroy"), json!({})).await;
        stage.run("rotate", &[]).assert_status(0);
        assert_eq!(stage.secret("app").await["versionAliases"]["current"], "6");
        assert_eq!(stage.versions("app").await[3], "4 ENABLED", "after it was stored again");
        stage.later("app", SignedDuration::from_hours(2)).await;
        stage.run("rotate", &[]).assert_status(0);
        let states = stage.versions("app").await;
        let enabled: Vec<_> = states.iter().filter(|version| version.ends_with("ENABLED")).collect();
        assert_eq!(enabled, ["6 ENABLED"], "{states:?}");
        stage.run("check", &["--probe"]).assert_status(0);
    }

    async fn sessions_that_a_deadline_shuts_out_are_named_until_they_are_gone(major: u32) {
        let stage = Stage::new(major);
        roles(&stage, "payload: url", "grace: 1h, deadline: 2h");
        stage.apply(&[]).assert_status(0);
        let first: tokio_postgres::Config = stage.payload("app", "current").await.parse().expect("a URL");
        let password = std::str::from_utf8(first.get_password().expect("a password")).expect("text").to_owned();
        stage.run("rotate", &["--now"]).assert_status(0);
        let session = stage.log_in("app_a", &password).await.expect("it logs in");
        stage.later("app", SignedDuration::from_secs(5400)).await;
        let held = stage.run("rotate", &[]).assert_status(3);
        assert!(held.stdout.contains("whoever uses it is refused from 20"), "{}", held.stdout);
        stage.later("app", SignedDuration::from_hours(2)).await;
        // The server keeps the deadline, which is moved back with the rest.
        stage.cluster.batch("postgres", "ALTER ROLE app_a VALID UNTIL '2026-01-01'").await;
        let until = stage.run("rotate", &[]);
        let closed = if until.stdout.contains("cannot log in") { until } else { stage.run("rotate", &[]) };
        assert!(closed.stdout.contains("still open, and not let in again: a session of `app_a`"), "{}", closed.stdout);
        let users = async || {
            let status = stage.run("status", &["--format", "json"]).assert_status(0).json();
            status["credentials"][0]["still_used_by"].as_array().expect("a list").len()
        };
        assert_eq!(users().await, 1, "it is named although it is not the credential before any more");
        drop(session);
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app_a'";
        stage.cluster.batch("postgres", end).await;
        assert_eq!(users().await, 0);
    }

    async fn a_password_that_nobody_stored_is_closed_beside_a_pair_once_it_is_unused(major: u32) {
        let stage = Stage::new(major);
        stage.cluster.batch("shop", "SET ROLE csadmin; CREATE ROLE app LOGIN PASSWORD 'theirs'").await;
        roles(&stage, "payload: url", "every: 30d, grace: 1h");
        stage.apply(&[]).assert_status(0);
        let session = stage.log_in("app", "theirs").await.expect("it logs in");
        for _ in 0..2 {
            stage.run("rotate", &[]).assert_status(0);
            stage.later("app", SignedDuration::from_hours(2)).await;
        }
        assert!(can_log_in(&stage, "app").await, "it is in use");
        drop(session);
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'";
        stage.cluster.batch("postgres", end).await;
        stage.run("rotate", &[]).assert_status(0);
        assert!(can_log_in(&stage, "app").await, "it was in use when the run before looked");
        stage.later("app", SignedDuration::from_hours(2)).await;
        let closed = stage.run("rotate", &[]).assert_status(0);
        assert!(!can_log_in(&stage, "app").await, "{}", closed.stdout);
        assert!(!stage.logs_in("app", "theirs").await);
        stage.assert_in_sync();
        stage.run("check", &["--probe"]).assert_status(0);
    }

    async fn a_login_before_is_closed_once_two_runs_have_seen_no_session_of_it(major: u32) {
        let stage = Stage::new(major);
        roles(&stage, "payload: url", "every: 30d, grace: 1h");
        stage.apply(&[]).assert_status(0);
        let first: tokio_postgres::Config = stage.payload("app", "current").await.parse().expect("a URL");
        let password = std::str::from_utf8(first.get_password().expect("a password")).expect("text").to_owned();
        stage.run("rotate", &["--now"]).assert_status(0);
        let unseen = async || stage.secret("app").await["annotations"]["rolewright.unseen"].clone();
        assert!(unseen().await.is_null(), "the run that publishes has looked before");
        // A pool that is used again and again, and has a session at the first look after `grace`, and none at the second one.
        let session = stage.log_in("app_a", &password).await.expect("it logs in");
        stage.later("app", SignedDuration::from_hours(2)).await;
        stage.run("rotate", &[]).assert_status(3);
        drop(session);
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app_a'";
        stage.cluster.batch("postgres", end).await;
        let waits = stage.run("rotate", &[]).assert_status(0);
        assert!(waits.stdout.contains("`app_a` can be closed from 20"), "{}", waits.stdout);
        assert!(stage.logs_in("app_a", &password).await, "{}", waits.stdout);
        let status = stage.run("status", &["--format", "json"]).assert_status(0).json();
        let next = status["credentials"][0]["next"].as_str().expect("one").to_owned();
        assert!(next.starts_with("`app_a` can be closed from 20"), "{next}");
        // A session between makes it begin again.
        stage.later("app", SignedDuration::from_hours(2)).await;
        let session = stage.log_in("app_a", &password).await.expect("it logs in");
        let held = stage.run("rotate", &[]).assert_status(3);
        assert!(held.stdout.contains("a session of `app_a`") && unseen().await.is_null(), "{}", held.stdout);
        drop(session);
        stage.cluster.batch("postgres", end).await;
        for closed in [false, true] {
            stage.later("app", SignedDuration::from_hours(2)).await;
            stage.run("rotate", &[]).assert_status(0);
            assert_eq!(can_log_in(&stage, "app_a").await, !closed);
        }
        assert!(unseen().await.is_null());
        stage.run("check", &["--probe"]).assert_status(0);
    }

    async fn a_way_back_that_failed_is_not_gone_on_with_unasked(major: u32) {
        let stage = Stage::new(major);
        roles(&stage, "payload: url", "every: 30d, grace: 1h");
        stage.apply(&[]).assert_status(0);
        stage.run("rotate", &["--now"]).assert_status(0);
        stage.fake.fault("denied", json!({"method": "secrets.addVersion", "effect": "deny"}));
        stage.run("rollback", &["--role", "app"]).assert_status(1);
        stage.fake.mend("denied");
        stage.run("rotate", &[]).assert_status(0);
        let secret = stage.secret("app").await;
        assert_eq!(secret["versionAliases"], json!({"current": "2", "previous": "1"}));
        assert!(secret["annotations"]["rolewright.pending"].is_null(), "{secret}");
        assert_eq!(stage.versions("app").await, ["1 ENABLED", "2 ENABLED"]);
        // With a version stored it is said, and what is advised works when it is typed.
        for (verb, options, aliases) in [
            ("rotate", &["--role=app", "--now"][..], json!({"current": "4", "previous": "1"})),
            ("rollback", &["--role=app"], json!({"current": "5", "previous": "4"})),
        ] {
            let before = stage.secret("app").await["versionAliases"].clone();
            stage.fake.fault("denied", json!({"method": "secrets.patch", "nth": 2, "effect": "deny"}));
            stage.run("rollback", &["--role", "app"]).assert_status(1);
            stage.fake.mend("denied");
            for _ in 0..2 {
                let held = stage.run("rotate", &[]).assert_status(3);
                assert!(held.stdout.contains("a rollback has stored version"), "{}", held.stdout);
                let typed = format!("`rolewright {verb} {} {}`", stage.file().display(), options.join(" "));
                assert!(held.stdout.contains(&typed), "{typed}: {}", held.stdout);
                assert_eq!(stage.secret("app").await["versionAliases"], before);
            }
            stage.run(verb, options).assert_status(0);
            assert_eq!(stage.secret("app").await["versionAliases"], aliases);
            stage.run("check", &["--probe"]).assert_status(0);
        }
        stage.run("rollback", &["--role", "app"]).assert_status(0);
        assert_eq!(stage.secret("app").await["versionAliases"]["current"], "6");
        stage.run("check", &["--probe"]).assert_status(0);
    }
}
