//! Cloud Run jobs and services among the readers: who of them keeps an old credential alive, what `--roll` brings to the new
//! one, and what is not touched while nobody can tell.

mod table;
mod unready;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fake_gcp::RunKind;
use crate::stage::{PROJECT, Stage, secret_path};
use crate::support::{newest, on_a_runtime};

const REGION: &str = "europe-west1";

/// A job or service of this name, which refers to the secret of the same name by `version`.
fn seed(stage: &Stage, kind: RunKind, name: &str, version: &str) {
    let reference = json!({"secret": name, "version": version});
    let workload = json!({
        "serviceAccount": format!("{name}@{PROJECT}.iam.gserviceaccount.com"),
        "containers": [{"image": "x", "env": [{"name": "URL", "valueSource": {"secretKeyRef": reference}}]}],
    });
    stage
        .fake
        .seed(kind, [PROJECT, REGION, name], whole(kind, workload));
}

/// Of a job, what runs lies one level deeper.
fn whole(kind: RunKind, workload: Value) -> Value {
    match kind {
        RunKind::Job => json!({"template": {"template": workload}}),
        RunKind::Service => json!({"template": workload}),
    }
}

fn path(kind: RunKind, name: &str, rest: &str) -> String {
    let collection = if kind == RunKind::Job {
        "jobs"
    } else {
        "services"
    };
    format!("/v2/projects/{PROJECT}/locations/{REGION}/{collection}/{name}{rest}")
}

/// The line of a policy that declares a role with a secret that the job or service of the same name reads.
fn declared(kind: RunKind, name: &str, rotate: &str) -> String {
    let reader = if kind == RunKind::Job {
        "cloud_run_job"
    } else {
        "cloud_run_service"
    };
    format!(
        "  {name}: {{ access: dml, secret: {{ name: {name}, payload: url, readers: [{{ {reader}: {REGION}/{name} }}] }}, \
         rotate: {{ {rotate} }} }}\n"
    )
}

/// The number that the job names.
async fn pin(stage: &Stage, name: &str) -> Value {
    let mut job = stage
        .must(
            reqwest::Method::GET,
            &path(RunKind::Job, name, ""),
            Value::Null,
        )
        .await;
    job["template"]["template"]["containers"][0]["env"][0]["valueSource"]["secretKeyRef"]["version"]
        .take()
}

async fn previous(stage: &Stage, name: &str) -> Value {
    stage.secret(name).await["versionAliases"]["previous"].clone()
}

/// A second of grace is over.
fn after_grace() {
    std::thread::sleep(std::time::Duration::from_millis(2100));
}

/// Whoever may not be looked at may still hold the old credential: it stays, and nobody says that all is well.
#[test]
fn what_cannot_be_looked_at_keeps_the_old_credential() {
    newest(|major| on_a_runtime(nobody_can_tell(major)));
}

async fn nobody_can_tell(major: u32) {
    let stage = Stage::new(major);
    seed(&stage, RunKind::Job, "job", "current");
    seed(&stage, RunKind::Service, "web", "1");
    let rotate = "strategy: alternate, grace: 1s";
    stage.roles(
        &[
            declared(RunKind::Job, "job", rotate),
            declared(RunKind::Service, "web", rotate),
        ]
        .concat(),
    );
    stage.apply(&[]).assert_status(0);
    stage.run("rotate", &["--now", "--roll"]).assert_status(0);
    after_grace();
    for (name, permission) in [
        ("job", "run.jobs.get"),
        ("job", "run.executions.list"),
        ("web", "run.services.get"),
        ("web", "run.revisions.list"),
    ] {
        stage.fake.deny("anonymous", &[permission]);
        let status = stage
            .run("status", &["--role", name, "--format", "json"])
            .assert_status(1)
            .json();
        assert_eq!(
            status["credentials"][0]["phase"], "unknown",
            "{permission}: {status}"
        );
        let rotate = stage.run("rotate", &["--role", name]).assert_status(1);
        assert!(
            rotate.stderr.contains(permission),
            "{permission}: {}",
            rotate.stderr
        );
        assert_eq!(previous(&stage, name).await, "1", "{permission}");
        assert_eq!(
            stage.versions(name).await,
            ["1 ENABLED", "2 ENABLED"],
            "{permission}"
        );
        if permission.ends_with(".get") {
            let verdict = stage
                .run("check", &["--format", "json"])
                .assert_status(1)
                .json();
            assert_eq!(verdict["status"], "unknown", "{permission}");
        }
        stage.fake.lift("anonymous");
    }
    stage.run("rotate", &[]).assert_status(0);
    after_grace();
    stage.run("rotate", &[]).assert_status(0);
    for name in ["job", "web"] {
        assert_eq!(
            stage.versions(name).await,
            ["1 DISABLED", "2 ENABLED"],
            "{name}"
        );
    }
}

