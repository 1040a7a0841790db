//! `state: absent`: closed, relieved of everything in every database, and dropped.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{assert_said, texts};
use crate::stage::{INSTANCE, READER, Stage};
use crate::support::{each_major, newest};

/// `shop` is managed, `books` is not.
fn policy(old: &str) -> String {
    format!(
        "version: 1
databases: {{ shop: {{ schemas: [app, misc] }} }}
allow: [{{ rule: role.undeclared, role: leaker, reason: somebody else's business }}]
roles:
  mig: {{ access: {{ ddl: [app] }} }}
  app: {{ access: {{ dml: [app, misc] }} }}
  reader: {{ access: {{ read: [app] }} }}
{old}"
    )
}

const ABSENT: &str = "  old: { state: absent, heir: app }\n";

/// Two databases in which `old` and its logins own and hold whatever one can.
async fn inhabited(major: u32, secret: &str) -> Stage {
    let stage = Stage::new(major);
    stage
        .cluster
        .batch("postgres", "CREATE DATABASE books OWNER cloudsqlsuperuser")
        .await;
    stage.policy(&policy("  old: { access: { dml: [misc] } }\n"));
    stage.converge(&[]);
    stage
        .sql(&format!(
            "ALTER ROLE old NOLOGIN;
             SET ROLE cloudsqlsuperuser; CREATE ROLE old_a LOGIN PASSWORD '{secret}'; CREATE ROLE old_b LOGIN; RESET ROLE;
             ALTER ROLE old_a SET role = 'old'; ALTER ROLE old_b SET role = 'old';
             CREATE ROLE leaker LOGIN; GRANT USAGE ON SCHEMA app TO old, leaker; GRANT CREATE ON SCHEMA misc TO old;
             SET ROLE mig; CREATE TABLE app.t (id serial, note text); CREATE TABLE app.u (id int); RESET ROLE;
             GRANT SELECT ON app.t TO old WITH GRANT OPTION; GRANT UPDATE (note) ON app.t TO old_a;
             SET ROLE old; GRANT SELECT ON app.t TO leaker; RESET ROLE;
             REVOKE SELECT ON app.u FROM app; GRANT SELECT ON app.u TO old WITH GRANT OPTION;
             SET ROLE old; GRANT SELECT ON app.u TO app; RESET ROLE;
             ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON app.t TO old USING (true); CREATE POLICY shared ON app.t TO old, app USING (true);
             CREATE TABLE app.mine (id serial PRIMARY KEY); ALTER TABLE app.mine OWNER TO old;
             GRANT SELECT ON app.mine TO leaker;
             SET ROLE old;
             CREATE TABLE misc.x (id serial, m int); CREATE TYPE misc.mood AS ENUM ('fine');
             CREATE FUNCTION misc.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT lo_create(4711);
             ALTER DEFAULT PRIVILEGES IN SCHEMA misc GRANT SELECT ON TABLES TO leaker;
             ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
             RESET ROLE; ALTER DEFAULT PRIVILEGES FOR ROLE mig GRANT SELECT ON TABLES TO old;
             GRANT old TO old_a, old_b, leaker; GRANT reader TO old",
        ))
        .await;
    stage
        .cluster
        .batch(
            "books",
            "GRANT CREATE ON DATABASE books TO old; SET ROLE old;
             CREATE SCHEMA ledger; CREATE TABLE ledger.entry (id bigserial, d text); CREATE EXTENSION hstore SCHEMA ledger;
             GRANT SELECT ON ledger.entry TO leaker; RESET ROLE;
             SET ROLE cloudsqlsuperuser; CREATE TABLE public.other (id int); GRANT ALL ON public.other TO old_b; RESET ROLE;
             ALTER DEFAULT PRIVILEGES FOR ROLE cloudsqlsuperuser GRANT SELECT ON TABLES TO old",
        )
        .await;
    stage
}

const GONE: &str = "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'old%'";

each_major! {
    async fn a_role_goes_from_every_database(major: u32) {
        let stage = inhabited(major, "open").await;
        let session = stage.log_in("old_a", "open").await.unwrap();
        stage.policy(&policy(ABSENT));
        stage.run("check", &[]).assert_status(2);
        let plan = stage.run("plan", &[]).assert_status(0);
        assert_said(&plan, &["end the sessions of old_a", "leaker: SELECT on table app.t, granted by old", "drop role old, of which leaker are members"]);
        stage.converge(&[]);
        assert_eq!(stage.query(GONE).await, [""; 0]);
        assert!(session.batch_execute("SELECT 1").await.is_err(), "its session lives on");
        let owners = "SELECT format('%s %s', c.oid::regclass, c.relowner::regrole) FROM pg_class c
            WHERE c.relname IN ('mine', 'mine_id_seq', 'x', 'entry') ORDER BY 1";
        assert_eq!(stage.query(owners).await, ["app.mine mig", "app.mine_id_seq mig", "misc.x app"]);
        let books = stage.cluster.connect_superuser("books").await;
        assert_eq!(texts(&books, owners).await, ["ledger.entry app"]);
        let kept = "SELECT concat_ws(' ', has_table_privilege('leaker', 'app.mine', 'SELECT'), has_table_privilege('leaker', 'app.t', 'SELECT'),
            has_table_privilege('app', 'app.u', 'SELECT'), has_schema_privilege('app', 'misc', 'CREATE'),
            (SELECT lomowner::regrole FROM pg_largeobject_metadata WHERE oid = 4711),
            (SELECT string_agg(polname::text || polroles::regrole[]::text, ',') FROM pg_policy))";
        assert_eq!(stage.query(kept).await, ["t f t f app shared{app}"]);
        let extension = "SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'hstore'";
        assert_eq!(texts(&books, extension).await, ["app"]);
        stage.assert_in_sync();
    }

    async fn what_nobody_is_to_have_stays_and_keeps_the_role(major: u32) {
        let stage = inhabited(major, "open").await;
        stage.sql("CREATE VIEW app.v AS SELECT id FROM app.mine; ALTER VIEW app.v OWNER TO old; GRANT SELECT ON app.v TO app;
                   CREATE TABLE misc.su (id int); GRANT SELECT, INSERT, UPDATE, DELETE ON misc.su TO app; GRANT SELECT ON misc.su TO old").await;
        stage.policy(&policy("  old: { state: absent }\n"));
        let applied = stage.apply(&[]).assert_status(3);
        assert_said(&applied, &["view app.v belongs to old", "use --take-over", "nobody is to have it", "name an `heir` of `old`"]);
        let logins = "SELECT count(*)::text FROM pg_roles WHERE rolname LIKE 'old%' AND rolcanlogin";
        assert_eq!(stage.query(logins).await, ["0"]);
        stage.sql("SET ROLE app; SELECT * FROM app.v").await;
        let again = stage.apply(&[]).assert_status(3);
        assert_said(&again, &["held back: nothing to do"]);
        stage.run("check", &[]).assert_status(2);
        stage.policy(&policy(ABSENT));
        let applied = stage.apply(&["--take-over"]).assert_status(1);
        assert_said(&applied, &["old holds SELECT on table misc.su", "cannot act as `cloudsqladmin`"]);
        stage.sql("SET ROLE app; SELECT * FROM app.v; RESET ROLE; REVOKE ALL ON misc.su FROM old").await;
        stage.converge(&["--take-over"]);
        assert_eq!(stage.query(GONE).await, [""; 0]);
    }

    async fn its_user_mappings_go_with_it_and_the_plan_says_so(major: u32) {
        let stage = inhabited(major, "open").await;
        let mapped = "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER far FOREIGN DATA WRAPPER w;
            CREATE USER MAPPING FOR PUBLIC SERVER far; CREATE USER MAPPING FOR app SERVER far OPTIONS (password 'its own');";
        for (database, role) in [("shop", "old"), ("books", "old_b")] {
            let mapping = format!("{mapped} CREATE USER MAPPING FOR {role} SERVER far OPTIONS (password 'far away')");
            stage.cluster.batch(database, &mapping).await;
        }
        stage.policy(&policy(ABSENT));
        let plan = stage.run("plan", &[]).assert_status(0);
        let lost = |role: &str| format!("user mapping for {role} on server far, and the credential in it");
        assert_said(&plan, &[&lost("old"), &lost("old_b"), &format!("old_b: {}", lost("old_b"))]);
        assert!(!plan.stdout.contains("far away"), "{}", plan.stdout);
        stage.converge(&[]);
        assert_eq!(stage.query(GONE).await, [""; 0]);
        let left = "SELECT usename::text FROM pg_user_mappings ORDER BY 1";
        assert_eq!(stage.query(left).await, ["app", "public"]);
        assert_eq!(texts(&stage.cluster.connect_superuser("books").await, left).await, ["app", "public"]);
        stage.assert_in_sync();
    }

    async fn what_it_granted_and_what_it_was_granted_by_a_superuser(major: u32) {
        let stage = inhabited(major, "open").await;
        stage.sql("GRANT app TO old WITH ADMIN OPTION; CREATE ROLE friend; SET ROLE old; GRANT app TO friend").await;
        stage.policy(&policy(ABSENT));
        // Before 16 no membership has a grantor that leaves: `friend` stays a member, and `app` inherits nothing until it is out.
        let options: &[&str] = if major < 16 { &["--prune"] } else { &[] };
        if major >= 15 {
            stage.sql("GRANT SET ON PARAMETER log_statement TO old").await;
            let applied = stage.apply(options).assert_status(1);
            assert_said(&applied, &["old holds SET on parameter log_statement", "cannot act as `cloudsqladmin`"]);
            stage.sql("REVOKE SET ON PARAMETER log_statement FROM old").await;
        }
        stage.sql("ALTER ROLE old SUPERUSER").await;
        stage.apply(&[]).assert_status(1);
        assert_eq!(stage.query("SELECT rolname::text FROM pg_roles WHERE rolname = 'old'").await, ["old"]);
        stage.sql("ALTER ROLE old NOSUPERUSER").await;
        let applied = stage.apply(&["--prune"]);
        assert_eq!(applied.status, 0, "{}{}", applied.stdout, applied.stderr);
        assert_eq!(stage.query(GONE).await, [""; 0]);
    }

    async fn a_database_that_lets_nobody_in_is_named(major: u32) {
        let stage = inhabited(major, "open").await;
        stage.cluster.batch("postgres", "ALTER DATABASE books OWNER TO cloudsqladmin; REVOKE ALL ON DATABASE books FROM PUBLIC").await;
        stage.policy(&policy(ABSENT));
        let applied = stage.apply(&[]).assert_status(1);
        assert_said(&applied, &["objects of database books depend on it", "`csadmin` does not get into database `books`"]);
        assert_eq!(stage.query("SELECT relowner::regrole::text FROM pg_class WHERE relname = 'mine'").await, ["mig"]);
        let again = stage.apply(&[]).assert_status(1);
        assert_said(&again, &["nothing to do"]);
        stage.cluster.batch("postgres", "ALTER DATABASE books OWNER TO cloudsqlsuperuser").await;
        stage.converge(&[]);
        assert_eq!(stage.query(GONE).await, [""; 0]);
    }

    async fn a_run_that_is_killed_between_two_databases_is_continued(major: u32) {
        let stage = inhabited(major, "open").await;
        stage.cluster.batch("postgres", "CREATE DATABASE zoo OWNER cloudsqlsuperuser").await;
        stage.cluster.batch("zoo", "CREATE TABLE public.t (id int); ALTER TABLE public.t OWNER TO old").await;
        stage.policy(&policy(ABSENT));
        let mut blocker = stage.cluster.connect_superuser("zoo").await;
        let transaction = blocker.transaction().await.unwrap();
        transaction.batch_execute("LOCK TABLE public.t IN ACCESS SHARE MODE").await.unwrap();
        let mut apply = stage.rolewright.command(["apply", "--yes", stage.file().to_str().unwrap()]);
        let mut apply = apply.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let waits = "SELECT pid::text FROM pg_stat_activity WHERE application_name LIKE 'rolewright/apply%' AND datname = 'zoo' AND wait_event_type = 'Lock'";
        let started = Instant::now();
        while stage.query(waits).await.is_empty() {
            assert!(started.elapsed() < Duration::from_secs(120), "it never came to the last database");
            assert!(apply.try_wait().unwrap().is_none(), "it ended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        apply.kill().unwrap();
        apply.wait().unwrap();
        transaction.rollback().await.unwrap();
        let books = stage.cluster.connect_superuser("books").await;
        let half = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'entry'";
        assert_eq!(texts(&books, half).await, ["app"], "the databases before it are done");
        assert!(!stage.query(GONE).await.is_empty());
        while !stage.query(&waits.replace(" AND wait_event_type = 'Lock'", "")).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        stage.converge(&[]);
        assert_eq!(stage.query(GONE).await, [""; 0]);
    }
}

#[test]
fn the_secret_of_a_role_that_is_gone_is_destroyed_after_a_while() {
    newest(|major| {
        tokio::runtime::Runtime::new()
            .unwrap()
            .block_on(secret_goes(major))
    });
}

async fn secret_goes(major: u32) {
    let stage = Stage::new(major);
    let secret = format!(
        "secret: {{ name: app-url, payload: url, readers: [\"{READER}\"] }}, rotate: {{ strategy: alternate }}"
    );
    let declared = |what: &str| {
        format!(
            "version: 1\ninstance: {INSTANCE}\ndatabases: {{ shop: {{ schemas: [app] }} }}\nroles:\n  mig: {{ access: ddl }}\n  app: {{ {what}, {secret} }}\n"
        )
    };
    stage.policy(&declared("access: dml"));
    stage.converge(&[]);
    assert_eq!(stage.versions("app-url").await, ["1 ENABLED"]);
    stage.policy(&declared("state: absent"));
    let plan = stage.run("plan", &[]).assert_status(0);
    assert_said(
        &plan,
        &[
            &format!("let {READER} read projects/shop-prod/secrets/app-url no more"),
            "destroy version 1 of",
        ],
    );
    stage.converge(&[]);
    assert_eq!(
        stage
            .query("SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'app%'")
            .await,
        [""; 0]
    );
    let secret = stage.secret("app-url").await;
    assert_eq!(secret["versionDestroyTtl"], "86400s");
    assert!(secret["versionAliases"]["current"].is_null(), "{secret}");
    assert_eq!(stage.versions("app-url").await, ["1 DISABLED"]);
    assert!(!stage.bindings("app-url").await.to_string().contains(READER));
    stage.assert_in_sync();
}
