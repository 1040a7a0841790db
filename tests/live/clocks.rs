//! Clocks that are wrong, and that jump: the server's counts, and no credential is closed early.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::lane::Lane;
use crate::scene::{Credential, Scene};
use crate::support::{Outcome, newest, on_a_runtime, shifted};

const TERMS: &str = "strategy: alternate, every: 30d, grace: 24h, deadline: 48h";
const DAY: i64 = 86_400;

/// A rotation, after which both credentials work.
struct Rotated<'a> {
    scene: Scene<'a>,
    before: Credential,
    now: Credential,
}

impl<'a> Rotated<'a> {
    /// By a machine whose clock is so many seconds ahead.
    async fn by_a_clock(lane: &'a Lane, seconds: i64) -> Self {
        let scene = Scene::new(lane, TERMS).await;
        let before = scene.credential("current").await;
        run(lane, "rotate", &["--now"], seconds).assert_status(0);
        let now = scene.credential("current").await;
        Self { scene, before, now }
    }

    async fn assert_both_work(&self, at: &str) {
        let Self { scene, before, now } = self;
        assert!(scene.works(before).await && scene.works(now).await, "{at}");
    }
}

/// A command on a machine whose clock is so many seconds ahead.
fn run(lane: &Lane, command: &str, options: &[&str], seconds: i64) -> Outcome {
    let clock = shifted(seconds).expect("Linux");
    let rolewright = clock
        .into_iter()
        .fold(lane.stage.rolewright.clone(), |run, (name, value)| {
            run.env(name, &value)
        });
    let file = lane.stage.file();
    rolewright.run(
        [command, file.to_str().expect("UTF-8")]
            .iter()
            .chain(options),
    )
}

fn standing(lane: &Lane, seconds: i64) -> Value {
    run(lane, "status", &["--format", "json"], seconds)
        .assert_status(0)
        .json()["credentials"][0]
        .take()
}

#[allow(clippy::disallowed_methods, reason = "a clock that is right")]
fn present() -> Timestamp {
    Timestamp::now()
}

/// About the present: the machine may be busy.
fn is_now(time: &Value) -> bool {
    let time: Timestamp = time.as_str().expect("a time").parse().expect("a time");
    (present() - time)
        .total(jiff::Unit::Second)
        .expect("seconds")
        .abs()
        < 600.0
}

/// Whoever rotates, by whatever clock: what is written is the server's time, and grace and deadline are by it.
async fn of_the_machine(major: u32) {
    let lane = Lane::new(major);
    for seconds in [400 * DAY, -400 * DAY] {
        let rotated = Rotated::by_a_clock(&lane, seconds).await;
        let annotations = rotated.scene.annotations().await;
        assert!(
            is_now(&annotations["rolewright.published"]),
            "{seconds}: {annotations}"
        );
        rotated
            .assert_both_work("the deadline is by the server's clock")
            .await;
        for other in [-2 * DAY, 0, 2 * DAY] {
            run(&lane, "rotate", &[], other).assert_status(0);
            rotated.assert_both_work("within grace").await;
            let standing = standing(&lane, other);
            assert_eq!(standing["phase"], "grace", "{standing}");
            assert!(
                (0..600).contains(&standing["age"].as_i64().expect("an age")),
                "{standing}"
            );
        }
        // A day and an hour later grace is over, for a machine that is behind as well.
        lane.stage
            .later(&rotated.scene.name, SignedDuration::from_hours(25))
            .await;
        run(&lane, "rotate", &[], -2 * DAY).assert_status(0);
        assert!(
            !rotated.scene.works(&rotated.before).await,
            "the old one is closed"
        );
        rotated.scene.assert_clean("after grace").await;
    }
}