/// One password in place: a job that is pinned would fail at its next execution, unless it is moved by the same run.
#[test]
fn a_pinned_job_is_moved_along_with_its_only_password() {
    newest(|major| on_a_runtime(moved_along(major)));
}

async fn moved_along(major: u32) {
    let stage = Stage::new(major);
    seed(&stage, RunKind::Job, "job", "1");
    stage.roles(&declared(RunKind::Job, "job", "grace: 1s"));
    stage.apply(&[]).assert_status(0);
    let held = stage.run("rotate", &["--now"]).assert_status(3);
    assert!(
        held.stdout.contains("jobs/job is pinned to version 1"),
        "{}",
        held.stdout
    );
    assert_eq!(stage.versions("job").await, ["1 ENABLED"]);
    // One that runs is not helped by that.
    let running = json!({"runningCount": 1});
    stage.fake.seed_below(
        RunKind::Job,
        [PROJECT, REGION, "job"],
        ["executions", "job-1"],
        &running,
    );
    let held = stage.run("rotate", &["--now", "--roll"]).assert_status(3);
    assert!(held.stdout.contains("job-1 of "), "{}", held.stdout);
    let ended = json!({"completionTime": "2026-01-01T00:00:00Z"});
    stage.fake.seed_below(
        RunKind::Job,
        [PROJECT, REGION, "job"],
        ["executions", "job-1"],
        &ended,
    );
    stage.run("rotate", &["--now", "--roll"]).assert_status(0);
    assert_eq!(pin(&stage, "job").await, "2");
    stage.assert_in_sync();
}

/// What `--roll` will need is asked for before anything begins, by both strategies: else nothing has changed.
#[test]
fn whoever_may_not_roll_does_not_begin() {
    newest(|major| on_a_runtime(not_permitted(major)));
}

