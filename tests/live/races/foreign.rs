//! Somebody else's table comes between the look at the catalogs and a GRANT that speaks of a whole schema.

use crate::converge::texts;
use crate::lane::Lane;
use crate::stage::Stage;
use crate::support::{Cluster, Options, each_major};

/// More than this server has locks for in one transaction.
const TABLES: usize = 1_500;

fn policy(roles: &str) -> String {
    format!(
        "version: 1
databases: {{ shop: {{ schemas: [app] }} }}
ignore: {{ roles: [stranger] }}
roles:
  mig: {{ access: ddl }}
{roles}"
    )
}

each_major! {
    async fn a_table_of_a_stranger_appears_before_the_grant(major: u32) {
        let options = Options::default().database("shop").setting("max_locks_per_transaction", "10");
        let lane = Lane::on(Stage::with(Cluster::with(major, options)));
        let stage = &lane.stage;
        stage.policy(&policy(""));
        lane.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", "CREATE ROLE stranger").await;
        // One at a time: a transaction that makes them all has no room for its locks either.
        stage.cluster.batch("shop", &format!("DO $$ BEGIN FOR i IN 1..{TABLES} LOOP EXECUTE format('CREATE TABLE app.t%s (); ALTER TABLE app.t%1$s OWNER TO mig', i); COMMIT; END LOOP; END $$")).await;
        lane.apply(&[]).assert_status(0);

        stage.policy(&policy("  app: { access: dml }\n"));
        lane.proxy.hold_after_each("BEGIN ISOLATION LEVEL READ COMMITTED");
        let run = lane.start(&["--format", "json"]);
        lane.until("it changes something", || lane.proxy.is_holding());
        stage.cluster.batch("shop", "CREATE TABLE app.theirs (); ALTER TABLE app.theirs OWNER TO stranger").await;
        lane.proxy.forget();
        lane.proxy.release();
        let done = run.end().assert_status(0);

        assert!(done.json()["instances"][0]["events"].to_string().contains("permission denied for table theirs"), "{}", done.stdout);
        let superuser = stage.cluster.connect_superuser("shop").await;
        let reached = "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'app'::regnamespace AND has_table_privilege('app', oid, 'UPDATE')";
        assert_eq!(texts(&superuser, reached).await, [TABLES.to_string()]);
        stage.cluster.batch("shop", "DROP TABLE app.theirs").await;
        stage.assert_in_sync();
    }
}
