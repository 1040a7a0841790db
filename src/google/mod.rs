//! Secret Manager, its IAM policies, Cloud Run and Resource Manager, in the few verbs that Rolewright needs.
//!
//! The calls are REST by hand. Google's generated client prints requests and responses, payloads included, in its
//! `Debug` and, once `GOOGLE_CLOUD_RUST_LOGGING` is set, in its spans; it copies payloads into buffers that nobody
//! wipes, and cannot be told to leave `HTTP_PROXY` alone. Credentials are Google's own library.

mod call;
mod cloud_run;
mod credentials;
mod endpoint;
mod error;
mod http;
mod iam;
mod payload;
mod project;
mod secret;
mod version;
mod wire;

pub use call::{Call, Operation};
pub use endpoint::Endpoint;
pub use error::{GoogleError, Status};
pub use secret::SecretUpdate;

/// The Google APIs, with the credentials of this run.
pub struct Google {
    http: http::Http,
}

impl Google {
    /// Finds credentials and makes sure that they give a token: Application Default Credentials, or none at all for a
    /// loopback `endpoint`, which then gets every call.
    ///
    /// # Errors
    /// [`GoogleError::Credentials`] where there are none, within seconds.
    pub async fn connect(endpoint: Option<&Endpoint>) -> Result<Self, GoogleError> {
        // Both the HTTP client and the credentials take the process-wide provider and panic without one.
        // An error says that the caller has chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let credentials = credentials::find(endpoint).await?;
        Ok(Self { http: http::Http::new(endpoint, credentials)? })
    }
}
