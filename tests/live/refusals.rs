//! Wrong input and a world that is not there: a clear word within seconds, and nothing touched.

use std::time::{Duration, Instant};

use crate::stage::{INSTANCE, Stage};
use crate::support::{Cluster, Options, Outcome, Rolewright, each_major, newest};

const ROLES: &str = "  app: { access: dml, secret: { name: app } }\n";

fn on_a_stage(case: impl AsyncFnOnce(Stage)) {
    newest(|major| {
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(async {
                let stage = Stage::new(major);
                stage.roles(ROLES);
                case(stage).await;
            });
    });
}

#[track_caller]
fn says(outcome: &Outcome, words: &[&str]) {
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    for words in words {
        assert!(told.contains(words), "no `{words}` in {told}");
    }
}

impl Stage {
    fn run_as(&self, rolewright: &Rolewright, arguments: &[&str]) -> Outcome {
        let file = self.file();
        rolewright.run(
            [
                &[arguments[0], file.to_str().expect("UTF-8")],
                &arguments[1..],
            ]
            .concat(),
        )
    }

    /// Neither the server nor Google has anything of this policy.
    async fn assert_untouched(&self) {
        let superuser = self.cluster.connect_superuser("shop").await;
        let roles = superuser
            .query("SELECT FROM pg_roles WHERE rolname LIKE 'app%'", &[])
            .await
            .expect("pg_roles");
        assert!(roles.is_empty());
        assert!(self.fake.requests().iter().all(|seen| seen.method == "GET"));
        assert!(self.fake.payloads().is_empty());
    }
}

/// Ended within seconds, whatever it waited for.
fn soon<T>(case: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = case();
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
    result
}

#[test]
fn policies_that_cannot_work_contact_nobody() {
    on_a_stage(async |stage| {
        let databases = "databases: { shop: { schemas: [app] } }";
        for (policy, words) in [
            (
                format!(
                    "version: 1\nproject: p\n{databases}\nroles:\n  app: {{ secret: {{ name: app, payload: url }} }}\n"
                ),
                &["names a host", "set `host`"][..],
            ),
            (
                format!(
                    "version: 1\ninstance: {INSTANCE}\n{databases}\nroles:\n  app: {{ secret: {{ name: s }} }}\n  web: {{ secret: {{ name: s }} }}\n"
                ),
                &["secret", "`app`"],
            ),
            (
                format!(
                    "version: 1\ninstance: {INSTANCE}\n{databases}\nroles:\n  app: {{ secret: {{ name: s, readers: [allUsers] }} }}\n"
                ),
                &["the whole internet"],
            ),
            (
                format!(
                    "version: 1\ninstance: {INSTANCE}\n{databases}\nroles:\n  app: {{ secret: {{ name: s }}, rotate: {{ strategy: alternate }} }}\n"
                ),
                &["alternate"],
            ),
        ] {
            stage.policy(&policy);
            for command in ["validate", "plan", "apply"] {
                let options: &[&str] = if command == "apply" { &["--yes"] } else { &[] };
                let refused = stage.run(command, options).assert_status(1);
                says(&refused, words);
                says(&refused, &["policy.yaml:"]);
            }
        }
        assert!(stage.fake.requests().is_empty());
        stage.assert_untouched().await;
    });
}

#[test]
fn an_endpoint_where_nobody_answers_is_named_soon() {
    on_a_stage(async |stage| {
        let nobody = stage
            .rolewright
            .clone()
            .env("ROLEWRIGHT_GOOGLE_ENDPOINT", "http://127.0.0.1:1");
        for arguments in [&["check"][..], &["apply", "--yes"]] {
            let failed = soon(|| stage.run_as(&nobody, arguments)).assert_status(1);
            says(&failed, &["secret", "--google-endpoint"]);
        }
        stage.assert_untouched().await;
    });
}

#[test]
fn no_credentials_at_all_are_told_soon() {
    on_a_stage(async |stage| {
        let home = stage.folder.path().display().to_string();
        let nobody = stage
            .rolewright
            .clone()
            .env("ROLEWRIGHT_GOOGLE_ENDPOINT", "https://google.invalid")
            .env("GCE_METADATA_HOST", "127.0.0.1:1")
            .env("HOME", &home);
        let failed = soon(|| stage.run_as(&nobody, &["apply", "--yes"])).assert_status(1);
        says(
            &failed,
            &["credentials", "gcloud auth application-default login"],
        );
        stage.assert_untouched().await;
    });
}

#[test]
fn a_wrong_admin_password_is_said_with_advice() {
    on_a_stage(async |stage| {
        let url = format!(
            "postgres://csadmin:wrong@127.0.0.1:{}/postgres",
            stage.cluster.port()
        );
        let wrong = stage.rolewright.clone().env("ROLEWRIGHT_ADMIN_URL", &url);
        for arguments in [&["plan"][..], &["check"], &["apply", "--yes"]] {
            let failed = stage.run_as(&wrong, arguments).assert_status(1);
            says(
                &failed,
                &["28P01", "password authentication failed", "PGPASSWORD"],
            );
        }
        stage.assert_untouched().await;
    });
}

