//! Worlds that are large, locked, full or broken.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::converge::{LEFT_OVER, texts};
use crate::stage::Stage;
use crate::support::{Cluster, Options, each_major, newest};

const ROLES: &str = "  mig: { access: ddl }\n  app: { access: dml }\n  reader: { access: read }\n";

fn stage_with(major: u32, settings: &[(&str, &str)]) -> Stage {
    let options = Options::default().database("shop").log_all_statements();
    Stage::with(Cluster::with(
        major,
        settings.iter().fold(options, |options, (name, value)| {
            options.setting(name, value)
        }),
    ))
}

async fn first(stage: &Stage, query: &str) -> String {
    texts(&stage.cluster.connect_superuser("shop").await, query)
        .await
        .remove(0)
}

/// Tables of the admin's and of `cloudsqlsuperuser`'s, each with somebody else's grants.
fn tables(number: usize) -> String {
    format!(
        "CREATE ROLE stranger; DO $$ BEGIN FOR i IN 1..{number} LOOP
           EXECUTE format('CREATE TABLE app.t%s (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text)', i);
           EXECUTE format('ALTER TABLE app.t%s OWNER TO %I', i, CASE i % 2 WHEN 0 THEN 'csadmin' ELSE 'cloudsqlsuperuser' END);
           EXECUTE format('GRANT TRIGGER ON app.t%s TO stranger', i); END LOOP; END $$"
    )
}

const TAKEN: &str = "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' AND relowner = 'mig'::regrole";

/// Of the tables that were taken over, those with less than everything that belongs to it.
const HALF_DONE: &str = "SELECT relname::text FROM pg_class c
  WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' AND relowner = 'mig'::regrole
    AND NOT (has_table_privilege('app', oid, 'UPDATE') AND has_table_privilege('reader', oid, 'SELECT')
             AND has_table_privilege('stranger', oid, 'TRIGGER'))";

impl Stage {
    /// Starts `apply` and kills it once this many tables are taken over.
    async fn kill_after(&self, taken: usize) -> usize {
        let mut apply =
            self.rolewright
                .command(["apply", "--yes", self.file().to_str().expect("UTF-8")]);
        let mut apply = apply
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let superuser = self.cluster.connect_superuser("shop").await;
        let started = Instant::now();
        loop {
            let so_far: usize = texts(&superuser, TAKEN).await[0].parse().expect("a number");
            if so_far > taken {
                apply.kill().expect("it is running");
                apply.wait().expect("it is ours");
                return so_far;
            }
            assert!(
                apply.try_wait().expect("it is ours").is_none(),
                "it ended before {taken} tables"
            );
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "no {taken} tables"
            );
            sleep(Duration::from_millis(5));
        }
    }
}

