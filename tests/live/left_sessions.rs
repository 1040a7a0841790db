//! Sessions of a login that is given up: named, and ended where that is asked for, from its deadline on.

use jiff::SignedDuration;

use crate::stage::{READER, Stage};
use crate::support::{Cluster, Options, each_major};

async fn stage(major: u32, rotate: &str) -> Stage {
    let options = Options::default()
        .database("shop")
        .setting("max_prepared_transactions", "5");
    let stage = Stage::with(Cluster::with(major, options));
    stage.roles(&format!(
        "  app: {{ access: dml, secret: {{ name: app, payload: url, readers: [\"{READER}\"] }}, \
         rotate: {{ strategy: alternate, grace: 1h{rotate} }} }}\n"
    ));
    stage.apply(&[]).assert_status(0);
    stage
}

/// A session with what is published, as a thief would have one, and its user and password.
async fn session(stage: &Stage) -> (tokio_postgres::Client, String, String) {
    let url: tokio_postgres::Config = stage
        .payload("app", "current")
        .await
        .parse()
        .expect("a URL");
    let password = std::str::from_utf8(url.get_password().expect("a password"))
        .expect("text")
        .to_owned();
    let user = url.get_user().expect("a user").to_owned();
    (
        stage.log_in(&user, &password).await.expect("it logs in"),
        user,
        password,
    )
}

async fn is_open(client: &tokio_postgres::Client) -> bool {
    client.batch_execute("SELECT 1").await.is_ok()
}