async fn not_permitted(major: u32) {
    let stage = Stage::new(major);
    seed(&stage, RunKind::Job, "job", "1");
    seed(&stage, RunKind::Service, "web", "current");
    seed(&stage, RunKind::Job, "free", "current");
    let pair = "strategy: alternate, grace: 1s";
    let roles = [
        declared(RunKind::Job, "job", "grace: 1s"),
        declared(RunKind::Service, "web", pair),
        declared(RunKind::Job, "free", pair),
    ];
    stage.roles(&roles.concat());
    stage.apply(&[]).assert_status(0);
    for (name, permission) in [
        ("job", "run.jobs.update"),
        ("job", "iam.serviceAccounts.actAs"),
        ("web", "run.services.update"),
        ("web", "iam.serviceAccounts.actAs"),
    ] {
        stage.fake.deny("anonymous", &[permission]);
        stage.fake.forget_requests();
        let before = (stage.secret(name).await, logins(&stage).await);
        let refused = stage
            .run("rotate", &["--role", name, "--now", "--roll"])
            .assert_status(1);
        assert!(
            refused.stderr.contains(permission) && refused.stderr.contains(name),
            "{}",
            refused.stderr
        );
        assert!(
            (stage.secret(name).await, logins(&stage).await) == before,
            "{permission}: something has changed"
        );
        let asked = stage.fake.requests();
        let asks = |path: &str| path.ends_with(":testIamPermissions");
        assert!(
            asked
                .iter()
                .all(|seen| seen.method == "GET" || asks(&seen.path)),
            "{permission}"
        );
        stage.fake.lift("anonymous");
    }
    // Nothing of it is asked for where nothing is to be moved, or may be.
    stage.fake.deny(
        "anonymous",
        &[
            "run.jobs.update",
            "run.services.update",
            "iam.serviceAccounts.actAs",
        ],
    );
    stage.fake.forget_requests();
    stage
        .run("rotate", &["--role", "free", "--now", "--roll"])
        .assert_status(0);
    stage
        .run("rotate", &["--role", "web", "--now"])
        .assert_status(0);
    assert!(
        !stage
            .fake
            .requests()
            .iter()
            .any(|seen| seen.path.ends_with(":testIamPermissions"))
    );
    stage.fake.lift("anonymous");
    // Whether one may act as an account cannot be asked where the IAM API is not enabled: that is said.
    stage.fake.fault(
        "disabled",
        json!({"method": "serviceAccounts.testIamPermissions", "effect": "deny"}),
    );
    let rolled = stage
        .run("rotate", &["--role", "job", "--now", "--roll"])
        .assert_status(0);
    assert!(
        rolled.stdout.contains("cannot be asked"),
        "{}",
        rolled.stdout
    );
    assert_eq!(pin(&stage, "job").await, "2");
}

/// What the server keeps of every login.
async fn logins(stage: &Stage) -> Vec<String> {
    let superuser = stage.cluster.connect_superuser("postgres").await;
    let all = "SELECT concat_ws(' ', rolname, rolcanlogin, rolpassword, rolvaliduntil) FROM pg_authid ORDER BY 1";
    let rows = superuser.query(all, &[]).await.expect("it answers");
    rows.iter().map(|row| row.get(0)).collect()
}

/// The login in a version that a job names is open, whatever the secret still says of it.
#[test]
fn a_login_is_open_while_a_job_names_a_version_that_carries_it() {
    newest(|major| on_a_runtime(forgotten(major)));
}

async fn forgotten(major: u32) {
    for whole in [true, false] {
        let stage = Stage::new(major);
        seed(&stage, RunKind::Job, "job", "1");
        let rotate = "strategy: alternate, every: 30d, grace: 1h";
        stage.roles(&declared(RunKind::Job, "job", rotate));
        stage.apply(&[]).assert_status(0);
        let hours = SignedDuration::from_hours(2);
        for options in [&["--now"][..], &[]] {
            stage.run("rotate", options).assert_status(0);
        }
        stage.later("job", hours).await;
        forget(&stage, whole).await;
        for _ in 0..3 {
            let held = stage.run("rotate", &[]).assert_status(3).stdout;
            assert!(held.contains("jobs/job is pinned to version 1"), "{held}");
            assert!(open_logins(&stage).await == ["job_a", "job_b"], "{held}");
            stage.later("job", hours).await;
        }
        // Nor does it get another password.
        let held = stage.run("rotate", &["--now"]).assert_status(3).stdout;
        assert!(held.contains("jobs/job is pinned to version 1"), "{held}");
        assert_eq!(stage.versions("job").await, ["1 ENABLED", "2 ENABLED"]);
        seed(&stage, RunKind::Job, "job", "2");
        for _ in 0..2 {
            stage.run("rotate", &[]).assert_status(0);
            stage.later("job", hours).await;
        }
        assert_eq!(open_logins(&stage).await, ["job_b"]);
        stage.run("check", &["--probe"]).assert_status(0);
    }
}

