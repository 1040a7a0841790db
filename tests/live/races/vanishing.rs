//! Roles and tables that somebody drops while a run is under way.

use std::time::Duration;

use crate::lane::{Lane, Running, numbers};
use crate::stage::Stage;
use crate::support::{Turn, newest, on_a_runtime};

const POLICY: &str = "version: 1
databases: { shop: { schemas: [app] } }
roles:
  mig: { access: ddl }
  app: { access: dml }
  other: { access: read }
";

/// Its grants and its place in a chain of grants are all over what the run reads and changes.
const STRANGER: &str = "CREATE ROLE stranger; GRANT USAGE ON SCHEMA app TO stranger;
CREATE TABLE IF NOT EXISTS app.t (id int); ALTER TABLE app.t OWNER TO mig;
GRANT TRUNCATE ON app.t TO stranger WITH GRANT OPTION; SET ROLE stranger; GRANT TRUNCATE ON app.t TO app; RESET ROLE;
ALTER DEFAULT PRIVILEGES FOR ROLE mig IN SCHEMA app GRANT SELECT ON TABLES TO stranger;
SET ROLE cloudsqlsuperuser; GRANT app TO stranger; RESET ROLE; ALTER ROLE stranger SET work_mem = '1MB'";

const DROP_STRANGER: &str = "DROP OWNED BY stranger CASCADE; DROP ROLE stranger";

async fn deployed(major: u32) -> Lane {
    let lane = Lane::new(major);
    lane.stage.policy(POLICY);
    lane.apply(&[]).assert_status(0);
    lane
}

async fn sql(stage: &Stage, statements: &str) {
    stage.cluster.batch("shop", statements).await;
}

/// At every statement of a `check`: the verdict is that of before or of after, and never an error.
async fn while_it_looks(major: u32) {
    let lane = deployed(major).await;
    sql(&lane.stage, STRANGER).await;
    lane.proxy.forget();
    lane.stage.run("check", &[]).assert_status(2);
    let statements = lane.proxy.seen().len();
    sql(&lane.stage, DROP_STRANGER).await;
    lane.apply(&[]).assert_status(0);
    for number in 1..=statements {
        sql(&lane.stage, STRANGER).await;
        let running = lane.held_check(Turn::Before(number));
        sql(&lane.stage, DROP_STRANGER).await;
        lane.proxy.release();
        let outcome = running.end();
        assert!(
            [0, 2].contains(&outcome.status),
            "before statement {number}: {outcome:?}"
        );
        // The table of the first round lacks what the stranger had granted in its place.
        lane.apply(&[]).assert_status(0);
        lane.assert_in_sync();
    }
    println!("dropped before each of {statements} logins and statements of a check");
}

/// Between reading and writing: it is looked again, or said what is the matter; and the next run is done.
async fn while_it_mends(major: u32) {
    let lane = deployed(major).await;
    for (who, drop) in [
        ("stranger", DROP_STRANGER),
        (
            "other",
            "DROP OWNED BY other; DROP ROLE other; DROP OWNED BY stranger CASCADE; DROP ROLE stranger",
        ),
    ] {
        sql(&lane.stage, STRANGER).await;
        sql(&lane.stage, "GRANT TRUNCATE ON app.t TO other").await;
        lane.proxy.forget();
        lane.apply(&["--prune"]).assert_status(0);
        let first = numbers(&lane.proxy.seen(), |text| {
            text.starts_with("REVOKE") || text.starts_with("GRANT")
        })[0];
        sql(
            &lane.stage,
            &format!("DROP ROLE stranger; {STRANGER}; GRANT TRUNCATE ON app.t TO other"),
        )
        .await;
        let running = lane.held_at(Turn::Before(first), &["--prune", "--wait", "5s"]);
        sql(&lane.stage, drop).await;
        lane.proxy.release();
        let outcome = running.end();
        println!(
            "{who} dropped before statement {first}: exit {}\n{}",
            outcome.status, outcome.stderr
        );
        let said = outcome.status == 1 && outcome.stderr.contains("does not exist");
        assert!(
            outcome.status == 0 || said && who == "other",
            "{who}: {outcome:?}"
        );
        lane.apply(&["--prune"]).assert_status(0);
        lane.assert_in_sync();
    }
}

