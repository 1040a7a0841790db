//! A database that was dumped and restored is what it was: no drift that is not there, and what a restore loses is found and
//! put back.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::stage::Stage;
use crate::support::each_major;

const POLICY: &str = "version: 1
databases: { shop: { schemas: [app, audit], extensions: [pgcrypto] } }
roles:
  mig: { access: ddl }
  app_user: { access: { dml: [app] }, grants: [{ privileges: [INSERT], object: table audit.log }] }
  reader: { access: { read: [audit] } }
";

/// What migrations make: everything that a dump writes down in a way of its own.
const MIGRATED: &str = "SET ROLE mig;
CREATE TABLE app.orders (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, note text);
CREATE TABLE audit.log (id bigserial, order_id int REFERENCES app.orders, at timestamptz DEFAULT now()) ;
CREATE TABLE app.events (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE app.events_2026 PARTITION OF app.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TYPE app.mood AS ENUM ('fine'); CREATE DOMAIN app.positive AS int CHECK (value > 0);
CREATE TYPE app.span AS RANGE (subtype = float8);
CREATE VIEW app.recent AS SELECT id, note FROM app.orders; CREATE MATERIALIZED VIEW app.counted AS SELECT count(*) FROM app.orders;
CREATE FUNCTION app.twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';
CREATE FUNCTION app.peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM audit.log';
CREATE PROCEDURE app.tidy() LANGUAGE sql AS 'DELETE FROM app.orders';
ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY; CREATE POLICY all_of_it ON app.orders TO app_user USING (true);
INSERT INTO app.orders (note) VALUES ('x'); INSERT INTO audit.log (order_id) VALUES (1); INSERT INTO app.events VALUES ('2026-05-05')";

impl Stage {
    /// Runs one of PostgreSQL's own programs on `shop`.
    fn tool(&self, name: &str, url: &str, arguments: &[&str]) {
        let (server, _) = url.rsplit_once('/').expect("a URL with a database");
        let mut tool = Command::new(self.client(name));
        let ran = tool
            .args(["--dbname", &format!("{server}/shop")])
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .expect(name);
        assert!(
            ran.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }

    /// The server's own program, or where it came with none, that of a newer PostgreSQL.
    fn client(&self, name: &str) -> PathBuf {
        let own = self.cluster.program(name);
        if self.has_own() {
            own
        } else {
            clients().map_or(own, |folder| folder.join(name))
        }
    }

    fn has_own(&self) -> bool {
        self.cluster.program("pg_dump").exists()
    }

    /// Restores a dump as whoever `url` says. The clients of 17 and later set what servers before them do not know.
    fn restore(&self, url: &str, options: &[&str], dump: &str) {
        let script = self.folder.path().join("restored.sql");
        let to_file = [&["--file=restored.sql"], options, &[dump]].concat();
        let ran = Command::new(self.client("pg_restore"))
            .args(to_file)
            .current_dir(self.folder.path())
            .output();
        assert!(ran.expect("pg_restore").status.success());
        let text = std::fs::read_to_string(&script).expect("a script");
        std::fs::write(&script, text.replace("SET transaction_timeout = 0;\n", ""))
            .expect("it is written");
        self.tool(
            "psql",
            url,
            &["--quiet", "--set=ON_ERROR_STOP=1", "--file=restored.sql"],
        );
    }

    async fn empty_database(&self) {
        self.cluster
            .batch("postgres", "DROP DATABASE shop WITH (FORCE)")
            .await;
        self.cluster
            .batch("postgres", "CREATE DATABASE shop OWNER cloudsqlsuperuser")
            .await;
    }

    fn rules(&self) -> Vec<String> {
        let checked = self.run("check", &["--format", "json"]).json();
        let errors = checked["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| one["severity"] == "error");
        let mut rules: Vec<_> = errors
            .filter_map(|one| one["rule"].as_str().map(str::to_owned))
            .collect();
        rules.sort();
        rules.dedup();
        rules
    }
}

/// `scripts/lib/dump-clients` fetches them.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's environment says which programs there are"
)]
fn clients() -> Option<PathBuf> {
    std::env::var("ROLEWRIGHT_TEST_CLIENTS")
        .ok()
        .map(Into::into)
}

#[track_caller]
fn only_the_database_has_lost(stage: &Stage, tool: &str) {
    let checked = stage.run("check", &["--format", "json"]).json();
    let findings = checked["findings"].as_array().into_iter().flatten();
    let errors = || findings.clone().filter(|one| one["severity"] == "error");
    assert_eq!(
        stage.rules(),
        ["grant.missing", "public.unexpected"],
        "{tool}: only what the database has lost"
    );
    // Up to 14 a new database lets PUBLIC create in `public`, and a dump does not say that this one does not.
    let lost = |object: &Value| object == "database shop" || object == "schema public";
    assert_eq!(
        errors().filter(|one| !lost(&one["object"])).count(),
        0,
        "{tool}: {checked:#}"
    );
    stage.apply(&[]).assert_status(0);
    stage.assert_in_sync();
}

/// Into another server, where the policy was applied before there was anything.
async fn elsewhere(from: &Stage, major: u32) {
    let stage = Stage::new(major);
    stage.policy(POLICY);
    stage.apply(&[]).assert_status(0);
    stage.empty_database().await;
    std::fs::copy(
        from.folder.path().join("shop.dump"),
        stage.folder.path().join("shop.dump"),
    )
    .expect("it is copied");
    stage.restore(stage.cluster.superuser_url(), &[], "shop.dump");
    only_the_database_has_lost(&stage, "another server");
}

async fn restored(major: u32) {
    let stage = Stage::new(major);
    if !stage.client("pg_dump").exists() {
        return println!("skipped: no pg_dump of PostgreSQL {major}");
    }
    let superuser = stage.cluster.superuser_url().to_owned();
    stage.policy(POLICY);
    stage.apply(&[]).assert_status(0);
    stage.cluster.batch("shop", MIGRATED).await;
    stage.apply(&[]).assert_status(0);
    assert_eq!(stage.rules(), [""; 0]);
    stage.tool(
        "pg_dump",
        &superuser,
        &["--format=custom", "--file=shop.dump"],
    );
    stage.tool(
        "pg_dump",
        &superuser,
        &["--format=plain", "--file=shop.sql"],
    );

    // As whoever may: owners, ACLs and default privileges are all in it, but for those of the database itself.
    if stage.has_own() {
        for (tool, arguments) in [
            ("pg_restore", &["--exit-on-error", "shop.dump"][..]),
            (
                "psql",
                &["--quiet", "--set=ON_ERROR_STOP=1", "--file=shop.sql"],
            ),
        ] {
            stage.empty_database().await;
            stage.tool(tool, &superuser, arguments);
            only_the_database_has_lost(&stage, tool);
        }
    }
    stage.empty_database().await;
    stage.restore(&superuser, &[], "shop.dump");
    only_the_database_has_lost(&stage, "a script");
    elsewhere(&stage, major).await;

    // By the admin, without owners and ACLs: everything is the admin's.
    stage.empty_database().await;
    let admin = stage.cluster.admin_url().to_owned();
    stage.restore(&admin, &["--no-owner", "--no-acl"], "shop.dump");
    for rule in [
        "owner.unexpected",
        "grant.missing",
        "default.missing",
        "public.unexpected",
    ] {
        assert!(
            stage.rules().iter().any(|found| found == rule),
            "{rule}: {:?}",
            stage.rules()
        );
    }
    let held = stage.apply(&[]).assert_status(3);
    assert!(
        held.stdout.contains("--take-over"),
        "views and what runs as its owner wait for a word: {}",
        held.stdout
    );
    stage.apply(&["--take-over"]).assert_status(0);
    stage.assert_in_sync();
    let kept = stage.cluster.connect_superuser("shop").await;
    let rows = kept
        .query_one(
            "SELECT count(*) FROM app.orders JOIN audit.log ON order_id = orders.id",
            &[],
        )
        .await;
    assert_eq!(rows.expect("it is read").get::<_, i64>(0), 1);
}

each_major! {
    async fn a_restored_database_is_no_drift(major: u32) {
        restored(major).await;
    }
}
