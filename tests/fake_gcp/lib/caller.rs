//! Who calls: taken from the bearer token, never checked.

use axum::http::{HeaderMap, header::AUTHORIZATION};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The name of callers without a token.
pub const ANONYMOUS: &str = "anonymous";

/// The caller of a request: `sub`, `email` or `iss` of a JWT (service account keys sign their own), any other
/// token as it is, `anonymous` without one.
pub fn from_headers(headers: &HeaderMap) -> String {
    let token = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .map(str::trim);
    match token {
        None | Some("") => ANONYMOUS.to_owned(),
        Some(token) => jwt_subject(token).unwrap_or_else(|| token.to_owned()),
    }
}

fn jwt_subject(token: &str) -> Option<String> {
    let [_, payload, _] = token.split('.').collect::<Vec<_>>().try_into().ok()?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    ["sub", "email", "iss"]
        .iter()
        .find_map(|claim| claims[claim].as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller_of(authorization: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        from_headers(&headers)
    }

    #[test]
    fn a_jwt_names_its_subject_and_anything_else_itself() {
        let claims =
            URL_SAFE_NO_PAD.encode(r#"{"iss":"i@p","sub":"ci@p.iam.gserviceaccount.com"}"#);
        assert_eq!(
            caller_of(&format!("Bearer e30.{claims}.c2ln")),
            "ci@p.iam.gserviceaccount.com"
        );
        assert_eq!(caller_of("Bearer not.a.jwt"), "not.a.jwt");
        assert_eq!(caller_of("Basic abc"), ANONYMOUS);
        assert_eq!(from_headers(&HeaderMap::new()), ANONYMOUS);
    }
}
