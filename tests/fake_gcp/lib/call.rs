//! One request, taken apart: what the methods look at.

use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::caller;
use super::dispatch;
use super::error::ApiError;
use super::fault::View;
use super::shape::{Shape, camel_case, normalise};

/// Query parameters that every Google API takes, with or without `$`,
/// <https://cloud.google.com/apis/docs/system-parameters>.
const SYSTEM_PARAMETERS: [&str; 9] = [
    "alt",
    "callback",
    "fields",
    "key",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
    ".xgafv",
];

/// A request in Google's terms.
pub struct Call {
    pub method: String,
    /// `secrets.addVersion`; empty where Google has no such method.
    pub method_id: &'static str,
    pub path: String,
    /// The decoded path, without the verb.
    pub segments: Vec<String>,
    /// `access` of `…/versions/1:access`; empty for the standard methods.
    pub verb: String,
    pub host: String,
    pub caller: String,
    pub raw_query: String,
    /// What faults make of the world for it.
    pub view: View,
    query: Vec<(String, String)>,
    body: Result<Value, ApiError>,
}

impl Call {
    pub fn new(parts: &Parts, body: &[u8]) -> Self {
        let path = parts.uri.path().to_owned();
        let (segments, verb) = split_path(&path);
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let query = url::form_urlencoded::parse(raw_query.as_bytes());
        Self {
            method: parts.method.as_str().to_owned(),
            method_id: dispatch::method_id(parts.method.as_str(), &segments, &verb),
            view: View::default(),
            segments,
            verb,
            host: host(parts),
            caller: caller::from_headers(&parts.headers),
            query: query.into_owned().collect(),
            raw_query,
            path,
            body: parse_body(body),
        }
    }

    /// What it is about, without the version of the API: `projects/p/secrets/s/versions/1`; what is created, too.
    pub fn resource(&self) -> String {
        let version = self
            .segments
            .iter()
            .position(|part| matches!(part.as_str(), "v1" | "v2" | "v3"));
        let below = &self.segments[version.map_or(0, |at| at + 1)..];
        let created = ["secretId", "jobId", "serviceId"]
            .iter()
            .find_map(|name| self.query(name));
        below
            .iter()
            .map(String::as_str)
            .chain(created)
            .collect::<Vec<_>>()
            .join("/")
    }

    /// A query parameter, in either spelling.
    pub fn query(&self, name: &str) -> Option<&str> {
        let mut given = self.query.iter();
        given
            .find(|(key, _)| camel_case(key) == name)
            .map(|(_, value)| value.as_str())
    }

    /// An integer query parameter; absent or empty is 0.
    pub fn query_int(&self, name: &str) -> Result<i64, ApiError> {
        let text = self.query(name).unwrap_or_default();
        if text.is_empty() {
            return Ok(0);
        }
        let wrong = || {
            ApiError::malformed(
                name,
                format!("Invalid value at '{name}' (TYPE_INT32), \"{text}\""),
            )
        };
        text.parse::<i32>().map(i64::from).map_err(|_| wrong())
    }

    /// Refuses parameters that the method does not have.
    pub fn only_query(&self, allowed: &[&str]) -> Result<(), ApiError> {
        let known = |key: &str| {
            let plain = key.strip_prefix('$').unwrap_or(key);
            SYSTEM_PARAMETERS.contains(&plain) || allowed.contains(&camel_case(key).as_str())
        };
        match self.query.iter().find(|(key, _)| !known(key)) {
            None => Ok(()),
            Some((key, _)) => Err(ApiError::malformed(
                "",
                format!(
                    "Invalid JSON payload received. Unknown name \"{key}\": Cannot bind query parameter. \
                     Field '{key}' could not be found in request message."
                ),
            )),
        }
    }

    /// The body in its normal form; `at` is the name of the field that it fills, or empty.
    pub fn body(&self, shape: &Shape, at: &str) -> Result<Value, ApiError> {
        normalise(self.body.clone()?, shape, at)
    }

    /// Meant for the control endpoint, which Google does not have.
    pub fn is_to_the_fake(&self) -> bool {
        self.segments.first().is_some_and(|first| first == "_fake")
    }

    /// `$alt=json;enum-encoding=int`, which clients generated for gRPC send.
    pub fn wants_enum_numbers(&self) -> bool {
        let alt = |key: &str| key == "alt" || key == "$alt";
        let mut given = self.query.iter();
        given.any(|(key, value)| alt(key) && value.contains("enum-encoding=int"))
    }
}

/// The verb stands after the last colon of the last segment; a domain-scoped project (`example.com:shop`) has
/// a colon of its own.
fn split_path(path: &str) -> (Vec<String>, String) {
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let mut segments: Vec<String> = path
        .trim_start_matches('/')
        .split('/')
        .map(decoded)
        .collect();
    let is_project = segments.len() >= 2 && segments[segments.len() - 2] == "projects";
    let last = segments.last().cloned().unwrap_or_default();
    match last.rsplit_once(':') {
        Some((name, verb)) if !is_project => {
            let end = segments.len() - 1;
            segments[end] = name.to_owned();
            (segments, verb.to_owned())
        }
        _ => (segments, String::new()),
    }
}

/// The host of the absolute form that proxied requests have, else the `Host` header.
fn host(parts: &Parts) -> String {
    let header = || {
        parts
            .headers
            .get("host")
            .and_then(|value| value.to_str().ok())
    };
    let host = parts.uri.host().or_else(header);
    host.unwrap_or_default().to_owned()
}

fn parse_body(body: &[u8]) -> Result<Value, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    let malformed = |_| {
        ApiError::malformed(
            "",
            "Invalid JSON payload received. Parsing terminated before end of input.",
        )
    };
    serde_json::from_slice(body).map_err(malformed)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use axum::http::Request;

    /// A call as the server would make it of this request.
    pub fn call(method: &str, uri: &str, body: &str) -> Call {
        let request = Request::builder().method(method).uri(uri).body(()).unwrap();
        Call::new(&request.into_parts().0, body.as_bytes())
    }

    #[test]
    fn paths_split_into_segments_and_verb() {
        let access = call("GET", "/v1/projects/p/secrets/s/versions/1:access", "");
        assert_eq!(access.segments.last().unwrap(), "1");
        assert_eq!(access.verb, "access");
        let project = call("GET", "/v3/projects/example.com:shop", "");
        assert_eq!(project.segments.last().unwrap(), "example.com:shop");
        assert_eq!(project.verb, "");
    }

    #[test]
    fn proxied_requests_name_their_host() {
        let proxied = call("GET", "http://europe-west1-run.fake/apis/x", "");
        assert_eq!(proxied.host, "europe-west1-run.fake");
        assert_eq!(proxied.path, "/apis/x");
    }

    #[test]
    fn unknown_parameters_are_refused_and_system_ones_are_not() {
        let fine = call(
            "GET",
            "/v1/x?$alt=json%3Benum-encoding%3Dint&secret_id=s&pageSize=",
            "",
        );
        fine.only_query(&["secretId", "pageSize"]).unwrap();
        assert!(fine.wants_enum_numbers());
        assert_eq!(fine.query("secretId"), Some("s"));
        assert_eq!(fine.query_int("pageSize"), Ok(0));
        let error = call("GET", "/v1/x?secret=s", "")
            .only_query(&["secretId"])
            .unwrap_err();
        assert!(
            error
                .message
                .contains("Unknown name \"secret\": Cannot bind query parameter.")
        );
    }
}
