//! Where the calls go.

use std::fmt;
use std::str::FromStr;

use hyper_util::client::proxy::matcher::Matcher;
use url::{Host, Url};

use super::GoogleError;

/// A base URL that stands for every Google API: a fake on this machine, or a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Whether the address never leaves this machine: only there are plain HTTP and calls without credentials allowed.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Whether calls would go to a proxy: decided as both HTTP clients do, from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`
    /// and `NO_PROXY`. Google's client takes no other word for it.
    pub(super) fn is_proxied(&self) -> bool {
        let uri = self.0.as_str().parse();
        uri.is_ok_and(|uri| Matcher::from_system().intercept(&uri).is_some())
    }

    /// The host as `NO_PROXY` names it.
    pub(super) fn host(&self) -> String {
        self.0
            .host_str()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned()
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = GoogleError;

    fn from_str(text: &str) -> Result<Self, GoogleError> {
        // The text is not repeated: it may hold a password.
        let wrong = |reason| GoogleError::Endpoint { reason };
        let endpoint = Self(Url::parse(text).map_err(|_| wrong("it is not a URL"))?);
        let url = &endpoint.0;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it cannot carry a user or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it cannot carry a query or a fragment"));
        }
        match url.scheme() {
            "https" => Ok(endpoint),
            "http" if endpoint.is_loopback() => Ok(endpoint),
            "http" => Err(wrong("only a loopback address may go without TLS")),
            _ => Err(wrong("it must begin with `https://`")),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_only() {
        for fine in [
            "http://127.0.0.1:8080",
            "http://[::1]:1/",
            "http://localhost:9",
            "http://127.9.9.9",
        ] {
            assert!(fine.parse::<Endpoint>().unwrap().is_loopback(), "{fine}");
        }
        let gateway: Endpoint = "https://gateway.example.com/google".parse().unwrap();
        assert!(!gateway.is_loopback());
        for wrong in [
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.nip.io",
        ] {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_more_than_a_base_url_is_refused_without_repeating_it() {
        for wrong in [
            "",
            "secret-manager",
            "ftp://127.0.0.1",
            "https://u:hunter2@h",
            "https://h/?k=hunter2",
            "https://h/#x",
        ] {
            let error = wrong.parse::<Endpoint>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
