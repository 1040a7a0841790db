//! Credentials in the course of time: what is found about them, when they are due, and what becomes of old versions.

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::fake_gcp::RunKind;
use crate::stage::{INSTANCE, PROJECT, READER, Stage, secret_path};
use crate::support::{newest, on_a_runtime};

const MONTH: SignedDuration = SignedDuration::from_hours(30 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Longer than the grace of every policy here.
const BEYOND_GRACE: SignedDuration = SignedDuration::from_hours(25);

/// A pair whose secret is read by a job that asks for `latest`, too.
fn play(major: u32, more: &str) -> Stage {
    let stage = Stage::new(major);
    let variable = json!({"name": "URL", "valueSource": {"secretKeyRef": {"secret": "app", "version": "latest"}}});
    let task = json!({"serviceAccount": "job@shop-prod.iam.gserviceaccount.com",
        "containers": [{"image": "x", "env": [variable]}]});
    stage.fake.seed(
        RunKind::Job,
        [PROJECT, "europe-west1", "job"],
        json!({"template": {"template": task}}),
    );
    declare(&stage, more);
    stage.apply(&[]).assert_status(0);
    stage
}

fn declare(stage: &Stage, more: &str) {
    stage.roles(&format!(
        "  app: {{ access: dml, secret: {{ name: app, payload: url, {more} readers: [\"{READER}\", \
         {{ cloud_run_job: europe-west1/job }}] }}, rotate: {{ strategy: alternate, every: 30d, grace: 24h }} }}\n"
    ));
}

/// The rules that `check` finds broken, with how much each matters; its exit code has to fit.
fn found(stage: &Stage) -> Vec<String> {
    let verdict = stage.run("check", &["--format", "json"]);
    let document = verdict.json();
    let of = |one: &Value| {
        format!(
            "{} {}",
            one["severity"].as_str().unwrap(),
            one["rule"].as_str().unwrap()
        )
    };
    let found: Vec<_> = document["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(of)
        .collect();
    let drift = found.iter().any(|one| one.starts_with("error"));
    assert_eq!(verdict.status, if drift { 2 } else { 0 }, "{document}");
    found
}

async fn version(stage: &Stage, number: usize, verb: &str) {
    stage
        .must(
            Method::POST,
            &secret_path("app", &format!("/versions/{number}:{verb}")),
            json!({}),
        )
        .await;
}

async fn annotation(stage: &Stage, id: &str, name: &str) -> Value {
    stage.secret(id).await["annotations"][format!("rolewright.{name}")].clone()
}

#[test]
fn what_is_found_about_a_credential() {
    newest(|major| on_a_runtime(everything_is_found(major)));
}

async fn everything_is_found(major: u32) {
    let stage = play(major, "");
    assert!(found(&stage).is_empty());
    // Due is not too old: that is from the end of its grace on.
    stage.later("app", MONTH).await;
    assert!(found(&stage).is_empty());
    stage.later("app", DAY).await;
    assert_eq!(found(&stage), ["error secret.age"]);
    for _ in 0..2 {
        stage.run("rotate", &[]).assert_status(0);
        assert!(found(&stage).is_empty());
    }
    stage.later("app", BEYOND_GRACE).await;
    stage.run("rotate", &[]).assert_status(0);
    assert!(found(&stage).is_empty());

    // Somebody else stores a version: whoever asks for `latest` gets it, and nothing is rotated over it.
    stage.add_version("app", "somebody else's").await;
    assert_eq!(
        found(&stage),
        [
            "warning secret.sprawl",
            "error secret.foreign",
            "error job.reference"
        ]
    );
    stage.fake.forget_requests();
    let held = stage.run("rotate", &["--now"]).assert_status(3);
    assert!(
        held.stdout
            .contains("version 3 is newer than the one in use"),
        "{}",
        held.stdout
    );
    assert!(
        stage
            .fake
            .requests()
            .iter()
            .all(|seen| seen.method == "GET")
    );
    // Taken back, it is still what `latest` means, until the one in use is stored again.
    version(&stage, 3, "destroy").await;
    assert_eq!(
        found(&stage),
        ["error secret.foreign", "error job.reference"]
    );
    let before = stage.payload("app", "current").await;
    stage.run("rotate", &[]).assert_status(0);
    assert_eq!(stage.payload("app", "latest").await, before);
    // The one before rests for `grace`, and once it is disabled for `grace` again.
    for _ in 0..2 {
        assert!(
            found(&stage)
                .iter()
                .all(|one| one == "warning secret.sprawl")
        );
        stage.later("app", BEYOND_GRACE).await;
        stage.run("rotate", &[]).assert_status(0);
    }
    assert!(found(&stage).is_empty());
}

/// Two rotations of one password would undo each other.
#[test]
fn what_google_rotates_is_not_rotated_here() {
    newest(|major| {
        on_a_runtime(async {
            let stage = Stage::new(major);
            let body =
                json!({"replication": {"automatic": {}}, "secretType": "CLOUD_SQL_DB_CREDENTIALS"});
            stage
                .must(
                    Method::POST,
                    &format!("/v1/projects/{PROJECT}/secrets?secretId=app"),
                    body,
                )
                .await;
            stage.roles(&format!(
                "  app: {{ access: dml, secret: {{ name: app, payload: url, readers: [\"{READER}\"] }}, rotate: {{ every: 30d }} }}\n"
            ));
            stage.apply(&[]).assert_status(3);
            stage.fake.forget_requests();
            for command in [&["--now"][..], &["--now", "--accept-outage"]] {
                let held = stage.run("rotate", command).assert_status(3);
                assert!(
                    held.stdout.contains("Google's managed rotation"),
                    "{}",
                    held.stdout
                );
            }
            assert!(found(&stage).contains(&"error secret.foreign".to_owned()));
            assert!(
                stage
                    .fake
                    .requests()
                    .iter()
                    .all(|seen| seen.method == "GET")
            );
        });
    });
}

/// So many versions are kept as the policy says, and `versionDestroyTtl` is waited for.
#[test]
fn old_versions_are_disabled_rest_and_are_destroyed() {
    newest(|major| on_a_runtime(old_versions_end(major)));
}

async fn old_versions_end(major: u32) {
    let stage = play(major, "keep: 3,");
    stage
        .patch_secret(
            "app",
            "versionDestroyTtl",
            json!({"versionDestroyTtl": "864000s"}),
        )
        .await;
    let all_of = [
        "1 DISABLED",
        "2 DISABLED",
        "3 DISABLED",
        "4 DISABLED",
        "5 ENABLED",
    ];
    for rotation in 1..5 {
        stage.run("rotate", &["--now"]).assert_status(0);
        stage.run("rotate", &[]).assert_status(0);
        stage.later("app", BEYOND_GRACE).await;
        stage.fake.forget_requests();
        stage.run("rotate", &[]).assert_status(0);
        // Disabled at once, and not destroyed in the same breath.
        assert_eq!(stage.versions("app").await[..rotation], all_of[..rotation]);
        let fresh = format!("/versions/{rotation}:destroy");
        assert!(
            !stage
                .fake
                .requests()
                .iter()
                .any(|seen| seen.path.ends_with(&fresh))
        );
    }
    // What has rested long enough and is too many goes, oldest first; once.
    for (keep, expected) in [
        ("keep: 3,", &["1", "2"][..]),
        ("keep: 2,", &["1", "2", "3"]),
    ] {
        declare(&stage, keep);
        for _ in 0..2 {
            stage.later("app", BEYOND_GRACE).await;
            stage.run("rotate", &[]).assert_status(0);
            assert_eq!(doomed(&stage).await, expected);
            assert_eq!(stage.versions("app").await, all_of);
            assert!(found(&stage).is_empty());
        }
    }
    stage
        .fake
        .advance_clock(SignedDuration::from_hours(11 * 24));
    stage.run("rotate", &[]).assert_status(0);
    assert_eq!(
        stage.versions("app").await,
        [
            "1 DESTROYED",
            "2 DESTROYED",
            "3 DESTROYED",
            "4 DISABLED",
            "5 ENABLED"
        ]
    );
}

/// The versions whose end is ordered, oldest first.
async fn doomed(stage: &Stage) -> Vec<String> {
    let listed = stage
        .must(Method::GET, &secret_path("app", "/versions"), Value::Null)
        .await;
    let versions = listed["versions"]
        .as_array()
        .expect("versions")
        .iter()
        .rev();
    let doomed = versions.filter(|version| !version["scheduledDestroyTime"].is_null());
    let number = |version: &Value| {
        version["name"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned()
    };
    doomed.map(number).collect()
}

/// Those of one policy do not all rotate at once, and a run over a directory in which nothing is due writes nothing.
#[test]
fn each_credential_is_due_at_a_time_of_its_own() {
    newest(|major| on_a_runtime(due_apart(major)));
}

async fn due_apart(major: u32) {
    let stage = Stage::new(major);
    let role = |name: &str| {
        format!(
            "  {name}: {{ access: dml, secret: {{ name: {name}, payload: url, readers: [\"{READER}\"] }}, \
             rotate: {{ strategy: alternate, every: 30d }} }}\n"
        )
    };
    stage.roles(&role("app"));
    let more = format!(
        "version: 1\ninstance: {INSTANCE}\ndatabases: {{ shop: {{ schemas: [app] }} }}\nroles:\n"
    );
    std::fs::write(stage.folder.path().join("web.yaml"), more + &role("web"))
        .expect("it is written");
    let folder = stage.folder.path().to_str().expect("UTF-8");
    let run = |command: &str, option: &str| {
        stage
            .rolewright
            .run([command, folder, option])
            .assert_status(0)
    };
    run("apply", "--yes");
    stage.fake.forget_requests();
    let idle = run("rotate", "--format=text");
    assert_eq!(
        idle.stdout.matches("nothing to do now").count(),
        2,
        "{}",
        idle.stdout
    );
    assert!(
        stage
            .fake
            .requests()
            .iter()
            .all(|seen| seen.method == "GET")
    );

    let status = run("status", "--format=json").json();
    let (mut due, mut published) = (Vec::<(Timestamp, String)>::new(), Timestamp::MIN);
    for one in status["credentials"].as_array().expect("credentials") {
        let text = |key: &str| one[key].as_str().expect("a text").to_owned();
        let at: Timestamp = text("due").parse().expect("a time");
        published = text("published").parse().expect("a time");
        let period = at.duration_since(published);
        assert!(
            period <= MONTH + SignedDuration::from_secs(1) && period > MONTH * 9 / 10,
            "{one}"
        );
        due.push((at, text("role")));
    }
    due.sort();
    let apart = due[1].0.duration_since(due[0].0);
    assert!(apart > SignedDuration::from_mins(30), "{due:?}");
    // The one is due, the other is not yet.
    let by = due[0].0.duration_since(published) + apart / 2;
    for (_, role) in &due {
        stage.later(role, by).await;
    }
    run("rotate", "--format=text");
    let newest = [
        stage.versions(&due[0].1).await.len(),
        stage.versions(&due[1].1).await.len(),
    ];
    assert_eq!(newest, [2, 1], "{due:?}");
}

/// Google reminds by Pub/Sub, where a secret has topics, of what is due here; what else it was told stays.
#[test]
fn google_reminds_of_what_is_due() {
    newest(|major| on_a_runtime(reminded(major)));
}

async fn reminded(major: u32) {
    let stage = play(major, "");
    stage.run("rotate", &["--now"]).assert_status(0);
    assert!(
        stage.secret("app").await["rotation"].is_null(),
        "without topics Google does not keep one"
    );
    stage.run("rotate", &[]).assert_status(0);
    stage.later("app", BEYOND_GRACE).await;
    stage.run("rotate", &[]).assert_status(0);
    let rotation =
        json!({"nextRotationTime": "2099-01-01T00:00:00Z", "rotationPeriod": "2592000s"});
    let topics = json!([{"name": format!("projects/{PROJECT}/topics/reminders")}]);
    stage
        .patch_secret(
            "app",
            "topics,rotation",
            json!({"topics": topics, "rotation": rotation}),
        )
        .await;
    stage.run("rotate", &["--now"]).assert_status(0);
    let secret = stage.secret("app").await;
    let due = annotation(&stage, "app", "due").await;
    let time = |value: &Value| {
        value
            .as_str()
            .expect("a time")
            .parse::<Timestamp>()
            .expect("RFC 3339")
    };
    assert_eq!(
        time(&secret["rotation"]["nextRotationTime"]),
        time(&due),
        "{secret}"
    );
    assert_eq!(secret["rotation"]["rotationPeriod"], "2592000s");
    assert_eq!(secret["topics"], topics);
    // Nothing takes it back.
    stage.later("app", BEYOND_GRACE).await;
    stage.run("rotate", &[]).assert_status(0);
    assert_eq!(stage.secret("app").await["rotation"], secret["rotation"]);
}
