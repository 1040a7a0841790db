//! A role that is called like a login of a pair, and begins as the role, beside a role that logs in itself: an admin can make one
//! by hand. It is undeclared, and no run changes it.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::stage::Stage;
use crate::support::each_major;

const ROLES: &str = "  migration_user: { access: ddl }
  app: { access: dml, secret: { name: app, payload: password }, rotate: { every: 30d, grace: 1h, deadline: 2h } }\n";

const NAMESAKE: &str = "CREATE ROLE app_a LOGIN PASSWORD 'its own'; GRANT app TO app_a; ALTER ROLE app_a SET role = 'app'";

async fn is_unchanged(stage: &Stage) -> bool {
    let superuser = stage.cluster.connect_superuser("postgres").await;
    let asked = "SELECT rolcanlogin AND rolvaliduntil IS NULL AND rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'app_a'";
    superuser
        .query_one(asked, &[])
        .await
        .expect("it is there")
        .get(0)
}

fn is_reported(stage: &Stage) -> bool {
    let checked = stage
        .run("check", &["--format", "json"])
        .assert_status(2)
        .json();
    let findings = checked["findings"].as_array().cloned().unwrap_or_default();
    let is_it = |one: &Value| one["role"] == "app_a" && one["severity"] == "error";
    findings.iter().any(is_it)
}

each_major! {
    async fn an_undeclared_role_with_the_name_of_a_login_is_reported_and_not_changed(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("postgres", NAMESAKE).await;
        for _ in 0..3 {
            assert!(is_reported(&stage));
            stage.run("rotate", &[]).assert_status(0);
            stage.later("app", SignedDuration::from_hours(48)).await;
        }
        assert!(is_unchanged(&stage).await, "nothing shows that it was ever in use");
        assert!(stage.logs_in("app_a", "its own").await);
    }

    async fn an_annotation_makes_no_login_of_it(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("postgres", NAMESAKE).await;
        stage.run("rotate", &["--now"]).assert_status(0);
        let mut annotations = stage.secret("app").await["annotations"].clone();
        annotations["rolewright.previous-login"] = json!("app_a");
        stage.patch_secret("app", "annotations", json!({ "annotations": annotations })).await;
        for options in [&[][..], &["--end-sessions"]] {
            stage.later("app", SignedDuration::from_hours(48)).await;
            let held = stage.run("rotate", options).assert_status(3);
            assert!(held.stdout.contains("version 1"), "{}", held.stdout);
        }
        assert!(is_unchanged(&stage).await, "no seal shows that it was in use");
    }

    async fn a_pair_that_really_was_one_is_closed_once_it_was_unused_for_grace(major: u32) {
        let stage = Stage::new(major);
        let single = ROLES.replace("payload: password", "payload: url").replace(", deadline: 2h", "");
        stage.roles(&single.replace("grace: 1h", "grace: 1h, strategy: alternate"));
        stage.apply(&[]).assert_status(0);
        // Both logins of the pair have passwords.
        stage.run("rotate", &["--now"]).assert_status(0);
        stage.roles(&single);
        stage.apply(&[]).assert_status(0);
        for _ in 0..6 {
            stage.run("rotate", &[]).assert_status(0);
            stage.later("app", SignedDuration::from_hours(48)).await;
        }
        let superuser = stage.cluster.connect_superuser("postgres").await;
        let asked = "SELECT string_agg(rolname, ' ' ORDER BY 1) FROM pg_authid WHERE rolname ~ '^app' AND (rolcanlogin OR rolpassword IS NOT NULL)";
        let left: Option<String> = superuser.query_one(asked, &[]).await.expect("it answers").get(0);
        assert_eq!(left.as_deref(), Some("app"), "{}", stage.run("status", &[]).stdout);
        stage.run("check", &["--probe"]).assert_status(0);
    }
}