each_major! {
    /// The lock table of this server holds a third of what one transaction would take.
    async fn a_take_over_in_batches_is_killed_and_continued(major: u32) {
        const TABLES: usize = 500;
        let stage = stage_with(major, &[("max_locks_per_transaction", "10")]);
        stage.policy("version: 1\ndatabases: { shop: { schemas: [app] } }\nignore: { roles: [stranger] }\nroles:\n  mig: { access: ddl }\n  app: { access: dml }\n  reader: { access: read }\n");
        stage.apply(&[]).assert_status(0);
        stage.sql_in_shop(&tables(TABLES)).await;

        let plan = stage.run("plan", &["--format", "json"]).assert_status(0).json();
        let batched = &plan["instances"][0]["batched"][0];
        let batches = batched["transactions"].as_u64().expect("a number");
        assert!(batches > 3 && batched["reason"].to_string().contains("max_locks_per_transaction"), "{batched}");
        for format in ["text", "sql", "markdown"] {
            let said = stage.run("plan", &["--format", format]).assert_status(0).stdout;
            assert!(said.contains(&format!("database shop is changed in {batches} transactions")), "{format}: {said}");
        }
        let mut kills = Vec::new();
        for threshold in [0, TABLES / 3] {
            kills.push(stage.kill_after(threshold).await);
            let superuser = stage.cluster.connect_superuser("shop").await;
            assert_eq!(texts(&superuser, HALF_DONE).await, [""; 0]);
        }
        let applied = stage.run("apply", &["--yes"]).assert_status(0);
        assert_eq!(first(&stage, TAKEN).await, TABLES.to_string(), "{}", applied.stdout);
        stage.assert_in_sync();
        let superuser = stage.cluster.connect_superuser("shop").await;
        assert_eq!(texts(&superuser, HALF_DONE).await, [""; 0]);
        assert_eq!(texts(&superuser, LEFT_OVER).await, [""; 0]);
        assert!(!stage.cluster.server_log().contains("out of shared memory"));
        println!("{major}: {TABLES} tables in {batches} transactions, killed when {kills:?} were taken over, then continued");
    }

    async fn entries_of_roles_that_are_gone_are_named_and_no_crash(major: u32) {
        let stage = stage_with(major, &[("allow_system_table_mods", "on")]);
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        stage.sql_in_shop("SET ROLE mig; CREATE TABLE app.t (id serial, note text); CREATE TABLE app.u (id int); CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; RESET ROLE").await;
        stage.apply(&[]).assert_status(0);
        let gone = |catalog: &str, acl: &str, owner: &str, of: &str| {
            format!("UPDATE {catalog} SET {acl} = {acl} || makeaclitem(99999, {owner}, '{of}', false);")
        };
        let broken = [
            gone("pg_class", "relacl", "relowner", "SELECT") .replace(';', " WHERE oid = 'app.t'::regclass;"),
            gone("pg_namespace", "nspacl", "nspowner", "USAGE").replace(';', " WHERE nspname = 'app';"),
            gone("pg_proc", "proacl", "proowner", "EXECUTE").replace(';', " WHERE proname = 'f' AND pronamespace = 'app'::regnamespace;"),
            gone("pg_database", "datacl", "datdba", "CONNECT").replace(';', " WHERE datname = 'shop';"),
            gone("pg_default_acl", "defaclacl", "defaclrole", "SELECT").replace(';', " WHERE defaclobjtype = 'r';"),
            "UPDATE pg_class SET relowner = 99998 WHERE oid = 'app.u'::regclass;".to_owned(),
        ];
        stage.sql_in_shop(&broken.concat()).await;
        let drift = stage.run("check", &["--format", "json"]).assert_status(2);
        let findings = drift.json()["findings"].as_array().expect("findings").len();
        assert!(findings >= 5, "{}", drift.stdout);
        for command in ["plan", "check"] {
            for format in ["text", "json", "markdown"] {
                let said = stage.run(command, &["--format", format]);
                assert!(said.stdout.contains("99999") && said.stdout.contains("99998"), "{command} {format}: {}", said.stdout);
            }
        }
        for options in [&[][..], &["--prune", "--take-over"]] {
            let left = stage.apply(options);
            assert!(matches!(left.status, 1 | 3), "{}{}", left.stdout, left.stderr);
            assert!(!left.stderr.contains("panicked"), "{}", left.stderr);
        }
        println!("{major}: {findings} findings of roles that are gone");
    }
}

impl Stage {
    async fn sql_in_shop(&self, statements: &str) {
        self.cluster.batch("shop", statements).await;
    }
}

fn on_a_runtime(case: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(case);
}

/// Somebody reads a table in a transaction that stays open. Whoever else reads it waits behind our ALTER no longer than
/// that waits itself.
#[test]
fn a_table_that_somebody_holds_is_waited_for_and_then_named() {
    newest(|major| {
        on_a_runtime(async {
            let stage = stage_with(major, &[]);
            stage.roles(ROLES);
            stage.apply(&[]).assert_status(0);
            stage
                .sql_in_shop("CREATE TABLE app.\"Held here\" (id int); ALTER TABLE app.\"Held here\" OWNER TO csadmin")
                .await;
            let holder = stage.cluster.connect_superuser("shop").await;
            holder
                .batch_execute(
                    "SET application_name = 'a report'; BEGIN; SELECT FROM app.\"Held here\"",
                )
                .await
                .unwrap();
            let pid = texts(&holder, "SELECT pg_backend_pid()::text")
                .await
                .remove(0);
            let reader = stage.cluster.connect_superuser("shop").await;
            let reading = tokio::spawn(async move {
                let (mut longest, mut reads) = (Duration::ZERO, 0);
                loop {
                    let begun = Instant::now();
                    if reader
                        .batch_execute("SELECT FROM app.\"Held here\"")
                        .await
                        .is_err()
                    {
                        return (longest, reads);
                    }
                    longest = longest.max(begun.elapsed());
                    reads += 1;
                    if reads > 3 && longest > Duration::from_secs(3600) {
                        return (longest, reads);
                    }
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            });
            let held = stage.apply(&[]).assert_status(3);
            for words in [
                "app.\"Held here\"",
                &format!("process {pid} (`cloudsqladmin`, `a report`)"),
                "pg_terminate_backend",
            ] {
                assert!(
                    held.stderr.contains(words),
                    "no `{words}` in {}",
                    held.stderr
                );
            }
            // The same, let go while it is being tried again.
            let letting_go = tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(2)).await;
                holder.batch_execute("COMMIT").await.expect("it is there");
            });
            let applied = stage.apply(&[]).assert_status(0);
            letting_go.await.expect("it ends");
            stage.assert_in_sync();
            stage.sql_in_shop("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT FROM app.%' AND pid <> pg_backend_pid()").await;
            let (longest, reads) = reading.await.expect("it ends");
            assert!(reads > 100, "{reads}");
            println!(
                "a reader beside both runs: {reads} reads, the longest {longest:?}\n{}",
                applied.stdout
            );
        });
    });
}

