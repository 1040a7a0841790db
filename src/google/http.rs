//! Over REST: authorised, bounded, and tried again where that may help.

use google_cloud_auth::credentials::{CacheableResource, Credentials};
use reqwest::header::HeaderMap;
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::retry::{ATTEMPT, Patience};
use super::{Call, Endpoint, GoogleError, wire};

/// Beyond this an answer is none of ours.
const LARGEST_ANSWER: usize = 4 << 20;

/// The Google API a call belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Service {
    CloudRun,
    Iam,
    ResourceManager,
}

impl Service {
    fn base(self) -> &'static str {
        match self {
            Self::CloudRun => "https://run.googleapis.com",
            Self::Iam => "https://iam.googleapis.com",
            Self::ResourceManager => "https://cloudresourcemanager.googleapis.com",
        }
    }
}

/// A request that has not been sent.
pub(super) struct Request {
    pub(super) call: Call,
    pub(super) service: Service,
    /// Path segments, not encoded.
    pub(super) path: Vec<String>,
    /// Parameters.
    pub(super) query: Vec<(&'static str, String)>,
    /// What is sent along.
    pub(super) body: Body,
}

/// What a request sends, and how.
pub(super) enum Body {
    /// It only reads.
    None,
    /// What to write.
    Change(Value),
    /// A question too long for a URL.
    Question(Value),
}

impl Request {
    /// A request that reads what is at `path`.
    pub(super) fn read(call: Call, service: Service, path: Vec<String>) -> Self {
        Self { call, service, path, query: Vec::new(), body: Body::None }
    }
}

/// The connection to Google.
pub(super) struct Http {
    client: reqwest::Client,
    credentials: Credentials,
    endpoint: Option<Url>,
    patience: Patience,
}

impl Http {
    pub(super) fn new(endpoint: Option<&Endpoint>, credentials: Credentials) -> Result<Self, GoogleError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("rolewright/", env!("CARGO_PKG_VERSION")))
            .timeout(ATTEMPT)
            // A redirected request would carry the token elsewhere.
            .redirect(reqwest::redirect::Policy::none());
        let builder = match endpoint {
            Some(endpoint) if endpoint.is_loopback() => builder,
            _ => builder.https_only(true),
        };
        let client = builder.build().map_err(|error| GoogleError::Tls { source: error.into() })?;
        let patience = Patience::toward(endpoint);
        Ok(Self { client, credentials, endpoint: endpoint.map(|endpoint| endpoint.url().clone()), patience })
    }

    /// Sends `request` and reads the answer as JSON.
    ///
    /// # Errors
    /// Refused, unreachable, or not the JSON that `T` is.
    pub(super) async fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T, GoogleError> {
        let answer = self.bytes(request).await?;
        // The reason is not kept: serde repeats the value that it stumbled over.
        serde_json::from_slice(&answer).map_err(|_| GoogleError::Malformed {
            call: request.call.clone(),
            reason: "the answer does not have the documented form",
        })
    }

    /// Sends `request` and returns the body of the answer, in a buffer that is wiped.
    ///
    /// # Errors
    /// Refused or unreachable.
    pub(super) async fn bytes(&self, request: &Request) -> Result<Zeroizing<Vec<u8>>, GoogleError> {
        self.patience.call(&request.call, async || self.attempt(request).await).await
    }

    async fn attempt(&self, request: &Request) -> Result<Zeroizing<Vec<u8>>, GoogleError> {
        let headers = self.authorization(&request.call).await?;
        let url = url(self.endpoint.as_ref(), request);
        tracing::debug!(call = %request.call, "calling Google");
        let builder = match &request.body {
            Body::None => self.client.get(url),
            Body::Change(body) => self.client.patch(url).json(body),
            Body::Question(body) => self.client.post(url).json(body),
        };
        let builder = builder.headers(headers);
        let unreachable = |error: reqwest::Error| GoogleError::Unreachable {
            call: request.call.clone(),
            sent: !error.is_connect() && !error.is_builder(),
            source: error.without_url().into(),
        };
        let response = builder.send().await.map_err(unreachable)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = read(response).await.map_err(unreachable)?;
        tracing::debug!(status = status.as_u16(), "Google answered");
        if status.is_success() {
            return answer.ok_or(GoogleError::Malformed {
                call: request.call.clone(),
                reason: "the answer is far larger than anything asked for",
            });
        }
        Err(refused(&request.call, status, &headers, &answer.unwrap_or_default()))
    }

    async fn authorization(&self, call: &Call) -> Result<HeaderMap, GoogleError> {
        match self.credentials.headers(Default::default()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data),
            // Only answered to a caller who shows the tag of headers it has.
            Ok(CacheableResource::NotModified) => Ok(HeaderMap::new()),
            Err(error) => Err(GoogleError::Unreachable { call: call.clone(), sent: false, source: error.into() }),
        }
    }
}

fn url(endpoint: Option<&Url>, request: &Request) -> Url {
    let mut url = match endpoint {
        Some(endpoint) => endpoint.clone(),
        None => Url::parse(request.service.base()).expect("a constant"),
    };
    url.path_segments_mut().expect("http URLs have a path").pop_if_empty().extend(&request.path);
    if !request.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&request.query);
    }
    url
}

/// The whole body; `None` where it is too long. Room is made first, so that growing leaves no copies behind.
async fn read(mut response: Response) -> Result<Option<Zeroizing<Vec<u8>>>, reqwest::Error> {
    let expected = response.content_length().map_or(128 << 10, |length| length as usize);
    let mut body = Zeroizing::new(Vec::with_capacity(expected.min(LARGEST_ANSWER)));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

pub(super) fn refused(call: &Call, status: StatusCode, headers: &HeaderMap, answer: &[u8]) -> GoogleError {
    let status = wire::status(status, wire::retry_after(headers), answer);
    GoogleError::Refused { call: call.clone(), status: Box::new(status) }
}
