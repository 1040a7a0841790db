//! Ctrl-C and SIGTERM: what has begun is finished, nothing else is begun, a second one ends at once.

use crate::fake_gcp::Moment;
use crate::lane::{Lane, commits};
use crate::support::{Turn, newest, on_a_runtime};

async fn at_a_transaction(major: u32) {
    let lane = Lane::new(major);
    let (seen, changes) = lane.undisturbed().await;
    let commits = commits(&seen);
    for (signal, turn, database_made) in [
        ("INT", Turn::Before(commits[0]), false),
        ("TERM", Turn::After(commits[1] - 2), true),
    ] {
        let world = lane.world().await;
        let run = lane.held_at(turn, &["--format", "json"]);
        run.signal(signal);
        lane.proxy.release();
        let run = run.end().assert_status(1);
        assert!(
            run.stderr.contains(&format!(
                "error: ended by SIG{signal}, after the step at hand"
            )),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("hint: run it again"), "{}", run.stderr);
        let report = &run.json()["instances"][0];
        let count = |key: &str| report[key].as_array().expect("changes").len();
        assert!(count("changes") > 0 && count("remaining") > 0, "{report}");
        assert_eq!(count("changes") + count("remaining"), changes, "{report}");
        let admin = lane
            .stage
            .cluster
            .connect_admin(&format!("shop{world}"))
            .await;
        let owned = "SELECT FROM pg_class WHERE relname = 't' AND relowner::regrole::text ~ '^mig'";
        assert_eq!(
            admin
                .query_opt(owned, &[])
                .await
                .expect("it answers")
                .is_some(),
            database_made,
            "{signal}"
        );
        assert!(
            !lane.stage.has_secret(&format!("app{world}")).await,
            "{signal}"
        );
        lane.apply(&[]).assert_status(0);
        lane.assert_in_sync();
    }
}

async fn at_a_request(major: u32) {
    let lane = Lane::new(major);
    lane.stage.fake.forget_requests();
    lane.undisturbed().await;
    let requests = lane.stage.fake.requests();
    let adds = requests
        .iter()
        .position(|seen| seen.path.ends_with(":addVersion"))
        .expect("a version is added")
        + 1;
    let world = lane.world().await;
    lane.stage.fake.hold(Moment::Before(adds));
    let run = lane.start(&[]);
    lane.until("it is held", || lane.stage.fake.is_holding());
    run.signal("TERM");
    lane.stage.fake.release();
    let run = run.end().assert_status(1);
    assert!(run.stderr.contains("ended by SIGTERM"), "{}", run.stderr);
    // The credential is whole: stored, armed, published. Its reader was not bound any more.
    assert_eq!(
        lane.stage.versions(&format!("app{world}")).await,
        ["1 ENABLED"]
    );
    let secret = lane.stage.secret(&format!("app{world}")).await;
    assert!(secret["versionAliases"]["current"].is_string(), "{secret}");
    lane.apply(&[]).assert_status(0);
    lane.assert_in_sync();
}

/// Nothing has begun: there is nothing to finish.
async fn while_it_waits(major: u32) {
    let lane = Lane::new(major);
    lane.world().await;
    let other = lane.stage.cluster.connect_admin("postgres").await;
    let take = format!(
        "SELECT pg_advisory_lock({})",
        i64::from_be_bytes(*b"rolewrig")
    );
    other.batch_execute(&take).await.expect("it is free");
    lane.proxy.forget();
    let run = lane.start(&["--wait", "1h"]);
    lane.until("it asks for the lock", || lane.proxy.seen().len() > 3);
    run.signal("INT");
    let run = run.end().assert_status(1);
    assert!(
        run.stderr.contains("ended by SIGINT") && run.stdout.contains("nothing was changed"),
        "{}",
        run.stderr
    );
}

async fn twice(major: u32) {
    let lane = Lane::new(major);
    let (seen, _) = lane.undisturbed().await;
    lane.world().await;
    let run = lane.held_at(Turn::After(commits(&seen)[0]), &[]);
    run.signal("INT");
    run.signal("TERM");
    let run = run.end().assert_status(1);
    assert!(
        run.stderr.contains("another signal ends at once"),
        "{}",
        run.stderr
    );
    lane.proxy.abandon();
    lane.apply(&[]).assert_status(0);
    lane.assert_in_sync();
}

#[test]
fn a_signal_lets_the_transaction_at_hand_end() {
    newest(|major| on_a_runtime(at_a_transaction(major)));
}

#[test]
fn a_signal_lets_the_credential_at_hand_end() {
    newest(|major| on_a_runtime(at_a_request(major)));
}

#[test]
fn a_signal_while_it_waits_for_the_lock_ends_it() {
    newest(|major| on_a_runtime(while_it_waits(major)));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    newest(|major| on_a_runtime(twice(major)));
}