/// `pg_class` has no TOAST table: <https://www.postgresql.org/docs/current/storage-toast.html>.
#[test]
fn an_acl_that_fills_its_row_is_named() {
    newest(|major| {
        on_a_runtime(async {
            let stage = stage_with(major, &[]);
            stage.roles("  mig: { access: ddl }\n");
            stage.apply(&[]).assert_status(0);
            let fill = "SET client_min_messages = error; SET ROLE mig; CREATE TABLE app.fine (id int); CREATE TABLE app.crowded (id int); RESET ROLE;
                DO $$ BEGIN FOR i IN 1..5000 LOOP EXECUTE format('CREATE ROLE crowd_%s', i);
                  BEGIN EXECUTE format('GRANT SELECT, INSERT ON app.crowded TO crowd_%s', i); EXCEPTION WHEN program_limit_exceeded THEN EXIT; END;
                END LOOP; END $$";
            stage.sql_in_shop(fill).await;
            let policy = format!(
                "version: 1\ndatabases: {{ shop: {{ schemas: [app] }} }}\nignore: {{ roles: [crowd_*] }}\nroles:\n{ROLES}"
            );
            stage.policy(&policy);
            let failed = stage.apply(&[]).assert_status(1);
            for words in ["table app.crowded", "row is too big", "group role"] {
                assert!(
                    failed.stderr.contains(words),
                    "no `{words}` in {}",
                    failed.stderr
                );
            }
            println!("{}", failed.stderr);
            stage.sql_in_shop("SET ROLE mig; DO $$ BEGIN FOR i IN 1..50 LOOP EXECUTE format('REVOKE ALL ON app.crowded FROM crowd_%s', i); END LOOP; END $$").await;
            stage.apply(&[]).assert_status(0);
            stage.assert_in_sync();
        });
    });
}

#[test]
fn hundreds_of_roles_take_no_more_statements() {
    newest(|major| {
        on_a_runtime(async {
            let stage = stage_with(major, &[]);
            let declared: String = (0..300)
                .map(|n| {
                    format!(
                        "  role{n}: {{ access: {}, member_of: [role{}] }}\n",
                        ["dml", "read"][n % 2],
                        300 + n % 10
                    )
                })
                .collect();
            let groups: String = (300..310).map(|n| format!("  role{n}: {{}}\n")).collect();
            stage.policy(&format!("version: 1\ndatabases: {{ shop: {{ schemas: [app] }} }}\nroles:\n  mig: {{ access: ddl }}\n{declared}{groups}"));
            let begun = Instant::now();
            stage.apply(&[]).assert_status(0);
            let first = begun.elapsed();
            stage.sql_in_shop(
                "SET ROLE mig; DO $$ BEGIN FOR i IN 1..50 LOOP EXECUTE format('CREATE TABLE app.t%s (id serial)', i); END LOOP; END $$; RESET ROLE;
                 DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE format('CREATE ROLE stranger%s LOGIN', i); EXECUTE format('GRANT SELECT ON app.t%s TO stranger%s', i % 50 + 1, i); END LOOP; END $$",
            )
            .await;
            let begun = Instant::now();
            stage.run("check", &[]).assert_status(2);
            let check = begun.elapsed();
            stage.apply(&["--prune"]).assert_status(0);
            let before = stage.cluster.server_log().len();
            stage.run("check", &[]).assert_status(0);
            let log = stage.cluster.server_log();
            let asked = log[before..]
                .lines()
                .filter(|line| {
                    line.contains("rolewright/check")
                        && (line.contains(" statement: ") || line.contains(" execute "))
                })
                .count();
            assert!(asked <= 12, "{asked}");
            println!(
                "311 declared and 300 undeclared roles: first apply {first:?}, check with drift {check:?}, {asked} statements in sync"
            );
        });
    });
}
