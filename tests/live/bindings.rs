//! Who may read a secret: exactly the declared readers, and nothing lost of what others bound.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::fake_gcp::Moment;
use crate::fidelity::{gcloud_policy, python_policy};
use crate::stage::{PROJECT, READER, Stage};
use crate::support::newest;

const OTHER: &str = "serviceAccount:other@shop-prod.iam.gserviceaccount.com";

fn accessor(members: &[&str]) -> Value {
    json!({"role": "roles/secretmanager.secretAccessor", "members": members})
}

/// The bindings of the secret in an order of their own: IAM has none.
async fn bound(stage: &Stage) -> Vec<Value> {
    let Value::Array(mut bindings) = stage.bindings("app").await else {
        return Vec::new();
    };
    for binding in &mut bindings {
        let mut members: Vec<String> =
            serde_json::from_value(binding["members"].take()).expect("members");
        members.sort();
        binding["members"] = json!(members);
    }
    bindings.sort_by_key(|binding| {
        (
            binding["role"].to_string(),
            binding["condition"].to_string(),
        )
    });
    bindings
}

/// A stage with one role whose secret has these readers.
fn with_readers(readers: &str, case: impl AsyncFnOnce(Stage)) {
    newest(|major| {
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(async {
                let stage = Stage::new(major);
                stage.roles(&format!(
                    "  app: {{ access: dml, secret: {{ name: app, readers: [{readers}] }} }}\n"
                ));
                case(stage).await;
            });
    });
}

