//! What a client sees of each fault.

use std::time::Duration;

use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::fake_gcp::FakeGcp;

const SECRET: &str = "/v1/projects/p/secrets/s";
const ADD: &str = "/v1/projects/p/secrets/s:addVersion";

/// A fake with a secret `s`, and a client that waits for nothing long.
struct Stage {
    fake: FakeGcp,
    client: Client,
}

impl Stage {
    async fn new() -> Self {
        super::install_crypto_provider();
        let client = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .expect("a client");
        let stage = Self {
            fake: FakeGcp::start().expect("the fake starts"),
            client,
        };
        stage
            .must(
                Method::POST,
                "/v1/projects/p/secrets?secretId=s",
                json!({"replication": {"automatic": {}}}),
            )
            .await;
        stage
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> reqwest::Result<Response> {
        let url = format!("{}{path}", self.fake.base_url());
        self.client
            .request(method, url)
            .bearer_auth("ann")
            .json(&body)
            .send()
            .await
    }

    async fn status(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let response = self.send(method, path, body).await.expect("an answer");
        (response.status(), response.json().await.expect("JSON"))
    }

    async fn must(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.status(method, path, body).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    async fn read(&self, path: &str) -> (StatusCode, Value) {
        self.status(Method::GET, &format!("{SECRET}{path}"), Value::Null)
            .await
    }

    async fn add(&self) -> reqwest::Result<Response> {
        self.send(Method::POST, ADD, json!({"payload": {"data": "YQ=="}}))
            .await
    }

    async fn versions(&self) -> usize {
        self.read("/versions").await.1["versions"]
            .as_array()
            .map_or(0, Vec::len)
    }

    /// Waits until a request hangs.
    async fn hangs(&self) {
        for _ in 0..4000 {
            if self.fake.is_holding() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("nothing hangs");
    }
}

#[tokio::test]
async fn a_dropped_request_is_carried_out_or_not() {
    let stage = Stage::new().await;
    for (when, versions) in [("before", 0), ("after", 1)] {
        stage.fake.fault(
            "lost",
            json!({"method": "addVersion", "when": when, "effect": "drop"}),
        );
        let lost = stage.add().await.expect_err("no answer");
        assert!(
            lost.is_request() && !lost.is_timeout() && !lost.is_connect(),
            "{lost:?}"
        );
        assert_eq!(stage.versions().await, versions, "{when}");
        let seen = stage.fake.requests();
        let seen = seen
            .iter()
            .rfind(|seen| seen.call == "secrets.addVersion")
            .expect("it is recorded");
        assert_eq!(
            (seen.status, &seen.faults[..]),
            (0, &["lost".to_owned()][..])
        );
    }
    assert_eq!(
        stage.add().await.expect("once only").status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn an_answer_breaks_off_in_its_middle() {
    let stage = Stage::new().await;
    stage
        .fake
        .fault("half", json!({"method": "addVersion", "effect": "cut"}));
    let answer = stage.add().await.expect("the head of the answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let length = answer.content_length().expect("a length");
    assert!(length > 100 && answer.bytes().await.is_err());
    assert_eq!(stage.versions().await, 1);
}

#[tokio::test]
async fn outages_answer_as_the_api_or_as_a_load_balancer() {
    let stage = Stage::new().await;
    let outage = |status: u16, rest: Value| {
        let mut answer = json!({"status": status});
        answer
            .as_object_mut()
            .expect("an object")
            .extend(rest.as_object().cloned().expect("an object"));
        json!({"method": "addVersion", "effect": {"answer": answer}})
    };
    stage
        .fake
        .fault("quota", outage(429, json!({"retryAfter": 7})));
    let limited = stage.add().await.expect("an answer");
    assert_eq!(limited.headers()["retry-after"], "7");
    assert_eq!(limited.status(), StatusCode::TOO_MANY_REQUESTS);
    let body: Value = limited.json().await.expect("JSON");
    assert_eq!(
        (&body["error"]["code"], &body["error"]["status"]),
        (&json!(429), &json!("RESOURCE_EXHAUSTED"))
    );

    stage
        .fake
        .fault("quota", outage(503, json!({"body": "html"})));
    let page = stage.add().await.expect("an answer");
    assert!(page.headers().get("retry-after").is_none());
    assert_eq!(page.headers()["content-type"], "text/html; charset=UTF-8");
    assert!(
        page.text()
            .await
            .expect("text")
            .contains("Error 503 (Service Unavailable)!!1")
    );
    assert_eq!(stage.versions().await, 0);

    let mut after = outage(500, json!({}));
    after["when"] = json!("after");
    stage.fake.fault("quota", after);
    assert_eq!(
        stage.add().await.expect("an answer").status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(stage.versions().await, 1);
    let seen: Vec<_> = stage
        .fake
        .requests()
        .into_iter()
        .filter(|seen| !seen.faults.is_empty())
        .collect();
    assert_eq!(
        seen.iter().map(|seen| seen.status).collect::<Vec<_>>(),
        [429, 503, 500]
    );
}

#[tokio::test]
async fn a_request_hangs_until_its_rule_is_gone_and_others_pass() {
    let stage = Stage::new().await;
    stage.fake.fault(
        "held",
        json!({"method": "addVersion", "when": "after", "effect": "hang"}),
    );
    let (added, ()) = tokio::join!(stage.add(), async {
        stage.hangs().await;
        assert_eq!(stage.versions().await, 1);
        let (_, rules) = stage
            .status(Method::GET, "/_fake/faults", Value::Null)
            .await;
        assert_eq!(
            (&rules["faults"][0]["met"], &rules["faults"][0]["holding"]),
            (&json!(1), &json!(1))
        );
        stage
            .must(Method::DELETE, "/_fake/faults/held", Value::Null)
            .await;
    });
    assert_eq!(added.expect("an answer").status(), StatusCode::OK);
    assert!(!stage.fake.is_holding());
}

#[tokio::test]
async fn a_hanging_request_ends_with_its_sender() {
    let stage = Stage::new().await;
    stage
        .fake
        .fault("held", json!({"method": "addVersion", "effect": "hang"}));
    tokio::select! {
        _ = stage.add() => panic!("it does not hang"),
        () = stage.hangs() => {}
    }
    for _ in 0..4000 {
        if !stage.fake.is_holding() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!stage.fake.is_holding());
    assert_eq!(stage.versions().await, 0);
}

#[tokio::test]
async fn a_delay_comes_before_what_follows_it() {
    let stage = Stage::new().await;
    let put = json!({"method": "addVersion", "effect": {"delay": "0.3s"}});
    stage.must(Method::PUT, "/_fake/faults/slow", put).await;
    let patient = tokio::time::timeout(Duration::from_millis(50), stage.add());
    assert!(patient.await.is_err(), "it waits");
    assert_eq!(
        stage.add().await.expect("once only").status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn what_is_eventually_consistent_lags_behind_and_numbers_do_not() {
    let stage = Stage::new().await;
    for data in ["YQ==", "Yg=="] {
        stage
            .must(Method::POST, ADD, json!({"payload": {"data": data}}))
            .await;
        let move_on = json!({"advance": "600s"});
        stage.must(Method::PUT, "/_fake/clock", move_on).await;
    }
    let current = |number: u8| {
        stage.must(
            Method::PATCH,
            "/v1/projects/p/secrets/s?updateMask=versionAliases",
            json!({"versionAliases": {"current": number}}),
        )
    };
    current(1).await;
    stage
        .must(Method::PUT, "/_fake/clock", json!({"advance": "600s"}))
        .await;
    current(2).await;
    let binding =
        json!({"role": "roles/secretmanager.viewer", "members": ["user:ann@example.com"]});
    stage
        .must(
            Method::POST,
            "/v1/projects/p/secrets/s:setIamPolicy",
            json!({"policy": {"bindings": [binding]}}),
        )
        .await;

    let accessed = async |version: &str| {
        stage.read(&format!("/versions/{version}:access")).await.1["payload"]["data"].clone()
    };
    assert_eq!(
        (accessed("current").await, accessed("latest").await),
        (json!("Yg=="), json!("Yg=="))
    );
    let etag = stage.read("").await.1["etag"].clone();
    stage.fake.fault(
        "behind",
        json!({"effect": {"stale": "300s"}, "times": "always"}),
    );
    assert_eq!(
        (accessed("current").await, accessed("latest").await),
        (json!("YQ=="), json!("Yg=="))
    );
    let (_, secret) = stage.read("").await;
    assert_eq!(secret["versionAliases"], json!({"current": "1"}));
    assert_ne!(secret["etag"], etag);
    assert_eq!(stage.read(":getIamPolicy").await.1, json!({"etag": "ACAB"}));
    stage.fake.fault(
        "behind",
        json!({"effect": {"stale": "1500s"}, "times": "always"}),
    );
    assert_eq!(stage.versions().await, 1);
    assert_eq!(
        (accessed("2").await, accessed("latest").await),
        (json!("Yg=="), json!("YQ=="))
    );
    stage.fake.fault(
        "behind",
        json!({"effect": {"stale": "9000s"}, "times": "always"}),
    );
    assert_eq!(stage.read("").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_frozen_is_read_as_it_was_for_as_often_as_asked() {
    let stage = Stage::new().await;
    stage.fake.fault(
        "frozen",
        json!({"method": "versions.list", "effect": "frozen", "times": 2}),
    );
    assert_eq!(
        stage.add().await.expect("an answer").status(),
        StatusCode::OK
    );
    assert_eq!(stage.read("/versions/1").await.0, StatusCode::OK);
    assert_eq!(
        [
            stage.versions().await,
            stage.versions().await,
            stage.versions().await
        ],
        [0, 0, 1]
    );
}

#[tokio::test]
async fn a_caller_is_denied_one_method_for_a_while() {
    let stage = Stage::new().await;
    stage.fake.fault(
        "denied",
        json!({"caller": "ann", "method": "addVersion", "effect": "deny", "times": 2}),
    );
    for _ in 0..2 {
        let (status, answer) = stage
            .status(Method::POST, ADD, json!({"payload": {"data": "YQ=="}}))
            .await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        let words =
            "Permission 'secretmanager.versions.add' denied for resource 'projects/p/secrets/s'";
        assert!(
            answer["error"]["message"]
                .as_str()
                .is_some_and(|message| message.starts_with(words)),
            "{answer}"
        );
    }
    assert_eq!(
        stage.add().await.expect("an answer").status(),
        StatusCode::OK
    );

    stage
        .must(
            Method::PUT,
            "/_fake/callers/ann",
            json!({"denied": ["secretmanager.versions.add"]}),
        )
        .await;
    assert_eq!(
        stage.add().await.expect("an answer").status(),
        StatusCode::FORBIDDEN
    );
    let asked =
        json!({"permissions": ["secretmanager.versions.add", "secretmanager.versions.access"]});
    let held = stage
        .must(
            Method::POST,
            "/v1/projects/p/secrets/s:testIamPermissions",
            asked,
        )
        .await;
    assert_eq!(
        held,
        json!({"permissions": ["secretmanager.versions.access"]})
    );
    let both = json!({"denied": [], "permissions": []});
    assert_eq!(
        stage
            .status(Method::PUT, "/_fake/callers/ann", both)
            .await
            .0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_wrong_rule_is_refused_with_its_reason() {
    let stage = Stage::new().await;
    let wrong = json!({"method": "addVersions", "effect": "drop"});
    let (status, answer) = stage.status(Method::PUT, "/_fake/faults/x", wrong).await;
    assert_eq!(
        (status, &answer["error"]["message"]),
        (
            StatusCode::BAD_REQUEST,
            &json!("`addVersions` is no method of this fake")
        )
    );
    stage
        .must(Method::PUT, "/_fake/faults/x", json!({"effect": "drop"}))
        .await;
    stage
        .must(Method::DELETE, "/_fake/faults", Value::Null)
        .await;
    assert_eq!(stage.read("").await.0, StatusCode::OK);
}
