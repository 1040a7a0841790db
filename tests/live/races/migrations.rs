//! `apply` beside a migration that makes, changes and drops tables, and an application that works all the while.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::{Beside, done, insist};
use crate::stage::Stage;
use crate::support::{each_major, tell};

const ROLES: &str = "  mig: { access: ddl, login: external }\n  app: { access: dml, login: external }\n  reader: { access: read }\n";

/// What stands and is used throughout.
const STANDING: &str = "ALTER ROLE mig PASSWORD 'm'; ALTER ROLE app PASSWORD 'a'; SET ROLE mig;
DO $$ BEGIN FOR i IN 1..30 LOOP EXECUTE format('CREATE TABLE app.standing%s (id serial, n int)', i); END LOOP; END $$";

/// Changes that `apply` has to undo, on what the migration is working on; the application can do its work under all of them.
const DRIFT: [&str; 4] = [
    "ALTER DEFAULT PRIVILEGES FOR ROLE mig IN SCHEMA app REVOKE SELECT ON TABLES FROM reader; REVOKE SELECT ON ALL TABLES IN SCHEMA app FROM reader",
    "GRANT TRUNCATE ON ALL TABLES IN SCHEMA app TO app; GRANT CREATE ON SCHEMA app TO app",
    "ALTER TABLE app.standing1 OWNER TO csadmin; ALTER TABLE app.standing2 OWNER TO csadmin; GRANT INSERT, UPDATE ON app.standing1, app.standing2 TO app",
    "ALTER DEFAULT PRIVILEGES FOR ROLE mig GRANT EXECUTE ON ROUTINES TO PUBLIC; REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA app FROM reader",
];

/// One transaction of the migration. `n` makes the names of what it makes.
fn migration(n: usize) -> String {
    let pause = ["", "SELECT pg_sleep(0.02);", "SELECT pg_sleep(0.2);"][n % 3];
    let (last, standing) = (n.saturating_sub(1), n % 30 + 1);
    let work = match n % 5 {
        0 => format!(
            "CREATE TABLE app.t{n} (id serial PRIMARY KEY, n int); CREATE INDEX ON app.t{n} (n);"
        ),
        1 => {
            format!(
                "ALTER TABLE app.t{last} ADD COLUMN more text; CREATE VIEW app.v{n} AS SELECT id FROM app.t{last};"
            )
        }
        2 => format!(
            "CREATE FUNCTION app.f{n}(int) RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER TABLE app.standing{standing} ADD COLUMN m{n} int;"
        ),
        3 => format!(
            "CREATE TYPE app.k{n} AS ENUM ('a'); CREATE INDEX ON app.standing{standing} (n); DROP FUNCTION app.f{last}(int);"
        ),
        _ => format!(
            "DROP VIEW app.v{}; DROP TABLE app.t{}; DROP TYPE app.k{last};",
            n - 3,
            n - 4
        ),
    };
    format!("BEGIN; {work} {pause} COMMIT")
}

each_major! {
    /// The application and the migration have no failed statement to expect, and `apply` nothing that waiting would not mend.
    async fn a_migration_and_an_application_go_on_while_apply_runs(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", STANDING).await;
        stage.apply(&[]).assert_status(0);

        let (mig, app) = (stage.log_in("mig", "m").await.unwrap(), stage.log_in("app", "a").await.unwrap());
        // Whoever breaks things by hand here does it between two migrations: only `apply` is to be their match.
        let mig = Arc::new(Mutex::new(mig));
        let breaking = mig.clone();
        let migrating = Beside::start(move |n| {
            let mig = mig.clone();
            async move { done(&*mig.lock().await, &migration(n)).await }
        });
        let app = Arc::new(app);
        let working = Beside::start(move |n| {
            let app = app.clone();
            async move {
                let (one, two) = (n % 30 + 1, n % 7 + 1);
                let work = format!("BEGIN; INSERT INTO app.standing{one} (n) VALUES (1); UPDATE app.standing{two} SET n = 2 WHERE id = 1; SELECT pg_sleep(0.002); COMMIT");
                done(&app, &work).await;
            }
        });
        let mut again = 0;
        for drift in DRIFT.iter().chain(&DRIFT) {
            let between = breaking.lock().await;
            let superuser = stage.cluster.connect_superuser("shop").await;
            // Nor is the application to lose a deadlock against them.
            done(&superuser, "SET lock_timeout = '100ms'").await;
            insist(&superuser, drift).await;
            drop(between);
            let applied = stage.apply(&[]).assert_status(0);
            again += applied.stdout.matches("tried again").count();
        }
        let (migrations, transactions) = (migrating.end().await, working.end().await);
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
        tell!("{major}: {} runs, {again} transactions tried again; {migrations} migrations and {transactions} transactions of the application, none failed", 2 * DRIFT.len());
        assert!(migrations > 10 && transactions > 100, "{migrations} {transactions}");
    }

    /// Nobody sees what is not committed: it is drift afterwards, and the next run mends it.
    async fn a_table_that_was_not_committed_is_drift_until_the_next_run(major: u32) {
        let stage = Stage::new(major);
        stage.roles("  mig: { access: ddl, login: external }\n");
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", "ALTER ROLE mig PASSWORD 'm'").await;
        let mig = stage.log_in("mig", "m").await.unwrap();
        done(&mig, "BEGIN; CREATE TABLE app.late (id serial); CREATE FUNCTION app.late() RETURNS int LANGUAGE sql AS 'SELECT 1'").await;
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        stage.run("check", &[]).assert_status(0);
        done(&mig, "COMMIT").await;
        let drift = stage.run("check", &["--format", "json"]).assert_status(2);
        for missing in ["table app.late", "sequence app.late_id_seq", "function app.late()"] {
            assert!(drift.stdout.contains(missing), "{missing}: {}", drift.stdout);
        }
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
    }
}
