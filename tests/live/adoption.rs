//! What was there before: adopted if it works, never overwritten, never taken from somebody else.

use serde_json::{Value, json};

use crate::stage::{INSTANCE, Stage};
use crate::support::newest;

const SINGLE: &str = "  app: { access: dml, secret: { name: app } }\n";
const ALTERNATE: &str = "  app: { access: dml, secret: { name: app, payload: url, host: db }, rotate: { strategy: alternate } }\n";

/// Runs a case on a stage that has one policy and whatever `before` did.
fn on_stage(roles: &str, case: impl AsyncFnOnce(Stage)) {
    newest(|major| {
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(async {
                let stage = Stage::new(major);
                stage.roles(roles);
                case(stage).await;
            });
    });
}

impl Stage {
    async fn make_login(&self, name: &str, password: &str) {
        self.cluster
            .batch(
                "shop",
                &format!("SET ROLE csadmin; CREATE ROLE {name} LOGIN PASSWORD '{password}'"),
            )
            .await;
    }

    /// `apply` withholds something with these words, exits 3, and leaves secret and password as they were.
    async fn assert_withheld(&self, words: &[&str]) {
        let before = (
            self.secret("app").await,
            self.versions("app").await,
            self.bindings("app").await,
        );
        let held = self.apply(&[]).assert_status(3);
        for words in words {
            assert!(
                held.stdout.contains(words),
                "no `{words}` in {}",
                held.stdout
            );
        }
        let after = (
            self.secret("app").await,
            self.versions("app").await,
            self.bindings("app").await,
        );
        assert_eq!(after, before);
        let held = self
            .run("apply", &["--yes", "--format", "json"])
            .assert_status(3)
            .json();
        assert!(
            !held["instances"][0]["withheld"]
                .as_array()
                .expect("a list")
                .is_empty(),
            "{held}"
        );
    }
}

#[test]
fn a_login_whose_password_nobody_stored_is_withheld_until_told() {
    on_stage(SINGLE, async |stage| {
        stage.make_login("app", "in-use").await;
        let held = stage.apply(&[]).assert_status(3);
        assert!(
            held.stdout.contains("with a password that nobody stored"),
            "{}",
            held.stdout
        );
        assert!(!stage.has_secret("app").await);
        assert!(stage.logs_in("app", "in-use").await);
        stage.run("check", &[]).assert_status(2);

        stage.apply(&["--reset-passwords"]).assert_status(0);
        assert!(!stage.logs_in("app", "in-use").await);
        assert!(
            stage
                .logs_in("app", &stage.payload("app", "current").await)
                .await
        );
        stage.assert_in_sync();
    });
}

/// Labels are told apart from those of others, found missing or changed, and put back; no payload is read for it.
#[test]
fn a_declared_label_that_is_gone_is_put_back() {
    let labelled = SINGLE.replace(
        "name: app",
        "name: app, labels: { team: payments, tier: gold }",
    );
    assert_ne!(labelled, SINGLE);
    on_stage(&labelled, async |stage| {
        stage.apply(&[]).assert_status(0);
        let labels = json!({"managed-by": "rolewright", "team": "payments", "tier": "gold"});
        assert_eq!(stage.secret("app").await["labels"], labels);
        for left in [
            json!({"team": "payments", "cost": "7"}),
            json!({"team": "orders", "tier": "gold"}),
            json!({}),
        ] {
            stage
                .patch_secret("app", "labels", json!({"labels": left}))
                .await;
            let checked = stage
                .run("check", &["--format", "json"])
                .assert_status(2)
                .json();
            let findings = checked["findings"].as_array().expect("findings");
            let [found] = findings.as_slice() else {
                panic!("{findings:#?}")
            };
            assert_eq!(
                (&found["rule"], &found["plane"]),
                (&json!("secret.label"), &json!("secret"))
            );
            assert_eq!(found["object"], "secret projects/shop-prod/secrets/app");
            assert!(
                !found["message"].as_str().unwrap().contains("managed-by"),
                "nobody declared it: {found}"
            );
            stage.apply(&[]).assert_status(0);
            let mut labels = left.clone();
            labels["team"] = json!("payments");
            labels["tier"] = json!("gold");
            assert_eq!(
                stage.secret("app").await["labels"],
                labels,
                "those of others stay"
            );
            stage.assert_in_sync();
        }
    });
}

#[test]
fn a_secret_without_versions_is_filled_and_keeps_what_it_has() {
    on_stage(SINGLE, async |stage| {
        stage.make_secret("app", None).await;
        stage.apply(&[]).assert_status(0);
        assert!(
            stage
                .logs_in("app", &stage.payload("app", "current").await)
                .await
        );
        assert_eq!(
            stage.secret("app").await["labels"],
            json!({"made-by": "terraform"})
        );
        stage.assert_in_sync();
    });
}

