//! `fake-gcp` as Google's own clients see it: the gcloud command line, the Python client over REST and the Rust
//! client. Other tests ask the first two what they read of a secret.

mod agreement;
mod faults;
mod gcloud;
mod gcloud_tests;
mod http;
mod python;
mod python_tests;
mod rust_client;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use gcloud::Gcloud;
use python::Python;

/// The payload that gcloud reads of a version, byte by byte; nothing where gcloud is not installed.
pub fn gcloud_access(
    base_url: &str,
    project: &str,
    secret: &str,
    version: &str,
) -> Option<Vec<u8>> {
    let gcloud = Gcloud::new(base_url, project)?;
    Some(gcloud.access(secret, version))
}

/// The IAM policy of a secret as gcloud reads it; nothing where gcloud is not installed.
pub fn gcloud_policy(base_url: &str, project: &str, secret: &str) -> Option<Value> {
    let gcloud = Gcloud::new(base_url, project)?;
    Some(gcloud.json(&["secrets", "get-iam-policy", secret]))
}

/// The payload that the Python client reads of a version; nothing where it cannot be had.
pub fn python_access(
    base_url: &str,
    project: &str,
    secret: &str,
    version: &str,
) -> Option<Vec<u8>> {
    let mut python = Python::new(base_url)?;
    let name = format!("projects/{project}/secrets/{secret}/versions/{version}");
    let read = python.must("access_secret_version", &json!({ "name": name }));
    let data = read["payload"]["data"].as_str().expect("a payload");
    Some(STANDARD.decode(data).expect("base64"))
}

/// The IAM policy of a secret, with its conditions, as the Python client reads it.
pub fn python_policy(base_url: &str, project: &str, secret: &str) -> Option<Value> {
    let mut python = Python::new(base_url)?;
    let resource = format!("projects/{project}/secrets/{secret}");
    let request = json!({"resource": resource, "options": {"requestedPolicyVersion": 3}});
    Some(python.must("get_iam_policy", &request))
}

/// Once for a process, whichever test comes first: reqwest and the Rust client are built without a provider.
fn install_crypto_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Whether a client that is not here is an error, as in continuous integration.
fn required(variable: &str) -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests take their settings from the environment"
    )]
    let value = std::env::var(variable);
    value.is_ok_and(|value| !value.is_empty() && value != "0")
}

/// Says that a client is not here.
///
/// # Panics
/// Where `variable` demands it.
pub fn skip<T>(what: &str, variable: &str) -> Option<T> {
    assert!(!required(variable), "{what}, and {variable} demands it");
    eprintln!("skipped: {what}");
    None
}
