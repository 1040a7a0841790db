//! A server that restarts or crashes at any step of a rotation is waited for, or the next run goes on.

use crate::lane::{Lane, numbers};
use crate::scene::{PAIR, SINGLE, Scene};
use crate::support::{Fault, Seen, Turn, newest, on_a_runtime, tell};

/// Every ninth login and statement of a rotation after the lock is there, and every COMMIT.
fn turns(seen: &[Seen]) -> Vec<Turn> {
    let locked = numbers(seen, |text| text.contains("pg_try_advisory_lock"))[0];
    let commits = numbers(seen, |text| text.ends_with("COMMIT"));
    let mut turns: Vec<_> = (locked + 1..seen.len())
        .step_by(9)
        .map(Turn::Before)
        .collect();
    turns.extend(
        commits
            .into_iter()
            .flat_map(|commit| [Turn::Before(commit), Turn::After(commit)]),
    );
    turns
}

/// Restarts the server at each turn: a run that waits for it ends by itself, and one that does not leaves the rest to the next.
async fn restart_everywhere(major: u32, rotate: &str) {
    let lane = Lane::durable(major);
    let scene = Scene::new(&lane, rotate).await;
    lane.proxy.forget();
    scene.rotate(&[]).assert_status(0);
    let turns = turns(&lane.proxy.seen());
    let mut left = 0;
    for (number, turn) in turns.iter().copied().enumerate() {
        let at = format!("{rotate} {turn:?}");
        let scene = Scene::new(&lane, rotate).await;
        let patient = number % 3 != 2;
        lane.proxy.set(turn, Fault::Hold);
        let mut run = scene.start(&["--wait", if patient { "120s" } else { "0s" }]);
        lane.until(&at, || lane.proxy.is_holding() || run.has_ended());
        lane.stage
            .cluster
            .restart(if number % 2 == 0 { "immediate" } else { "fast" });
        lane.proxy.release();
        let run = run.end();
        assert!(
            run.status == 0 || run.status == 1 && !patient,
            "{at}: {}{}",
            run.stdout,
            run.stderr
        );
        if run.status == 1 {
            left += 1;
            lane.stage.run("rotate", &[]).assert_status(0);
        }
        let versions = scene.versions().await.len();
        assert!(
            (1..=3).contains(&versions) && (!patient || versions > 1),
            "{at}: {versions} versions"
        );
        scene.assert_clean(&at).await;
    }
    tell!(
        "{rotate}: {} restarts, {left} left to the next run",
        turns.len()
    );
}

/// Attempts to reach the server whose pauses add up to several seconds: more than whatever is tried at once.
const ATTEMPTS: usize = 6;

/// The server goes down at a COMMIT and stays away. A run that may wait is there until it is back, and finishes; one that may
/// not says so, and the next one does.
async fn away_for_a_while(major: u32, rotate: &str) {
    let lane = Lane::durable(major);
    let scene = Scene::new(&lane, rotate).await;
    lane.proxy.forget();
    scene.rotate(&[]).assert_status(0);
    let commit = numbers(&lane.proxy.seen(), |text| text.ends_with("COMMIT"))[0];
    for (turn, patience) in [
        (Turn::Before(commit), "120s"),
        (Turn::After(commit), "120s"),
        (Turn::After(commit), "0s"),
    ] {
        let at = format!("{rotate} {turn:?} {patience}");
        let scene = Scene::new(&lane, rotate).await;
        let before = scene.credential("current").await;
        lane.proxy.set(turn, Fault::Hold);
        let mut run = scene.start(&["--wait", patience]);
        lane.until(&at, || lane.proxy.is_holding());
        lane.proxy.refuse(true);
        lane.stage.cluster.restart("immediate");
        lane.proxy.release();
        if patience == "0s" {
            let run = run.end();
            assert_eq!(run.status, 1, "{at}: {}{}", run.stdout, run.stderr);
            assert!(
                run.stderr
                    .contains("the server went away and was not back within 0ns"),
                "{at}: {}",
                run.stderr
            );
            lane.proxy.refuse(false);
            lane.stage.run("rotate", &[]).assert_status(0);
        } else {
            lane.until(&at, || lane.proxy.refused() >= ATTEMPTS);
            assert!(!run.has_ended(), "{at}: it gave up");
            lane.proxy.refuse(false);
            let run = run.end();
            assert_eq!(run.status, 0, "{at}: {}{}", run.stdout, run.stderr);
        }
        assert_ne!(scene.credential("current").await, before, "{at}");
        assert!(scene.versions().await.len() <= 3, "{at}");
        scene.assert_clean(&at).await;
    }
}

#[test]
fn a_server_that_is_away_for_a_while_is_waited_for_or_named() {
    newest(|major| on_a_runtime(away_for_a_while(major, PAIR)));
}

#[test]
fn so_it_is_with_one_password_in_place() {
    newest(|major| on_a_runtime(away_for_a_while(major, SINGLE)));
}

#[test]
fn a_pair_survives_a_server_that_restarts() {
    newest(|major| on_a_runtime(restart_everywhere(major, PAIR)));
}

#[test]
fn a_single_login_survives_a_server_that_restarts() {
    newest(|major| on_a_runtime(restart_everywhere(major, SINGLE)));
}
