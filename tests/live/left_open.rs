//! `apply` closes no login of a pair that a version may be for, whatever became of the annotations and aliases by which it would
//! know.

use serde_json::{Value, json};

use crate::stage::{READER, Stage};
use crate::support::each_major;

/// What others write: annotations, where `null` takes one away, and aliases, where `null` leaves them.
fn writings() -> Vec<(Value, Value)> {
    vec![
        (json!({"rolewright.login": null}), Value::Null),
        (
            json!({"rolewright.login": "app_a", "rolewright.previous-login": "app_a"}),
            Value::Null,
        ),
        (json!({"rolewright.previous-login": null}), Value::Null),
        (json!({"rolewright.previous-login": "app"}), Value::Null),
        (json!({}), json!({"current": "1"})),
        (json!({}), json!({"current": "2"})),
        (
            json!({"rolewright.login": null, "rolewright.previous-login": null, "rolewright.published": null}),
            Value::Null,
        ),
        (
            json!({"rolewright.login": null, "rolewright.previous-login": null}),
            json!({"current": "1"}),
        ),
    ]
}

/// A credential within `grace`: both logins work.
async fn in_grace(major: u32) -> Stage {
    let stage = Stage::new(major);
    stage.roles(&format!(
        "  app: {{ access: dml, secret: {{ name: app, payload: url, readers: [\"{READER}\"] }}, \
         rotate: {{ strategy: alternate, every: 30d, grace: 1h }} }}\n"
    ));
    stage.apply(&[]).assert_status(0);
    stage.run("rotate", &["--now"]).assert_status(0);
    stage
}

async fn write(stage: &Stage, changes: &Value, aliases: &Value) {
    let mut annotations = stage.secret("app").await["annotations"].take();
    let kept = annotations.as_object_mut().expect("a map");
    for (key, text) in changes.as_object().into_iter().flatten() {
        match text {
            Value::Null => kept.remove(key),
            text => kept.insert(key.clone(), text.clone()),
        };
    }
    stage
        .patch_secret("app", "annotations", json!({ "annotations": annotations }))
        .await;
    if !aliases.is_null() {
        stage
            .patch_secret(
                "app",
                "versionAliases",
                json!({ "versionAliases": aliases }),
            )
            .await;
    }
}

async fn open_logins(stage: &Stage) -> Vec<String> {
    let superuser = stage.cluster.connect_superuser("postgres").await;
    let query =
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'app_%' AND rolcanlogin ORDER BY 1";
    let rows = superuser
        .query(query, &[])
        .await
        .expect("the catalogs are read");
    rows.iter().map(|row| row.get(0)).collect()
}

each_major! {
    async fn a_password_that_nobody_stored_stays_expired(major: u32) {
        let stage = Stage::new(major);
        stage.roles(&format!(
            "  app: {{ access: dml, secret: {{ name: app, payload: url, readers: [\"{READER}\"] }} }}\n"
        ));
        let made = "SET ROLE csadmin; CREATE ROLE app LOGIN PASSWORD 'theirs' VALID UNTIL '2020-01-01'";
        stage.cluster.batch("shop", made).await;
        stage.apply(&[]).assert_status(3);
        assert!(!stage.logs_in("app", "theirs").await);
        stage.apply(&["--reset-passwords"]).assert_status(0);
        assert!(!stage.logs_in("app", "theirs").await);
        stage.run("check", &["--probe"]).assert_status(0);
    }

    async fn no_login_is_closed_that_a_version_may_be_for(major: u32) {
        let stage = in_grace(major).await;
        let secret = stage.secret("app").await;
        for (annotations, aliases) in writings() {
            write(&stage, &annotations, &aliases).await;
            for _ in 0..2 {
                let applied = stage.apply(&[]);
                assert_eq!(open_logins(&stage).await, ["app_a", "app_b"], "{annotations} {aliases}: {}", applied.stdout);
            }
            let original = json!({ "annotations": secret["annotations"] });
            stage.patch_secret("app", "annotations", original).await;
            stage.patch_secret("app", "versionAliases", json!({ "versionAliases": secret["versionAliases"] })).await;
        }
        stage.run("check", &["--probe"]).assert_status(0);
    }

    async fn an_idle_login_that_was_opened_is_closed_but_not_while_it_has_sessions(major: u32) {
        let stage = Stage::new(major);
        stage.roles(&format!(
            "  app: {{ access: dml, secret: {{ name: app, payload: url, readers: [\"{READER}\"] }}, \
             rotate: {{ strategy: alternate, every: 30d, grace: 1h }} }}\n"
        ));
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("postgres", "ALTER ROLE app_b LOGIN PASSWORD 'by hand'").await;
        let session = stage.cluster.connect_as("shop", "app_b", "by hand").await.expect("it logs in");
        let applied = stage.apply(&[]).assert_status(3);
        assert!(applied.stdout.contains("`app_b` has 1 open session"), "{}", applied.stdout);
        let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app_b'";
        stage.cluster.batch("postgres", end).await;
        drop(session);
        // No statement is printed: a run looks first whether a version is for the login.
        let checked = stage.run("check", &["--format", "json"]).assert_status(2).json();
        let fix = checked["findings"][0]["fix"].as_str().expect("a fix");
        assert!(fix.starts_with("rolewright apply "), "{checked:#}");
        stage.apply(&[]).assert_status(0);
        assert_eq!(open_logins(&stage).await, ["app_a"]);
    }
}
