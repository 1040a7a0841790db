//! An answer before it is sent.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt as _;
use serde_json::Value;

/// Status, headers and text of an answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    content_type: &'static str,
    retry_after: Option<u32>,
    body: String,
}

impl Reply {
    pub fn json(status: StatusCode, value: &Value) -> Self {
        let content_type = "application/json; charset=UTF-8";
        Self {
            status,
            content_type,
            retry_after: None,
            body: format!("{value:#}\n"),
        }
    }

    /// A page of Google's front end.
    pub fn page(status: StatusCode, message: &str) -> Self {
        let code = status.as_u16();
        let reason = status.canonical_reason().unwrap_or("Error");
        let body = format!(
            "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error {code} ({reason})!!1</title>\n  \
             <p><b>{code}.</b> <ins>That’s an error.</ins>\n  <p>{message}  <ins>That’s all we know.</ins>\n"
        );
        Self {
            status,
            content_type: "text/html; charset=UTF-8",
            retry_after: None,
            body,
        }
    }

    pub fn retry_after(self, seconds: Option<u32>) -> Self {
        Self {
            retry_after: seconds,
            ..self
        }
    }

    pub fn response(self) -> Response {
        let body = Bytes::from(self.body.clone());
        self.head(Body::from(body))
    }

    /// The head and half of the body; then the connection ends.
    pub fn cut(self) -> Response {
        let half = Bytes::copy_from_slice(&self.body.as_bytes()[..self.body.len() / 2]);
        let end = async {
            // While it waits, hyper sends what it has.
            tokio::time::sleep(Duration::from_millis(5)).await;
            Err(std::io::Error::other("the answer is to get lost"))
        };
        let begin = futures_util::stream::iter([Ok(half)]);
        self.head(Body::from_stream(
            begin.chain(futures_util::stream::once(end)),
        ))
    }

    fn head(self, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static(self.content_type),
        );
        headers.insert(header::CONTENT_LENGTH, self.body.len().into());
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
