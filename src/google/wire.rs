//! JSON as Google's APIs speak it. <https://protobuf.dev/programming-guides/json/>

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Status;

/// A 64-bit integer: written as a string, read as either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Int64(pub(super) i64);

impl Serialize for Int64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Int64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(i64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Text(text) => text.parse().map(Self).map_err(D::Error::custom),
        }
    }
}

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

/// `google.rpc.ErrorInfo`, and whatever else stands among the details. <https://google.aip.dev/193>
#[derive(Deserialize)]
struct Detail {
    reason: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// What the body of a refusal says; where a proxy or load balancer answered, what the status line says.
pub(super) fn status(http: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Status {
    let Ok(Failure { error }) = serde_json::from_slice::<Failure>(body) else {
        return Status {
            http: http.as_u16(),
            code: format!("HTTP {}", http.as_u16()),
            message: http.canonical_reason().unwrap_or("not an answer of the API").to_owned(),
            reason: None,
            subject: None,
            retry_after,
        };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_strings_or_numbers() {
        let read: BTreeMap<String, Int64> = serde_json::from_str(r#"{"a":"7","b":8}"#).unwrap();
        assert_eq!((read["a"], read["b"]), (Int64(7), Int64(8)));
        assert!(serde_json::from_str::<Int64>(r#""x""#).is_err());
        assert_eq!(serde_json::to_string(&Int64(9)).unwrap(), r#""9""#);
    }

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