/// Others remove everything that is said of the secret, or only what is said of the credential before.
async fn forget(stage: &Stage, whole: bool) {
    let secret = stage.secret("job").await;
    let mut annotations = secret["annotations"].clone();
    let said = annotations.as_object_mut().expect("a map");
    said.retain(|key, _| !whole && key != "rolewright.previous-version");
    let aliases = if whole {
        json!({})
    } else {
        json!({"current": "2"})
    };
    stage
        .patch_secret("job", "annotations", json!({ "annotations": annotations }))
        .await;
    stage
        .patch_secret(
            "job",
            "versionAliases",
            json!({ "versionAliases": aliases }),
        )
        .await;
    let held = stage.run("rotate", &[]).assert_status(3).stdout;
    assert!(held.contains("rolewright apply"), "{held}");
    if whole {
        stage.apply(&[]).assert_status(0);
        return;
    }
    let mut annotations = stage.secret("job").await["annotations"].take();
    annotations
        .as_object_mut()
        .expect("a map")
        .remove("rolewright.previous-login");
    stage
        .patch_secret("job", "annotations", json!({ "annotations": annotations }))
        .await;
}

async fn open_logins(stage: &Stage) -> Vec<String> {
    let superuser = stage.cluster.connect_superuser("postgres").await;
    let open = "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname LIKE 'job%' ORDER BY 1";
    let rows = superuser.query(open, &[]).await.expect("it answers");
    rows.iter().map(|row| row.get(0)).collect()
}

/// From the deadline on the server refuses the old credential, and its login is closed; who names its version by number
/// still finds that.
#[test]
fn a_version_that_a_job_names_outlives_its_login() {
    newest(|major| on_a_runtime(outlived(major)));
}