#[test]
fn an_empty_secret_does_not_cost_a_live_login_its_password() {
    on_stage(SINGLE, async |stage| {
        stage.make_login("app", "in-use").await;
        stage.make_secret("app", None).await;
        stage
            .assert_withheld(&["with a password that nobody stored"])
            .await;
        assert!(stage.logs_in("app", "in-use").await);
        // An interrupted run with --reset-passwords had announced a version: this one was not told to.
        let announced = json!({"annotations": {"rolewright.role": "app", "rolewright.instance": INSTANCE, "rolewright.pending": "1:ab"}});
        stage.patch_secret("app", "annotations", announced).await;
        stage
            .assert_withheld(&["with a password that nobody stored"])
            .await;
        stage.add_version("app", "somebody else's").await;
        stage
            .assert_withheld(&["with a password that nobody stored"])
            .await;
        assert!(stage.logs_in("app", "in-use").await);
        stage.apply(&["--reset-passwords"]).assert_status(0);
        assert!(
            stage
                .logs_in("app", &stage.payload("app", "current").await)
                .await
        );
        assert_eq!(stage.versions("app").await, ["1 ENABLED", "2 ENABLED"]);
        stage.assert_in_sync();
    });
}

#[test]
fn a_payload_that_logs_in_is_adopted() {
    on_stage(SINGLE, async |stage| {
        stage.make_login("app", "in-use").await;
        stage.make_secret("app", Some("in-use")).await;
        let adopted = stage.apply(&[]).assert_status(0);
        assert!(
            adopted.stdout.contains("adopted version 1"),
            "{}",
            adopted.stdout
        );
        let secret = stage.secret("app").await;
        assert_eq!(secret["versionAliases"], json!({"current": "1"}));
        assert_eq!(secret["annotations"]["rolewright.login"], "app");
        assert_eq!(stage.payload("app", "current").await, "in-use");
        assert!(stage.logs_in("app", "in-use").await);
        stage.assert_in_sync();
    });
}

#[test]
fn a_newline_at_the_end_is_no_part_of_the_password() {
    on_stage(SINGLE, async |stage| {
        stage.make_login("app", "in-use").await;
        stage.make_secret("app", Some("in-use\n")).await;
        let held = stage.apply(&[]).assert_status(3);
        assert!(held.stdout.contains("newline"), "{}", held.stdout);
        assert_eq!(stage.payload("app", "latest").await, "in-use\n");
    });
}

#[test]
fn one_login_of_a_pair_is_adopted_whichever_it_is() {
    for user in ["app", "app_b"] {
        on_stage(ALTERNATE, async |stage| {
            stage.make_login(user, "in-use").await;
            stage
                .make_secret("app", Some(&format!("postgres://{user}:in%2Duse@db/shop")))
                .await;
            stage.apply(&[]).assert_status(0);
            assert_eq!(
                stage.secret("app").await["annotations"]["rolewright.login"],
                user
            );
            assert!(stage.logs_in(user, "in-use").await);
            stage.assert_in_sync();
        });
    }
}

#[test]
fn a_payload_that_does_not_log_in_is_left_alone() {
    on_stage(SINGLE, async |stage| {
        stage.make_login("app", "in-use").await;
        stage.make_secret("app", Some("stale")).await;
        stage
            .assert_withheld(&[
                "version 1",
                "was there before",
                "password authentication failed",
            ])
            .await;
        assert_eq!(stage.payload("app", "1").await, "stale");
        assert!(stage.logs_in("app", "in-use").await);
    });
}

#[test]
fn the_payload_of_somebody_else_gets_no_readers() {
    let roles = "  app: { access: dml, secret: { name: app, readers: [\"serviceAccount:api@shop-prod.iam.gserviceaccount.com\"] } }\n";
    on_stage(roles, async |stage| {
        stage
            .make_secret("app", Some("the key of another system"))
            .await;
        stage.assert_withheld(&["was there before"]).await;
        assert_eq!(stage.bindings("app").await, Value::Null);
    });
}

#[test]
fn a_payload_of_another_form_or_login_is_left_alone() {
    for (payload, words) in [
        ("hunter2", "not of the declared form"),
        ("postgres://postgres:hunter2@db/shop", "for another login"),
        ("\u{0}", "not of the declared form"),
    ] {
        on_stage(ALTERNATE, async |stage| {
            stage.make_secret("app", Some(payload)).await;
            stage.assert_withheld(&[words]).await;
            assert!(!stage.apply(&[]).stdout.contains("hunter2"));
        });
    }
}

