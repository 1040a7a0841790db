//! Rotations at the same time, and ones that are paused, overtaken by another run, and wake up late: at most one of them
//! publishes, and what is published works.

mod late;

use serde_json::json;

use crate::lane::{Lane, Running};
use crate::scene::{PAIR, SINGLE, Scene};
use crate::support::{Fault, Seen, Turn, each_major, newest, on_a_runtime, tell};

/// Where a rotation is stopped.
#[derive(Clone, Copy, Debug)]
enum Point {
    /// At a request: the n-th of this method, before or after it is carried out.
    Google(&'static str, usize, &'static str),
    /// Before or after the COMMIT of the n-th transaction that alters a role.
    Commit(usize, fn(usize) -> Turn),
}

const AFTER_LEASE: Point = Point::Google("patch", 1, "after");
const BEFORE_ARMING: Point = Point::Commit(1, Turn::Before);
const AFTER_ARMING: Point = Point::Commit(1, Turn::After);
const BEFORE_STORING: Point = Point::Google("addVersion", 1, "before");
const AFTER_STORING: Point = Point::Google("addVersion", 1, "after");
const BEFORE_PUBLISHING: Point = Point::Google("patch", 2, "before");

/// Which COMMITs of an undisturbed rotation are of a transaction that alters a role.
fn alterations(seen: &[Seen]) -> Vec<usize> {
    let text = |one: &Seen| {
        if let Seen::Statement(text) = one {
            text.clone()
        } else {
            String::new()
        }
    };
    let mut altered = false;
    let mut found = Vec::new();
    for (number, one) in (1..).zip(seen) {
        match text(one).as_str() {
            "COMMIT" | "SELECT 1; COMMIT" if std::mem::take(&mut altered) => found.push(number),
            statement => altered |= statement.starts_with("ALTER ROLE"),
        }
    }
    found
}

impl Point {
    /// A rotation that is held here, and then stopped with SIGSTOP, so that nothing it waits for wakes it.
    fn stop(self, scene: &Scene<'_>, commits: &[usize]) -> Running {
        let Lane { stage, proxy, .. } = scene.lane;
        match self {
            Self::Google(method, nth, when) => {
                stage.fake.fault(
                    "stop",
                    json!({"method": method, "nth": nth, "when": when, "effect": "hang"}),
                );
                proxy.forget();
            }
            Self::Commit(nth, turn) => proxy.set(turn(commits[nth - 1]), Fault::Hold),
        }
        let run = scene.start(&[]);
        scene.lane.until(&format!("{self:?}"), || {
            proxy.is_holding() || stage.fake.is_holding()
        });
        run.signal("STOP");
        run
    }

    /// What it was held for happens.
    fn release(scene: &Scene<'_>) {
        scene.lane.stage.fake.mend("stop");
        scene.lane.proxy.release();
    }
}

/// The numbers of the COMMITs that alter a role in a rotation that nobody disturbs.
async fn undisturbed(lane: &Lane, rotate: &str) -> Vec<usize> {
    let scene = Scene::new(lane, rotate).await;
    lane.proxy.forget();
    scene.rotate(&[]).assert_status(0);
    let commits = alterations(&lane.proxy.seen());
    assert_eq!(commits.len(), 1, "of one transaction");
    commits
}

/// A stopped run still has the lock: nobody comes by.
async fn nobody_comes_by(scene: &Scene<'_>, at: &str) {
    let before = (
        scene.credential("current").await,
        scene.annotations().await,
        scene.versions().await,
    );
    let other = scene.rotate(&[]).assert_status(3);
    assert!(
        other.stderr.contains("another run holds the lock"),
        "{at}: {}",
        other.stderr
    );
    assert_eq!(
        (
            scene.credential("current").await,
            scene.annotations().await,
            scene.versions().await
        ),
        before,
        "{at}"
    );
}

/// It goes on as if nothing had been.
async fn only_paused(lane: &Lane, rotate: &str, point: Point, commits: &[usize]) {
    let at = format!("{rotate} {point:?}");
    let scene = Scene::new(lane, rotate).await;
    let run = point.stop(&scene, commits);
    nobody_comes_by(&scene, &at).await;
    Point::release(&scene);
    run.signal("CONT");
    run.end().assert_status(0);
    assert_eq!(scene.versions().await, ["1 ENABLED", "2 ENABLED"], "{at}");
    scene.assert_clean(&at).await;
}

