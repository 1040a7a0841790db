//! What can go wrong between here and Google, with Google's own words kept.

use std::error::Error;
use std::time::Duration;

use super::{Call, Endpoint, Operation};

type Source = Box<dyn Error + Send + Sync>;

/// Why a call to Google failed. No variant ever holds a payload.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoogleError {
    /// The text given as endpoint is none.
    #[error("cannot use that Google endpoint: {reason}")]
    Endpoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Calls to this machine would leave it.
    #[error(
        "calls to `{endpoint}` would go through a proxy, which cannot reach this machine's loopback address"
    )]
    Proxied {
        /// Where they were to go.
        endpoint: Endpoint,
    },
    /// There are no credentials on this machine.
    #[error(
        "no usable Google credentials in the file that `GOOGLE_APPLICATION_CREDENTIALS` names, \
         `~/.config/gcloud/application_default_credentials.json` or the metadata server, in this order"
    )]
    Credentials {
        /// What the last of them answered.
        source: Source,
    },
    /// The HTTP client could not be set up: no trusted certificates on this machine.
    #[error("cannot set up TLS")]
    Tls {
        /// What is missing.
        source: Source,
    },
    /// Google said no.
    #[error("cannot {call}")]
    Refused {
        /// What was called.
        call: Call,
        /// Google's answer.
        #[source]
        status: Box<Status>,
    },
    /// Google would say no: it was asked before anything was tried.
    #[error("this identity may not {call}: it lacks `{}`", .call.operation.permission())]
    Forbidden {
        /// What was to be called.
        call: Call,
    },
    /// Google accepted the change, and it did not work out: it is there, and not ready.
    #[error("cannot {call}: the change was accepted, and its operation failed")]
    Failed {
        /// What was called.
        call: Call,
        /// Why the operation failed, in Google's words.
        #[source]
        status: Box<Status>,
    },
    /// No answer.
    #[error("cannot {call}")]
    Unreachable {
        /// What was called.
        call: Call,
        /// Whether the request may have arrived.
        sent: bool,
        /// What happened on the way.
        source: Source,
    },
    /// An answer that is not of the documented form.
    #[error("cannot {call}: {reason}")]
    Malformed {
        /// What was called.
        call: Call,
        /// What is odd about the answer.
        reason: &'static str,
    },
    /// What was written is not what is read back.
    #[error("cannot {call}: the change does not show when read back")]
    Unconfirmed {
        /// What was called.
        call: Call,
    },
}

/// Google's answer to a call it refused. <https://cloud.google.com/apis/design/errors>
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Status {
    /// Of the HTTP response.
    pub http: u16,
    /// The canonical code, `NOT_FOUND` for example; `HTTP 502` where something else than the API answered.
    pub code: String,
    /// Google's own words.
    pub message: String,
    /// `reason` of the `ErrorInfo`, `SERVICE_DISABLED` for example.
    pub reason: Option<String>,
    /// The permission or service that the `ErrorInfo` names.
    pub subject: Option<String>,
    /// How long to wait, as asked for.
    pub retry_after: Option<Duration>,
}

