//! Servers that send a request elsewhere, never end, or repeat in an error what they were sent.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use rolewright::google::{Google, GoogleError};
use rolewright::model::{CloudRunKind, Payload, ProjectId, Replication, SecretName, VersionState};
use serde_json::{Value, json};

use super::hop::Fault;
use super::{API, PAYLOAD, World, current, map, payload, set};

/// Every call to Google: the part of the request line that names it, and who makes it.
const CALLS: [(&str, &str); 20] = [
    ("create", "POST /v1/projects/shop/secrets?"),
    ("secret", "GET /v1/projects/shop/secrets/db-app-url "),
    ("secret", "versions?"),
    ("secret", ":getIamPolicy"),
    ("update", "PATCH /v1/"),
    ("add", ":addVersion"),
    ("access", ":access"),
    (
        "version",
        "GET /v1/projects/shop/secrets/db-app-url/versions/1 ",
    ),
    ("enable", ":enable"),
    ("disable", ":disable"),
    ("destroy", ":destroy"),
    ("bind", ":getIamPolicy"),
    ("bind", ":setIamPolicy"),
    ("project", "/v3/projects/"),
    ("job", "/jobs/"),
    ("service", "/services/"),
    ("executions", "/executions"),
    ("revisions", "/revisions"),
    ("may update", "/jobs/migrate:testIamPermissions"),
    ("may act", "/serviceAccounts/"),
];

async fn make(google: &Google, call: &str, name: &SecretName) -> Result<(), GoogleError> {
    let project = ProjectId::new("shop").unwrap();
    let job = "projects/shop/locations/us-central1/jobs/migrate";
    let state = async |state| {
        let seen = google.version(name, 1).await?;
        google.set_version_state(name, &seen, state).await.map(drop)
    };
    match call {
        "create" => google
            .create_secret(
                name,
                &Replication::Automatic,
                &map(&[]),
                &map(&[("a", "b")]),
            )
            .await
            .map(drop),
        "secret" => google.secret(name).await.map(drop),
        "update" => {
            let etag = google.notes(name).await?.unwrap().etag;
            google
                .update_secret(name, &etag, &current(1))
                .await
                .map(drop)
        }
        "add" => google.add_version(name, &payload()).await.map(drop),
        "access" => google.access(name, 1).await.map(drop),
        "version" => google.version(name, 1).await.map(drop),
        "enable" => state(VersionState::Enabled).await,
        "disable" => state(VersionState::Disabled).await,
        "destroy" => state(VersionState::Destroyed).await,
        "bind" => google.bind(name, &set(&[API]), &set(&[])).await,
        "project" => google.project_number(&project).await.map(drop),
        "job" => google
            .cloud_run(CloudRunKind::Job, &project, "us-central1", "migrate")
            .await
            .map(drop),
        "service" => google
            .cloud_run(CloudRunKind::Service, &project, "us-central1", "api")
            .await
            .map(drop),
        "executions" => google
            .cloud_run_holders(CloudRunKind::Job, &project, "us-central1", "migrate")
            .await
            .map(drop),
        "revisions" => google
            .cloud_run_holders(CloudRunKind::Service, &project, "us-central1", "api")
            .await
            .map(drop),
        "may update" => google.may_update(job).await,
        "may act" => {
            google
                .may_act_as("a@shop.iam.gserviceaccount.com", "shop")
                .await
        }
        other => panic!("{other}"),
    }
}

async fn world() -> (World, SecretName) {
    let (world, name) = World::with_secret().await;
    world.google.add_version(&name, &payload()).await.unwrap();
    (world, name)
}

