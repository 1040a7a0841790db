//! Undeclared members that could read a password hold it: the first one, and each later one where they appeared since.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{PROJECT, READER, Stage};
use crate::support::newest;

const OTHER: &str = "serviceAccount:other@shop-prod.iam.gserviceaccount.com";
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";
const ADMIN: &str = "roles/secretmanager.admin";
const POOL: &str = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/attribute.repo/x";
const SUBJECT: &str =
    "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/subject/s";

/// A member, a role, a condition; what is said of it, or nothing where it cannot read.
const CASES: [(&str, &str, Option<&str>, Option<&str>); 18] = [
    (
        OTHER,
        ACCESSOR,
        None,
        Some("other@shop-prod.iam.gserviceaccount.com by roles/secretmanager.secretAccessor"),
    ),
    (OTHER, ADMIN, None, Some("by roles/secretmanager.admin")),
    (OTHER, "roles/owner", None, Some("by roles/owner")),
    (
        OTHER,
        "projects/shop-prod/roles/reads",
        None,
        Some("by projects/shop-prod/roles/reads"),
    ),
    (OTHER, "projects/shop-prod/roles/lists", None, None),
    (
        OTHER,
        "organizations/1/roles/hidden",
        None,
        Some("by organizations/1/roles/hidden, a role that cannot be looked up"),
    ),
    (OTHER, "roles/secretmanager.viewer", None, None),
    (OTHER, "roles/secretmanager.secretVersionAdder", None, None),
    (
        OTHER,
        "roles/secretmanager.secretVersionManager",
        None,
        None,
    ),
    (
        OTHER,
        ACCESSOR,
        Some("office hours"),
        Some("under the condition `office hours`"),
    ),
    (
        OTHER,
        ADMIN,
        Some("office hours"),
        Some("under the condition `office hours`"),
    ),
    (
        "user:ana@example.com",
        ADMIN,
        None,
        Some("user:ana@example.com by"),
    ),
    (
        "group:devs@example.com",
        ACCESSOR,
        None,
        Some("group:devs@example.com (every member of the group) by"),
    ),
    (
        "domain:example.com",
        ACCESSOR,
        None,
        Some("domain:example.com (everyone of the domain) by"),
    ),
    (POOL, ACCESSOR, None, Some("(identities of a pool) by")),
    (SUBJECT, ACCESSOR, None, Some("(an identity of a pool) by")),
    (
        "projectOwner:shop-prod",
        ADMIN,
        None,
        Some("(the owners of the project) by"),
    ),
    (READER, ADMIN, None, None),
];

fn binding(member: &str, role: &str, condition: Option<&str>) -> Value {
    let mut binding = json!({"role": role, "members": [member]});
    if let Some(title) = condition {
        binding["condition"] =
            json!({"title": title, "expression": "request.time.getHours() < 18"});
    }
    binding
}

fn on_a_stage(case: impl AsyncFnOnce(Stage)) {
    newest(|major| {
        tokio::runtime::Runtime::new()
            .expect("a runtime")
            .block_on(async { case(Stage::new(major)).await });
    });
}

async fn custom_role(stage: &Stage, id: &str, permission: &str) {
    let role = json!({"roleId": id, "role": {"includedPermissions": [permission]}});
    stage
        .must(Method::POST, &format!("/v1/projects/{PROJECT}/roles"), role)
        .await;
}

fn stored(stage: &Stage, secret: &str) -> usize {
    stage
        .fake
        .payloads()
        .iter()
        .filter(|one| one.name.contains(&format!("/secrets/{secret}/")))
        .count()
}