impl GoogleError {
    /// Google's answer, where it was one.
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Refused { status, .. } => Some(status),
            _ => None,
        }
    }

    /// What was called.
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::Refused { call, .. }
            | Self::Failed { call, .. }
            | Self::Forbidden { call }
            | Self::Unreachable { call, .. }
            | Self::Malformed { call, .. }
            | Self::Unconfirmed { call } => Some(call),
            Self::Endpoint { .. }
            | Self::Proxied { .. }
            | Self::Credentials { .. }
            | Self::Tls { .. } => None,
        }
    }

    /// The object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.has_code("NOT_FOUND")
    }

    /// The object exists already.
    pub fn is_already_exists(&self) -> bool {
        self.has_code("ALREADY_EXISTS")
    }

    /// This identity may not.
    pub fn is_permission_denied(&self) -> bool {
        self.has_code("PERMISSION_DENIED")
    }

    /// The object has changed since it was read. The etag of a secret and of a version is refused with
    /// `FAILED_PRECONDITION`, that of a policy with `ABORTED`.
    pub fn is_stale(&self) -> bool {
        let updates = self.call().is_some_and(|call| call.operation.sends_etag());
        self.has_code("ABORTED") || (updates && self.is_failed_precondition())
    }

    /// The state of the object does not allow it.
    pub fn is_failed_precondition(&self) -> bool {
        self.has_code("FAILED_PRECONDITION")
    }

    /// A change whose outcome is unknown: check it before trying again.
    pub fn is_ambiguous(&self) -> bool {
        self.call().is_some_and(|call| call.operation.changes())
            && match self {
                Self::Refused { status, .. } => status.leaves_it_open(),
                Self::Unreachable { sent, .. } => *sent,
                Self::Malformed { .. } => true,
                _ => false,
            }
    }

    /// Whether another attempt may succeed and, if the first did go through, does no harm.
    pub(super) fn may_retry(&self) -> bool {
        match self {
            // Rejected before it was processed.
            Self::Refused { status, .. } if status.http == 429 => true,
            Self::Refused { call, status } => status.leaves_it_open() && !call.operation.changes(),
            Self::Unreachable { call, sent, .. } => !sent || !call.operation.changes(),
            _ => false,
        }
    }

    /// How to mend it, in one line.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Credentials { .. } => Some(
                "run `gcloud auth application-default login`, or name a key or federation file in \
                 `GOOGLE_APPLICATION_CREDENTIALS`"
                    .into(),
            ),
            Self::Proxied { endpoint } => Some(format!("add `{}` to `NO_PROXY`", endpoint.host())),
            Self::Tls { .. } => Some("install the `ca-certificates` package".into()),
            Self::Refused { call, status } => refusal_hint(call, status),
            Self::Forbidden { call } => Some(grant(call, call.operation.permission())),
            Self::Failed { .. } => Some(
                "fix what Google names and deploy it again: a new grant can take minutes to reach Cloud Run".into(),
            ),
            Self::Unreachable { .. } => Some("check the network, the proxy variables and `--google-endpoint`".into()),
            Self::Endpoint { .. } | Self::Malformed { .. } | Self::Unconfirmed { .. } => None,
        }
    }

    fn has_code(&self, code: &str) -> bool {
        self.status().is_some_and(|status| status.code == code)
    }
}

impl Status {
    /// Whether the request may have been carried out nevertheless.
    fn leaves_it_open(&self) -> bool {
        matches!(self.http, 408 | 499 | 500..)
    }
}

fn refusal_hint(call: &Call, status: &Status) -> Option<String> {
    let project = &call.project;
    let operation = call.operation;
    if (300..400).contains(&status.http) {
        return Some(
            "redirects are not followed: name the final address with `--google-endpoint`".into(),
        );
    }
    match (status.code.as_str(), status.reason.as_deref()) {
        (_, Some("SERVICE_DISABLED")) => {
            let service = status
                .subject
                .as_deref()
                .unwrap_or("secretmanager.googleapis.com");
            Some(format!(
                "enable the API: `gcloud services enable {service} --project={project}`"
            ))
        }
        ("PERMISSION_DENIED", _) => Some(grant(
            call,
            status.subject.as_deref().unwrap_or(operation.permission()),
        )),
        ("UNAUTHENTICATED", _) => {
            Some("log in again: `gcloud auth application-default login`".into())
        }
        ("RESOURCE_EXHAUSTED", _) => {
            Some("the quota is used up: wait a minute and run it again".into())
        }
        ("INVALID_ARGUMENT", _) if operation == Operation::SetPolicy => {
            Some("every reader must exist: create the service account first".into())
        }
        _ => None,
    }
}

