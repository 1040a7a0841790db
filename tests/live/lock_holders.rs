//! Any login that may connect to the database `postgres` can take the lock of the instance there.

use tokio_postgres::Client;

use crate::stage::Stage;
use crate::support::{Cluster, Options, Outcome, each_major};

const ROLES: &str = "  app: { access: dml, secret: { name: app } }\n";

/// Made by the admin: its sessions are the admin's to end.
const MALLORY: &str = "CREATE ROLE mallory LOGIN PASSWORD 'mallory'";

fn key() -> i64 {
    i64::from_be_bytes(*b"rolewrig")
}

async fn stage(major: u32) -> Stage {
    let options = Options::default()
        .database("shop")
        .setting("max_prepared_transactions", "5");
    let stage = Stage::with(Cluster::with(major, options));
    stage.roles(ROLES);
    stage
}

async fn session(stage: &Stage, login: &str) -> Client {
    stage
        .cluster
        .connect_as("postgres", login, login)
        .await
        .expect("it logs in")
}

async fn holds(stage: &Stage, login: &str, how: &str) -> Client {
    let session = session(stage, login).await;
    session
        .batch_execute(&format!("SELECT {how}({})", key()))
        .await
        .expect("the lock is free");
    session
}

#[track_caller]
fn says(outcome: &Outcome, words: &[&str]) {
    for word in words {
        assert!(
            outcome.stderr.contains(word),
            "no `{word}` in {}",
            outcome.stderr
        );
    }
}

