//! Secret Manager, its IAM policies, Cloud Run and Resource Manager, in the few verbs that Rolewright needs.
//!
//! Credentials are Google's own crate, and so are the types of Secret Manager. Every call is REST through [`http`], which alone
//! decides where requests go and how much of an answer is read.

mod call;
mod cloud_run;
mod credentials;
mod endpoint;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod holders;
mod http;
mod iam;
mod operation;
mod payload;
mod permit;
mod project;
mod request;
mod retry;
mod role;
mod roll;
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
    patience: retry::Patience,
}

impl Google {
    /// Finds credentials and makes sure that they give a token: Application Default Credentials, or none at all for a
    /// loopback `endpoint`, which then gets every call.
    ///
    /// # Errors
    /// [`GoogleError::Credentials`] where there are none, within seconds; [`GoogleError::Proxied`] where the variables
    /// for proxies would lead calls to a loopback `endpoint` off this machine.
    pub async fn connect(endpoint: Option<&Endpoint>) -> Result<Self, GoogleError> {
        // The HTTP client and the credentials take the process-wide provider and panic without one.
        // An error means that the caller has installed one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if let Some(endpoint) =
            endpoint.filter(|endpoint| endpoint.is_loopback() && endpoint.is_proxied())
        {
            return Err(GoogleError::Proxied {
                endpoint: endpoint.clone(),
            });
        }
        let credentials = credentials::find(endpoint).await?;
        let patience = retry::Patience::toward(endpoint);
        Ok(Self {
            http: http::Http::new(endpoint, credentials)?,
            patience,
        })
    }
}
