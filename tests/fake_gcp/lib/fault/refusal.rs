//! Answers that are none of the method's: quotas, outages, and the pages that load balancers answer with.

use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::json;

use super::super::reply::Reply;

/// An answer that a rule gives.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    status: Failure,
    #[serde(default)]
    body: Body,
    /// Seconds, for the header `Retry-After`.
    retry_after: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Body {
    /// As the API itself answers.
    #[default]
    Json,
    /// As what stands before it answers.
    Html,
}

/// A status that Google's APIs and front ends fail with.
#[derive(Clone, Copy, Debug)]
struct Failure {
    http: StatusCode,
    code: &'static str,
    message: &'static str,
}

/// <https://cloud.google.com/apis/design/errors#handling_errors>
const FAILURES: [(u16, &str, &str); 8] = [
    (
        401,
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials.",
    ),
    (
        403,
        "PERMISSION_DENIED",
        "The caller does not have permission",
    ),
    (409, "ABORTED", "The operation was aborted."),
    (
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'.",
    ),
    (500, "INTERNAL", "Internal error encountered."),
    (502, "UNAVAILABLE", "Bad gateway."),
    (503, "UNAVAILABLE", "The service is currently unavailable."),
    (
        504,
        "DEADLINE_EXCEEDED",
        "Deadline expired before operation could complete.",
    ),
];

impl<'de> Deserialize<'de> for Failure {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let status = u16::deserialize(deserializer)?;
        let known = FAILURES.iter().find(|(http, _, _)| *http == status);
        let unknown = || {
            D::Error::custom(format!(
                "{status} is not one of {:?}",
                FAILURES.map(|(http, _, _)| http)
            ))
        };
        let (http, code, message) = *known.ok_or_else(unknown)?;
        let http = StatusCode::from_u16(http).map_err(D::Error::custom)?;
        Ok(Self {
            http,
            code,
            message,
        })
    }
}

impl Refusal {
    pub fn reply(&self) -> Reply {
        let Failure {
            http,
            code,
            message,
        } = self.status;
        let reply = match self.body {
            Body::Json => {
                let error = json!({"code": http.as_u16(), "message": message, "status": code});
                Reply::json(http, &json!({ "error": error }))
            }
            Body::Html => Reply::page(http, message),
        };
        reply.retry_after(self.retry_after)
    }
}
