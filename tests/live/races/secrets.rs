//! `apply` beside another tool that annotates, labels and shares the same secret.

use std::process::Stdio;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::fake_gcp::Moment;
use crate::stage::{INSTANCE, READER, Stage, secret_path};
use crate::support::{newest, tell};

const OTHER: &str = "serviceAccount:other@shop-prod.iam.gserviceaccount.com";

/// A database, a role and a secret of their own.
async fn scene(stage: &Stage, number: usize, strategy: &str) {
    stage
        .cluster
        .batch(
            "postgres",
            &format!("CREATE DATABASE shop{number} OWNER cloudsqlsuperuser"),
        )
        .await;
    stage.policy(&format!(
        "version: 1\ninstance: {INSTANCE}\ndatabases: {{ shop{number}: {{ schemas: [app] }} }}\nroles:\n  app{number}:\n    access: dml\n    \
         secret: {{ name: app{number}, payload: url, readers: [\"{READER}\"], labels: {{ team: shop }} }}\n    rotate: {{ strategy: {strategy} }}\n"
    ));
}

/// A secret has room for 64 labels: a tool that never rests comes back to the same ones.
const KEYS: usize = 40;

/// Nobody is overtaken that often.
const ATTEMPTS: usize = 10_000;

/// The other tool: reads, adds, and writes with the etag it read, until nobody was faster.
async fn annotate(stage: &Stage, id: &str, key: &str) {
    for _ in 0..ATTEMPTS {
        let mut secret = stage.secret(id).await;
        for field in ["annotations", "labels"] {
            secret[field][key] = json!("theirs");
        }
        let fields = json!({"etag": secret["etag"], "annotations": secret["annotations"], "labels": secret["labels"]});
        let path = secret_path(id, "?updateMask=annotations,labels");
        if stage.ask(Method::PATCH, &path, fields).await.0 == StatusCode::OK {
            return;
        }
    }
    panic!("{id}: refused for ever");
}

/// The same for who may do what with the secret.
async fn share(stage: &Stage, id: &str, bindings: Value) {
    for _ in 0..ATTEMPTS {
        let path = secret_path(id, ":getIamPolicy?options.requestedPolicyVersion=3");
        let mut policy = stage.must(Method::GET, &path, Value::Null).await;
        let mut all = policy["bindings"].as_array().cloned().unwrap_or_default();
        all.extend(bindings.as_array().expect("bindings").iter().cloned());
        policy["bindings"] = all.into();
        policy["version"] = json!(3);
        if stage
            .ask(
                Method::POST,
                &secret_path(id, ":setIamPolicy"),
                json!({"policy": policy}),
            )
            .await
            .0
            == StatusCode::OK
        {
            return;
        }
    }
    panic!("{id}: refused for ever");
}

fn theirs() -> Value {
    let condition = json!({"title": "office hours", "expression": "request.time.getHours() < 18"});
    json!([
        {"role": "roles/secretmanager.viewer", "members": [OTHER]},
        {"role": "roles/secretmanager.secretVersionManager", "members": [OTHER], "condition": condition},
    ])
}

/// Starts `apply` and does `meanwhile` while its request is held at `moment`.
async fn apply_around(stage: &Stage, moment: Moment, meanwhile: impl Future<Output = ()>) {
    stage.fake.hold(moment);
    let mut apply =
        stage
            .rolewright
            .command(["apply", "--yes", stage.file().to_str().expect("UTF-8")]);
    let apply = apply
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let started = Instant::now();
    while !stage.fake.is_holding() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{moment:?} never came"
        );
        sleep(Duration::from_millis(2)).await;
    }
    meanwhile.await;
    stage.fake.release();
    let ended = apply.wait_with_output().expect("it is ours");
    let said = String::from_utf8_lossy(&ended.stderr) + String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{moment:?}: {said}");
}

async fn assert_nothing_lost(stage: &Stage, id: &str, moment: Moment) {
    let secret = stage.secret(id).await;
    for field in ["annotations", "labels"] {
        assert_eq!(secret[field]["theirs"], "theirs", "{moment:?}: {secret}");
    }
    assert_eq!(secret["annotations"]["rolewright.role"], id, "{moment:?}");
    assert!(
        secret["annotations"]["rolewright.pending"].is_null(),
        "{moment:?}: {secret}"
    );
    let bound = stage.bindings(id).await;
    let accessor = json!({"role": "roles/secretmanager.secretAccessor", "members": [READER]});
    for binding in theirs()
        .as_array()
        .expect("bindings")
        .iter()
        .chain([&accessor])
    {
        assert!(
            bound.as_array().expect("bindings").contains(binding),
            "{moment:?}: {binding} in {bound}"
        );
    }
    assert_eq!(stage.versions(id).await, ["1 ENABLED"], "{moment:?}");
}

