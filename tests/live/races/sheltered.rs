//! Whoever alters what is being granted on waits for COMMIT, and does not fail because of it.

use super::done;
use crate::converge::texts;
use crate::lane::Lane;
use crate::stage::Stage;
use crate::support::each_major;

const POLICY: &str =
    "version: 1\ndatabases: { shop: { schemas: [app] } }\nroles:\n  mig: { access: ddl }\n";

const THERE: &str =
    "SET ROLE mig; CREATE TABLE app.t (id serial PRIMARY KEY); CREATE TABLE app.parts (id int) PARTITION BY LIST (id);
    CREATE VIEW app.v AS SELECT 1 AS one; CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS one; CREATE SEQUENCE app.s;
    CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'";

/// Each changes a row of `pg_class` that GRANT changes too.
const ALTERATIONS: [&str; 5] = [
    "CREATE TRIGGER f BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.f()",
    "ALTER TABLE app.parts ADD COLUMN note text",
    "ALTER VIEW app.v RENAME COLUMN one TO two",
    "REFRESH MATERIALIZED VIEW app.m",
    "ALTER SEQUENCE app.s RENAME TO z",
];

each_major! {
    async fn an_alteration_waits_for_the_grant_and_succeeds(major: u32) {
        let lane = Lane::on(Stage::new(major));
        let stage = &lane.stage;
        stage.policy(POLICY);
        lane.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", THERE).await;
        lane.apply(&[]).assert_status(0);

        stage.policy(&format!("{POLICY}  app: {{ access: dml }}\n"));
        lane.proxy.hold_after_each("SELECT 1");
        let run = lane.start(&[]);
        let superuser = stage.cluster.connect_superuser("shop").await;
        lane.until("the roles are there", || lane.proxy.is_holding());
        lane.proxy.release();
        lane.until("the grants are there", || lane.proxy.is_holding());

        let mut alterations = Vec::new();
        for alteration in ALTERATIONS {
            let session = stage.cluster.connect_superuser("shop").await;
            alterations.push(tokio::spawn(async move { done(&session, alteration).await }));
        }
        let waiting = format!("SELECT pid::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' OFFSET {}", ALTERATIONS.len() - 1);
        while texts(&superuser, &waiting).await.is_empty() {
            assert!(!alterations.iter().any(|alteration| alteration.is_finished()), "one of them did not wait");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        lane.proxy.forget();
        lane.proxy.release();
        for alteration in alterations {
            alteration.await.expect("it succeeds");
        }
        run.end().assert_status(0);
        stage.assert_in_sync();
    }
}
