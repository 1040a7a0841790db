//! One rotation of many credentials at once, each read by a job or service of its own.

use reqwest::Method;
use serde_json::{Value, json};

use super::{REGION, after_grace, declared, path, previous, seed, whole};
use crate::fake_gcp::RunKind::{self, Job, Service};
use crate::stage::{PROJECT, Stage};
use crate::support::{newest, on_a_runtime, tell};

/// One way to read a secret.
struct Row {
    name: &'static str,
    kind: RunKind,
    version: &'static str,
    /// Who keeps the old credential once its grace is over, by a part of what is said of each.
    waits_for: &'static [&'static str],
    /// Who still does after `--roll`.
    and_rolled: &'static [&'static str],
}

const ROWS: [Row; 10] = [
    Row {
        name: "bylatest",
        kind: Job,
        version: "latest",
        waits_for: &[],
        and_rolled: &[],
    },
    Row {
        name: "byalias",
        kind: Job,
        version: "current",
        waits_for: &[],
        and_rolled: &[],
    },
    Row {
        name: "pinned",
        kind: Job,
        version: "1",
        waits_for: &["is pinned to version 1"],
        and_rolled: &[],
    },
    // In a file, not a variable.
    Row {
        name: "infile",
        kind: Job,
        version: "1",
        waits_for: &["is pinned to version 1"],
        and_rolled: &[],
    },
    Row {
        name: "running",
        kind: Job,
        version: "latest",
        waits_for: &["early of "],
        and_rolled: &["early of "],
    },
    // What started after the publication, beyond doubt, has the new credential.
    Row {
        name: "started",
        kind: Job,
        version: "current",
        waits_for: &[],
        and_rolled: &[],
    },
    Row {
        name: "web",
        kind: Service,
        version: "latest",
        waits_for: &["web-00001"],
        and_rolled: &[],
    },
    Row {
        name: "aliasweb",
        kind: Service,
        version: "current",
        waits_for: &["aliasweb-00001"],
        and_rolled: &[],
    },
    Row {
        name: "pinnedweb",
        kind: Service,
        version: "1",
        waits_for: &["is pinned to version 1", "pinnedweb-00001"],
        and_rolled: &[],
    },
    // A share of the traffic stays with an old revision, whatever comes after it.
    Row {
        name: "split",
        kind: Service,
        version: "current",
        waits_for: &["split-00001", "split-old of "],
        and_rolled: &["split-old of "],
    },
];

fn play(major: u32) -> Stage {
    let stage = Stage::new(major);
    for Row {
        name,
        kind,
        version,
        ..
    } in &ROWS
    {
        seed(&stage, *kind, name, version);
    }
    let items = json!([{"path": "url", "version": "1"}]);
    let workload = json!({
        "serviceAccount": "infile@shop-prod.iam.gserviceaccount.com",
        "containers": [{"image": "x"}],
        "volumes": [{"name": "url", "secret": {"secret": "infile", "items": items}}],
    });
    stage
        .fake
        .seed(Job, [PROJECT, REGION, "infile"], whole(Job, workload));
    execution(&stage, "running", "early", json!({"runningCount": 1}));
    stage.fake.seed_below(
        Service,
        [PROJECT, REGION, "split"],
        ["revisions", "split-old"],
        &json!({}),
    );
    let declared = ROWS
        .iter()
        .map(|row| declared(row.kind, row.name, "strategy: alternate, grace: 1s"));
    stage.roles(&declared.collect::<String>());
    stage.apply(&[]).assert_status(0);
    stage
}

fn execution(stage: &Stage, job: &str, name: &str, seen: Value) {
    stage
        .fake
        .seed_below(Job, [PROJECT, REGION, job], ["executions", name], &seen);
}

async fn share(stage: &Stage, traffic: Value) {
    let mask = path(Service, "split", "?updateMask=traffic");
    stage
        .must(Method::PATCH, &mask, json!({ "traffic": traffic }))
        .await;
}

async fn revisions(stage: &Stage, service: &str) -> usize {
    let listed = stage
        .must(
            Method::GET,
            &path(Service, service, "/revisions"),
            Value::Null,
        )
        .await;
    listed["revisions"].as_array().map_or(0, Vec::len)
}