/// A server that counts what comes.
async fn elsewhere() -> (String, Arc<AtomicUsize>) {
    let seen = Arc::<AtomicUsize>::default();
    let counted = seen.clone();
    let router = Router::new().fallback(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        "{}"
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    (url, seen)
}

#[tokio::test]
async fn no_call_follows_a_redirect() {
    let (world, name) = world().await;
    let (url, seen) = elsewhere().await;
    for (call, part) in CALLS {
        for status in [301, 302, 303, 307, 308] {
            let status = StatusCode::from_u16(status).unwrap();
            world.hop.next(part, Fault::Redirect(status, url.clone()));
            let error = make(&world.google, call, &name).await.expect_err(call);
            assert!(world.hop.is_done(), "{call} does not send {part}");
            assert_eq!(
                error.status().map(|refused| refused.http),
                Some(status.as_u16()),
                "{call}: {error:?}"
            );
            assert!(
                error
                    .hint()
                    .unwrap()
                    .starts_with("redirects are not followed"),
                "{error:?}"
            );
        }
    }
    assert_eq!(
        seen.load(Ordering::Relaxed),
        0,
        "a request was made elsewhere"
    );
}

#[tokio::test]
async fn no_answer_is_read_without_end() {
    for (call, part) in CALLS {
        for status in [StatusCode::OK, StatusCode::BAD_REQUEST] {
            let (world, name) = world().await;
            let taken = Arc::<AtomicUsize>::default();
            world.hop.next(part, Fault::Endless(status, taken.clone()));
            let made = make(&world.google, call, &name).await;
            assert!(world.hop.is_done(), "{call} does not send {part}");
            // What the sockets of both sides hold comes on top.
            assert!(
                taken.load(Ordering::Relaxed) < 64 << 20,
                "{call} took {taken:?} bytes"
            );
            match made {
                // It may have been carried out: it was looked for, and made again.
                Ok(()) => {
                    assert!(
                        ["create", "update", "enable", "disable", "destroy", "bind"]
                            .contains(&call),
                        "{call}"
                    )
                }
                Err(error) if status == StatusCode::OK => {
                    assert!(
                        error
                            .to_string()
                            .ends_with("the answer is longer than 4 MiB"),
                        "{call}: {error}"
                    );
                }
                Err(error) => assert_eq!(
                    error.status().map(|refused| refused.http),
                    Some(400),
                    "{call}: {error}"
                ),
            }
        }
    }
}

#[tokio::test]
async fn a_list_that_never_ends_is_given_up() {
    let (world, name) = world().await;
    for _ in 0..1001 {
        let page = json!({"versions": [], "nextPageToken": "again"});
        world
            .hop
            .next("/versions?", Fault::Answer(StatusCode::OK, page));
    }
    let error = world.google.secret(&name).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the list is longer than 32 MiB or 1000 pages"),
        "{error}"
    );
}

/// How a server may repeat what it was sent.
fn forms() -> Vec<String> {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
    let password = "pa~ss-w.rd";
    let mut forms = vec![PAYLOAD[13..43].to_owned(), PAYLOAD.chars().rev().collect()];
    for text in [PAYLOAD, password] {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let percent = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let encoded = [
            STANDARD.encode(text),
            URL_SAFE.encode(text),
            STANDARD_NO_PAD.encode(text),
        ];
        forms.extend(encoded.into_iter().chain([
            text.to_owned(),
            hex.to_uppercase(),
            hex,
            percent,
        ]));
    }
    forms
}

fn refusal(form: &str, code: &str) -> Value {
    let info = json!({"reason": "X", "metadata": {"permission": form, "service": form}});
    json!({"error": {"code": 400, "status": code, "message": form, "details": [info, {"detail": form}]}})
}

#[tokio::test]
async fn no_form_of_a_payload_is_shown_that_a_server_repeats() {
    let (world, name) = world().await;
    for form in forms() {
        for (http, code) in [
            (400, "INVALID_ARGUMENT"),
            (403, "PERMISSION_DENIED"),
            (503, &*form),
            (500, "INTERNAL"),
        ] {
            // A read that failed at the server is tried again, until it succeeds.
            let read = if http < 500 {
                Some(("access", ":access"))
            } else {
                None
            };
            for (call, part) in [Some(("add", ":addVersion")), read].into_iter().flatten() {
                let status = StatusCode::from_u16(http).unwrap();
                world
                    .hop
                    .next(part, Fault::Answer(status, refusal(&form, code)));
                let error = make(&world.google, call, &name).await.expect_err(call);
                assert!(world.hop.is_done());
                let source = error.source().map(ToString::to_string);
                let shown = format!("{error} {error:?} {source:?} {:?}", error.hint());
                assert!(!shown.contains(&form), "{call} {code}: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn localhost_is_this_machine() {
    let (world, name) = world().await;
    let port = world.hop.url().rsplit(':').next().unwrap();
    let endpoint = format!("http://localhost:{port}").parse().unwrap();
    let google = Google::connect(Some(&endpoint)).await.unwrap();
    let stored: Payload = google.access(&name, 1).await.unwrap();
    assert_eq!(stored.expose(), PAYLOAD.as_bytes());
}
