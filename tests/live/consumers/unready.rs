//! Jobs and services that could not read their secrets when they were deployed: Cloud Run accepts them, and they are not ready.

use reqwest::Method;
use serde_json::{Value, json};

use super::{after_grace, declared, path, pin, seed, whole};
use crate::fake_gcp::RunKind;
use crate::stage::{PROJECT, Stage};
use crate::support::{newest, on_a_runtime};

/// What is deployed, with the secret of the same name by `version`.
fn deployed(kind: RunKind, name: &str, version: &str) -> Value {
    let reference = json!({"secret": name, "version": version});
    let workload = json!({
        "serviceAccount": format!("{name}@{PROJECT}.iam.gserviceaccount.com"),
        "containers": [{"image": "x", "env": [{"name": "URL", "valueSource": {"secretKeyRef": reference}}]}],
    });
    whole(kind, workload)
}

/// Deploys it as its owner does, and returns the code of the operation's error. The same template makes no revision of itself.
async fn deploy(stage: &Stage, kind: RunKind, name: &str, version: &str) -> Option<i64> {
    let forced = if kind == RunKind::Service {
        "&forceNewRevision=true"
    } else {
        ""
    };
    let path = path(kind, name, &format!("?allowMissing=true{forced}"));
    let operation = stage
        .must(Method::PATCH, &path, deployed(kind, name, version))
        .await;
    operation["error"]["code"].as_i64()
}

/// The findings about what runs.
fn found(stage: &Stage) -> Vec<Value> {
    let check = stage
        .run("check", &["--format", "json"])
        .assert_status(0)
        .json();
    let findings = check["findings"].as_array().cloned().unwrap_or_default();
    findings
        .into_iter()
        .filter(|finding| finding["plane"] == "run")
        .collect()
}

/// Infrastructure code often makes the job first. Nothing of that is in the way of `apply`; that the job has to be deployed
/// again is said until it is.
#[test]
fn what_was_deployed_before_its_secret_is_named_until_it_is_deployed_again() {
    newest(|major| on_a_runtime(deployed_before(major)));
}

async fn deployed_before(major: u32) {
    let stage = Stage::new(major);
    let kinds = [(RunKind::Job, "job"), (RunKind::Service, "web")];
    for (kind, name) in kinds {
        assert_eq!(
            deploy(&stage, kind, name, "current").await,
            Some(13),
            "{name}: there is no secret yet"
        );
    }
    let roles = kinds.map(|(kind, name)| declared(kind, name, "grace: 1s"));
    stage.roles(&roles.concat());
    stage.apply(&[]).assert_status(0);
    let findings = found(&stage);
    assert_eq!(findings.len(), 2, "{findings:?}");
    for (finding, (_, name)) in findings.iter().zip(kinds) {
        assert_eq!(
            (&finding["rule"], &finding["severity"]),
            (&json!("job.reference"), &json!("warning"))
        );
        let message = finding["message"].as_str().expect("a message");
        assert!(
            message.contains(&format!("/{name} could not read"))
                && message.contains("was not found"),
            "{message}"
        );
        assert!(
            finding["fix"]
                .as_str()
                .is_some_and(|fix| fix.contains("deploy it again")),
            "{finding}"
        );
    }
    for (kind, name) in kinds {
        assert_eq!(
            deploy(&stage, kind, name, "current").await,
            None,
            "{name}: its account can read by now"
        );
    }
    assert_eq!(found(&stage), Vec::<Value>::new());
    stage.assert_in_sync();
}

/// An update that `--roll` makes is accepted and fails where the account may not read. That is said in Google's words, the old
/// credential works on, and the next run makes another revision.
#[test]
fn a_roll_that_fails_is_told_in_googles_words_and_made_again() {
    newest(|major| on_a_runtime(failing_roll(major)));
}

async fn failing_roll(major: u32) {
    let stage = Stage::new(major);
    let kinds = [
        (RunKind::Job, "job", "1"),
        (RunKind::Service, "web", "current"),
    ];
    let roles = kinds.map(|(kind, name, version)| {
        seed(&stage, kind, name, version);
        declared(kind, name, "strategy: alternate, grace: 1s")
    });
    stage.roles(&roles.concat());
    stage.apply(&[]).assert_status(0);
    for (kind, name, _) in kinds {
        stage.set_bindings(name, json!([])).await;
        let failed = stage
            .run("rotate", &["--role", name, "--now", "--roll"])
            .assert_status(1);
        for words in [
            "the change was accepted",
            "Permission denied on secret",
            "INTERNAL",
            "deploy it again",
        ] {
            assert!(
                failed.stderr.contains(words),
                "{name}: {words}: {}",
                failed.stderr
            );
        }
        assert_eq!(
            stage.versions(name).await,
            ["1 ENABLED", "2 ENABLED"],
            "{name}"
        );
        let resource = stage
            .must(Method::GET, &path(kind, name, ""), Value::Null)
            .await;
        assert_eq!(
            resource["terminalCondition"]["state"], "CONDITION_FAILED",
            "{name}"
        );
    }
    after_grace();
    // A service goes on with the revision before, which holds the old credential.
    let held = stage.run("rotate", &["--role", "web"]).assert_status(3);
    assert!(held.stdout.contains("web-00001-"), "{}", held.stdout);
    assert_eq!(stage.versions("web").await, ["1 ENABLED", "2 ENABLED"]);

    stage.apply(&[]).assert_status(0);
    stage
        .run("rotate", &["--role", "web", "--roll"])
        .assert_status(0);
    let web = stage
        .must(Method::GET, &path(RunKind::Service, "web", ""), Value::Null)
        .await;
    assert_eq!(web["latestReadyRevision"], web["latestCreatedRevision"]);
    assert_eq!(pin(&stage, "job").await, "2");
    stage.run("rotate", &[]).assert_status(0);
    after_grace();
    stage.run("rotate", &["--roll"]).assert_status(0);
    for name in ["job", "web"] {
        assert_eq!(
            stage.versions(name).await,
            ["1 DISABLED", "2 ENABLED"],
            "{name}"
        );
    }
    // Its template names the new version already: what is left is to deploy it.
    assert_eq!(found(&stage).len(), 1);
    assert_eq!(deploy(&stage, RunKind::Job, "job", "2").await, None);
    assert_eq!(found(&stage), Vec::<Value>::new());
    // The revision that failed is in the way of nothing.
    stage.run("rotate", &["--now", "--roll"]).assert_status(0);
    for _ in 0..2 {
        after_grace();
        stage.run("rotate", &[]).assert_status(0);
    }
    for name in ["job", "web"] {
        assert!(
            stage
                .versions(name)
                .await
                .contains(&"2 DISABLED".to_owned()),
            "{name}"
        );
    }
}
