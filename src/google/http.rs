//! The one way to Google, over REST: authorised, never redirected, bounded, and tried again where that may help.
//!
//! Google's own client for Secret Manager lends its types and not its transport: that one reads answers of any length into memory.

use google_cloud_auth::credentials::{CacheableResource, Credentials};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use url::Url;
use zeroize::Zeroizing;

use super::request::{Body, Request};
use super::retry::{ATTEMPT, Patience};
use super::{Call, Endpoint, GoogleError, wire};

/// The longest answer to one request, after decompression: a secret's annotations and labels are some 20 KiB, its payload 64 KiB.
const LARGEST_ANSWER: usize = 4 << 20;

/// The longest list, over all its pages.
const LARGEST_LIST: usize = 32 << 20;

/// The most pages of a list: a server that sends empty ones would never end.
const MOST_PAGES: usize = 1000;

/// The connection to Google.
pub(super) struct Http {
    client: reqwest::Client,
    credentials: Credentials,
    endpoint: Option<Url>,
    patience: Patience,
}

impl Http {
    pub(super) fn new(
        endpoint: Option<&Endpoint>,
        credentials: Credentials,
    ) -> Result<Self, GoogleError> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("rolewright/", env!("CARGO_PKG_VERSION")))
            .timeout(ATTEMPT)
            // A redirected request would carry the token, or a payload, elsewhere.
            .redirect(reqwest::redirect::Policy::none());
        let builder = match endpoint {
            Some(endpoint) if endpoint.is_loopback() => on_this_machine(builder),
            _ => builder.https_only(true),
        };
        let client = builder.build().map_err(|error| GoogleError::Tls {
            source: error.into(),
        })?;
        let patience = Patience::toward(endpoint);
        Ok(Self {
            client,
            credentials,
            endpoint: endpoint.map(|endpoint| endpoint.url().clone()),
            patience,
        })
    }

    /// Sends `request` and reads the answer as JSON.
    ///
    /// # Errors
    /// Refused, unreachable, or not the JSON that `T` is.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        request: &Request,
    ) -> Result<T, GoogleError> {
        decoded(&request.call, &self.bytes(request).await?)
    }

    /// Sends `request` for each page of a list; `next` is the token of the page after one, empty after the last.
    ///
    /// # Errors
    /// As for [`Http::json`]; too long a list.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        mut request: Request,
        next: fn(&T) -> &str,
    ) -> Result<Vec<T>, GoogleError> {
        let (parameters, mut length) = (request.query.clone(), 0);
        let mut pages = Vec::new();
        loop {
            let answer = self.bytes(&request).await?;
            length += answer.len();
            if length > LARGEST_LIST || pages.len() == MOST_PAGES {
                let reason = "the list is longer than 32 MiB or 1000 pages";
                return Err(GoogleError::Malformed {
                    call: request.call,
                    reason,
                });
            }
            let page: T = decoded(&request.call, &answer)?;
            request.query.clone_from(&parameters);
            let token = next(&page).to_owned();
            pages.push(page);
            if token.is_empty() {
                return Ok(pages);
            }
            request = request.parameter("pageToken", token);
        }
    }

    /// Sends `request` and returns the body of the answer, in a buffer that is wiped.
    ///
    /// # Errors
    /// Refused or unreachable.
    pub(super) async fn bytes(&self, request: &Request) -> Result<Zeroizing<Vec<u8>>, GoogleError> {
        self.patience
            .call(&request.call, async || self.attempt(request).await)
            .await
    }

    async fn attempt(&self, request: &Request) -> Result<Zeroizing<Vec<u8>>, GoogleError> {
        let headers = self.authorization(&request.call).await?;
        let url = request.url(self.endpoint.as_ref());
        tracing::debug!(call = %request.call, "calling Google");
        let builder = match &request.body {
            Body::None => self.client.get(url),
            Body::Patch(body) => self.client.patch(url).json(body),
            Body::Post(body) => self.client.post(url).json(body),
            Body::Payload(body) => self
                .client
                .post(url)
                .header(CONTENT_TYPE, "application/json")
                .body(body.clone()),
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
                reason: "the answer is longer than 4 MiB",
            });
        }
        Err(refused(
            &request.call,
            status,
            &headers,
            &answer.unwrap_or_default(),
        ))
    }

    async fn authorization(&self, call: &Call) -> Result<HeaderMap, GoogleError> {
        match self.credentials.headers(Default::default()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data),
            // Only answered to a caller who shows the tag of headers it has.
            Ok(CacheableResource::NotModified) => Ok(HeaderMap::new()),
            Err(error) => Err(GoogleError::Unreachable {
                call: call.clone(),
                sent: false,
                source: error.into(),
            }),
        }
    }
}

/// `localhost` is always the loopback address, without a resolver and without a proxy.
fn on_this_machine(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    let addresses = [
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
    ];
    builder.resolve_to_addrs("localhost", &addresses).no_proxy()
}

/// The reason of an error is not kept: serde repeats the value that it stumbled over.
fn decoded<T: DeserializeOwned>(call: &Call, answer: &[u8]) -> Result<T, GoogleError> {
    serde_json::from_slice(answer).map_err(|_| GoogleError::Malformed {
        call: call.clone(),
        reason: "the answer does not have the documented form",
    })
}

/// The whole body; `None` where it is too long. Room is made first, so that growing leaves no copies behind.
async fn read(mut response: Response) -> Result<Option<Zeroizing<Vec<u8>>>, reqwest::Error> {
    let expected = response
        .content_length()
        .map_or(128 << 10, |length| length as usize);
    let mut body = Zeroizing::new(Vec::with_capacity(expected.min(LARGEST_ANSWER)));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

pub(super) fn refused(
    call: &Call,
    status: StatusCode,
    headers: &HeaderMap,
    answer: &[u8],
) -> GoogleError {
    let status = wire::status(call.operation, status, wire::retry_after(headers), answer);
    GoogleError::Refused {
        call: call.clone(),
        status: Box::new(status),
    }
}
