//! The gcloud command line against the fake: what it does, what it prints, how it fails.

use reqwest::Method;
use serde_json::{Value, json};

use super::gcloud::Gcloud;
use crate::fake_gcp::FakeGcp;

const PROJECT: &str = "shop-prod";
const READER: &str = "api@shop-prod.iam.gserviceaccount.com";

fn fake() -> FakeGcp {
    FakeGcp::start().expect("the fake starts")
}

/// gcloud and a secret `s` with one version.
fn gcloud_with_secret(fake: &FakeGcp) -> Option<Gcloud> {
    let gcloud = Gcloud::new(&fake.base_url(), PROJECT)?;
    let payload = gcloud.file("first", b"first");
    let create = ["secrets", "create", "s", "--replication-policy=automatic"];
    gcloud.must(&[&create[..], &[&format!("--data-file={payload}")]].concat());
    Some(gcloud)
}

/// What gcloud cannot do with the fake, which only reads in the form that gcloud writes.
fn send(fake: &FakeGcp, method: Method, path: &str, body: &Value) -> Value {
    super::install_crypto_provider();
    let url = format!("{}{path}", fake.base_url());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let answer = client
            .request(method, url)
            .json(body)
            .send()
            .await
            .expect("an answer");
        answer.json().await.expect("JSON")
    })
}

fn last_part(name: &Value) -> &str {
    name.as_str()
        .and_then(|name| name.rsplit('/').next())
        .expect("a name")
}

#[test]
fn gcloud_creates_and_describes_secrets() {
    let fake = fake();
    let Some(gcloud) = Gcloud::new(&fake.base_url(), PROJECT) else {
        return;
    };
    let settings = [
        "--labels=team=db",
        "--set-annotations=rot.id=7",
        "--ttl=3600s",
    ];
    let create = [
        "secrets",
        "create",
        "s",
        "--replication-policy=user-managed",
        "--locations=europe-west1,us-east1",
    ];
    gcloud.must(&[&create[..], &settings].concat());

    let secret = gcloud.json(&["secrets", "describe", "s"]);
    let number = fake.project_number(PROJECT).expect("the project");
    assert_eq!(secret["name"], format!("projects/{number}/secrets/s"));
    assert_eq!(secret["labels"], json!({"team": "db"}));
    assert_eq!(secret["annotations"], json!({"rot.id": "7"}));
    assert_eq!(
        secret["replication"]["userManaged"]["replicas"][1]["location"],
        "us-east1"
    );
    assert!(secret["expireTime"].is_string());

    let again = gcloud.refused(&create);
    assert!(
        again.contains(&format!(
            "Secret [projects/{number}/secrets/s] already exists."
        )),
        "{again}"
    );
    let listed = gcloud.json(&["secrets", "list", "--filter=labels.team=db"]);
    assert_eq!(last_part(&listed[0]["name"]), "s");
    gcloud.must(&["secrets", "delete", "s"]);
    let gone = gcloud.refused(&["secrets", "describe", "s"]);
    assert!(
        gone.contains(&format!(
            "NOT_FOUND: Secret [projects/{number}/secrets/s] not found."
        )),
        "{gone}"
    );
}

#[test]
fn gcloud_adds_and_reads_any_bytes() {
    let fake = fake();
    let Some(gcloud) = gcloud_with_secret(&fake) else {
        return;
    };
    let bytes = [
        b"h\xc3\xa9 \x00\xff\xfe".as_slice(),
        &[0x3e, 0x3f, 0xfb, 0xff],
    ]
    .concat();
    let payload = gcloud.file("bytes", &bytes);
    gcloud.must(&[
        "secrets",
        "versions",
        "add",
        "s",
        &format!("--data-file={payload}"),
    ]);
    assert_eq!(gcloud.access("s", "2"), bytes);
    assert_eq!(gcloud.access("s", "latest"), bytes);
    assert_eq!(gcloud.access("s", "1"), b"first");
    assert_eq!(
        fake.payloads()
            .iter()
            .map(|stored| stored.data.clone())
            .collect::<Vec<_>>(),
        [b"first".to_vec(), bytes]
    );
}

