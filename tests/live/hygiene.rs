//! Old versions end while others work on the same secret: whoever refers to one at that very moment can read it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::fake_gcp::RunKind;
use crate::lane::Lane;
use crate::scene::{PAIR, Scene};
use crate::stage::{PROJECT, secret_path};
use crate::support::{newest, on_a_runtime};

const BEYOND_GRACE: jiff::SignedDuration = jiff::SignedDuration::from_hours(2);

/// A credential whose version before has nothing to do any more but to end.
async fn play(lane: &Lane) -> Scene<'_> {
    let scene = Scene::new(lane, PAIR).await;
    scene.rotate(&[]).assert_status(0);
    lane.stage.run("rotate", &[]).assert_status(0);
    lane.stage.later(&scene.name, BEYOND_GRACE).await;
    scene
}

/// What another tool does meanwhile.
async fn alias(scene: &Scene<'_>, number: Option<i64>) {
    let path = secret_path(&scene.name, "");
    let mut secret = scene
        .lane
        .stage
        .undisturbed(Method::GET, &path, Value::Null)
        .await;
    let aliases = secret["versionAliases"].as_object_mut().expect("aliases");
    match number {
        Some(number) => drop(aliases.insert("theirs".into(), json!(number.to_string()))),
        None => drop(aliases.remove("theirs")),
    }
    let changed = json!({"versionAliases": secret["versionAliases"], "etag": secret["etag"]});
    scene
        .lane
        .stage
        .undisturbed(
            Method::PATCH,
            &secret_path(&scene.name, "?updateMask=versionAliases"),
            changed,
        )
        .await;
}

async fn set(scene: &Scene<'_>, number: i64, verb: &str) {
    let path = secret_path(&scene.name, &format!("/versions/{number}:{verb}"));
    scene
        .lane
        .stage
        .undisturbed(Method::POST, &path, json!({}))
        .await;
}

/// A run that is held where `method` of the version `number` would be carried out, until `meanwhile` is over.
async fn with(
    scene: &Scene<'_>,
    method: &str,
    number: i64,
    meanwhile: impl AsyncFnOnce(),
) -> String {
    let fake = &scene.lane.stage.fake;
    fake.forget_requests();
    let resource = format!("projects/*/secrets/{}/versions/{number}", scene.name);
    fake.fault(
        "held",
        json!({"method": method, "resource": resource, "effect": "hang"}),
    );
    let mut run = scene.lane.start_command("rotate", &[]);
    scene
        .lane
        .until(method, || fake.is_holding() || run.has_ended());
    assert!(fake.is_holding(), "it never came to {method}");
    meanwhile().await;
    fake.mend("held");
    run.end().assert_status(0).stdout
}

fn asked_for(scene: &Scene<'_>, verb: &str) -> usize {
    let requests = scene.lane.stage.fake.requests();
    requests
        .iter()
        .filter(|seen| seen.path.ends_with(&format!(":{verb}")))
        .count()
}

async fn an_alias_comes(major: u32) {
    let lane = Lane::new(major);
    // Right before the last look: it is not disabled at all.
    let scene = play(&lane).await;
    with(&scene, "versions.get", 1, async || {
        alias(&scene, Some(1)).await
    })
    .await;
    assert_eq!(
        (scene.versions().await, asked_for(&scene, "disable")),
        (vec!["1 ENABLED".into(), "2 ENABLED".into()], 0)
    );
    // After it: Google carries the request out, and what came of it is undone.
    let scene = play(&lane).await;
    let said = with(&scene, "versions.disable", 1, async || {
        alias(&scene, Some(1)).await
    })
    .await;
    assert_eq!(scene.versions().await, ["1 ENABLED", "2 ENABLED"]);
    assert!(said.contains("version 1 is enabled again"), "{said}");
    scene.assert_clean("an alias came").await;
    // So it is by the next run, where this one is killed.
    let other = play(&lane).await;
    let resource = format!("projects/*/secrets/{}/versions/1", other.name);
    lane.stage.fake.fault(
        "killed",
        json!({"method": "disable", "resource": resource, "when": "after", "effect": "hang"}),
    );
    let run = lane.start_command("rotate", &[]);
    lane.until("it is disabled", || lane.stage.fake.is_holding());
    run.kill();
    alias(&other, Some(1)).await;
    lane.stage.fake.mend("killed");
    lane.stage.run("rotate", &[]).assert_status(0);
    assert_eq!(other.versions().await, ["1 ENABLED", "2 ENABLED"]);
    // Referred to by nobody any more, it ends as any other: it rests before it is destroyed.
    alias(&other, None).await;
    lane.stage.later(&other.name, BEYOND_GRACE).await;
    lane.stage.run("rotate", &[]).assert_status(0);
    assert_eq!(other.versions().await, ["1 DISABLED", "2 ENABLED"]);
    other.assert_clean("in the end").await;
}