const BEFORE_IT_LOOKS: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";
const BEFORE_IT_LOCKS: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// A run that has to grant on two tables, held before it locks them.
async fn about_to_lock(major: u32) -> (Lane, Running) {
    let lane = deployed(major).await;
    make(&lane, "t").await;
    make(&lane, "t0").await;
    lane.proxy.hold_after_each(BEFORE_IT_LOCKS);
    let running = lane.start(&[]);
    lane.until("it is about to lock", || lane.proxy.is_holding());
    (lane, running)
}

/// A table that lacks a grant.
async fn make(lane: &Lane, name: &str) {
    sql(
        &lane.stage,
        &format!(
            "SET ROLE mig; CREATE TABLE app.{name} (id int); REVOKE SELECT ON app.{name} FROM other"
        ),
    )
    .await;
}

async fn drop_table(lane: &Lane, name: &str) {
    sql(&lane.stage, &format!("DROP TABLE app.{name}")).await;
}

/// What is held goes on to the next of these.
fn go_on_to(lane: &Lane, statement: &'static str) {
    lane.proxy.hold_after_each(statement);
    lane.proxy.release();
    lane.until("it is there", || lane.proxy.is_holding());
}

/// Undisturbed from here, the run ends well, after so many vain attempts.
fn gets_through(lane: &Lane, running: Running, tries: usize) {
    lane.proxy.forget();
    lane.proxy.release();
    let outcome = running.end().assert_status(0);
    assert_eq!(
        outcome.stdout.matches("tried again").count(),
        tries,
        "{}",
        outcome.stdout
    );
    lane.assert_in_sync();
}

/// More often than anything else is tried.
async fn whenever_it_locks(major: u32) {
    const ROUNDS: usize = 10;
    let (lane, running) = about_to_lock(major).await;
    for round in 1..=ROUNDS {
        drop_table(&lane, &format!("t{}", round - 1)).await;
        make(&lane, &format!("t{round}")).await;
        if round < ROUNDS {
            go_on_to(&lane, BEFORE_IT_LOCKS);
        }
    }
    gets_through(&lane, running, ROUNDS);
}

/// After a look at everything, and before the one in the session that changes something.
async fn before_it_looks_closely(major: u32) {
    let (lane, running) = about_to_lock(major).await;
    drop_table(&lane, "t0").await;
    make(&lane, "t1").await;
    go_on_to(&lane, BEFORE_IT_LOOKS);
    go_on_to(&lane, BEFORE_IT_LOOKS);
    drop_table(&lane, "t1").await;
    gets_through(&lane, running, 1);
}

/// Dropped and made again under its name by the time of the second look: the same statements do, and are not given up.
async fn under_the_same_name(major: u32) {
    let (lane, running) = about_to_lock(major).await;
    drop_table(&lane, "t0").await;
    go_on_to(&lane, BEFORE_IT_LOOKS);
    make(&lane, "t0").await;
    gets_through(&lane, running, 1);
}

/// What the run was to do is done; what it did not get to in the end is said.
async fn there_is_always_one_more(major: u32) {
    let (lane, mut running) = about_to_lock(major).await;
    let mut number = 0;
    while !running.has_ended() {
        if lane.proxy.is_holding() {
            number += 1;
            make(&lane, &format!("t{number}")).await;
            lane.proxy.release();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let outcome = running.end().assert_status(3);
    assert!(
        outcome.stdout.contains("held back: 1 of 1 change made"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stderr
            .contains("others changed database `shop` meanwhile"),
        "{}",
        outcome.stderr
    );
    lane.proxy.forget();
    lane.apply(&[]).assert_status(0);
    lane.assert_in_sync();
}

#[test]
fn a_run_that_never_catches_up_has_done_what_it_was_to_do() {
    newest(|major| on_a_runtime(there_is_always_one_more(major)));
}

#[test]
fn tables_that_come_and_go_are_looked_at_again_at_once() {
    newest(|major| on_a_runtime(whenever_it_locks(major)));
}

#[test]
fn a_run_that_looks_again_looks_where_and_when_it_locks() {
    newest(|major| on_a_runtime(before_it_looks_closely(major)));
}

#[test]
fn a_table_that_is_made_anew_under_its_name_does_not_end_a_run() {
    newest(|major| on_a_runtime(under_the_same_name(major)));
}

#[test]
fn a_role_that_is_dropped_while_a_run_looks_is_no_error() {
    newest(|major| on_a_runtime(while_it_looks(major)));
}

#[test]
fn a_role_that_is_dropped_before_a_run_mends_is_looked_at_again() {
    newest(|major| on_a_runtime(while_it_mends(major)));
}
