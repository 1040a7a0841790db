//! What a run of `rotate` asks Google for: as little as decides anything, and of idle credentials all at once.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::fake_gcp::Moment;
use crate::stage::{PROJECT, Stage};
use crate::support::newest;

fn on_a_stage(case: impl AsyncFnOnce(Stage)) {
    newest(|major| {
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(async { case(Stage::new(major)).await });
    });
}

/// Some credentials of each strategy that nothing is to be done with, with a job and a service among their readers.
async fn idle(stage: &Stage, number: usize) {
    stage.fake.seed_job(
        PROJECT,
        "us-central1",
        "job",
        Some("job@shop-prod.iam.gserviceaccount.com"),
    );
    stage.fake.seed_service(
        PROJECT,
        "us-central1",
        "web",
        Some("web@shop-prod.iam.gserviceaccount.com"),
    );
    let readers = "{cloud_run_job: us-central1/job}, {cloud_run_service: us-central1/web}";
    let role = |at: usize| {
        let strategy = if at.is_multiple_of(2) {
            "alternate"
        } else {
            "single"
        };
        format!(
            "  r{at}: {{ access: dml, secret: {{ name: secret-{at}, payload: url, host: db, readers: [{readers}] }}, \
             rotate: {{ strategy: {strategy}, every: 30d, grace: 1s }} }}\n"
        )
    };
    stage.roles(&(0..number).map(role).collect::<String>());
    stage.apply(&[]).assert_status(0);
    stage.fake.forget_requests();
}

#[test]
fn an_idle_credential_is_two_calls() {
    on_a_stage(async |stage| {
        idle(&stage, 4).await;
        stage.run("rotate", &[]).assert_status(0);
        let seen = stage.fake.requests();
        for at in 0..4 {
            let of = |one: &&crate::fake_gcp::RequestSeen| {
                one.path.contains(&format!("secrets/secret-{at}"))
            };
            let mut calls: Vec<_> = seen.iter().filter(of).map(|one| one.call).collect();
            calls.sort_unstable();
            assert_eq!(calls, ["secrets.get", "versions.list"], "secret-{at}");
        }
        assert_eq!(seen.len(), 8, "{}", crate::stage::described(&seen));
    });
}

#[test]
fn idle_credentials_are_looked_at_at_the_same_time() {
    on_a_stage(async |stage| {
        idle(&stage, 5).await;
        stage.fake.hold(Moment::Before(1));
        let mut run = stage
            .rolewright
            .command(["rotate", stage.file().to_str().expect("UTF-8")]);
        let mut run = run
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let started = Instant::now();
        // The first call hangs, and no other one waits for it.
        while stage.fake.requests().len() < 10 {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "{}",
                crate::stage::described(&stage.fake.requests())
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stage.fake.release();
        assert!(run.wait().expect("it ends").success());
        assert_eq!(stage.fake.requests().len(), 10);
    });
}

#[test]
fn a_run_that_is_held_reads_no_payload_and_names_sessions_of_a_kind_once() {
    on_a_stage(async |stage| {
        stage.roles(
            "  app: { access: dml, secret: { name: app, payload: url, host: db }, \
             rotate: { strategy: alternate, grace: 1s } }\n",
        );
        stage.apply(&[]).assert_status(0);
        let url = stage.payload("app", "current").await;
        let (user, rest) = url
            .trim_start_matches("postgresql://")
            .split_once(':')
            .expect("a user");
        let password = rest.split('@').next().expect("a password");
        let mut sessions = Vec::new();
        for at in 0..4 {
            let session = stage.log_in(user, password).await.expect("it logs in");
            let name = if at < 3 { "api" } else { "batch" };
            session
                .batch_execute(&format!("SET application_name = '{name}'"))
                .await
                .expect("a name");
            sessions.push(session);
        }
        stage.run("rotate", &["--now"]).assert_status(0);
        tokio::time::sleep(Duration::from_secs(2)).await;
        stage.run("rotate", &[]).assert_status(3);
        stage.fake.forget_requests();
        let held = stage
            .run("rotate", &["--format", "json"])
            .assert_status(3)
            .json();
        let seen = stage.fake.requests();
        assert!(
            seen.iter().all(|one| one.call != "versions.access"),
            "{}",
            crate::stage::described(&seen)
        );
        let by = held["credentials"][0]["held"]["by"]
            .as_array()
            .expect("a list")
            .clone();
        let told: Vec<_> = by
            .iter()
            .map(|one| (one["application"].as_str(), one["count"].as_u64()))
            .collect();
        assert_eq!(
            told,
            [(Some("api"), Some(3)), (Some("batch"), Some(1))],
            "{held}"
        );
        let text = stage.run("rotate", &[]).assert_status(3);
        assert!(
            text.stdout
                .contains(&format!("3 sessions of `{user}`: api at ")),
            "{}",
            text.stdout
        );
        assert!(
            text.stdout
                .contains(&format!("a session of `{user}`: batch at ")),
            "{}",
            text.stdout
        );
    });
}