#[test]
fn wrong_usage_touches_nothing() {
    on_a_stage(async |stage| {
        let piped = stage.run("apply", &[]).assert_status(64);
        says(&piped, &["no terminal", "--yes"]);
        let url = format!(
            "postgres://csadmin:secret@127.0.0.1:{}/postgres",
            stage.cluster.port()
        );
        for url in [url.as_str(), "host=127.0.0.1 user=csadmin password=secret"] {
            let shown = stage
                .run("apply", &["--yes", "--admin-url", url])
                .assert_status(64);
            says(&shown, &["process list", "PGPASSWORD"]);
            assert!(
                !format!("{shown:?}").contains("secret@")
                    && !format!("{shown:?}").contains("password=secret")
            );
        }
        let second = stage.folder.path().join("second.yaml");
        let text = "version: 1\ninstance: shop-prod:europe-west1:other\ndatabases: { shop: {} }\nroles: { web: {} }\n";
        std::fs::write(&second, text).expect("a second policy");
        let two = stage
            .run("apply", &["--yes", second.to_str().expect("UTF-8")])
            .assert_status(64);
        says(&two, &["more than one instance", "one admin URL"]);
        assert!(stage.fake.requests().is_empty());
        stage.assert_untouched().await;
    });
}

#[test]
fn another_run_is_waited_for_and_named() {
    on_a_stage(async |stage| {
        let other = stage.cluster.connect_admin("postgres").await;
        other
            .batch_execute("SET application_name = 'rolewright/apply/0badcafe'")
            .await
            .expect("a name");
        let key = i64::from_be_bytes(*b"rolewrig");
        other
            .execute("SELECT pg_advisory_lock($1)", &[&key])
            .await
            .expect("the lock");
        let started = Instant::now();
        let held = stage
            .run("apply", &["--yes", "--wait", "2s"])
            .assert_status(3);
        assert!(started.elapsed() >= Duration::from_secs(2));
        says(
            &held,
            &["another run holds the lock", "rolewright/apply/0badcafe"],
        );
        stage.assert_untouched().await;
        stage.run("plan", &[]).assert_status(0);
        other
            .execute("SELECT pg_advisory_unlock($1)", &[&key])
            .await
            .expect("the lock");
        stage.apply(&[]).assert_status(0);
    });
}

each_major! {
    async fn a_plan_that_was_reviewed_for_one_server_is_refused_on_another(major: u32) {
        let stage = Stage::new(major);
        stage.roles("  app: { access: dml }\n");
        let digest = |outcome: &Outcome| outcome.json()["digest"].as_str().expect("a digest").to_owned();
        let reviewed = digest(&stage.run("plan", &["--format", "json"]).assert_status(0));
        let copy = Cluster::with(major, Options::default().database("shop"));
        let on_copy = stage.rolewright.clone().env("ROLEWRIGHT_ADMIN_URL", copy.admin_url());
        assert_ne!(digest(&stage.run_as(&on_copy, &["plan", "--format", "json"]).assert_status(0)), reviewed);
        let held = stage.run_as(&on_copy, &["apply", "--yes", "--expect", &reviewed]).assert_status(3);
        says(&held, &["no longer", "rolewright plan"]);
        // Another session, and a restart, are the same server.
        stage.cluster.restart("fast");
        stage.apply(&["--expect", &reviewed]).assert_status(0);
    }

    async fn what_tells_servers_apart_need_not_be_readable(major: u32) {
        let stage = Stage::new(major);
        stage.roles("  app: { access: dml }\n");
        stage.cluster.batch("shop", "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC").await;
        let reviewed = stage.run("plan", &["--format", "json"]).assert_status(0).json();
        stage.apply(&["--expect", reviewed["digest"].as_str().expect("a digest")]).assert_status(0);
    }
}

#[test]
fn another_plan_than_the_reviewed_one_is_not_applied() {
    on_a_stage(async |stage| {
        let reviewed = stage
            .run("plan", &["--format", "json"])
            .assert_status(0)
            .json();
        let digest = reviewed["digest"].as_str().expect("a digest").to_owned();
        let same = stage.run("plan", &["--format", "json"]).json();
        assert_eq!(same["digest"], digest.as_str());
        stage.make_secret("app", Some("appeared meanwhile")).await;
        stage.fake.forget_requests();
        let held = stage.apply(&["--expect", &digest]).assert_status(3);
        says(&held, &["no longer", "rolewright plan"]);
        assert!(
            stage
                .fake
                .requests()
                .iter()
                .all(|seen| seen.method == "GET")
        );
        assert_eq!(stage.versions("app").await, ["1 ENABLED"]);
        let superuser = stage.cluster.connect_superuser("shop").await;
        assert!(
            superuser
                .query("SELECT FROM pg_roles WHERE rolname = 'app'", &[])
                .await
                .expect("pg_roles")
                .is_empty()
        );
    });
}
