//! The verdict.

use serde::Serialize;

use super::{Place, VERSION, document};
use crate::model::{DatabaseName, InstanceName};
use crate::plan::{Credential, Failure, Finding, Plane, Rule, Severity, Status, Verdict};

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    status: Status,
    errors: Vec<ErrorEntry<'a>>,
    findings: Vec<FindingEntry<'a>>,
    credentials: Vec<CredentialEntry<'a>>,
}

/// An error with the instance it kept from being looked at.
#[derive(Serialize)]
pub(super) struct ErrorEntry<'a> {
    instance: Option<&'a InstanceName>,
    message: String,
    hint: Option<&'a str>,
}

impl<'a> ErrorEntry<'a> {
    pub(super) fn of(instance: Option<&'a InstanceName>, failure: &'a Failure) -> Self {
        Self {
            instance,
            message: failure.message(),
            hint: failure.hint.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct CredentialEntry<'a> {
    instance: Option<&'a InstanceName>,
    #[serde(flatten)]
    credential: &'a Credential,
}

/// A finding; the order of its keys is the documented one.
#[derive(Serialize)]
pub(super) struct FindingEntry<'a> {
    rule: Rule,
    severity: Severity,
    instance: Option<&'a InstanceName>,
    database: Option<&'a DatabaseName>,
    plane: Plane,
    role: Option<&'a str>,
    object: Option<&'a str>,
    privilege: Option<&'a str>,
    path: Option<&'a [String]>,
    message: &'a str,
    fix: Option<&'a str>,
    #[serde(flatten)]
    place: Place<'a>,
    fingerprint: String,
    allowed: bool,
}

impl<'a> FindingEntry<'a> {
    pub(super) fn of(finding: &'a Finding) -> Self {
        Self {
            rule: finding.rule,
            severity: finding.severity,
            instance: finding.instance.as_ref(),
            database: finding.database.as_ref(),
            plane: finding.rule.plane(),
            role: finding.role.as_deref(),
            object: finding.object.as_deref(),
            privilege: finding.privilege.as_deref(),
            path: (!finding.path.is_empty()).then_some(finding.path.as_slice()),
            message: &finding.message,
            fix: finding.fix.as_deref(),
            place: Place::of(finding.origin.as_ref()),
            fingerprint: finding.fingerprint(),
            allowed: finding.allowed.is_some(),
        }
    }
}

/// The verdict over all instances, in one document.
pub(in crate::output) fn check(verdict: &Verdict) -> String {
    document(&entries(verdict))
}

/// The keys of the document.
pub(super) fn entries(verdict: &Verdict) -> impl Serialize + '_ {
    let instances = &verdict.instances;
    Document {
        version: VERSION,
        status: verdict.status(),
        errors: instances
            .iter()
            .flat_map(|one| {
                one.errors
                    .iter()
                    .map(|failure| ErrorEntry::of(one.instance.as_ref(), failure))
            })
            .collect(),
        findings: verdict.findings().map(FindingEntry::of).collect(),
        credentials: instances
            .iter()
            .flat_map(|one| {
                one.credentials.iter().map(|credential| CredentialEntry {
                    instance: one.instance.as_ref(),
                    credential,
                })
            })
            .collect(),
    }
}
