//! Who calls: Application Default Credentials. <https://cloud.google.com/docs/authentication/application-default-credentials>

use std::time::Duration;

use google_cloud_auth::credentials::{Builder, Credentials, anonymous};

use super::{Endpoint, GoogleError};

/// How long the first token may take. Away from Google nothing answers at the metadata server's address, and the
/// library would go on asking for a minute; where there is one, it answers within a second.
const FIRST_TOKEN: Duration = Duration::from_secs(5);

/// The public cloud. <https://cloud.google.com/docs/authentication/universe-domain>
const UNIVERSE: &str = "googleapis.com";

/// Credentials for calls to `endpoint` (default: Google itself), proven to give a token.
pub(super) async fn find(endpoint: Option<&Endpoint>) -> Result<Credentials, GoogleError> {
    if endpoint.is_some_and(Endpoint::is_loopback) {
        return Ok(anonymous::Builder::new().build());
    }
    let credentials = Builder::default().build().map_err(unusable)?;
    match tokio::time::timeout(FIRST_TOKEN, prove(&credentials)).await {
        Ok(proven) => proven.map(|()| credentials),
        Err(_) => Err(unusable(format!(
            "no token within {} seconds",
            FIRST_TOKEN.as_secs()
        ))),
    }
}

/// Makes sure that the credentials give a token, and one for the Google whose addresses are called.
async fn prove(credentials: &Credentials) -> Result<(), GoogleError> {
    // No `http::Extensions`: no token is cached yet that they could name.
    credentials
        .headers(Default::default())
        .await
        .map_err(unusable)?;
    match credentials.universe_domain().await {
        Some(domain) if domain != UNIVERSE => Err(unusable(format!(
            "they are for `{domain}`, not for `{UNIVERSE}`"
        ))),
        _ => Ok(()),
    }
}

fn unusable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> GoogleError {
    GoogleError::Credentials {
        source: source.into(),
    }
}