async fn a_state_changes(major: u32) {
    let lane = Lane::new(major);
    let scene = play(&lane).await;
    let policy = std::fs::read_to_string(lane.stage.file()).expect("a policy");
    lane.stage
        .policy(&policy.replace("readers: [", "keep: 1, readers: ["));
    lane.stage.run("rotate", &[]).assert_status(0);
    lane.stage.later(&scene.name, BEYOND_GRACE).await;
    // It is to be destroyed, and somebody needs it after all.
    let enabled = async || set(&scene, 1, "enable").await;
    with(&scene, "versions.destroy", 1, enabled).await;
    assert_eq!(
        scene.versions().await,
        ["1 DISABLED", "2 ENABLED"],
        "it was refused, and rests from now on"
    );
    lane.stage.later(&scene.name, BEYOND_GRACE).await;
    with(&scene, "versions.destroy", 1, async || {
        alias(&scene, Some(1)).await;
        set(&scene, 1, "enable").await;
    })
    .await;
    assert_eq!(
        scene.versions().await,
        ["1 ENABLED", "2 ENABLED"],
        "somebody refers to it"
    );
    scene.assert_clean("in the end").await;
}

/// Cloud Run has no etag in common with Secret Manager: a job that is pinned meanwhile is looked at again.
async fn a_pin_comes(major: u32) {
    let lane = Lane::new(major);
    let scene = Scene::new(&lane, PAIR).await;
    let seed = |version: &str| {
        let reference = json!({"secret": scene.name, "version": version});
        let task = json!({"serviceAccount": "job@shop-prod.iam.gserviceaccount.com",
            "containers": [{"image": "x", "env": [{"name": "URL", "valueSource": {"secretKeyRef": reference}}]}]});
        lane.stage.fake.seed(
            RunKind::Job,
            [PROJECT, "europe-west1", "job"],
            json!({"template": {"template": task}}),
        );
    };
    seed("current");
    let policy = std::fs::read_to_string(lane.stage.file()).expect("a policy");
    lane.stage.policy(&policy.replace(
        "readers: [",
        "readers: [{cloud_run_job: europe-west1/job}, ",
    ));
    lane.stage.apply(&[]).assert_status(0);
    // Before its login is closed, everybody is looked at once more.
    let first = scene.credential("current").await;
    scene.rotate(&[]).assert_status(0);
    lane.stage.run("rotate", &[]).assert_status(0);
    lane.stage.later(&scene.name, BEYOND_GRACE).await;
    lane.stage.fake.fault(
        "held",
        json!({"method": "jobs.get", "nth": 2, "effect": "hang"}),
    );
    let run = lane.start_command("rotate", &[]);
    lane.until("it looks again", || lane.stage.fake.is_holding());
    seed("1");
    lane.stage.fake.mend("held");
    let held = run.end().assert_status(3);
    assert!(
        held.stdout.contains("is pinned to version 1"),
        "{}",
        held.stdout
    );
    assert!(scene.works(&first).await);
    seed("current");
    lane.stage.run("rotate", &[]).assert_status(0);
    assert!(!scene.works(&first).await);
    for method in ["versions.get", "versions.disable"] {
        seed("current");
        scene.rotate(&[]).assert_status(0);
        lane.stage.run("rotate", &[]).assert_status(0);
        lane.stage.later(&scene.name, BEYOND_GRACE).await;
        let before = scene.versions().await;
        let number = i64::try_from(before.len() - 1).expect("a few");
        with(&scene, method, number, async || seed(&number.to_string())).await;
        let after = &scene.versions().await[before.len() - 2];
        assert_eq!(*after, format!("{number} ENABLED"), "{method}");
    }
}

/// A run that sees the secret as it was before a rotation takes the sessions of the new credential for those of a login that
/// is to be idle. It looks again, and does not advise anybody to end them.
async fn reads_lag(major: u32) {
    let lane = Lane::new(major);
    let scene = Scene::new(&lane, "strategy: alternate, every: 30d, grace: 1h").await;
    lane.stage
        .later(&scene.name, jiff::SignedDuration::from_hours(31 * 24))
        .await;
    let fake = &lane.stage.fake;
    for method in ["secrets.get", "versions.list"] {
        fake.fault(
            method,
            json!({"method": method, "caller": "anonymous", "times": "always", "effect": "frozen"}),
        );
    }
    lane.stage.run("rotate", &[]).assert_status(0);
    let (user, password) = scene.credential("current").await;
    assert!(user.ends_with("_b"));
    let session = lane
        .stage
        .cluster
        .connect_as("postgres", &user, &password)
        .await
        .expect("it logs in");
    let lagging = lane.stage.run("rotate", &[]).assert_status(3);
    assert!(
        lagging.stdout.contains("lags behind") && !lagging.stdout.contains("a session of"),
        "{}",
        lagging.stdout
    );
    fake.mend_all();
    lane.stage.run("rotate", &[]).assert_status(0);
    drop(session);
    scene.assert_clean("in the end").await;
}

#[test]
fn nobody_is_sent_away_by_a_run_whose_reads_lag_behind() {
    newest(|major| on_a_runtime(reads_lag(major)));
}

#[test]
fn an_alias_that_comes_as_a_version_ends_leads_to_a_version_that_can_be_read() {
    newest(|major| on_a_runtime(an_alias_comes(major)));
}

#[test]
fn a_version_that_somebody_enables_is_not_destroyed() {
    newest(|major| on_a_runtime(a_state_changes(major)));
}

#[test]
fn a_job_that_is_pinned_as_a_version_ends_can_read_it() {
    newest(|major| on_a_runtime(a_pin_comes(major)));
}