/// Whoever applies, checks and verifies, by whatever clock: what is written is the server's time, and age and the end of
/// grace are by it.
async fn of_whoever_looks(major: u32) {
    let lane = Lane::new(major);
    for seconds in [400 * DAY, -400 * DAY] {
        // As it was before, and with nobody near whose clock is right.
        let scene = Scene::unpublished(&lane, TERMS).await;
        run(&lane, "apply", &["--yes"], seconds).assert_status(0);
        let published = scene.annotations().await["rolewright.published"].clone();
        assert!(is_now(&published), "{seconds}: {published}");
        run(&lane, "rotate", &["--now"], seconds).assert_status(0);
        let found = |options: &[&str]| {
            let check = run(
                &lane,
                "check",
                &[options, &["--format", "json"]].concat(),
                seconds,
            )
            .json();
            let rules = check["findings"]
                .as_array()
                .expect("findings")
                .iter()
                .map(|one| one["rule"].clone());
            // The logins of the scene before are no declared ones by now.
            rules
                .filter(|rule| rule != "lock.exposed")
                .collect::<Vec<_>>()
        };
        assert!(found(&["--probe"]).is_empty(), "{seconds}: it is new");
        // Within grace, both log in; after it, and closed, one does.
        assert_eq!(verified(&lane, seconds), 2, "{seconds}");
        run(&lane, "rotate", &[], seconds).assert_status(0);
        lane.stage
            .later(&scene.name, SignedDuration::from_hours(25))
            .await;
        run(&lane, "rotate", &[], seconds).assert_status(0);
        assert_eq!(verified(&lane, seconds), 1, "{seconds}");
        lane.stage
            .later(&scene.name, SignedDuration::from_hours(31 * 24))
            .await;
        assert_eq!(found(&[]), ["secret.age"], "{seconds}: it is old");
    }
}

/// How many credentials `verify` logs in with.
fn verified(lane: &Lane, seconds: i64) -> usize {
    let outcome = run(lane, "verify", &[], seconds).assert_status(0);
    outcome.stdout.matches(" in database ").count()
}

/// The server's clock jumped back since the credential was published: by minutes, it is waited longer; by more, the time of
/// publication is not trusted. It jumped ahead: what is in use is not closed. Google's clock does not matter.
async fn of_the_server(major: u32) {
    let lane = Lane::new(major);
    let mut rotated = Rotated::by_a_clock(&lane, 0).await;
    let google = present();
    for jump in [
        SignedDuration::from_hours(-24 * 365),
        SignedDuration::from_hours(24 * 365),
    ] {
        lane.stage.fake.set_clock(google + jump);
        lane.stage.run("rotate", &[]).assert_status(0);
        rotated.assert_both_work("Google's clock").await;
    }
    lane.stage.fake.set_clock(google);

    lane.stage
        .later(&rotated.scene.name, SignedDuration::from_mins(-4))
        .await;
    lane.stage.run("rotate", &[]).assert_status(0);
    lane.stage.run("rotate", &["--now"]).assert_status(0);
    rotated.assert_both_work("the clock jumped back").await;
    let found = standing(&lane, 0);
    assert_eq!(
        (&found["phase"], &found["age"]),
        (&"grace".into(), &0.into()),
        "{found}"
    );
    rotated.scene.assert_clean("the clock jumped back").await;

    lane.stage
        .later(&rotated.scene.name, SignedDuration::from_hours(-24 * 7))
        .await;
    let held = lane.stage.run("rotate", &["--now"]).assert_status(3);
    assert!(
        held.stdout
            .contains("`rolewright.published` is in the future"),
        "{}",
        held.stdout
    );
    rotated
        .assert_both_work("the clock jumped back by a week")
        .await;
    assert_eq!(standing(&lane, 0)["phase"], "unknown");
    lane.stage
        .later(&rotated.scene.name, SignedDuration::from_hours(24 * 7))
        .await;
    rotated.scene.assert_clean("the clock is right again").await;

    // Without a deadline: the server itself would go by its clock.
    rotated
        .scene
        .policy("strategy: alternate, every: 30d, grace: 24h");
    let (user, password) = &rotated.before;
    let session = lane
        .stage
        .cluster
        .connect_as("postgres", user, password)
        .await
        .expect("it logs in");
    lane.stage
        .later(&rotated.scene.name, SignedDuration::from_hours(24 * 14))
        .await;
    let held = lane.stage.run("rotate", &["--wait", "0s"]).assert_status(3);
    assert!(
        held.stdout.contains(&format!("a session of `{user}`")),
        "{}",
        held.stdout
    );
    rotated.assert_both_work("the clock jumped ahead").await;
    drop(session);
    rotated.now = rotated.scene.credential("current").await;
    rotated.scene.assert_clean("the clock jumped ahead").await;
}

#[test]
fn the_clock_of_the_machine_does_not_count() {
    if shifted(0).is_some() {
        newest(|major| on_a_runtime(of_the_machine(major)));
    }
}

#[test]
fn the_clock_of_whoever_looks_does_not_count() {
    if shifted(0).is_some() {
        newest(|major| on_a_runtime(of_whoever_looks(major)));
    }
}

#[test]
fn a_clock_that_jumps_closes_nothing_that_is_in_use() {
    if shifted(0).is_some() {
        newest(|major| on_a_runtime(of_the_server(major)));
    }
}