/// Each old credential is there as long as somebody is waited for, and gone otherwise.
async fn assert_waits(
    stage: &Stage,
    report: &Value,
    waits_for: impl Fn(&Row) -> &'static [&'static str],
) {
    for row in &ROWS {
        let Row { name, .. } = row;
        let credentials = report["credentials"].as_array().expect("credentials");
        let of = credentials
            .iter()
            .find(|one| one["role"] == *name)
            .expect("one a role");
        let by = of["held"]["by"].as_array().cloned().unwrap_or_default();
        let mut said: Vec<_> = by
            .iter()
            .map(|user| user["text"].as_str().expect("a text"))
            .collect();
        said.sort_unstable();
        let mut expected = waits_for(row).to_vec();
        expected.sort_by_key(|part| said.iter().position(|text| text.contains(part)));
        assert_eq!(said.len(), expected.len(), "{name}: {said:?}");
        for (said, part) in said.iter().zip(&expected) {
            assert!(
                said.contains(part),
                "{name}: {said:?} is not about {part:?}"
            );
        }
        let kept = !expected.is_empty();
        assert_eq!(previous(stage, name).await == "1", kept, "{name}: {of}");
        let first = if kept { "1 ENABLED" } else { "1 DISABLED" };
        assert_eq!(stage.versions(name).await, [first, "2 ENABLED"], "{name}");
        assert_eq!(
            can_log_in(stage, &format!("{name}_a")).await,
            kept,
            "{name}"
        );
        assert!(can_log_in(stage, &format!("{name}_b")).await, "{name}");
    }
}

async fn can_log_in(stage: &Stage, login: &str) -> bool {
    let admin = stage.cluster.connect_admin("postgres").await;
    let row = admin
        .query_one(
            "SELECT rolcanlogin FROM pg_roles WHERE rolname = $1",
            &[&login],
        )
        .await;
    row.expect("the login is there").get(0)
}

#[test]
fn who_reads_a_secret_keeps_its_old_credential() {
    newest(|major| on_a_runtime(each_waits_for_its_reader(major)));
}

async fn each_waits_for_its_reader(major: u32) {
    let stage = play(major);
    let latest =
        |percent: i64| json!({"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": percent});
    let old = json!({"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "split-old", "percent": 10});
    share(&stage, json!([latest(90), old])).await;

    // Within grace it is said who will be waited for, and that is all.
    let begun = stage.run("rotate", &["--now"]).assert_status(0);
    assert!(
        begun.stdout.contains("is still used by"),
        "{}",
        begun.stdout
    );
    assert!(
        begun.stdout.contains("jobs/pinned is pinned to version 1"),
        "{}",
        begun.stdout
    );
    stage.fake.advance_clock(jiff::SignedDuration::from_mins(4));
    execution(&stage, "started", "late", json!({"runningCount": 1}));
    let status = stage
        .run("status", &["--format", "json"])
        .assert_status(0)
        .json();
    let waiting = status["credentials"].as_array().expect("credentials");
    let waiting = waiting
        .iter()
        .filter(|one| one["still_used_by"] != json!([]))
        .count();
    assert_eq!(
        waiting,
        ROWS.iter().filter(|row| !row.waits_for.is_empty()).count(),
        "{status}"
    );
    after_grace();
    stage.run("rotate", &[]).assert_status(3);
    after_grace();

    let held = stage
        .run("rotate", &["--format", "json"])
        .assert_status(3)
        .json();
    assert_waits(&stage, &held, |row| row.waits_for).await;
    let before = revisions(&stage, "split").await;
    // Again and again: what is new is not made newer.
    for _ in 0..2 {
        let held = stage
            .run("rotate", &["--roll", "--format", "json"])
            .assert_status(3)
            .json();
        assert_waits(&stage, &held, |row| row.and_rolled).await;
        assert_eq!(revisions(&stage, "split").await, before + 1);
        assert_eq!(revisions(&stage, "web").await, 2);
    }
    // One has ended, the other gets no traffic any more.
    execution(
        &stage,
        "running",
        "early",
        json!({"completionTime": "2026-01-01T00:00:00Z"}),
    );
    share(&stage, json!([latest(100)])).await;
    after_grace();
    let done = stage
        .run("rotate", &["--format", "json"])
        .assert_status(0)
        .json();
    assert_waits(&stage, &done, |_| &[]).await;
    stage.assert_in_sync();
    tell!(
        "{} ways to read a secret: the old credential ended in time, and not before",
        ROWS.len()
    );
}
