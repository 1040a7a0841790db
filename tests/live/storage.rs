//! Where a secret is stored and how long, and ways out that end a finding.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PROJECT, Stage, secret_path};
use crate::support::newest;

fn on_a_stage(case: impl AsyncFnOnce(Stage)) {
    newest(|major| {
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(async { case(Stage::new(major)).await });
    });
}

async fn make(stage: &Stage, id: &str, replication: Value) {
    let body = json!({ "replication": replication });
    stage
        .must(
            Method::POST,
            &format!("/v1/projects/{PROJECT}/secrets?secretId={id}"),
            body,
        )
        .await;
}

fn managed(regions: &[&str]) -> Value {
    let replicas: Vec<_> = regions
        .iter()
        .map(|region| json!({ "location": region }))
        .collect();
    json!({ "userManaged": { "replicas": replicas } })
}

/// The findings of `check` with this rule: message, severity and fix.
fn found(stage: &Stage, rule: &str, status: i32) -> Vec<[String; 3]> {
    let verdict = stage
        .run("check", &["--format", "json"])
        .assert_status(status)
        .json();
    let findings = verdict["findings"].as_array().expect("findings").clone();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let of_rule = findings.iter().filter(|one| one["rule"] == rule);
    of_rule
        .map(|one| ["message", "severity", "fix"].map(|key| text(one, key)))
        .collect()
}

#[test]
fn a_secret_that_is_stored_elsewhere_than_declared_gets_no_password() {
    let automatic = || json!({ "automatic": {} });
    for (declared, actual, differs) in [
        ("replication: [europe-west1]", automatic(), true),
        ("replication: [europe-west1]", managed(&["us-east1"]), true),
        (
            "replication: [europe-west1]",
            managed(&["europe-west1", "us-east1"]),
            true,
        ),
        ("replication: automatic", managed(&["europe-west1"]), true),
        (
            "replication: [us-east1, europe-west1]",
            managed(&["europe-west1", "us-east1"]),
            false,
        ),
        ("replication: automatic", automatic(), false),
        ("labels: { a: b }", managed(&["europe-west1"]), false),
    ] {
        on_a_stage(async |stage| {
            stage.roles(&format!(
                "  app: {{ access: dml, secret: {{ name: app, {declared} }} }}\n"
            ));
            make(&stage, "app", actual.clone()).await;
            let run = stage.apply(&[]).assert_status(if differs { 3 } else { 0 });
            assert_eq!(
                stage.fake.payloads().len(),
                usize::from(!differs),
                "{declared} {actual}: {}",
                run.stdout
            );
            let findings = found(&stage, "secret.replication", if differs { 2 } else { 0 });
            assert_eq!(
                findings.len(),
                usize::from(differs),
                "{declared} {actual}: {findings:?}"
            );
            assert!(
                !differs
                    || run.stdout.contains("never changes")
                        && findings[0][2].contains("another `name`")
            );
        });
    }
}

#[test]
fn a_secret_that_google_is_to_delete_is_a_warning_with_a_fix() {
    on_a_stage(async |stage| {
        stage.roles("  app: { access: dml, secret: { name: app } }\n");
        stage.apply(&[]).assert_status(0);
        assert!(found(&stage, "secret.expiry", 0).is_empty());
        stage
            .must(
                Method::PATCH,
                &secret_path("app", "?updateMask=ttl"),
                json!({ "ttl": "172800s" }),
            )
            .await;
        let findings = found(&stage, "secret.expiry", 0);
        assert_eq!(
            (findings.len(), findings[0][1].as_str()),
            (1, "warning"),
            "{findings:?}"
        );
        assert!(
            findings[0][0].contains("with all its versions at 20"),
            "{findings:?}"
        );
        assert_eq!(
            findings[0][2],
            "gcloud secrets update app --project=shop-prod --remove-expiration"
        );
        stage
            .must(
                Method::PATCH,
                &secret_path("app", "?updateMask=expireTime"),
                json!({}),
            )
            .await;
        assert!(found(&stage, "secret.expiry", 0).is_empty());
    });
}

#[test]
fn a_secret_with_another_name_is_led_to_its_credential() {
    on_a_stage(async |stage| {
        let named = |name: &str| format!("  app: {{ access: dml, secret: {{ name: {name} }} }}\n");
        stage.roles(&named("app"));
        stage.apply(&[]).assert_status(0);
        stage.roles(&named("app-v2"));
        let held = stage.apply(&[]).assert_status(3);
        let way = "gcloud secrets versions access current --secret=OLD --project=shop-prod | gcloud secrets versions add app-v2";
        assert!(held.stdout.contains(way), "{}", held.stdout);
        let findings = found(&stage, "secret.missing", 2);
        assert!(
            !findings.is_empty() && findings.iter().all(|one| one[2].contains(way)),
            "{findings:?}"
        );
        // The way out, as it is typed.
        let payload = stage.payload("app", "current").await;
        stage.make_secret("app-v2", Some(&payload)).await;
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
    });
}

#[test]
fn a_login_whose_password_nobody_stored_is_led_to_the_command_that_replaces_it() {
    on_a_stage(async |stage| {
        stage.roles("  app: { access: dml, secret: { name: app } }\n");
        stage
            .cluster
            .batch(
                "postgres",
                "SET ROLE cloudsqlsuperuser; CREATE ROLE app LOGIN PASSWORD 'by hand'",
            )
            .await;
        stage.apply(&[]).assert_status(3);
        let findings = found(&stage, "secret.missing", 2);
        let command = |fix: &str| {
            fix.split(" # ")
                .next()
                .unwrap_or_default()
                .ends_with(" --reset-passwords")
        };
        assert!(
            !findings.is_empty() && findings.iter().all(|one| command(&one[2])),
            "{findings:?}"
        );
        let verified = stage
            .run("verify", &["--format", "json"])
            .assert_status(2)
            .json();
        let verified = verified["findings"].as_array().expect("findings");
        let missing = verified
            .iter()
            .find(|one| one["rule"] == "secret.missing")
            .expect("a finding");
        assert!(
            command(missing["fix"].as_str().expect("a fix")),
            "{missing:#}"
        );
        // The flag is the decision: the same run without it would be held again.
        stage.apply(&["--reset-passwords"]).assert_status(0);
        stage.assert_in_sync();
    });
}

#[test]
fn a_stored_url_that_is_not_encoded_is_named_as_such() {
    for url in [
        "postgresql://app:p@ss/w#1@db:5432/shop",
        "postgresql://app:p%40ss/w@db:5432/shop",
    ] {
        on_a_stage(async |stage| {
            stage.roles("  app: { access: dml, secret: { name: app, payload: url, host: db } }\n");
            let made = "SET ROLE csadmin; CREATE ROLE app LOGIN PASSWORD 'p@ss/w#1'";
            stage.cluster.batch("shop", made).await;
            stage.make_secret("app", Some(url)).await;
            let findings = found(&stage, "secret.foreign", 2);
            let add = "gcloud secrets versions add app --project=shop-prod --data-file=-";
            assert!(findings[0][2].contains(add), "{findings:?}");
            let held = stage.apply(&[]).assert_status(3);
            assert!(
                held.stdout
                    .contains("which a URL must encode (%40, %2F, %3F, %23)"),
                "{}",
                held.stdout
            );
            assert!(
                held.stdout.contains(add) && !held.stdout.contains("p@ss"),
                "{}",
                held.stdout
            );
            // The way out.
            stage
                .add_version("app", "postgresql://app:p%40ss%2Fw%231@db:5432/shop")
                .await;
            stage.apply(&[]).assert_status(0);
            stage.assert_in_sync();
        });
    }
}