/// The rules of the drift that `check` finds.
fn drift(stage: &Stage) -> Vec<String> {
    let verdict = stage
        .run("check", &["--format", "json"])
        .assert_status(2)
        .json();
    let findings = verdict["findings"].as_array().cloned().unwrap_or_default();
    findings
        .iter()
        .map(|finding| finding["rule"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn other_roles_and_conditions_are_kept() {
    with_readers(&format!("\"{READER}\""), async |stage| {
        stage.apply(&[]).assert_status(0);
        let viewer =
            json!({"role": "roles/secretmanager.viewer", "members": ["group:dba@example.com"]});
        let conditional = json!({
            "role": "roles/secretmanager.secretAccessor",
            "members": [READER],
            "condition": {"title": "until", "expression": "request.time < timestamp('2999-01-01T00:00:00Z')"},
        });
        stage
            .set_bindings("app", json!([viewer, conditional]))
            .await;
        assert_eq!(drift(&stage), ["binding.missing"]);
        stage.apply(&[]).assert_status(0);
        assert_eq!(
            bound(&stage).await,
            [accessor(&[READER]), conditional, viewer]
        );
        stage.assert_in_sync();
    });
}

#[test]
fn an_undeclared_accessor_is_named_and_stays_until_pruned() {
    with_readers(&format!("\"{READER}\""), async |stage| {
        stage.apply(&[]).assert_status(0);
        let deleted = "deleted:serviceAccount:gone@shop-prod.iam.gserviceaccount.com?uid=123456789012345678901";
        stage
            .set_bindings("app", json!([accessor(&[READER, OTHER, deleted])]))
            .await;
        assert_eq!(drift(&stage), ["binding.unexpected", "binding.unexpected"]);
        let held = stage.apply(&[]).assert_status(3);
        assert!(
            held.stdout.contains(OTHER)
                && held.stdout.contains(deleted)
                && held.stdout.contains("--prune")
        );
        assert_eq!(bound(&stage).await, [accessor(&[deleted, READER, OTHER])]);
        stage.apply(&["--prune"]).assert_status(0);
        assert_eq!(bound(&stage).await, [accessor(&[READER])]);
        stage.assert_in_sync();
    });
}

#[test]
fn a_conditional_accessor_is_reported_and_stays_even_if_pruned() {
    with_readers(&format!("\"{READER}\""), async |stage| {
        stage.apply(&[]).assert_status(0);
        let conditional = json!({
            "role": "roles/secretmanager.secretAccessor",
            "members": [OTHER],
            "condition": {"title": "office hours", "expression": "request.time.getHours() < 18"},
        });
        stage
            .set_bindings("app", json!([accessor(&[READER]), conditional]))
            .await;
        let held = stage.apply(&["--prune"]).assert_status(3);
        assert!(
            held.stdout.contains("under the condition `office hours`"),
            "{}",
            held.stdout
        );
        assert!(
            held.stdout.contains("remove-iam-policy-binding app"),
            "{}",
            held.stdout
        );
        assert_eq!(bound(&stage).await, [accessor(&[READER]), conditional]);
        assert_eq!(drift(&stage), ["binding.unexpected"]);
    });
}

/// IAM keeps e-mail addresses in lower case: what was declared is bound, and neither missing nor undeclared.
#[test]
fn members_are_compared_as_iam_keeps_them() {
    with_readers(
        "\"serviceAccount:API@shop-prod.iam.gserviceaccount.com\"",
        async |stage| {
            stage.apply(&[]).assert_status(0);
            stage
                .set_bindings("app", json!([accessor(&[READER])]))
                .await;
            stage.assert_in_sync();
            stage.apply(&["--prune"]).assert_status(0);
            assert_eq!(bound(&stage).await, [accessor(&[READER])]);
        },
    );
}

#[test]
fn a_policy_that_changes_between_read_and_write_is_read_again() {
    with_readers(&format!("\"{READER}\""), async |stage| {
        stage.apply(&[]).assert_status(0);
        let viewer =
            json!({"role": "roles/secretmanager.viewer", "members": ["group:dba@example.com"]});
        stage.set_bindings("app", json!([])).await;
        stage.fake.forget_requests();
        stage.apply(&[]).assert_status(0);
        let write = stage
            .fake
            .requests()
            .iter()
            .position(|seen| seen.path.ends_with(":setIamPolicy"));
        let write = write.expect("the policy was written") + 1;

        stage.set_bindings("app", json!([])).await;
        stage.fake.forget_requests();
        stage.fake.hold(Moment::Before(write));
        let mut apply =
            stage
                .rolewright
                .command(["apply", "--yes", stage.file().to_str().expect("UTF-8")]);
        let mut apply = apply.stdout(Stdio::null()).spawn().expect("it starts");
        while !stage.fake.is_holding() {
            assert!(
                apply.try_wait().expect("it is ours").is_none(),
                "ended before it wrote"
            );
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        stage.set_bindings("app", json!([viewer])).await;
        stage.fake.release();
        assert!(apply.wait().expect("it ends").success());
        let conflicts = stage
            .fake
            .requests()
            .iter()
            .filter(|seen| seen.status == 409)
            .count();
        assert_eq!(conflicts, 1);
        assert_eq!(bound(&stage).await, [accessor(&[READER]), viewer]);
    });
}

#[test]
fn the_account_of_a_job_or_service_is_bound() {
    let readers = "{cloud_run_job: us-central1/migrate}, {cloud_run_service: shop-prod/us-central1/web}, {cloud_run_job: us-central1/plain}";
    with_readers(readers, async |stage| {
        stage.fake.seed_job(
            PROJECT,
            "us-central1",
            "migrate",
            Some("migrate@shop-prod.iam.gserviceaccount.com"),
        );
        stage.fake.seed_service(
            PROJECT,
            "us-central1",
            "web",
            Some("web@shop-prod.iam.gserviceaccount.com"),
        );
        stage.fake.seed_job(PROJECT, "us-central1", "plain", None);
        stage.apply(&[]).assert_status(0);
        let number = stage.fake.project_number(PROJECT).expect("the project");
        let default = format!("serviceAccount:{number}-compute@developer.gserviceaccount.com");
        let accounts = ["migrate", "web"]
            .map(|name| format!("serviceAccount:{name}@shop-prod.iam.gserviceaccount.com"));
        assert_eq!(
            bound(&stage).await,
            [accessor(&[&default, &accounts[0], &accounts[1]])]
        );
        stage.assert_in_sync();
    });
}

#[test]
fn a_job_that_does_not_exist_yet_is_bound_by_its_declared_account() {
    let readers = "{cloud_run_job: us-central1/migrate, service_account: migrate@shop-prod.iam.gserviceaccount.com}";
    with_readers(readers, async |stage| {
        stage.apply(&[]).assert_status(0);
        let migrate = "serviceAccount:migrate@shop-prod.iam.gserviceaccount.com";
        assert_eq!(bound(&stage).await, [accessor(&[migrate])]);
        stage.assert_in_sync();
        // It comes to run as another: that one gets nothing.
        stage.fake.seed_job(
            PROJECT,
            "us-central1",
            "migrate",
            Some("other@shop-prod.iam.gserviceaccount.com"),
        );
        assert_eq!(drift(&stage), ["job.reference"]);
        let held = stage.apply(&[]).assert_status(3);
        assert!(
            held.stdout
                .contains("runs as other@shop-prod.iam.gserviceaccount.com"),
            "{}",
            held.stdout
        );
        assert_eq!(bound(&stage).await, [accessor(&[migrate])]);
    });
}

#[test]
fn a_job_nobody_knows_the_account_of_is_withheld() {
    with_readers("{cloud_run_job: us-central1/migrate}", async |stage| {
        let held = stage.apply(&[]).assert_status(3);
        assert!(
            held.stdout.contains("job.reference") && held.stdout.contains("service_account:"),
            "{}",
            held.stdout
        );
        assert_eq!(drift(&stage), ["job.reference"]);
        assert!(bound(&stage).await.is_empty());
    });
}

/// What could not be looked at is never called in sync.
#[test]
fn what_may_not_be_read_is_not_called_in_sync() {
    with_readers(&format!("\"{READER}\""), async |stage| {
        stage.apply(&[]).assert_status(0);
        stage.run("check", &[]).assert_status(0);
        let all = [
            "secretmanager.secrets.get",
            "secretmanager.versions.list",
            "secretmanager.secrets.getIamPolicy",
        ];
        for missing in all {
            let held: Vec<_> = all.into_iter().filter(|one| *one != missing).collect();
            stage.fake.restrict("anonymous", &held);
            let verdict = stage.run("check", &["--format", "json"]);
            assert_eq!(verdict.status, 1, "without {missing}: {}", verdict.stdout);
            assert_eq!(verdict.json()["status"], "unknown", "without {missing}");
            let told = format!("{}{}", verdict.stdout, verdict.stderr);
            assert!(told.contains(missing), "without {missing}: {told}");
        }
    });
}

#[test]
fn googles_clients_read_the_policy() {
    with_readers(&format!("\"{READER}\""), async |stage| {
        stage.apply(&[]).assert_status(0);
        let base = stage.fake.base_url();
        for policy in [
            gcloud_policy(&base, PROJECT, "app"),
            python_policy(&base, PROJECT, "app"),
        ]
        .into_iter()
        .flatten()
        {
            assert_eq!(policy["bindings"], json!([accessor(&[READER])]));
        }
    });
}
