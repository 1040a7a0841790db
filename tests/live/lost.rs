//! Connections that are lost, servers that restart, hang or stay away: whatever was asked is looked up, done once, and
//! told as it was.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::lane::{Lane, commits};
use crate::support::{Fault, Seen, Turn, each_major, newest, on_a_runtime, tell};

fn events(report: &Value) -> Vec<&str> {
    let events = report["instances"][0]["events"].as_array().expect("events");
    events
        .iter()
        .map(|event| event.as_str().expect("a sentence"))
        .collect()
}

/// The words of a text, however it is broken into lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every statement that the server logged of sessions of ours, and how many they were.
fn logged(log: &str) -> BTreeMap<String, usize> {
    let mut entries: Vec<String> = Vec::new();
    for line in log.lines() {
        match line.strip_prefix('\t') {
            Some(more) => entries
                .last_mut()
                .expect("an entry goes before")
                .extend(["\n", more]),
            None => entries.push(line.to_owned()),
        }
    }
    let mut counted = BTreeMap::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.contains(" rolewright/"))
    {
        let (_, said) = entry.split_once("LOG:  ").unwrap_or_default();
        let statement = said.strip_prefix("statement: ").or_else(|| {
            let executed = said.strip_prefix("execute ")?;
            executed.split_once(": ").map(|(_, text)| text)
        });
        if let Some(statement) = statement {
            *counted.entry(words(statement)).or_default() += 1;
        }
    }
    counted
}

async fn the_proxy_misses_nothing(major: u32) {
    let lane = Lane::new(major);
    let (seen, _) = lane.undisturbed().await;
    let mut counted = BTreeMap::new();
    for one in &seen {
        if let Seen::Statement(text) = one {
            *counted.entry(words(text)).or_default() += 1;
        }
    }
    assert_eq!(counted, logged(&lane.stage.cluster.server_log()));
    assert!(commits(&seen).len() >= 3, "{seen:?}");
}

/// Loses the connection at every COMMIT, before the server gets it and after it has carried it out.
async fn every_lost_commit(major: u32) {
    let lane = Lane::new(major);
    let (seen, changes) = lane.undisturbed().await;
    for number in commits(&seen) {
        for turn in [Turn::Before(number), Turn::After(number)] {
            lane.world().await;
            lane.proxy.set(turn, Fault::Cut);
            let report = lane.apply(&["--format", "json"]).assert_status(0).json();
            let instance = &report["instances"][0];
            assert_eq!(
                instance["changes"].as_array().expect("changes").len(),
                changes,
                "{turn:?}: {report}"
            );
            assert!(
                instance["remaining"]
                    .as_array()
                    .expect("changes")
                    .is_empty(),
                "{turn:?}: {report}"
            );
            let told = match turn {
                Turn::Before(_) => "it had not been carried out, and was tried again",
                Turn::After(_) => "it had been carried out",
            };
            // The last two are of a login, which gets its password and is opened: a login tells what became of them.
            if commits(&seen)
                .iter()
                .rev()
                .take(2)
                .all(|last| number != *last)
            {
                assert!(
                    events(&report).iter().any(|event| event.ends_with(told)),
                    "{turn:?}: {report}"
                );
            }
            lane.assert_in_sync();
        }
    }
}

/// Loses the connection at every third statement or login once the lock is there, before it and after it in turn.
async fn every_lost_connection(major: u32) {
    let lane = Lane::new(major);
    let (seen, _) = lane.undisturbed().await;
    let locked = crate::lane::numbers(&seen, |text| text.contains("pg_try_advisory_lock"))[0];
    let points: Vec<_> = (locked + 1..=seen.len()).step_by(3).collect();
    for number in points.iter().copied() {
        let turn = if number % 2 == 0 {
            Turn::Before(number)
        } else {
            Turn::After(number)
        };
        lane.world().await;
        lane.proxy.set(turn, Fault::Cut);
        let run = lane.apply(&[]);
        assert_eq!(
            run.status,
            0,
            "{turn:?} of {:?}\n{}{}",
            seen[number - 1],
            run.stdout,
            run.stderr
        );
        lane.assert_in_sync();
    }
    tell!(
        "{} connections lost one by one, each run ended in sync",
        points.len()
    );
}

async fn every_hang(major: u32) {
    let lane = Lane::new(major);
    let (seen, _) = lane.undisturbed().await;
    let commit = commits(&seen)[0];
    for (turn, at_commit) in [
        (Turn::Before(1), false),
        (Turn::Before(5), false),
        (Turn::After(commit - 3), false),
        (Turn::After(commit), true),
    ] {
        lane.world().await;
        lane.proxy.set(turn, Fault::Hang);
        let run = lane.stage.rolewright.clone().env("PGCONNECT_TIMEOUT", "1");
        let file = lane.stage.file();
        let run = run.run([
            "apply",
            "--yes",
            "--statement-timeout",
            "1s",
            "--wait",
            "1s",
            file.to_str().expect("UTF-8"),
        ]);
        let run = run.assert_status(1);
        assert!(
            run.stderr.contains("no answer within"),
            "{turn:?}: {}",
            run.stderr
        );
        assert_eq!(
            run.stderr.contains("whether it was carried out"),
            at_commit,
            "{turn:?}: {}",
            run.stderr
        );
        lane.proxy.release();
        lane.proxy.forget();
        lane.apply(&[]).assert_status(0);
        lane.assert_in_sync();
    }
}

