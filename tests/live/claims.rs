//! What a secret says about itself: leases of runs that are dead, words that nobody understands, and other owners.

use serde_json::json;

use crate::lane::Lane;
use crate::scene::{PAIR, SINGLE, Scene};
use crate::support::{newest, on_a_runtime};

/// Writes an annotation.
async fn annotate(scene: &Scene<'_>, key: &str, text: &str) {
    let mut annotations = scene.annotations().await;
    annotations[key] = json!(text);
    scene
        .lane
        .stage
        .patch_secret(
            &scene.name,
            "annotations",
            json!({ "annotations": annotations }),
        )
        .await;
}

/// Runs commands that have to leave everything as it is.
async fn assert_refused(scene: &Scene<'_>, status: i32, words: &str) {
    let stage = &scene.lane.stage;
    let altered = || stage.cluster.server_log().matches("ALTER ROLE \"").count();
    let before = (scene.annotations().await, scene.versions().await, altered());
    stage.fake.forget_requests();
    for (command, options) in [
        ("rotate", &["--now"][..]),
        ("rotate", &[]),
        ("rollback", &["--role", scene.name.as_str()]),
    ] {
        let run = stage.run(command, options).assert_status(status);
        assert!(
            run.stdout.contains(words) || run.stderr.contains(words),
            "{command}: {}{}",
            run.stdout,
            run.stderr
        );
    }
    assert!(
        stage
            .fake
            .requests()
            .iter()
            .all(|seen| seen.method == "GET")
    );
    let after = (scene.annotations().await, scene.versions().await, altered());
    assert_eq!(after, before, "something was touched");
    let published = scene.credential("current").await;
    assert!(scene.works(&published).await);
}

async fn not_understood(major: u32) {
    let lane = Lane::new(major);
    let scene = Scene::new(&lane, PAIR).await;
    let whole = scene.annotations().await;
    for (key, text) in [
        ("rolewright.lease", "held by terraform"),
        ("rolewright.lease", "\u{1}"),
        ("rolewright.ending", "soon"),
        ("rolewright.published", "yesterday"),
        ("rolewright.pending", "no fingerprint"),
        ("rolewright.retired", "2026-01-01T00:00:00Z one"),
        ("rolewright.previous-login", ""),
    ] {
        annotate(&scene, key, text).await;
        assert_refused(&scene, 3, &format!("annotation `{key}`")).await;
        let status = lane
            .stage
            .run("status", &["--format", "json"])
            .assert_status(0)
            .json();
        assert_eq!(status["credentials"][0]["phase"], "unknown", "{status}");
        let check = lane.stage.run("check", &[]).assert_status(2);
        assert!(
            check.stdout.contains("secret.foreign") && check.stdout.contains(key),
            "{}",
            check.stdout
        );
        lane.stage
            .patch_secret(&scene.name, "annotations", json!({ "annotations": whole }))
            .await;
    }
    scene.assert_clean("put right").await;
}

async fn of_another(major: u32) {
    let lane = Lane::new(major);
    let scene = Scene::new(&lane, SINGLE).await;
    annotate(
        &scene,
        "rolewright.instance",
        "shop-prod:europe-west1:staging",
    )
    .await;
    assert_refused(&scene, 3, "on `shop-prod:europe-west1:staging`").await;
}

/// A lease is no lock: the run with the lock knows that the other one is gone.
#[allow(clippy::disallowed_methods, reason = "a clock that is right")]
async fn of_the_dead(major: u32) {
    let lane = Lane::new(major);
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10)).to_string();
    for (rotate, until) in [(PAIR, "2020-01-01T00:00:00Z"), (SINGLE, soon.as_str())] {
        let scene = Scene::new(&lane, rotate).await;
        annotate(
            &scene,
            "rolewright.lease",
            &format!("rolewright/rotate/dead {until}"),
        )
        .await;
        scene.rotate(&[]).assert_status(0);
        assert_eq!(scene.versions().await.len(), 2);
        scene.assert_clean(until).await;
    }
}

#[test]
fn what_is_not_understood_is_named_and_nothing_is_touched() {
    newest(|major| on_a_runtime(not_understood(major)));
}

#[test]
fn the_secret_of_another_instance_is_left_alone() {
    newest(|major| on_a_runtime(of_another(major)));
}

#[test]
fn the_lease_of_a_dead_run_keeps_nobody_out() {
    newest(|major| on_a_runtime(of_the_dead(major)));
}