/// The server has dropped the sessions of the stopped run, another one takes over, and what the first one was held for
/// happens after that.
async fn overtaken(lane: &Lane, rotate: &str, point: Point, commits: &[usize]) -> usize {
    let at = format!("{rotate} {point:?}");
    let scene = Scene::new(lane, rotate).await;
    let first = scene.credential("current").await;
    let run = point.stop(&scene, commits);
    nobody_comes_by(&scene, &at).await;
    scene.end_sessions("true").await;
    scene.rotate(&[]).assert_status(0);
    let second = scene.credential("current").await;
    assert_ne!(second, first, "{at}");
    Point::release(&scene);
    let late = matches!(point, Point::Google("addVersion", _, "before"));
    if late {
        // What it was storing is what `latest` means now, and is noticed.
        lane.until("the version is stored", || {
            lane.stage
                .fake
                .payloads()
                .iter()
                .filter(|one| one.name.contains(&scene.name))
                .count()
                == 3
        });
        let check = lane.stage.run("check", &[]).assert_status(2);
        assert!(
            check.stdout.contains("`latest` is not `current`"),
            "{at}: {}",
            check.stdout
        );
    }
    run.signal("CONT");
    let run = run.end();
    assert_eq!(run.status, 0, "{at}: {}{}", run.stdout, run.stderr);
    // It has noticed, or the next run does.
    scene.assert_clean(&at).await;
    assert_eq!(
        scene.credential("current").await,
        second,
        "{at}: it has published another one"
    );
    assert!(
        rotate == SINGLE || scene.works(&first).await,
        "{at}: within grace the old one is refused"
    );
    scene.versions().await.len()
}

async fn every_point(major: u32, rotate: &str, points: &[Point]) {
    let lane = Lane::new(major);
    let commits = undisturbed(&lane, rotate).await;
    only_paused(&lane, rotate, AFTER_STORING, &commits).await;
    let mut versions = Vec::new();
    for point in points {
        versions.push(overtaken(&lane, rotate, *point, &commits).await);
    }
    tell!(
        "{rotate}: {} points, versions in the end: {versions:?}",
        points.len()
    );
}

/// Only the session with the lock is gone, and the stopped run has the login's row in an open transaction: another run
/// waits for that as long as for any lock, and leaves everything as it is.
async fn without_its_lock(major: u32) {
    let lane = Lane::new(major);
    let scene = Scene::new(&lane, SINGLE).await;
    let first = scene.credential("current").await;
    let run = AFTER_STORING.stop(&scene, &[]);
    let with_the_lock = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')";
    scene.end_sessions(with_the_lock).await;
    scene.rotate(&[]).assert_status(3);
    assert_eq!(scene.credential("current").await, first);
    assert!(scene.works(&first).await);
    Point::release(&scene);
    run.signal("CONT");
    run.end().assert_status(0);
    assert_eq!(scene.versions().await, ["1 ENABLED", "2 ENABLED"]);
    scene.assert_clean("without its lock").await;
}

#[test]
fn an_open_transaction_keeps_others_from_the_login() {
    newest(|major| on_a_runtime(without_its_lock(major)));
}

#[test]
fn a_pair_survives_a_rotation_that_wakes_up_late() {
    let points = [
        AFTER_LEASE,
        BEFORE_ARMING,
        AFTER_ARMING,
        BEFORE_STORING,
        AFTER_STORING,
        BEFORE_PUBLISHING,
    ];
    newest(|major| on_a_runtime(every_point(major, PAIR, &points)));
}

#[test]
fn a_single_login_survives_a_rotation_that_wakes_up_late() {
    let points = [
        AFTER_LEASE,
        BEFORE_STORING,
        AFTER_STORING,
        BEFORE_ARMING,
        AFTER_ARMING,
        BEFORE_PUBLISHING,
    ];
    newest(|major| on_a_runtime(every_point(major, SINGLE, &points)));
}

each_major! {
    async fn of_ten_rotations_at_once_one_rotates(major: u32) {
        let lane = Lane::new(major);
        for rotate in [PAIR, SINGLE] {
            let scene = Scene::new(&lane, rotate).await;
            let runs: Vec<_> = (0..10).map(|number| scene.start(&["--wait", if number % 2 == 0 { "0s" } else { "120s" }])).collect();
            for run in runs {
                let run = run.end();
                assert!(run.status == 0 || run.status == 3 && run.stderr.contains("another run holds the lock"), "{run:?}");
            }
            assert_eq!(scene.versions().await, ["1 ENABLED", "2 ENABLED"], "{rotate}");
            scene.assert_clean(rotate).await;
        }
    }
}
