//! Roles that somebody drops while a run is under way.

use crate::lane::{Lane, numbers};
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
        assert!([0, 2].contains(&outcome.status), "before statement {number}: {outcome:?}");
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
        ("other", "DROP OWNED BY other; DROP ROLE other; DROP OWNED BY stranger CASCADE; DROP ROLE stranger"),
    ] {
        sql(&lane.stage, STRANGER).await;
        sql(&lane.stage, "GRANT TRUNCATE ON app.t TO other").await;
        lane.proxy.forget();
        lane.apply(&["--prune"]).assert_status(0);
        let first = numbers(&lane.proxy.seen(), |text| text.starts_with("REVOKE") || text.starts_with("GRANT"))[0];
        sql(&lane.stage, &format!("DROP ROLE stranger; {STRANGER}; GRANT TRUNCATE ON app.t TO other")).await;
        let running = lane.held_at(Turn::Before(first), &["--prune", "--wait", "5s"]);
        sql(&lane.stage, drop).await;
        lane.proxy.release();
        let outcome = running.end();
        println!("{who} dropped before statement {first}: exit {}\n{}", outcome.status, outcome.stderr);
        let said = outcome.status == 1 && outcome.stderr.contains("does not exist");
        assert!(outcome.status == 0 || said && who == "other", "{who}: {outcome:?}");
        lane.apply(&["--prune"]).assert_status(0);
        lane.assert_in_sync();
    }
}

#[test]
fn a_role_that_is_dropped_while_a_run_looks_is_no_error() {
    newest(|major| on_a_runtime(while_it_looks(major)));
}

#[test]
fn a_role_that_is_dropped_before_a_run_mends_is_looked_at_again() {
    newest(|major| on_a_runtime(while_it_mends(major)));
}
