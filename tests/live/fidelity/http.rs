//! What stands on the wire where no client shows it, and the control endpoint.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::fake_gcp::{FakeGcp, Project, Projects};

fn client() -> Client {
    super::install_crypto_provider();
    Client::builder()
        .no_proxy()
        .build()
        .expect("the client is built")
}

async fn ask(fake: &FakeGcp, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let url = format!("{}{path}", fake.base_url());
    let request = client().request(method, url).bearer_auth("ann").json(&body);
    let response = request.send().await.expect("an answer");
    (response.status(), response.json().await.expect("JSON"))
}

async fn created_secret(fake: &FakeGcp) {
    let secret = json!({"replication": {"automatic": {}}});
    let (status, answer) = ask(
        fake,
        Method::POST,
        "/v1/projects/p/secrets?secretId=s",
        secret,
    )
    .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn errors_have_googles_form() {
    let fake = FakeGcp::serve(
        ([127, 0, 0, 1], 0).into(),
        Projects::new(
            [Project {
                id: "p".into(),
                number: 7,
            }],
            true,
        ),
    );
    let fake = fake.expect("the fake starts");
    assert_eq!(
        ask(&fake, Method::GET, "/v1/projects/p/secrets/s", Value::Null).await,
        (
            StatusCode::NOT_FOUND,
            json!({"error": {"code": 404, "message": "Secret [projects/7/secrets/s] not found.", "status": "NOT_FOUND"}})
        )
    );
    let words =
        "Invalid JSON payload received. Unknown name \"labl\" at 'secret': Cannot find field.";
    let body = json!({"labl": {}});
    assert_eq!(
        ask(
            &fake,
            Method::POST,
            "/v1/projects/p/secrets?secretId=s",
            body
        )
        .await,
        (
            StatusCode::BAD_REQUEST,
            json!({"error": {"code": 400, "message": words, "status": "INVALID_ARGUMENT", "details": [{
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"description": words, "field": "secret"}],
            }]}})
        )
    );
    let (status, answer) = ask(&fake, Method::GET, "/v3/projects/q", Value::Null).await;
    assert_eq!(
        (status, &answer["error"]["status"]),
        (StatusCode::FORBIDDEN, &json!("PERMISSION_DENIED"))
    );
    let (_, project) = ask(&fake, Method::GET, "/v3/projects/p", Value::Null).await;
    assert_eq!(
        (&project["name"], &project["projectId"]),
        (&json!("projects/7"), &json!("p"))
    );
}

#[tokio::test]
async fn enums_are_numbers_where_the_client_asks_for_them() {
    let fake = FakeGcp::start().expect("the fake starts");
    created_secret(&fake).await;
    let add = "/v1/projects/p/secrets/s:addVersion?%24alt=json%3Benum-encoding%3Dint";
    let (_, added) = ask(
        &fake,
        Method::POST,
        add,
        json!({"payload": {"data": "YQ=="}}),
    )
    .await;
    assert_eq!(added["state"], 1);
    let (_, read) = ask(
        &fake,
        Method::GET,
        "/v1/projects/p/secrets/s/versions/1?alt=json",
        Value::Null,
    )
    .await;
    assert_eq!(read["state"], "ENABLED");
}

#[tokio::test]
async fn unknown_paths_get_a_page() {
    let fake = FakeGcp::start().expect("the fake starts");
    let url = format!("{}/v1/projects/p/secret", fake.base_url());
    let response = client().get(url).send().await.expect("an answer");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(
        response
            .text()
            .await
            .expect("text")
            .starts_with("<!DOCTYPE html>")
    );
}

#[tokio::test]
async fn the_control_endpoint_shows_requests_and_payloads() {
    let fake = FakeGcp::start().expect("the fake starts");
    created_secret(&fake).await;
    let payload = json!({"payload": {"data": "-_8="}});
    ask(
        &fake,
        Method::POST,
        "/v1/projects/p/secrets/s:addVersion",
        payload,
    )
    .await;
    ask(
        &fake,
        Method::DELETE,
        "/v1/projects/p/secrets/s",
        Value::Null,
    )
    .await;

    let (_, payloads) = ask(&fake, Method::GET, "/_fake/payloads", Value::Null).await;
    let name = format!(
        "projects/{}/secrets/s/versions/1",
        fake.project_number("p").expect("a project")
    );
    assert_eq!(
        payloads,
        json!({"payloads": [{"name": name, "data": "+/8="}]})
    );
    let (_, requests) = ask(&fake, Method::GET, "/_fake/requests", Value::Null).await;
    let first = requests["requests"][0].as_object().expect("a request");
    for (field, value) in [
        ("method", json!("POST")),
        ("path", json!("/v1/projects/p/secrets")),
        ("query", json!("secretId=s")),
        ("caller", json!("ann")),
        ("status", json!(200)),
    ] {
        assert_eq!(first[field], value);
    }
    assert_eq!(requests["requests"].as_array().map(Vec::len), Some(3));
    ask(&fake, Method::DELETE, "/_fake/requests", Value::Null).await;
    assert!(fake.requests().is_empty());
}

#[tokio::test]
async fn the_control_endpoint_sets_the_clock_and_restricts_callers() {
    let fake = FakeGcp::start().expect("the fake starts");
    let clock = json!({"now": "2030-01-01T00:00:00Z", "advance": "3600s"});
    let (_, answer) = ask(&fake, Method::PUT, "/_fake/clock", clock).await;
    assert!(
        answer["now"]
            .as_str()
            .is_some_and(|now| now.starts_with("2030-01-01T01:00:0")),
        "{answer}"
    );
    created_secret(&fake).await;
    let (_, secret) = ask(&fake, Method::GET, "/v1/projects/p/secrets/s", Value::Null).await;
    assert!(
        secret["createTime"]
            .as_str()
            .is_some_and(|time| time.starts_with("2030-01-01T01:00:0")),
        "{secret}"
    );

    let nothing = json!({"permissions": []});
    ask(&fake, Method::PUT, "/_fake/callers/ann", nothing).await;
    let (status, _) = ask(&fake, Method::GET, "/v1/projects/p/secrets/s", Value::Null).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    ask(&fake, Method::DELETE, "/_fake/callers/ann", Value::Null).await;
    let (status, _) = ask(&fake, Method::GET, "/v1/projects/p/secrets/s", Value::Null).await;
    assert_eq!(status, StatusCode::OK);
}

#[test]
fn only_loopback_is_served() {
    let refused = FakeGcp::serve(([0, 0, 0, 0], 0).into(), Projects::default());
    assert!(refused.is_err_and(|error| error.to_string().contains("not a loopback address")));
}

#[test]
fn a_dropped_fake_is_gone() {
    let fake = FakeGcp::start().expect("the fake starts");
    let address = fake.base_url().replace("http://", "");
    drop(fake);
    assert!(std::net::TcpStream::connect(address).is_err());
}