#[test]
fn gcloud_moves_versions_between_states() {
    let fake = fake();
    let Some(gcloud) = gcloud_with_secret(&fake) else {
        return;
    };
    let payload = gcloud.file("second", b"second");
    gcloud.must(&[
        "secrets",
        "versions",
        "add",
        "s",
        &format!("--data-file={payload}"),
    ]);
    let states = || -> Vec<(String, String)> {
        let listed = gcloud.json(&["secrets", "versions", "list", "s"]);
        let versions = listed.as_array().expect("a list").iter();
        versions
            .map(|v| {
                (
                    last_part(&v["name"]).to_owned(),
                    v["state"].as_str().unwrap_or("").to_owned(),
                )
            })
            .collect()
    };
    let pair = |number: &str, state: &str| (number.to_owned(), state.to_owned());
    assert_eq!(states(), [pair("2", "ENABLED"), pair("1", "ENABLED")]);

    let change = |verb, number| gcloud.must(&["secrets", "versions", verb, number, "--secret=s"]);
    let number = fake.project_number(PROJECT).expect("the project");
    for (verb, state) in [("disable", "DISABLED"), ("destroy", "DESTROYED")] {
        change(verb, "2");
        assert_eq!(states(), [pair("2", state), pair("1", "ENABLED")]);
        let refusal = gcloud.refused(&["secrets", "versions", "access", "latest", "--secret=s"]);
        let words = format!(
            "FAILED_PRECONDITION: Secret Version [projects/{number}/secrets/s/versions/2] is in {state} state."
        );
        assert!(refusal.contains(&words), "{refusal}");
    }
    change("disable", "1");
    change("enable", "1");
    assert_eq!(gcloud.access("s", "1"), b"first");
    let enabled = gcloud.json(&["secrets", "versions", "list", "s", "--filter=state=ENABLED"]);
    assert_eq!(enabled.as_array().map(Vec::len), Some(1));
    let missing = gcloud.refused(&["secrets", "versions", "access", "7", "--secret=s"]);
    assert!(missing.contains("NOT_FOUND: Secret Version ["), "{missing}");
    let stale = gcloud.refused(&[
        "secrets",
        "versions",
        "disable",
        "1",
        "--secret=s",
        "--etag=\"0\"",
    ]);
    assert!(
        stale.contains("FAILED_PRECONDITION: The etag provided for Secret"),
        "{stale}"
    );
}

#[test]
fn gcloud_updates_aliases_and_annotations() {
    let fake = fake();
    let Some(gcloud) = gcloud_with_secret(&fake) else {
        return;
    };
    gcloud.must(&[
        "secrets",
        "update",
        "s",
        "--update-version-aliases=current=1",
        "--update-annotations=rot.id=7",
    ]);
    assert_eq!(gcloud.access("s", "current"), b"first");
    let secret = gcloud.json(&[
        "secrets",
        "update",
        "s",
        "--update-annotations=rot.id=8,rot.phase=stored",
    ]);
    assert_eq!(
        secret["annotations"],
        json!({"rot.id": "8", "rot.phase": "stored"})
    );
    assert_eq!(secret["versionAliases"], json!({"current": "1"}));

    let etag = format!("--etag={}", secret["etag"].as_str().expect("an etag"));
    let update = ["secrets", "update", "s", "--update-labels=team=db", &etag];
    gcloud.must(&update);
    let stale = gcloud.refused(&update);
    assert!(
        stale.contains("FAILED_PRECONDITION: The etag provided for Secret"),
        "{stale}"
    );
    let dangling = gcloud.refused(&[
        "secrets",
        "update",
        "s",
        "--update-version-aliases=previous=9",
    ]);
    assert!(dangling.contains("NOT_FOUND"), "{dangling}");
    let reserved = gcloud.refused(&[
        "secrets",
        "update",
        "s",
        "--update-version-aliases=latest=1",
    ]);
    assert!(reserved.contains("INVALID_ARGUMENT"), "{reserved}");
    gcloud.must(&["secrets", "update", "s", "--remove-version-aliases=current"]);
    let gone = gcloud.refused(&["secrets", "versions", "access", "current", "--secret=s"]);
    assert!(gone.contains("NOT_FOUND"), "{gone}");
}

