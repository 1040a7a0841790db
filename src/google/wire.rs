//! Refusals as Google's APIs speak them. <https://google.aip.dev/193>

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use super::{Operation, Status};

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

/// What the body of a refusal says; where a proxy or load balancer answered, what the status line says. The text of an answer
/// to a call that carries a payload is dropped here, before anything can print it: in whatever form it repeats the payload.
pub(super) fn status(
    operation: Operation,
    http: StatusCode,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Status {
    let Ok(Failure { error }) = serde_json::from_slice::<Failure>(body) else {
        return status_line(http, retry_after);
    };
    let info = error
        .details
        .into_iter()
        .find(|detail| detail.reason.is_some());
    let (reason, mut metadata) =
        info.map_or((None, BTreeMap::new()), |info| (info.reason, info.metadata));
    let reason = reason.filter(|reason| is_reason(reason));
    let subject = metadata
        .remove("permission")
        .or_else(|| metadata.remove("service"));
    let code = CODES
        .iter()
        .find(|code| **code == error.status)
        .map(|code| (*code).to_owned());
    let withheld = operation.carries_payload();
    Status {
        http: http.as_u16(),
        code: code.unwrap_or_else(|| http_code(http)),
        message: if withheld {
            without_text(reason.as_deref())
        } else {
            error.message
        },
        subject: subject.filter(|subject| !withheld && is_dotted(subject)),
        reason,
        retry_after,
    }
}

fn without_text(reason: Option<&str>) -> String {
    let reason = reason
        .map(|reason| format!("{reason}; "))
        .unwrap_or_default();
    format!("{reason}the text of the answer is not shown: it may repeat the payload")
}

/// Whether a text is the `reason` of an `ErrorInfo`.
/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto>
fn is_reason(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Whether a text is a permission or the host of a service: it comes to stand in a command line to copy.
fn is_dotted(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

/// <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>
const CODES: [&str; 16] = [
    "ABORTED",
    "ALREADY_EXISTS",
    "CANCELLED",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "OUT_OF_RANGE",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
    "UNKNOWN",
];

fn http_code(http: StatusCode) -> String {
    format!("HTTP {}", http.as_u16())
}

/// The text of the status line.
pub(super) fn status_line(http: StatusCode, retry_after: Option<Duration>) -> Status {
    Status {
        http: http.as_u16(),
        code: http_code(http),
        message: http
            .canonical_reason()
            .unwrap_or("not an answer of the API")
            .to_owned(),
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
        let status = status(Operation::GetSecret, StatusCode::FORBIDDEN, None, body);
        assert_eq!(status.to_string(), "Permission denied. (PERMISSION_DENIED)");
        assert_eq!(status.reason.as_deref(), Some("IAM_PERMISSION_DENIED"));
        assert_eq!(status.subject.as_deref(), Some("secretmanager.secrets.get"));
    }

    #[test]
    fn a_load_balancers_page_becomes_its_status_line() {
        let status = status(
            Operation::GetSecret,
            StatusCode::BAD_GATEWAY,
            None,
            b"<html>oops</html>",
        );
        assert_eq!(status.to_string(), "Bad Gateway (HTTP 502)");
    }

    /// A refusal that repeats `payload` wherever the server writes the text.
    fn repeating(payload: &str) -> Vec<u8> {
        let info = serde_json::json!({
            "reason": payload, "domain": payload,
            "metadata": {"permission": payload, "service": payload, payload: payload},
        });
        let error = serde_json::json!({"message": payload, "status": payload, "details": [{"detail": payload}, info]});
        serde_json::json!({ "error": error })
            .to_string()
            .into_bytes()
    }

    #[test]
    fn no_text_of_an_answer_to_a_call_with_a_payload_is_kept() {
        for operation in [Operation::AddVersion, Operation::AccessVersion] {
            for form in [
                "hunter2!",
                "aHVudGVyMiE=",
                "aHVudGVyMiE_",
                "68756e7465723221",
                "hunter2%21",
                "unte",
                "h\u{75}nter",
            ] {
                for http in [
                    StatusCode::BAD_REQUEST,
                    StatusCode::FORBIDDEN,
                    StatusCode::INTERNAL_SERVER_ERROR,
                ] {
                    let status = status(operation, http, None, &repeating(form));
                    assert!(
                        !format!("{status} {status:?}").contains(form),
                        "{form}: {status:?}"
                    );
                }
            }
        }
        let kept = br#"{"error":{"message":"hunter2","status":"INVALID_ARGUMENT","details":[{"reason":"TOO_LONG"}]}}"#;
        let status = status(Operation::AddVersion, StatusCode::BAD_REQUEST, None, kept);
        let shown = "TOO_LONG; the text of the answer is not shown: it may repeat the payload (INVALID_ARGUMENT)";
        assert_eq!(status.to_string(), shown);
    }

    #[test]
    fn what_would_change_a_command_line_is_no_permission_and_no_service() {
        for odd in ["x; rm -rf ~", "$(id)", "a b", "`id`", "", "-x", "a\nb"] {
            let body = serde_json::json!({"error": {"details": [{"reason": "R", "metadata": {"permission": odd}}]}});
            let status = status(
                Operation::GetSecret,
                StatusCode::FORBIDDEN,
                None,
                body.to_string().as_bytes(),
            );
            assert_eq!(status.subject, None, "{odd}");
        }
    }
}
