//! Cloud Run accepts a change first, and brings it to work by an operation. One that names a secret which its account cannot
//! read is accepted, too: then the operation fails.
//! <https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.operations>

use std::time::Duration;

use serde::Deserialize;

use super::roll::request;
use super::{Call, Google, GoogleError, Operation, Status};

/// How often an operation is asked whether it is done.
const INTERVAL: Duration = Duration::from_secs(1);

/// A new revision pulls an image and starts: after this its end is not waited for any more.
const PATIENCE: u32 = 300;

/// A change on its way.
#[derive(Deserialize)]
pub(super) struct Running {
    #[serde(default)]
    name: String,
    #[serde(default)]
    done: bool,
    error: Option<Failure>,
}

/// `google.rpc.Status`
#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

/// By their numbers, <https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto>.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Google {
    /// Waits until the operation that `call` began is done.
    ///
    /// # Errors
    /// [`GoogleError::Failed`]; an operation that has no name or does not end; unreachable.
    pub(super) async fn done(&self, call: Call, mut operation: Running) -> Result<(), GoogleError> {
        let malformed = |reason| GoogleError::Malformed {
            call: call.clone(),
            reason,
        };
        for _ in 0..PATIENCE {
            if operation.done {
                return operation.result(&call);
            }
            if operation.name.is_empty() {
                return Err(malformed("the operation has no name"));
            }
            tokio::time::sleep(INTERVAL).await;
            operation = self
                .http
                .json(&request(Operation::GetOperation, &operation.name))
                .await?;
        }
        Err(malformed("the update does not end"))
    }
}

impl Running {
    fn result(self, call: &Call) -> Result<(), GoogleError> {
        match self.error {
            None => Ok(()),
            Some(failure) => Err(GoogleError::Failed {
                call: call.clone(),
                status: Box::new(failure.status()),
            }),
        }
    }
}

impl Failure {
    fn status(self) -> Status {
        let code = usize::try_from(self.code)
            .ok()
            .and_then(|code| CODES.get(code))
            .unwrap_or(&"UNKNOWN");
        Status {
            http: 200,
            code: (*code).to_owned(),
            message: one_line(&self.message),
            reason: None,
            subject: None,
            retry_after: None,
        }
    }
}

/// Cloud Run gives a line to each secret that cannot be read.
pub(super) fn one_line(message: &str) -> String {
    message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(answer: &str) -> Result<(), GoogleError> {
        let call = Call {
            operation: Operation::UpdateJob,
            project: "p".into(),
            object: "j".into(),
        };
        let running: Running = serde_json::from_str(answer).unwrap();
        assert!(running.done);
        running.result(&call)
    }

    #[test]
    fn an_operation_that_is_done_has_succeeded_or_says_why_not() {
        assert!(ended(r#"{"name": "o", "done": true, "response": {}}"#).is_ok());
        for (code, word) in [
            (13, "INTERNAL"),
            (9, "FAILED_PRECONDITION"),
            (99, "UNKNOWN"),
            (-1, "UNKNOWN"),
        ] {
            let error = format!(r#"{{"code": {code}, "message": "a: x\n b: y\n"}}"#);
            let Err(GoogleError::Failed { status, .. }) = ended(&format!(
                r#"{{"name": "o", "done": true, "error": {error}}}"#
            )) else {
                panic!("{code} is no success")
            };
            assert_eq!(status.to_string(), format!("a: x; b: y ({word})"));
        }
    }
}
