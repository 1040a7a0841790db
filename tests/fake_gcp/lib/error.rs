//! Errors in the form and words of Google's REST front end.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// What every method answers: the JSON of the resource, or Google's error.
pub type Answer = Result<Value, ApiError>;

/// The canonical codes this fake answers with, <https://cloud.google.com/apis/design/errors>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Aborted,
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
}

impl Code {
    /// The HTTP status that goes with the code; `FAILED_PRECONDITION` is 400, not 412.
    fn http(self) -> StatusCode {
        match self {
            Code::Aborted | Code::AlreadyExists => StatusCode::CONFLICT,
            Code::FailedPrecondition | Code::InvalidArgument => StatusCode::BAD_REQUEST,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Code::Aborted => "ABORTED",
            Code::AlreadyExists => "ALREADY_EXISTS",
            Code::FailedPrecondition => "FAILED_PRECONDITION",
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::NotFound => "NOT_FOUND",
            Code::PermissionDenied => "PERMISSION_DENIED",
        }
    }
}

/// An error as a Google API answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    pub code: Code,
    pub message: String,
    details: Vec<Value>,
}

impl ApiError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub fn precondition(message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// A request that does not fit the method's message, with the `BadRequest` detail that names the field.
    pub fn malformed(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut violation = json!({ "description": message });
        if !field.is_empty() {
            violation["field"] = json!(field);
        }
        Self {
            code: Code::InvalidArgument,
            details: vec![json!({
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [violation],
            })],
            message,
        }
    }

    pub fn http(&self) -> StatusCode {
        self.code.http()
    }

    pub fn body(&self) -> Value {
        let mut error = json!({
            "code": self.http().as_u16(),
            "message": self.message,
            "status": self.code.word(),
        });
        if !self.details.is_empty() {
            error["details"] = json!(self.details);
        }
        json!({ "error": error })
    }
}
