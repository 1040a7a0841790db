//! Runs of this program beside each other.

use std::thread;

use crate::converge::{LEFT_OVER, texts};
use crate::stage::{INSTANCE, READER, Stage};
use crate::support::{Outcome, newest, tell};

const RUNS: usize = 10;

const ROLES: &str = "  mig: { access: ddl, settings: { lock_timeout: 5s }, secret: { name: mig, payload: password } }
  app: { access: dml, secret: { name: app, payload: url, readers: [\"serviceAccount:api@shop-prod.iam.gserviceaccount.com\"] }, rotate: { strategy: alternate } }
  reader: { access: read, member_of: [inner], login: external }
  inner: {}
";

const DRIFT: &str = "REVOKE ALL ON SCHEMA app FROM app; GRANT CREATE ON SCHEMA app TO app, PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE mig REVOKE SELECT ON TABLES FROM reader;
SET ROLE cloudsqlsuperuser; GRANT mig TO app; REVOKE app FROM app_b; RESET ROLE; ALTER ROLE app_a RESET role; ALTER ROLE reader NOLOGIN;
CREATE TABLE app.t (id serial); ALTER TABLE app.t OWNER TO csadmin; GRANT TRUNCATE ON app.t TO app";

/// Starts all of them before the first can be done.
fn at_once(stage: &Stage, wait: &str) -> Vec<Outcome> {
    let run = || stage.run("apply", &["--yes", "--wait", wait]);
    thread::scope(|scope| {
        let runs: Vec<_> = (0..RUNS).map(|_| scope.spawn(run)).collect();
        runs.into_iter()
            .map(|run| run.join().expect("it runs"))
            .collect()
    })
}

fn count(outcomes: &[Outcome], status: i32) -> usize {
    outcomes
        .iter()
        .filter(|outcome| outcome.status == status)
        .count()
}

/// Whoever does not get the lock says so, and changes nothing.
#[track_caller]
fn assert_done_or_held(outcomes: Vec<Outcome>) -> String {
    let counts = format!("{} done, {} held", count(&outcomes, 0), count(&outcomes, 3));
    for outcome in outcomes.into_iter().filter(|outcome| outcome.status != 0) {
        let held = outcome.assert_status(3);
        assert!(
            held.stderr.contains("another run holds the lock"),
            "{}",
            held.stderr
        );
    }
    counts
}

async fn assert_nothing_twice(stage: &Stage) {
    stage.assert_in_sync();
    for secret in ["mig", "app"] {
        assert_eq!(stage.versions(secret).await, ["1 ENABLED"]);
        assert_eq!(
            stage
                .fake
                .payloads()
                .iter()
                .filter(|one| one.name.contains(&format!("/{secret}/")))
                .count(),
            1
        );
    }
    let bound = stage.bindings("app").await;
    assert_eq!(
        bound,
        serde_json::json!([{"role": "roles/secretmanager.secretAccessor", "members": [READER]}])
    );
    let superuser = stage.cluster.connect_superuser("shop").await;
    assert_eq!(texts(&superuser, LEFT_OVER).await, [""; 0]);
    let locks = "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory'";
    assert_eq!(texts(&superuser, locks).await, [""; 0]);
}

async fn ten_at_once(stage: &Stage, what: &str) {
    let impatient = assert_done_or_held(at_once(stage, "0s"));
    let patient = at_once(stage, "300s");
    assert_eq!(
        count(&patient, 0),
        RUNS,
        "{:?}",
        patient.iter().find(|run| run.status != 0)
    );
    tell!("{what}: {RUNS} runs at once without waiting: {impatient}; {RUNS} that wait: all done");
    assert_nothing_twice(stage).await;
}

#[test]
fn ten_runs_at_once_are_as_good_as_one() {
    newest(|major| {
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(async {
                let stage = Stage::new(major);
                stage.roles(ROLES);
                ten_at_once(&stage, "from nothing").await;
                stage.cluster.batch("shop", DRIFT).await;
                ten_at_once(&stage, "drifted").await;
            });
    });
}

#[test]
fn policies_that_share_roles_take_turns() {
    newest(|major| {
        tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
            let stage = Stage::new(major);
            stage.cluster.batch("postgres", "CREATE DATABASE books OWNER cloudsqlsuperuser").await;
            let policy = |database: &str| {
                let other = if database == "shop" { "books" } else { "shop" };
                format!(
                    "version: 1\ninstance: {INSTANCE}\ndatabases: {{ {database}: {{ schemas: [{database}], extensions: [hstore] }} }}\nignore: {{ roles: [\"*_{other}\"] }}\nroles:\n\
                     \x20 mig_{database}: {{ access: ddl, member_of: [everyone] }}\n  app_{database}: {{ access: dml, member_of: [everyone, readers] }}\n\
                     \x20 everyone: {{ settings: {{ search_path: public }} }}\n  readers: {{ member_of: [everyone], connection_limit: 7 }}\n"
                )
            };
            let files = ["shop", "books"].map(|database| {
                let file = stage.folder.path().join(format!("{database}.yaml"));
                std::fs::write(&file, policy(database)).expect("it is written");
                file
            });
            for _ in 0..3 {
                thread::scope(|scope| {
                    let run = |file| stage.rolewright.run(["apply".as_ref(), "--yes".as_ref(), "--wait=300s".as_ref(), file]);
                    let runs = files.iter().cycle().take(4).map(|file| file.as_os_str());
                    let runs: Vec<_> = runs.map(|file| scope.spawn(move || run(file))).collect();
                    runs.into_iter().for_each(|run| drop(run.join().expect("it runs").assert_status(0)));
                });
                for file in &files {
                    stage.rolewright.run(["check".as_ref(), file.as_os_str()]).assert_status(0);
                }
                stage.cluster.batch("postgres", "SET ROLE cloudsqlsuperuser; ALTER ROLE everyone RESET search_path; GRANT mig_shop TO app_shop; REVOKE everyone FROM app_books; REVOKE CONNECT ON DATABASE shop FROM app_shop").await;
                stage.cluster.batch("books", "REVOKE USAGE ON SCHEMA books FROM app_books").await;
            }
        });
    });
}