#[test]
fn the_first_password_waits_for_each_kind_of_undeclared_reader() {
    on_a_stage(async |stage| {
        custom_role(&stage, "reads", "secretmanager.versions.access").await;
        custom_role(&stage, "lists", "secretmanager.versions.list").await;
        let mut roles = String::new();
        for (number, (member, role, condition, _)) in CASES.iter().enumerate() {
            let secret = format!("s{number}x");
            roles += &format!(
                "  r{number}: {{ access: dml, secret: {{ name: {secret}, readers: [\"{READER}\"] }} }}\n"
            );
            stage.make_secret(&secret, None).await;
            stage
                .set_bindings(&secret, json!([binding(member, role, *condition)]))
                .await;
        }
        stage.roles(&roles);
        let plan = stage.run("plan", &[]).assert_status(0);
        let held = stage.apply(&[]).assert_status(3);
        for (number, (member, role, condition, said)) in CASES.iter().enumerate() {
            let case = format!("{member} {role} {condition:?}");
            assert_eq!(
                stored(&stage, &format!("s{number}x")),
                usize::from(said.is_none()),
                "{case}: {}",
                held.stdout
            );
            for told in [&plan, &held] {
                let names = said.is_none_or(|said| told.stdout.contains(said));
                assert!(names, "{case}: no {said:?} in {}", told.stdout);
            }
        }
        assert!(
            held.stdout
                .contains("undeclared members could read the password"),
            "{}",
            held.stdout
        );
    });
}

#[test]
fn a_first_password_is_stored_once_the_readers_are_declared_accepted_or_pruned() {
    let role = |readers: &str| {
        format!("  app: {{ access: dml, secret: {{ name: app, readers: [{readers}] }} }}\n")
    };
    for (kind, readers, rest, options, status) in [
        (ACCESSOR, "", "", &["--prune"][..], 0),
        (ADMIN, "", "", &["--prune"], 3),
        (ADMIN, OTHER, "", &[], 0),
        (ADMIN, "", "accepted", &[], 0),
        (ACCESSOR, "", "accepted", &[], 0),
    ] {
        on_a_stage(async |stage| {
            let quoted = if readers.is_empty() {
                String::new()
            } else {
                format!("\"{readers}\"")
            };
            stage.roles(&role(&quoted));
            if !rest.is_empty() {
                let file = std::fs::read_to_string(stage.file()).expect("the policy");
                let allow = format!(
                    "{file}allow: [{{ rule: binding.unexpected, role: \"{OTHER}\", reason: known }}]\n"
                );
                stage.policy(&allow);
            }
            stage.make_secret("app", None).await;
            stage
                .set_bindings("app", json!([binding(OTHER, kind, None)]))
                .await;
            let run = stage.apply(options).assert_status(status);
            assert_eq!(
                stored(&stage, "app"),
                usize::from(status == 0),
                "{kind} {readers} {rest}: {}",
                run.stdout
            );
        });
    }
}

#[test]
fn a_rotation_is_held_by_undeclared_readers_that_appeared_since() {
    on_a_stage(async |stage| {
        stage.roles("  app: { access: dml, secret: { name: app }, rotate: { grace: 1s } }\n");
        stage.apply(&[]).assert_status(0);
        let rotate = |options: &[&str]| {
            stage.run(
                "rotate",
                &[&["--wait", "0s", "--now", "--accept-outage"], options].concat(),
            )
        };
        for (member, role, said) in [
            (OTHER, ACCESSOR, "by roles/secretmanager.secretAccessor"),
            (
                "group:devs@example.com",
                ADMIN,
                "group:devs@example.com (every member of the group) by roles/secretmanager.admin",
            ),
            (
                OTHER,
                "projects/shop-prod/roles/hidden",
                "a role that cannot be looked up",
            ),
        ] {
            stage
                .set_bindings("app", json!([binding(member, role, None)]))
                .await;
            let held = rotate(&[]).assert_status(3);
            assert!(
                held.stdout
                    .contains("undeclared members could read the next password"),
                "{}",
                held.stdout
            );
            assert!(
                held.stdout.contains(said) && held.stdout.contains("binding.unexpected"),
                "{}",
                held.stdout
            );
            assert_eq!(stored(&stage, "app"), 1);
        }
        let file = std::fs::read_to_string(stage.file()).expect("the policy");
        stage.policy(&format!(
            "{file}allow: [{{ rule: binding.unexpected, role: \"{OTHER}\", reason: known }}]\n"
        ));
        rotate(&[]).assert_status(0);
        assert_eq!(stored(&stage, "app"), 2);
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        // What cannot be seen is said, and is no reason to let a password grow old.
        stage
            .fake
            .deny("anonymous", &["secretmanager.secrets.getIamPolicy"]);
        let run = rotate(&[]).assert_status(0);
        assert!(
            run.stdout
                .contains("whether undeclared members can read the secret is unknown"),
            "{}",
            run.stdout
        );
        assert_eq!(stored(&stage, "app"), 3);
    });
}