fn grant(call: &Call, permission: &str) -> String {
    let Call {
        operation, project, ..
    } = call;
    let role = operation.role();
    format!(
        "grant `{permission}`: `gcloud projects add-iam-policy-binding {project} --member=MEMBER --role={role}`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(operation: Operation, http: u16, code: &str, reason: Option<&str>) -> GoogleError {
        let status = Status {
            http,
            code: code.into(),
            message: "no".into(),
            reason: reason.map(Into::into),
            subject: None,
            retry_after: None,
        };
        let call = Call {
            operation,
            project: "p".into(),
            object: "projects/p/secrets/s".into(),
        };
        GoogleError::Refused {
            call,
            status: Box::new(status),
        }
    }

    #[test]
    fn the_text_names_operation_and_object_and_leaves_the_words_to_the_source() {
        let error = refused(Operation::GetSecret, 404, "NOT_FOUND", None);
        assert_eq!(
            error.to_string(),
            "cannot read secret `projects/p/secrets/s`"
        );
        assert_eq!(error.source().unwrap().to_string(), "no (NOT_FOUND)");
    }

    #[test]
    fn a_failed_precondition_is_a_stale_etag_only_where_one_was_sent() {
        assert!(refused(Operation::UpdateSecret, 400, "FAILED_PRECONDITION", None).is_stale());
        assert!(refused(Operation::DisableVersion, 400, "FAILED_PRECONDITION", None).is_stale());
        assert!(!refused(Operation::AccessVersion, 400, "FAILED_PRECONDITION", None).is_stale());
        assert!(refused(Operation::SetPolicy, 409, "ABORTED", None).is_stale());
        assert!(!refused(Operation::CreateSecret, 409, "ALREADY_EXISTS", None).is_stale());
    }

    #[test]
    fn only_reads_are_tried_again_after_a_server_error() {
        let added = refused(Operation::AddVersion, 503, "UNAVAILABLE", None);
        assert!(added.is_ambiguous() && !added.may_retry());
        let read = refused(Operation::GetSecret, 503, "UNAVAILABLE", None);
        assert!(!read.is_ambiguous() && read.may_retry());
        let limited = refused(Operation::AddVersion, 429, "RESOURCE_EXHAUSTED", None);
        assert!(!limited.is_ambiguous() && limited.may_retry());
        let wrong = refused(Operation::AddVersion, 400, "INVALID_ARGUMENT", None);
        assert!(!wrong.is_ambiguous() && !wrong.may_retry());
    }

    #[test]
    fn a_request_that_never_left_is_tried_again_whatever_it_was() {
        let unreachable = |sent| GoogleError::Unreachable {
            call: Call {
                operation: Operation::AddVersion,
                project: "p".into(),
                object: "s".into(),
            },
            sent,
            source: "gone".into(),
        };
        assert!(unreachable(false).may_retry() && !unreachable(false).is_ambiguous());
        assert!(!unreachable(true).may_retry() && unreachable(true).is_ambiguous());
    }

    #[test]
    fn a_change_that_failed_was_made_and_is_not_tried_again() {
        let status = Status {
            http: 200,
            code: "INTERNAL".into(),
            message: "denied".into(),
            reason: None,
            subject: None,
            retry_after: None,
        };
        let call = Call {
            operation: Operation::UpdateJob,
            project: "p".into(),
            object: "j".into(),
        };
        let failed = GoogleError::Failed {
            call,
            status: Box::new(status),
        };
        assert!(!failed.is_ambiguous() && !failed.may_retry() && failed.status().is_none());
        assert_eq!(
            failed.to_string(),
            "cannot update Cloud Run job `j`: the change was accepted, and its operation failed"
        );
        assert_eq!(failed.source().unwrap().to_string(), "denied (INTERNAL)");
        assert!(failed.hint().unwrap().contains("deploy it again"));
    }

    #[test]
    fn hints_name_the_role_or_the_api() {
        let denied = refused(
            Operation::AddVersion,
            403,
            "PERMISSION_DENIED",
            Some("IAM_PERMISSION_DENIED"),
        );
        assert_eq!(
            denied.hint().unwrap(),
            "grant `secretmanager.versions.add`: `gcloud projects add-iam-policy-binding p --member=MEMBER \
             --role=roles/secretmanager.secretVersionAdder`"
        );
        let disabled = refused(
            Operation::GetSecret,
            403,
            "PERMISSION_DENIED",
            Some("SERVICE_DISABLED"),
        );
        assert_eq!(
            disabled.hint().unwrap(),
            "enable the API: `gcloud services enable secretmanager.googleapis.com --project=p`"
        );
    }
}