each_major! {
    async fn a_login_that_holds_the_lock_is_named_and_its_sessions_there_are_ended(major: u32) {
        let stage = stage(major).await;
        stage.cluster.connect_admin("postgres").await.batch_execute(MALLORY).await.expect("it is made");
        let elsewhere = stage.cluster.connect_as("shop", "mallory", "mallory").await.expect("it logs in");
        let holder = holds(&stage, "mallory", "pg_advisory_lock_shared").await;
        let second = holds(&stage, "mallory", "pg_advisory_lock_shared").await;
        let waiting = session(&stage, "mallory").await;
        let wait = tokio::spawn(async move {
            waiting.batch_execute(&format!("SELECT pg_advisory_lock({})", key())).await
        });
        // Its own name proves nothing.
        for one in [&holder, &second] {
            one.batch_execute("SET application_name = 'rolewright/apply/0badcafe'").await.expect("a name");
        }
        let run = stage.apply(&[]).assert_status(0);
        says(&run, &["which held the lock", "`mallory`", "rolewright/apply/0badcafe"]);
        assert!(wait.await.expect("it ends").is_err(), "one that waits has it next");
        assert!(holder.batch_execute("SELECT 1").await.is_err() && second.batch_execute("SELECT 1").await.is_err());
        elsewhere.batch_execute("SELECT 1").await.expect("a session that has nothing to do with the lock");
        let member = "SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid WHERE r.rolname = 'mallory' \
                      AND (m.member = 'csadmin'::regrole AND m.grantor <> 10)";
        let superuser = stage.cluster.connect_superuser("postgres").await;
        assert!(superuser.query(member, &[]).await.expect("it answers").is_empty(), "a membership was left behind");
        // A declared role, and a rotation.
        superuser.batch_execute("ALTER ROLE app PASSWORD 'app'").await.expect("it is changed");
        let holder = holds(&stage, "app", "pg_advisory_lock").await;
        let run = stage.run("rotate", &["--wait", "0s"]).assert_status(0);
        says(&run, &["which held the lock", "`app`"]);
        assert!(holder.batch_execute("SELECT 1").await.is_err());
    }

    async fn a_holder_that_is_an_admin_or_beyond_this_one_is_named_and_left(major: u32) {
        let stage = stage(major).await;
        let superuser = stage.cluster.connect_superuser("postgres").await;
        superuser
            .batch_execute(
                "CREATE ROLE made LOGIN CREATEROLE PASSWORD 'made'; GRANT cloudsqlsuperuser TO made; \
                 CREATE ROLE other LOGIN PASSWORD 'other'; CREATE ROLE vendor LOGIN PASSWORD 'vendor'",
            )
            .await
            .expect("they are made");
        let file = std::fs::read_to_string(stage.file()).expect("the policy");
        stage.policy(&format!("{file}admins: [made]\nignore: {{ roles: [vendor] }}\n"));
        for (login, ended) in [("made", false), ("vendor", false), ("other", major < 16)] {
            let holder = holds(&stage, login, "pg_advisory_lock").await;
            let run = stage.apply(&[]).assert_status(if ended { 0 } else { 3 });
            says(&run, &[&format!("`{login}`")]);
            if !ended {
                says(&run, &["another run holds the lock", "pg_terminate_backend("]);
            }
            assert_eq!(holder.batch_execute("SELECT 1").await.is_err(), ended, "{login}");
        }
        // Whoever has pg_signal_backend ends any session but a superuser's.
        superuser.batch_execute("GRANT pg_signal_backend TO cloudsqlsuperuser").await.expect("it is granted");
        let holder = holds(&stage, "other", "pg_advisory_lock").await;
        stage.apply(&[]).assert_status(0);
        assert!(holder.batch_execute("SELECT 1").await.is_err());
    }

    async fn a_prepared_transaction_that_holds_the_lock_is_named(major: u32) {
        let stage = stage(major).await;
        stage.cluster.connect_admin("postgres").await.batch_execute(MALLORY).await.expect("it is made");
        let session = session(&stage, "mallory").await;
        let prepare = format!("BEGIN; SELECT pg_advisory_xact_lock({}); PREPARE TRANSACTION 'it''s mine'", key());
        session.batch_execute(&prepare).await.expect("it is prepared");
        drop(session);
        let run = stage.apply(&[]).assert_status(3);
        says(&run, &["prepared transaction 'it''s mine' of `mallory`", "SET ROLE mallory; ROLLBACK PREPARED 'it''s mine'"]);
        let admin = stage.cluster.connect_admin("postgres").await;
        admin.batch_execute("GRANT mallory TO csadmin").await.expect("it is granted");
        admin.batch_execute("SET ROLE mallory").await.expect("it is a member");
        admin.batch_execute("ROLLBACK PREPARED 'it''s mine'").await.expect("the advice works");
        stage.apply(&[]).assert_status(0);
    }

    async fn a_holder_whose_role_was_dropped_is_shown_and_ended(major: u32) {
        let stage = stage(major).await;
        let admin = stage.cluster.connect_admin("postgres").await;
        admin.batch_execute(MALLORY).await.expect("it is made");
        let holder = holds(&stage, "mallory", "pg_advisory_lock").await;
        let pid: i32 = holder.query_one("SELECT pg_backend_pid()", &[]).await.expect("it answers").get(0);
        admin.batch_execute("DROP ROLE mallory").await.expect("it is dropped");
        let superuser = stage.cluster.connect_superuser("postgres").await;
        let named = format!("process {pid} of a role that was dropped");
        if major >= 16 {
            // The right to end it is one that this admin can neither use nor lend.
            let run = stage.apply(&[]).assert_status(3);
            says(&run, &[&named, "pg_signal_backend", &format!("SELECT pg_terminate_backend({pid})")]);
            superuser.batch_execute("GRANT pg_signal_backend TO cloudsqlsuperuser").await.expect("it is granted");
        }
        says(&stage.apply(&[]).assert_status(0), &[&named, "which held the lock"]);
        assert!(holder.batch_execute("SELECT 1").await.is_err());
        let lent = "SELECT FROM pg_auth_members WHERE member = 'csadmin'::regrole AND roleid = 'pg_signal_backend'::regrole";
        assert!(superuser.query(lent, &[]).await.expect("it answers").is_empty(), "a membership was left behind");
        // What it prepared outlives it, too.
        admin.batch_execute(MALLORY).await.expect("it is made");
        let session = session(&stage, "mallory").await;
        let prepare = format!("BEGIN; SELECT pg_advisory_xact_lock({}); PREPARE TRANSACTION 'left'", key());
        session.batch_execute(&prepare).await.expect("it is prepared");
        drop(session);
        admin.batch_execute("DROP ROLE mallory").await.expect("it is dropped");
        let run = stage.apply(&[]).assert_status(3);
        says(&run, &["prepared transaction 'left' of a role that was dropped", "a superuser", "ROLLBACK PREPARED 'left'"]);
        superuser.batch_execute("ROLLBACK PREPARED 'left'").await.expect("the advice works");
        stage.apply(&[]).assert_status(0);
    }

    async fn who_can_hold_the_lock_is_a_warning(major: u32) {
        let stage = stage(major).await;
        stage.apply(&[]).assert_status(0);
        let exposed = |stage: &Stage| {
            let verdict = stage.run("check", &["--format", "json"]).assert_status(0).json();
            let findings = verdict["findings"].as_array().expect("findings").clone();
            findings.into_iter().filter(|one| one["rule"] == "lock.exposed").collect::<Vec<_>>()
        };
        assert!(exposed(&stage).is_empty(), "declared logins are no danger to a run");
        let admin = stage.cluster.connect_admin("postgres").await;
        admin.batch_execute(MALLORY).await.expect("it is made");
        let found = exposed(&stage);
        assert_eq!((found.len(), &found[0]["severity"], &found[0]["role"]), (1, &"warning".into(), &"PUBLIC".into()));
        assert!(found[0]["message"].as_str().expect("a message").contains("mallory can keep every run"), "{found:?}");
        let loss = "the fix takes CONNECT on database postgres from `app`, `cloudsqlreplica`, `mallory`";
        assert!(found[0]["message"].as_str().expect("a message").ends_with(loss), "{found:?}");
        admin.batch_execute("GRANT CONNECT ON DATABASE postgres TO mallory").await.expect("it is granted");
        assert_eq!(exposed(&stage).len(), 2);
        for one in exposed(&stage) {
            admin.batch_execute(one["fix"].as_str().expect("a fix")).await.expect("the fix works");
        }
        assert!(exposed(&stage).is_empty());
        stage.run("check", &[]).assert_status(0);
    }
}
