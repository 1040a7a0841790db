//! Refusals as Google's APIs speak them. <https://google.aip.dev/193>

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::Status;

#[derive(Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Deserialize)]
struct FailureBody {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Detail>,
}

/// `google.rpc.ErrorInfo`, and whatever else stands among the details.
#[derive(Deserialize)]
struct Detail {
    reason: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// What the body of a refusal says; where a proxy or load balancer answered, what the status line says.
pub(super) fn status(http: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Status {
    let Ok(Failure { error }) = serde_json::from_slice::<Failure>(body) else {
        return status_line(http, retry_after);
    };
    let info = error.details.into_iter().find(|detail| detail.reason.is_some());
    let (reason, mut metadata) = info.map_or((None, BTreeMap::new()), |info| (info.reason, info.metadata));
    Status {
        http: http.as_u16(),
        code: error.status,
        message: error.message,
        reason,
        subject: metadata.remove("permission").or_else(|| metadata.remove("service")),
        retry_after,
    }
}

/// What the status line says.
pub(super) fn status_line(http: StatusCode, retry_after: Option<Duration>) -> Status {
    Status {
        http: http.as_u16(),
        code: format!("HTTP {}", http.as_u16()),
        message: http.canonical_reason().unwrap_or("not an answer of the API").to_owned(),
        reason: None,
        subject: None,
        retry_after,
    }
}

/// How long to wait, where that is given in seconds.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_info_is_found_among_the_details() {
        let body = br#"{"error":{"code":403,"message":"Permission denied.","status":"PERMISSION_DENIED","details":[
            {"@type":"type.googleapis.com/google.rpc.Help","links":[]},
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"IAM_PERMISSION_DENIED",
             "domain":"iam.googleapis.com","metadata":{"permission":"secretmanager.secrets.get"}}]}}"#;
        let status = status(StatusCode::FORBIDDEN, None, body);
        assert_eq!(status.to_string(), "Permission denied. (PERMISSION_DENIED)");
        assert_eq!(status.reason.as_deref(), Some("IAM_PERMISSION_DENIED"));
        assert_eq!(status.subject.as_deref(), Some("secretmanager.secrets.get"));
    }

    #[test]
    fn a_load_balancers_page_becomes_its_status_line() {
        let status = status(StatusCode::BAD_GATEWAY, None, b"<html>oops</html>");
        assert_eq!(status.to_string(), "Bad Gateway (HTTP 502)");
    }
}