#[test]
fn the_secret_of_another_role_or_instance_is_left_alone() {
    for annotations in [
        json!({"rolewright.role": "other", "rolewright.instance": INSTANCE}),
        json!({"rolewright.role": "app", "rolewright.instance": "shop-prod:europe-west1:other"}),
    ] {
        on_stage(SINGLE, async |stage| {
            stage.make_login("app", "in-use").await;
            stage.make_secret("app", Some("in-use")).await;
            stage
                .patch_secret("app", "annotations", json!({ "annotations": annotations }))
                .await;
            stage
                .assert_withheld(&["secret.foreign", "is another role's"])
                .await;
        });
    }
}

#[test]
fn a_version_that_cannot_be_read_is_named() {
    for verb in ["disable", "destroy"] {
        on_stage(SINGLE, async |stage| {
            stage.make_secret("app", Some("unknown")).await;
            let path = crate::stage::secret_path("app", &format!("/versions/1:{verb}"));
            stage.must(reqwest::Method::POST, &path, json!({})).await;
            stage
                .assert_withheld(&["secret.version", "version 1"])
                .await;
            let drift = stage
                .run("check", &["--format", "json"])
                .assert_status(2)
                .json();
            let rules: Vec<_> = drift["findings"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|one| &one["rule"])
                .collect();
            assert!(rules.contains(&&json!("secret.version")), "{drift}");
        });
    }
}

#[test]
fn the_version_in_use_cannot_be_read() {
    on_stage(SINGLE, async |stage| {
        stage.apply(&[]).assert_status(0);
        let path = crate::stage::secret_path("app", "/versions/1:disable");
        stage.must(reqwest::Method::POST, &path, json!({})).await;
        stage.run("check", &[]).assert_status(2);
        stage
            .assert_withheld(&["secret.version", "version 1", "versions enable 1"])
            .await;
        let path = crate::stage::secret_path("app", "/versions/1:destroy");
        stage.must(reqwest::Method::POST, &path, json!({})).await;
        stage
            .assert_withheld(&["secret.version", "version 1", "--reset-passwords"])
            .await;
        stage.apply(&["--reset-passwords"]).assert_status(0);
        assert!(
            stage
                .logs_in("app", &stage.payload("app", "current").await)
                .await
        );
        assert_eq!(stage.versions("app").await, ["1 DESTROYED", "2 ENABLED"]);
        stage.assert_in_sync();
    });
}

#[test]
fn a_secret_that_lost_its_alias_gets_it_back() {
    on_stage(SINGLE, async |stage| {
        stage.apply(&[]).assert_status(0);
        stage
            .patch_secret("app", "versionAliases", json!({"versionAliases": {}}))
            .await;
        stage.run("check", &[]).assert_status(2);
        stage.apply(&[]).assert_status(0);
        assert_eq!(stage.versions("app").await, ["1 ENABLED"]);
        stage.assert_in_sync();
    });
}

#[test]
fn googles_managed_rotation_is_left_alone() {
    on_stage(SINGLE, async |stage| {
        let body =
            json!({"replication": {"automatic": {}}, "secretType": "CLOUD_SQL_DB_CREDENTIALS"});
        let path = format!(
            "/v1/projects/{}/secrets?secretId=app",
            crate::stage::PROJECT
        );
        let (status, answer) = stage.ask(reqwest::Method::POST, &path, body).await;
        assert_eq!(status, 200, "{answer}");
        stage
            .assert_withheld(&["secret.foreign", "managed rotation"])
            .await;
    });
}

/// What a rotation would not write again is said when the secret is adopted, in names and not in values.
#[test]
fn what_rotation_would_leave_out_is_said_when_a_secret_is_adopted() {
    for (payload, stored, named) in [
        (
            "url",
            "postgresql://app:in-use@db/shop?sslmode=verify-ca&application_name=hush",
            "also holds sslmode, application_name,",
        ),
        (
            "json",
            r#"{"username":"app","password":"in-use","dbname":"shop","pool":"hush"}"#,
            "also holds pool,",
        ),
    ] {
        let roles = format!(
            "  app: {{ access: dml, secret: {{ name: app, payload: {payload}, host: db }} }}\n"
        );
        on_stage(&roles, async |stage| {
            stage.make_login("app", "in-use").await;
            stage.make_secret("app", Some(stored)).await;
            let applied = stage.apply(&[]).assert_status(0);
            assert!(
                applied.stdout.contains(named) && !applied.stdout.contains("hush"),
                "{}",
                applied.stdout
            );
        });
    }
}
