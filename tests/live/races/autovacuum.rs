//! `apply` beside an autovacuum, which goes away for whoever waits long enough.

use std::time::Duration;

use crate::converge::texts;
use crate::stage::Stage;
use crate::support::{Cluster, Options, newest, on_a_runtime};

const POLICY: &str =
    "version: 1\ndatabases: { shop: { schemas: [app] } }\nroles:\n  mig: { access: ddl }\n";

/// A page costs it 100 ms: it would be at it for a minute.
const SLOW: &str = "SET ROLE csadmin; CREATE TABLE app.t (id int, filler text) WITH (autovacuum_vacuum_threshold = 1,
autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
INSERT INTO app.t SELECT i, repeat('x', 1000) FROM generate_series(1, 5000) i; UPDATE app.t SET id = id + 1";

const AT_WORK: &str = "SELECT pid::text FROM pg_locks WHERE relation = 'app.t'::regclass AND mode = 'ShareUpdateExclusiveLock'";

/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

async fn a_table_is_taken_over(major: u32) {
    let options = Options::default()
        .database("shop")
        .setting("autovacuum", "on")
        .setting("autovacuum_naptime", "1s");
    let stage = Stage::with(Cluster::with(major, options));
    stage.policy(POLICY);
    stage.apply(&[]).assert_status(0);
    stage.cluster.batch("shop", SLOW).await;
    let superuser = stage.cluster.connect_superuser("shop").await;
    let at_work = async {
        loop {
            match texts(&superuser, AT_WORK).await.pop() {
                Some(process) => break process,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let process = tokio::time::timeout(PATIENCE, at_work)
        .await
        .expect("an autovacuum begins");
    let outcome = stage.apply(&[]).assert_status(0);
    let said = format!("is locked by process {process}, an autovacuum");
    assert!(outcome.stdout.contains(&said), "{said}: {}", outcome.stdout);
    stage.run("check", &[]).assert_status(0);
}

#[test]
fn an_autovacuum_gives_way() {
    newest(|major| on_a_runtime(a_table_is_taken_over(major)));
}