/// Before every request from the moment the secret is there, and after every one that changes something.
async fn at_every_moment(major: u32, strategy: &str) {
    let stage = Stage::new(major);
    scene(&stage, 0, strategy).await;
    stage.apply(&[]).assert_status(0);
    let requests = stage.fake.requests();
    let created = requests
        .iter()
        .position(|seen| seen.method == "POST" && seen.path.ends_with("/secrets"))
        .expect("one");
    let mut moments: Vec<Moment> = (created + 2..=requests.len()).map(Moment::Before).collect();
    moments.push(Moment::After(created + 1));
    for (number, moment) in moments.iter().enumerate() {
        let id = format!("app{}", number + 1);
        scene(&stage, number + 1, strategy).await;
        apply_around(&stage, *moment, async {
            annotate(&stage, &id, "theirs").await;
            share(&stage, &id, theirs()).await;
        })
        .await;
        assert_nothing_lost(&stage, &id, *moment).await;
    }
    label_around(&stage, &format!("app{}", moments.len())).await;
    tell!(
        "{strategy}: another tool changed the secret at {} moments; nothing of either was lost",
        moments.len()
    );
}

/// A declared label that somebody took away is put back while another tool adds one.
async fn label_around(stage: &Stage, id: &str) {
    let take_away = async || {
        let mut secret = stage.secret(id).await;
        secret["labels"]
            .as_object_mut()
            .expect("labels")
            .remove("team");
        stage
            .patch_secret(id, "labels", json!({"labels": secret["labels"]}))
            .await;
        stage.fake.forget_requests();
    };
    take_away().await;
    stage.apply(&[]).assert_status(0);
    let requests = stage.fake.requests();
    let patched = requests
        .iter()
        .position(|seen| seen.method == "PATCH")
        .expect("the label is put back");
    take_away().await;
    apply_around(
        stage,
        Moment::Before(patched + 1),
        annotate(stage, id, "more"),
    )
    .await;
    let labels = stage.secret(id).await["labels"].clone();
    assert_eq!(
        [&labels["team"], &labels["theirs"], &labels["more"]],
        ["shop", "theirs", "theirs"],
        "{labels}"
    );
}

fn on_a_runtime(case: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(case);
}

#[test]
fn another_tool_changes_the_secret_of_a_single_login() {
    newest(|major| on_a_runtime(at_every_moment(major, "single")));
}

#[test]
fn another_tool_changes_the_secret_of_an_alternate_pair() {
    newest(|major| on_a_runtime(at_every_moment(major, "alternate")));
}

/// A tool that never rests: members come and go, under conditions and without.
#[test]
fn another_tool_shares_the_secret_without_a_pause() {
    newest(|major| {
        on_a_runtime(async {
            let stage = Stage::new(major);
            scene(&stage, 0, "single").await;
            stage.apply(&[]).assert_status(0);
            share(&stage, "app0", theirs()).await;
            let stop = std::sync::atomic::AtomicBool::new(false);
            let mut rounds = 0;
            let busy = async {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let member =
                        format!("serviceAccount:s{rounds}@shop-prod.iam.gserviceaccount.com");
                    let binding =
                        json!([{"role": "roles/secretmanager.viewer", "members": [member]}]);
                    share(&stage, "app0", binding).await;
                    let bound = stage.bindings("app0").await.to_string();
                    assert!(bound.contains(&member), "{member} in {bound}");
                    annotate(&stage, "app0", &format!("theirs{}", rounds % KEYS)).await;
                    rounds += 1;
                }
            };
            let runs = async {
                for round in 0..3 {
                    let reader =
                        format!("serviceAccount:r{round}@shop-prod.iam.gserviceaccount.com");
                    let text = std::fs::read_to_string(stage.file()).expect("a policy");
                    stage.policy(&text.replace("readers: [", &format!("readers: [\"{reader}\", ")));
                    let file = stage.file();
                    let rolewright = stage.rolewright.clone();
                    let apply =
                        move || rolewright.run(["apply", "--yes", file.to_str().expect("UTF-8")]);
                    tokio::task::spawn_blocking(apply)
                        .await
                        .expect("it runs")
                        .assert_status(0);
                }
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            };
            tokio::join!(busy, runs);
            let (secret, bound) = (
                stage.secret("app0").await,
                stage.bindings("app0").await.to_string(),
            );
            for round in 0..rounds {
                assert_eq!(
                    secret["annotations"][format!("theirs{}", round % KEYS)],
                    "theirs"
                );
                assert!(
                    bound.contains(&format!("serviceAccount:s{round}@")),
                    "{bound}"
                );
            }
            (0..3).for_each(|round| {
                assert!(
                    bound.contains(&format!("serviceAccount:r{round}@")),
                    "{bound}"
                )
            });
            tell!("3 runs beside {rounds} changes of another tool; nothing of either was lost");
        });
    });
}