each_major! {
    async fn sessions_outlive_their_deadline_only_with_their_names(major: u32) {
        let stage = stage(major, ", deadline: 2h").await;
        let (thief, user, _) = session(&stage).await;
        stage.run("rotate", &["--now"]).assert_status(0);
        // Not before the deadline, asked or not.
        stage.later("app", SignedDuration::from_mins(90)).await;
        let held = stage.run("rotate", &["--end-sessions"]).assert_status(3);
        assert!(held.stdout.contains(&format!("a session of `{user}`")), "{}", held.stdout);
        assert!(is_open(&thief).await);
        stage.later("app", SignedDuration::from_mins(90)).await;
        let ended = stage.run("rotate", &["--end-sessions"]).assert_status(0);
        assert!(ended.stdout.contains(&format!("ended a session of `{user}`")), "{}", ended.stdout);
        assert!(!is_open(&thief).await);
        stage.run("check", &["--probe"]).assert_status(0);
    }

    async fn a_session_that_is_left_blocks_no_rotation_for_ever(major: u32) {
        let stage = stage(major, ", deadline: 2h").await;
        let (thief, user, _) = session(&stage).await;
        stage.run("rotate", &["--now"]).assert_status(0);
        stage.later("app", SignedDuration::from_hours(3)).await;
        let closed = stage.run("rotate", &[]).assert_status(0);
        assert!(closed.stdout.contains(&format!("a session of `{user}`")), "it is named: {}", closed.stdout);
        assert!(is_open(&thief).await);
        let held = stage.run("rotate", &["--now"]).assert_status(3);
        assert!(held.stdout.contains("rotate --end-sessions"), "{}", held.stdout);
        stage.run("rotate", &["--now", "--end-sessions"]).assert_status(0);
        assert!(!is_open(&thief).await);
        assert_eq!(session(&stage).await.1, user, "it is its turn again");
    }

    async fn a_session_that_locks_the_row_of_its_role_is_named_and_ended(major: u32) {
        let stage = stage(major, ", deadline: 2h").await;
        let (thief, user, _) = session(&stage).await;
        // Whatever the role may change of itself will do.
        thief.batch_execute(&format!("SET ROLE NONE; BEGIN; ALTER ROLE {user} PASSWORD 'held open'")).await.expect("it may");
        let held = stage.run("rotate", &["--now"]).assert_status(3);
        assert!(held.stdout.contains("locked by process") && held.stdout.contains(&user), "{}", held.stdout);
        stage.later("app", SignedDuration::from_hours(3)).await;
        let held = stage.run("rotate", &[]).assert_status(3);
        assert!(held.stdout.contains("locked by process") && held.stdout.contains(&user), "{}", held.stdout);
        stage.run("rotate", &["--end-sessions"]).assert_status(0);
        assert!(!is_open(&thief).await);
        stage.run("check", &["--probe"]).assert_status(0);
    }

    async fn a_prepared_transaction_that_locks_the_row_of_its_role_is_named_with_what_ends_it(major: u32) {
        let stage = stage(major, ", deadline: 2h").await;
        let (session, user, _) = session(&stage).await;
        let prepare = format!("SET ROLE NONE; BEGIN; ALTER ROLE {user} PASSWORD 'held open'; PREPARE TRANSACTION 'left'");
        session.batch_execute(&prepare).await.expect("it may");
        drop(session);
        let held = stage.run("rotate", &["--now"]).assert_status(3);
        let told = format!("{}{}", held.stdout, held.stderr);
        assert!(told.contains("a prepared transaction") && told.contains("GRANT the owner to yourself"), "{told}");
        let superuser = stage.cluster.connect_superuser("postgres").await;
        let row = superuser.query_one("SELECT owner::text, database::text FROM pg_prepared_xacts", &[]).await.expect("one");
        let (owner, database) = (row.get::<_, String>(0), row.get::<_, String>(1));
        let admin = stage.cluster.connect_admin(&database).await;
        let typed = format!("GRANT {owner} TO csadmin; SET ROLE {owner}");
        admin.batch_execute(&typed).await.expect("the advice works");
        admin.batch_execute("ROLLBACK PREPARED 'left'").await.expect("the advice works");
        admin.batch_execute(&format!("RESET ROLE; REVOKE {owner} FROM csadmin")).await.expect("it is taken back");
        stage.run("rotate", &["--now"]).assert_status(0);
    }

    async fn a_prepared_transaction_that_has_changed_roles_is_named_by_check_with_what_ends_it(major: u32) {
        let stage = stage(major, "").await;
        let (_, user, password) = session(&stage).await;
        let admin = stage.cluster.connect_admin("shop").await;
        for (by_admin, work, is_named) in [
            (false, format!("ALTER ROLE {user} PASSWORD 'held open'"), true),
            (false, format!("ALTER ROLE {user} SET lock_timeout = '7s'"), true),
            (true, "CREATE ROLE later".to_owned(), true),
            (true, format!("GRANT pg_monitor TO {user}"), true),
            (false, "SELECT pg_advisory_xact_lock(7)".to_owned(), false),
        ] {
            // The admin holds `pg_monitor` through a group on which it has no admin option.
            if work.contains("pg_monitor") {
                stage.cluster.batch("postgres", "GRANT pg_monitor TO csadmin WITH ADMIN OPTION").await;
            }
            let own = stage.log_in(&user, &password).await.expect("it logs in");
            own.batch_execute("SET ROLE NONE").await.expect("it may");
            let session = if by_admin { &admin } else { &own };
            for statement in ["BEGIN", &work, "PREPARE TRANSACTION 'it''s left'"] {
                session.batch_execute(statement).await.unwrap_or_else(|error| panic!("{work}: {error:?}"));
            }
            let owner = if by_admin { "csadmin" } else { &user };
            let found = locked(&stage);
            assert_eq!(found.len(), usize::from(is_named), "{work}: {found:#?}");
            let plan = stage.run("plan", &[]).stdout;
            assert_eq!(plan.contains("has changed roles"), is_named, "{work}: {plan}");
            if let [one] = &found[..] {
                assert_eq!([&one["role"], &one["database"]], [owner, "shop"], "{work}: {one:#}");
                assert_eq!(one["object"], "prepared transaction 'it''s left' in database shop", "{work}");
                let typed = stage.cluster.connect_admin("shop").await;
                for statement in one["fix"].as_str().expect("a fix").split("; ") {
                    typed.batch_execute(statement).await.unwrap_or_else(|error| panic!("{work}: {statement}: {error:?}"));
                }
            } else {
                stage.cluster.batch("shop", "ROLLBACK PREPARED 'it''s left'").await;
            }
            assert!(locked(&stage).is_empty(), "{work}");
            stage.run("check", &["--probe"]).assert_status(0);
        }
    }
}

/// The warnings about transactions that keep roles locked.
fn locked(stage: &Stage) -> Vec<serde_json::Value> {
    let checked = stage
        .run("check", &["--format", "json"])
        .assert_status(0)
        .json();
    let findings = checked["findings"].as_array().expect("findings").clone();
    let locks = |one: &serde_json::Value| {
        one["message"]
            .as_str()
            .is_some_and(|text| text.contains("has changed roles"))
    };
    findings.into_iter().filter(locks).collect()
}