async fn a_server_that_stays_away(major: u32) {
    let lane = Lane::new(major);
    let (seen, _) = lane.undisturbed().await;
    lane.world().await;
    let run = lane.held_at(Turn::Before(commits(&seen)[1]), &["--wait", "2s"]);
    lane.proxy.refuse(true);
    lane.proxy.abandon();
    let run = run.end().assert_status(1);
    assert!(
        run.stderr
            .contains("the server went away and was not back within 2s"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("whether it was carried out"),
        "{}",
        run.stderr
    );
    lane.proxy.refuse(false);
    lane.apply(&[]).assert_status(0);
    lane.assert_in_sync();
}

each_major! {
    async fn a_server_that_restarts_is_waited_for(major: u32) {
        let lane = Lane::durable(major);
        let (seen, changes) = lane.undisturbed().await;
        let commits = commits(&seen);
        for (turn, mode) in [(Turn::Before(commits[0]), "fast"), (Turn::After(commits[1]), "immediate")] {
            lane.world().await;
            let run = lane.held_at(turn, &["--format", "json"]);
            lane.stage.cluster.restart(mode);
            lane.proxy.release();
            let report = run.end().assert_status(0).json();
            assert_eq!(report["instances"][0]["changes"].as_array().expect("changes").len(), changes, "{report}");
            lane.assert_in_sync();
        }
    }

    async fn a_lock_that_was_lost_is_taken_again_or_the_run_ends(major: u32) {
        let lane = Lane::new(major);
        let (seen, _) = lane.undisturbed().await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'";
        let first = commits(&seen)[0];
        // The last statement before the COMMIT looks after the lock.
        let before_the_lock_is_looked_at = Turn::Before(first - 3);
        lane.world().await;
        let run = lane.held_at(before_the_lock_is_looked_at, &["--format", "json"]);
        lane.stage.cluster.batch("postgres", end).await;
        lane.proxy.release();
        let report = run.end().assert_status(0).json();
        assert!(events(&report).iter().any(|event| event.contains("the lock of this run was lost")), "{report}");
        lane.assert_in_sync();

        let world = lane.world().await;
        let run = lane.held_at(before_the_lock_is_looked_at, &[]);
        lane.stage.cluster.batch("postgres", end).await;
        let other = lane.stage.cluster.connect_admin("postgres").await;
        let take = format!("SET application_name = 'rolewright/apply/other'; SELECT pg_advisory_lock({})", i64::from_be_bytes(*b"rolewrig"));
        other.batch_execute(&take).await.expect("it is free");
        lane.proxy.release();
        let run = run.end().assert_status(3);
        assert!(run.stderr.contains("another run holds the lock") && run.stderr.contains("rolewright/apply/other"), "{}", run.stderr);
        let made = format!("SELECT FROM pg_roles WHERE rolname = 'app{world}'");
        assert!(other.query_opt(&made, &[]).await.expect("it answers").is_none(), "something was committed without the lock");
    }
}

#[test]
fn the_proxy_sees_every_statement_that_the_server_logs() {
    newest(|major| on_a_runtime(the_proxy_misses_nothing(major)));
}

#[test]
fn what_became_of_a_commit_without_an_answer_is_looked_up() {
    newest(|major| on_a_runtime(every_lost_commit(major)));
}

#[test]
fn a_connection_that_is_lost_anywhere_is_made_again() {
    newest(|major| on_a_runtime(every_lost_connection(major)));
}

#[test]
fn a_server_that_hangs_is_not_waited_for_for_ever() {
    newest(|major| on_a_runtime(every_hang(major)));
}

#[test]
fn a_server_that_stays_away_is_given_up() {
    newest(|major| on_a_runtime(a_server_that_stays_away(major)));
}

/// A delay is no failure.
#[test]
fn a_slow_server_is_only_slow() {
    newest(|major| {
        on_a_runtime(async {
            let lane = Lane::new(major);
            lane.world().await;
            lane.proxy
                .set(Turn::After(7), Fault::Delay(Duration::from_millis(1500)));
            let report = lane.apply(&["--format", "json"]).assert_status(0).json();
            assert!(
                !events(&report)
                    .iter()
                    .any(|event| event.contains("tried again")),
                "{report}"
            );
        });
    });
}
