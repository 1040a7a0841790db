//! Requests to Google's REST APIs that have not been sent.

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use super::Call;

/// The Google API a call belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Service {
    CloudRun,
    Iam,
    ResourceManager,
    SecretManager,
}

impl Service {
    fn base(self) -> &'static str {
        match self {
            Self::CloudRun => "https://run.googleapis.com",
            Self::Iam => "https://iam.googleapis.com",
            Self::ResourceManager => "https://cloudresourcemanager.googleapis.com",
            Self::SecretManager => "https://secretmanager.googleapis.com",
        }
    }
}

/// A request that has not been sent.
pub(super) struct Request {
    pub(super) call: Call,
    pub(super) service: Service,
    /// Path segments, not encoded.
    pub(super) path: Vec<String>,
    /// Parameters.
    pub(super) query: Vec<(&'static str, String)>,
    /// What is sent along.
    pub(super) body: Body,
}

/// What a request sends, and how.
pub(super) enum Body {
    /// Nothing: GET.
    None,
    /// PATCH.
    Patch(Value),
    /// POST.
    Post(Value),
    /// POST of JSON that holds a payload, in a buffer that is wiped.
    Payload(Bytes),
}

impl Request {
    /// A request that reads what is at `path`.
    pub(super) fn read(call: Call, service: Service, path: Vec<String>) -> Self {
        Self {
            call,
            service,
            path,
            query: Vec::new(),
            body: Body::None,
        }
    }

    /// A request to Secret Manager that reads the object of `call`.
    pub(super) fn secret(call: Call) -> Self {
        let path = std::iter::once("v1")
            .chain(call.object.split('/'))
            .map(String::from)
            .collect();
        Self::read(call, Service::SecretManager, path)
    }

    /// The custom method `verb` of the object: `secrets/s:addVersion`.
    pub(super) fn verb(mut self, verb: &str) -> Self {
        self.path.last_mut().into_iter().for_each(|last| {
            last.push(':');
            last.push_str(verb);
        });
        self
    }

    /// With a parameter more.
    pub(super) fn parameter(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    /// With `body`.
    pub(super) fn body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    /// Its base URL: that of Google, or of the `endpoint` in its place.
    pub(super) fn url(&self, endpoint: Option<&Url>) -> Url {
        let mut url = match endpoint {
            Some(endpoint) => endpoint.clone(),
            None => Url::parse(self.service.base()).expect("a constant"),
        };
        url.path_segments_mut()
            .expect("http URLs have a path")
            .pop_if_empty()
            .extend(&self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}