#[test]
fn gcloud_binds_readers_and_keeps_conditions() {
    let fake = fake();
    let Some(gcloud) = gcloud_with_secret(&fake) else {
        return;
    };
    let member = format!("--member=serviceAccount:{READER}");
    let role = "--role=roles/secretmanager.secretAccessor";
    let bind = ["secrets", "add-iam-policy-binding", "s", &member, role];
    assert_eq!(
        gcloud.json(&["secrets", "get-iam-policy", "s"]),
        json!({"etag": "ACAB"})
    );
    let plain = gcloud.json(&[&bind[..], &["--condition=None"]].concat());
    assert_eq!(
        (
            &plain["version"],
            plain["bindings"].as_array().map(Vec::len)
        ),
        (&json!(1), Some(1))
    );

    let condition =
        "--condition=expression=request.time < timestamp('2999-01-01T00:00:00Z'),title=until";
    gcloud.must(&[
        "secrets",
        "add-iam-policy-binding",
        "s",
        "--member=user:ann@example.com",
        role,
        condition,
    ]);
    let policy = gcloud.json(&["secrets", "get-iam-policy", "s"]);
    assert_eq!(
        (
            &policy["version"],
            &policy["bindings"][1]["condition"]["title"]
        ),
        (&json!(3), &json!("until"))
    );

    gcloud.must(&[
        "secrets",
        "remove-iam-policy-binding",
        "s",
        &member,
        role,
        "--condition=None",
    ]);
    let rest = gcloud.json(&["secrets", "get-iam-policy", "s"]);
    assert_eq!(rest["bindings"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        rest["bindings"][0]["members"],
        json!(["user:ann@example.com"])
    );
}

#[test]
fn gcloud_is_told_of_concurrent_policy_changes() {
    let fake = fake();
    let Some(gcloud) = gcloud_with_secret(&fake) else {
        return;
    };
    let policy = json!({"etag": "ACAB", "version": 3, "bindings": [
        {"role": "roles/secretmanager.secretAccessor", "members": [format!("serviceAccount:{READER}")]},
    ]});
    let file = gcloud.file("policy.json", policy.to_string().as_bytes());
    gcloud.must(&["secrets", "set-iam-policy", "s", &file]);
    let stale = gcloud.refused(&["secrets", "set-iam-policy", "s", &file]);
    assert!(
        stale.contains("There were concurrent policy changes"),
        "{stale}"
    );
    let unknown = gcloud.refused(&[
        "secrets",
        "add-iam-policy-binding",
        "s",
        &format!("--member={READER}"),
        "--role=roles/secretmanager.secretAccessor",
    ]);
    assert!(
        unknown.contains("Please set a valid type prefix for the member."),
        "{unknown}"
    );
}

#[test]
fn gcloud_reads_as_the_caller_of_its_token() {
    let fake = fake();
    let Some(gcloud) = gcloud_with_secret(&fake) else {
        return;
    };
    fake.restrict(READER, &[]);
    let reader = gcloud.as_caller(READER);
    let access = ["secrets", "versions", "access", "1", "--secret=s"];
    let denied = reader.refused(&access);
    assert!(
        denied.contains("PERMISSION_DENIED: Permission 'secretmanager.versions.access' denied"),
        "{denied}"
    );
    let member = format!("--member=serviceAccount:{READER}");
    let role = "--role=roles/secretmanager.secretAccessor";
    gcloud.must(&["secrets", "add-iam-policy-binding", "s", &member, role]);
    assert_eq!(reader.access("s", "1"), b"first");
    let describe = reader.refused(&["secrets", "describe", "s"]);
    assert!(describe.contains("PERMISSION_DENIED"), "{describe}");
    let seen = fake.requests();
    assert!(
        seen.iter()
            .any(|request| request.caller == READER && request.status == 403)
    );
}

#[test]
fn gcloud_describes_jobs_and_services() {
    let fake = fake();
    let Some(gcloud) = Gcloud::new(&fake.base_url(), PROJECT) else {
        return;
    };
    fake.seed_job(PROJECT, "europe-west1", "migrate", Some(READER));
    fake.seed_service(PROJECT, "europe-west1", "api", None);
    let region = "--region=europe-west1";
    let account = "--format=value(spec.template.spec.template.spec.serviceAccountName)";
    assert_eq!(
        gcloud
            .must(&["run", "jobs", "describe", "migrate", region, account])
            .trim(),
        READER
    );
    let account = "--format=value(spec.template.spec.serviceAccountName)";
    let number = fake.project_number(PROJECT).expect("the project");
    let default = format!("{number}-compute@developer.gserviceaccount.com");
    assert_eq!(
        gcloud
            .must(&["run", "services", "describe", "api", region, account])
            .trim(),
        default
    );
    let missing = gcloud.refused(&["run", "jobs", "describe", "migrate", "--region=us-east1"]);
    assert!(missing.contains("Cannot find job [migrate]"), "{missing}");
}

#[test]
fn gcloud_sees_what_a_service_was_updated_to() {
    let fake = fake();
    let Some(gcloud) = gcloud_with_secret(&fake) else {
        return;
    };
    let account = format!("--member=serviceAccount:{READER}");
    gcloud.must(&[
        "secrets",
        "add-iam-policy-binding",
        "s",
        &account,
        "--role=roles/secretmanager.secretAccessor",
    ]);
    gcloud.must(&[
        "secrets",
        "update",
        "s",
        "--update-version-aliases=current=1",
    ]);
    fake.seed_service(PROJECT, "europe-west1", "api", Some(READER));
    let template = json!({"serviceAccount": READER, "containers": [{"image": "x", "env": [
        {"name": "PW", "valueSource": {"secretKeyRef": {"secret": "s", "version": "current"}}},
    ]}]});
    let path = format!("/v2/projects/{PROJECT}/locations/europe-west1/services/api");
    let updated = send(
        &fake,
        Method::PATCH,
        &path,
        &json!({ "template": template }),
    );
    assert_eq!(updated.get("error"), None, "{updated}");
    let service = gcloud.json(&[
        "run",
        "services",
        "describe",
        "api",
        "--region=europe-west1",
    ]);
    let variable = &service["spec"]["template"]["spec"]["containers"][0]["env"][0];
    assert_eq!(
        variable["valueFrom"]["secretKeyRef"],
        json!({"name": "s", "key": "current"})
    );
    assert_eq!(service["status"]["conditions"][0]["status"], "True");
}

#[test]
fn gcloud_shows_why_a_job_is_not_ready() {
    let fake = fake();
    let Some(gcloud) = gcloud_with_secret(&fake) else {
        return;
    };
    let reference = json!({"secret": "s", "version": "1"});
    let task = json!({"serviceAccount": READER, "containers": [{"image": "x", "env": [
        {"name": "PW", "valueSource": {"secretKeyRef": reference}},
    ]}]});
    let path = format!("/v2/projects/{PROJECT}/locations/europe-west1/jobs?jobId=migrate");
    let created = send(
        &fake,
        Method::POST,
        &path,
        &json!({"template": {"template": task}}),
    );
    assert_eq!(created["error"]["code"], 13);
    let job = gcloud.json(&[
        "run",
        "jobs",
        "describe",
        "migrate",
        "--region=europe-west1",
    ]);
    let condition = &job["status"]["conditions"][0];
    assert_eq!(
        (&condition["status"], &condition["reason"]),
        (&json!("False"), &json!("SecretsAccessCheckFailed"))
    );
    assert!(
        condition["message"]
            .as_str()
            .is_some_and(|words| words.contains("Permission denied on secret")),
        "{job}"
    );
    let listed = gcloud.json(&["run", "jobs", "list"]);
    assert_eq!(listed[0]["metadata"]["name"], "migrate");
}
