//! Google's client for Secret Manager: how quiet it is, and what its errors mean here.

use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::error::Error;
use google_cloud_gax::error::rpc::StatusDetails;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_secretmanager_v1::client::SecretManagerService;
use reqwest::StatusCode;
use std::error::Error as _;
use std::fmt;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use super::retry::ATTEMPT;
use super::{Call, Endpoint, Google, GoogleError, Status, wire};

/// A client for `endpoint` (default: Google itself) that tries nothing again by itself: that is decided here, as for
/// every other call.
pub(super) async fn build(
    endpoint: Option<&Endpoint>,
    credentials: Credentials,
) -> Result<SecretManagerService, GoogleError> {
    let builder = SecretManagerService::builder()
        .with_credentials(credentials)
        .with_attempt_timeout(ATTEMPT)
        .with_retry_policy(NeverRetry);
    let builder = match endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint.to_string()),
        None => builder,
    };
    builder.build().await.map_err(|error| {
        if error.is_universe_domain_mismatch() {
            return GoogleError::Credentials { source: error.into() };
        }
        GoogleError::Tls { source: error.into() }
    })
}

impl Google {
    /// Carries out a request of the client's, which `request` makes anew for each attempt, heard by nobody: where
    /// `GOOGLE_CLOUD_RUST_LOGGING` is set, its spans hold requests and answers, payloads included, and no option of its
    /// builder forbids that.
    ///
    /// # Errors
    /// Refused, unreachable or malformed, as [`failure`] has it.
    pub(super) async fn send<T, R>(&self, call: &Call, request: impl Fn() -> R) -> Result<T, GoogleError>
    where
        R: Future<Output = google_cloud_gax::Result<T>>,
    {
        let attempt = async || {
            tracing::debug!(%call, "calling Google");
            let answer = request().with_subscriber(Dispatch::none()).await;
            tracing::debug!(%call, answered = answer.is_ok(), "Google answered");
            answer.map_err(|error| failure(call, error))
        };
        self.patience.call(call, attempt).await
    }
}

/// What the client's error means. Of the server's bytes it keeps what the API has a field for, nothing else: an answer
/// that could not be read may hold a payload.
fn failure(call: &Call, error: Error) -> GoogleError {
    let last = last_attempt(&error);
    if let Some(http) = last.http_status_code() {
        return GoogleError::Refused { call: call.clone(), status: Box::new(status(http, last)) };
    }
    if last.is_deserialization() {
        return GoogleError::Malformed { call: call.clone(), reason: "the answer does not have the documented form" };
    }
    let before = last.is_connect() || last.is_authentication() || last.is_binding() || last.is_serialization();
    GoogleError::Unreachable { call: call.clone(), sent: !before, source: Box::new(Transport(error)) }
}

/// Once the time for attempts is over, the client wraps the error of the last one.
fn last_attempt(error: &Error) -> &Error {
    let mut last = error;
    while let Some(inner) = last.source().and_then(|source| source.downcast_ref::<Error>()) {
        last = inner;
    }
    last
}

fn status(http: u16, error: &Error) -> Status {
    let retry_after = error.http_headers().and_then(wire::retry_after);
    let Some(status) = error.status() else {
        return wire::status_line(StatusCode::from_u16(http).unwrap_or_default(), retry_after);
    };
    let info = status.details.iter().find_map(|detail| match detail {
        StatusDetails::ErrorInfo(info) => Some(info),
        _ => None,
    });
    let named = |key: &str| info.and_then(|info| info.metadata.get(key)).cloned();
    Status {
        http,
        code: status.code.name().to_owned(),
        message: status.message.clone(),
        reason: info.map(|info| info.reason.clone()),
        subject: named("permission").or_else(|| named("service")),
        retry_after,
    }
}

/// A client's error that shows what happened, without the client's words, which repeat those of its source.
#[derive(Debug)]
struct Transport(Error);

impl Transport {
    fn cause(&self) -> &(dyn std::error::Error + 'static) {
        let last = last_attempt(&self.0);
        last.source().unwrap_or(last)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.cause(), f)
    }
}

impl std::error::Error for Transport {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause().source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::google::Operation;
    use google_cloud_gax::error::rpc::{self, Code};

    fn failed(error: Error) -> GoogleError {
        let call =
            Call { operation: Operation::AddVersion, project: "p".into(), object: "projects/p/secrets/s".into() };
        failure(&call, error)
    }

    fn service(code: Code, http: u16) -> Error {
        let status = rpc::Status::default().set_code(code).set_message("no");
        Error::service_with_http_metadata(status, Some(http), None)
    }

    #[test]
    fn what_may_have_arrived_is_ambiguous() {
        for open in [Error::io("reset"), Error::timeout("slow"), Error::deser("odd"), service(Code::Unavailable, 503)] {
            let error = failed(open);
            assert!(error.is_ambiguous(), "{error:?}");
        }
        for closed in [Error::connect("refused"), Error::ser("odd"), service(Code::ResourceExhausted, 429)] {
            let error = failed(closed);
            assert!(!error.is_ambiguous(), "{error:?}");
        }
    }

    #[test]
    fn behind_exhaustion_stands_the_last_attempt() {
        let refused = failed(Error::exhausted(service(Code::ResourceExhausted, 429)));
        assert_eq!(refused.status().unwrap().code, "RESOURCE_EXHAUSTED");
        assert!(failed(Error::exhausted(Error::exhausted(Error::io("reset")))).is_ambiguous());
        assert!(!failed(Error::exhausted(Error::connect("no route"))).is_ambiguous());
    }

    #[test]
    fn an_unreadable_answer_is_not_repeated() {
        let error = failed(Error::deser("invalid type: string \"hunter2\""));
        assert!(error.source().is_none() && !format!("{error:?}").contains("hunter2"));
        let error = failed(Error::http(502, Default::default(), "hunter2".into()));
        assert_eq!(error.source().unwrap().to_string(), "Bad Gateway (HTTP 502)");
        assert!(!format!("{error:?}").contains("hunter2"));
    }

    #[test]
    fn what_happened_is_said_once() {
        let error = failed(Error::exhausted(Error::connect("connection refused")));
        let source = error.source().unwrap();
        assert_eq!(source.to_string(), "connection refused");
        assert!(source.source().is_none());
    }
}
