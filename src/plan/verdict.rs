//! What `check` found out.

use std::error::Error;

use serde::Serialize;

use super::Finding;
use crate::model::{InstanceName, RoleName, SecretName, Strategy, VersionState};

/// The verdict over everything that was given to one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// One entry an instance.
    pub instances: Vec<InstanceVerdict>,
}

/// The verdict over one instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstanceVerdict {
    /// The instance; absent when only an admin URL says where.
    pub instance: Option<InstanceName>,
    /// A file of its policy: where a finding is shown that the policy does not speak of.
    pub file: Option<String>,
    /// What kept it from telling.
    pub errors: Vec<Failure>,
    /// What it found.
    pub findings: Vec<Finding>,
    /// The credentials as far as they show without reading a payload.
    pub credentials: Vec<Credential>,
}

/// A credential of the policy, as Secret Manager shows it. What does not exist or may not be seen is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Credential {
    /// The role.
    pub role: RoleName,
    /// How it is replaced.
    pub strategy: Strategy,
    /// The login in use.
    pub login: Option<RoleName>,
    /// The secret.
    pub secret: SecretName,
    /// The number of the version in use.
    pub version: Option<i64>,
    /// Whether that version may be accessed.
    pub state: Option<VersionState>,
    /// When it was published, RFC 3339.
    pub published: Option<String>,
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Everything is as the policy says.
    InSync,
    /// Something is not.
    Drift,
    /// It could not tell.
    Unknown,
}

impl InstanceVerdict {
    /// Unknown as soon as anything could not be looked at: no drift seen is then no proof.
    pub fn status(&self) -> Status {
        if !self.errors.is_empty() {
            Status::Unknown
        } else if self.findings.iter().any(Finding::is_drift) {
            Status::Drift
        } else {
            Status::InSync
        }
    }
}

impl Verdict {
    /// The worst of the instances'.
    pub fn status(&self) -> Status {
        self.instances
            .iter()
            .map(InstanceVerdict::status)
            .max()
            .unwrap_or(Status::InSync)
    }

    /// The findings of every instance.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.instances
            .iter()
            .flat_map(|instance| &instance.findings)
    }
}

/// An error as a person reads it: what failed, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What failed, then its causes, each once.
    pub causes: Vec<String>,
    /// One line of advice.
    pub hint: Option<String>,
}

impl Failure {
    /// The chain of `error`. Libraries repeat the source's text in their own: what the line before already says is left out.
    pub fn new(error: &dyn Error, hint: Option<String>) -> Self {
        let mut causes: Vec<String> = Vec::new();
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            if !causes.last().is_some_and(|last| last.contains(&text)) {
                causes.push(text);
            }
            next = error.source();
        }
        Self { causes, hint }
    }

    /// The causes in one line.
    pub fn message(&self) -> String {
        self.causes.join(": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Rule, Severity};

    fn verdict(findings: Vec<Finding>, errors: usize) -> InstanceVerdict {
        let error = Failure {
            causes: vec!["no".into()],
            hint: None,
        };
        InstanceVerdict {
            findings,
            errors: vec![error; errors],
            ..InstanceVerdict::default()
        }
    }

    #[test]
    fn only_an_error_that_nobody_accepted_is_drift() {
        let drift = Finding::new(Rule::GrantMissing, "m");
        let warning = Finding {
            severity: Severity::Warning,
            ..drift.clone()
        };
        let allowed = Finding {
            allowed: Some("because".into()),
            ..drift.clone()
        };
        assert_eq!(verdict(vec![warning, allowed], 0).status(), Status::InSync);
        assert_eq!(verdict(vec![drift], 0).status(), Status::Drift);
    }

    #[test]
    fn what_could_not_be_looked_at_outweighs_drift() {
        let drift = || Finding::new(Rule::GrantMissing, "m");
        assert_eq!(verdict(vec![drift()], 1).status(), Status::Unknown);
        let instances = vec![verdict(vec![drift()], 0), verdict(Vec::new(), 0)];
        assert_eq!(Verdict { instances }.status(), Status::Drift);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn a_cause_that_is_repeated_is_said_once() {
        let inner = Layer {
            text: "refused",
            source: None,
        };
        let middle = Layer {
            text: "connect: refused",
            source: Some(inner.into()),
        };
        let outer = Layer {
            text: "cannot reach the server",
            source: Some(middle.into()),
        };
        assert_eq!(
            Failure::new(&outer, None).message(),
            "cannot reach the server: connect: refused"
        );
    }
}
