//! What a stored payload holds beside the credential and the place that are declared.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::{Payload, PayloadFormat, SecretPolicy};

/// What the place of a database is called among the parameters of a URL.
const PLACE: [&str; 5] = ["dbname", "host", "password", "port", "user"];

/// The keys of a JSON payload.
const KEYS: [&str; 6] = ["dbname", "engine", "host", "password", "port", "username"];

impl SecretPolicy {
    /// The names of parameters of a URL, or of keys of a JSON object, that a payload of the declared form never has: a payload
    /// that replaces this one leaves them out.
    pub fn unwritten(&self, payload: &Payload) -> Vec<String> {
        let Ok(text) = std::str::from_utf8(payload.expose()) else {
            return Vec::new();
        };
        match &self.payload {
            PayloadFormat::Url => parameters(text),
            PayloadFormat::Json => keys(text),
            PayloadFormat::Password | PayloadFormat::Template(_) => Vec::new(),
        }
    }
}

fn parameters(url: &str) -> Vec<String> {
    let query = url
        .trim_end()
        .split_once('?')
        .map_or("", |(_, query)| query);
    let names = query
        .split('&')
        .map(|pair| pair.split('=').next().unwrap_or_default());
    names
        .filter(|name| !name.is_empty() && !PLACE.contains(name))
        .map(str::to_owned)
        .collect()
}

fn keys(json: &str) -> Vec<String> {
    let found: BTreeMap<String, IgnoredAny> = serde_json::from_str(json).unwrap_or_default();
    found
        .into_keys()
        .filter(|key| !KEYS.contains(&key.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_declared_payload_never_has_is_named() {
        let url =
            "postgres://app:x?y@h/db?host=/cloudsql/p:r:i&sslmode=require&connect_timeout=5&\n";
        assert_eq!(parameters("postgres://app:x@h/db"), [""; 0]);
        assert_eq!(
            parameters(&url.replace("x?y", "xy")),
            ["sslmode", "connect_timeout"]
        );
        let json = r#"{"engine":"postgres","host":"h","port":5432,"username":"app","password":"x","dbname":"d","ssl":{"a":1}}"#;
        assert_eq!(keys(json), ["ssl"]);
        assert_eq!(keys("no object"), [""; 0]);
    }
}
