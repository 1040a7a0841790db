//! Who calls: Application Default Credentials. <https://cloud.google.com/docs/authentication/application-default-credentials>

use std::time::Duration;

use google_cloud_auth::credentials::{Builder, Credentials, anonymous};

use super::{Endpoint, GoogleError};

/// How long the first token may take. Away from Google nothing answers at the metadata server's address, and the
/// library would go on asking for a minute; where there is one, it answers within a second.
const FIRST_TOKEN: Duration = Duration::from_secs(5);

/// Credentials for calls to `endpoint` (default: Google itself), proven to give a token.
pub(super) async fn find(endpoint: Option<&Endpoint>) -> Result<Credentials, GoogleError> {
    if endpoint.is_some_and(Endpoint::is_loopback) {
        return Ok(anonymous::Builder::new().build());
    }
    let credentials = Builder::default().build().map_err(unusable)?;
    // No `http::Extensions`: no token is cached yet that they could name.
    match tokio::time::timeout(FIRST_TOKEN, credentials.headers(Default::default())).await {
        Ok(Ok(_)) => Ok(credentials),
        Ok(Err(error)) => Err(unusable(error)),
        Err(_) => Err(unusable(format!("no token within {} seconds", FIRST_TOKEN.as_secs()))),
    }
}

fn unusable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> GoogleError {
    GoogleError::Credentials { source: source.into() }
}