async fn outlived(major: u32) {
    let stage = Stage::new(major);
    seed(&stage, RunKind::Job, "job", "1");
    stage.roles(&declared(
        RunKind::Job,
        "job",
        "strategy: alternate, grace: 1s, deadline: 1s",
    ));
    stage.apply(&[]).assert_status(0);
    for _ in 0..2 {
        stage.run("rotate", &["--now"]).assert_status(0);
        after_grace();
        stage.run("rotate", &[]).assert_status(0);
        after_grace();
    }
    stage.run("rotate", &[]).assert_status(0);
    assert_eq!(previous(&stage, "job").await, Value::Null);
    // Nobody names the second one.
    assert_eq!(
        stage.versions("job").await,
        ["1 ENABLED", "2 DESTROYED", "3 ENABLED"]
    );
    let verdict = stage
        .run("check", &["--format", "json"])
        .assert_status(0)
        .json();
    let found: Vec<_> = verdict["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|one| &one["rule"])
        .collect();
    assert_eq!(found, ["job.reference"], "{verdict}");
    stage.run("rotate", &["--roll"]).assert_status(0);
    assert_eq!(pin(&stage, "job").await, "3");
    assert_ne!(stage.versions("job").await[0], "1 ENABLED");
    let path = secret_path("job", "/versions/3:access");
    stage.must(reqwest::Method::GET, &path, Value::Null).await;
}

/// What starts before the alias has moved has the old credential, however long the run has been at work by then, and
/// wherever Google's clock is beside the server's.
#[test]
fn an_execution_that_starts_during_a_rotation_is_waited_for() {
    newest(|major| on_a_runtime(started_meanwhile(major)));
}

async fn started_meanwhile(major: u32) {
    let stage = Stage::new(major);
    seed(&stage, RunKind::Job, "job", "current");
    stage.roles(&declared(
        RunKind::Job,
        "job",
        "strategy: alternate, grace: 1s",
    ));
    stage.apply(&[]).assert_status(0);
    // The version is being stored; or the alias is about to move, and Google's clock is ahead.
    let publishing = json!({"method": "secrets.patch", "nth": 2, "effect": "hang"});
    for (rule, ahead) in [
        (json!({"method": "secrets.addVersion", "effect": "hang"}), 0),
        (publishing, 50),
    ] {
        stage
            .fake
            .advance_clock(jiff::SignedDuration::from_secs(ahead));
        let before = stage.versions("job").await;
        stage.fake.fault("held", rule);
        let file = stage.file();
        let mut rotate =
            stage
                .rolewright
                .command(["rotate", "--now", file.to_str().expect("UTF-8")]);
        let mut rotate = rotate
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        while stage.fake.met("held") == 0 {
            assert!(
                rotate.try_wait().expect("it is ours").is_none(),
                "it ended too early"
            );
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let job = [PROJECT, REGION, "job"];
        let below = |seen: &Value| {
            stage
                .fake
                .seed_below(RunKind::Job, job, ["executions", "meanwhile"], seen)
        };
        below(&json!({"runningCount": 1}));
        stage.fake.mend("held");
        assert!(rotate.wait().expect("it ends").success());
        after_grace();
        let held = stage.run("rotate", &[]).assert_status(3);
        assert!(held.stdout.contains("meanwhile of "), "{}", held.stdout);
        let old = |versions: &[String]| versions[before.len() - 1].clone();
        assert_eq!(
            old(&stage.versions("job").await),
            format!("{} ENABLED", before.len())
        );
        below(&json!({"completionTime": "2026-01-01T00:00:00Z"}));
        after_grace();
        stage.run("rotate", &[]).assert_status(0);
        assert_eq!(
            old(&stage.versions("job").await),
            format!("{} DISABLED", before.len())
        );
    }
}

/// A bare id names a secret of the project that the job runs in: one of the same id elsewhere is another secret.
#[test]
fn a_secret_of_the_same_id_in_another_project_is_not_the_one_that_is_rotated() {
    newest(|major| on_a_runtime(namesakes(major)));
}

async fn namesakes(major: u32) {
    let stage = Stage::new(major);
    let named = |secret: &str, version: &str| {
        let reference = json!({"secret": secret, "version": version});
        let workload = json!({
            "serviceAccount": "api@elsewhere.iam.gserviceaccount.com",
            "containers": [{"image": "x", "env": [{"name": "URL", "valueSource": {"secretKeyRef": reference}}]}],
        });
        let job = ["elsewhere", REGION, "nightly"];
        stage
            .fake
            .seed(RunKind::Job, job, whole(RunKind::Job, workload));
    };
    named("app", "1");
    stage.roles(&format!(
        "  app: {{ access: dml, secret: {{ name: app, payload: url, readers: [{{ cloud_run_job: elsewhere/{REGION}/nightly }}] }}, \
         rotate: {{ strategy: alternate, grace: 1s }} }}\n"
    ));
    stage.apply(&[]).assert_status(0);
    let references = || {
        let checked = stage
            .run("check", &["--format", "json"])
            .assert_status(0)
            .json();
        let findings = checked["findings"].as_array().expect("findings").clone();
        let of_jobs = findings
            .into_iter()
            .filter(|one| one["rule"] == "job.reference");
        of_jobs.collect::<Vec<_>>()
    };
    let found = references();
    let [warning] = &found[..] else {
        panic!("{found:#?}")
    };
    assert_eq!(warning["severity"], "warning");
    let message = warning["message"].as_str().expect("a message");
    assert!(message.contains("one of another project"), "{message}");
    // Its pin is none of this secret: nothing waits for it, and nothing moves it.
    stage.run("rotate", &["--now", "--roll"]).assert_status(0);
    for _ in 0..2 {
        after_grace();
        stage.run("rotate", &["--roll"]).assert_status(0);
    }
    assert_eq!(stage.versions("app").await, ["1 DISABLED", "2 ENABLED"]);
    let path = format!("/v2/projects/elsewhere/locations/{REGION}/jobs/nightly");
    let job = stage.must(reqwest::Method::GET, &path, Value::Null).await;
    let env = &job["template"]["template"]["containers"][0]["env"][0];
    assert_eq!(env["valueSource"]["secretKeyRef"]["version"], "1");
    // In full, and by the number of a project, it may be this one.
    for secret in [
        format!("projects/{PROJECT}/secrets/app"),
        "projects/4711/secrets/app".to_owned(),
    ] {
        named(&secret, "current");
        assert_eq!(references(), Vec::<Value>::new(), "{secret}");
    }
}
