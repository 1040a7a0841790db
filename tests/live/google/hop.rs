//! A hop between Rolewright and the fake, where things go wrong.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde_json::{Value, json};

/// What happens to one request.
pub enum Fault {
    /// It is carried out, and the connection breaks before the answer is through.
    LoseAnswer,
    /// It is not carried out but answered with this.
    Answer(StatusCode, Value),
    /// It is carried out and answered with something else than the fake said.
    Tamper(fn(String) -> String),
    /// It is not carried out but sent on to that address.
    Redirect(StatusCode, String),
    /// It is not carried out, and its answer never ends: the bytes that were taken of it are counted.
    Endless(StatusCode, Arc<AtomicUsize>),
    /// Somebody else adds this binding to the policy first.
    Overtake(Value),
}

/// A proxy in front of one fake.
pub struct Hop {
    url: String,
    faults: Arc<Mutex<Vec<(&'static str, Fault)>>>,
}

#[derive(Clone)]
struct Onward {
    base: String,
    client: reqwest::Client,
    faults: Arc<Mutex<Vec<(&'static str, Fault)>>>,
}

impl Hop {
    /// Listens, and forwards to `base`.
    pub async fn before(base: String) -> Self {
        // The HTTP client asks for one even where all it speaks is plain HTTP.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let faults = Arc::<Mutex<Vec<_>>>::default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let onward = Onward {
            base,
            client,
            faults: faults.clone(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(
            axum::serve(listener, Router::new().fallback(forward).with_state(onward)).into_future(),
        );
        Self { url, faults }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets `fault` happen to the next request `METHOD PATH ` that holds `part`.
    pub fn next(&self, part: &'static str, fault: Fault) {
        self.faults.lock().unwrap().push((part, fault));
    }

    /// Whether every fault has happened.
    pub fn is_done(&self) -> bool {
        self.faults.lock().unwrap().is_empty()
    }
}

async fn forward(State(onward): State<Onward>, method: Method, uri: Uri, body: Bytes) -> Response {
    let line = format!("{method} {uri} ");
    match onward.fault(&line) {
        None => onward.carry_out(method, &uri, body).await.into_response(),
        Some(Fault::Answer(status, answer)) => (status, answer.to_string()).into_response(),
        Some(Fault::Tamper(change)) => {
            let (status, answer) = onward.carry_out(method, &uri, body).await;
            (status, change(answer)).into_response()
        }
        Some(Fault::LoseAnswer) => {
            onward.carry_out(method, &uri, body).await;
            Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>("gone")])))
        }
        Some(Fault::Redirect(status, to)) => (status, [("location", to)]).into_response(),
        Some(Fault::Endless(status, taken)) => (status, endless(taken)).into_response(),
        Some(Fault::Overtake(binding)) => {
            onward.add_binding(uri.path(), binding).await;
            onward.carry_out(method, &uri, body).await.into_response()
        }
    }
}

/// A JSON string without an end.
fn endless(taken: Arc<AtomicUsize>) -> Body {
    let piece = Bytes::from(vec![b' '; 64 << 10]);
    Body::from_stream(stream::repeat_with(move || {
        taken.fetch_add(piece.len(), Ordering::Relaxed);
        Ok::<_, std::convert::Infallible>(piece.clone())
    }))
}

impl Onward {
    fn fault(&self, line: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let at = faults.iter().position(|(part, _)| line.contains(part))?;
        Some(faults.remove(at).1)
    }

    async fn carry_out(&self, method: Method, uri: &Uri, body: Bytes) -> (StatusCode, String) {
        // Small pages: three versions are more than one of them.
        let uri = uri.to_string().replace("pageSize=1000", "pageSize=2");
        let request = self
            .client
            .request(method, format!("{}{uri}", self.base))
            .body(body);
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn add_binding(&self, path: &str, binding: Value) {
        let policy_path = path.replace(
            ":setIamPolicy",
            ":getIamPolicy?options.requestedPolicyVersion=3",
        );
        let (_, policy) = self
            .carry_out(Method::GET, &policy_path.parse().unwrap(), Bytes::new())
            .await;
        let mut policy: Value = serde_json::from_str(&policy).unwrap();
        policy["version"] = json!(3);
        match policy["bindings"].as_array_mut() {
            Some(bindings) => bindings.push(binding),
            None => policy["bindings"] = json!([binding]),
        }
        let body = json!({ "policy": policy }).to_string();
        let (status, answer) = self
            .carry_out(Method::POST, &path.parse().unwrap(), body.into())
            .await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
}
