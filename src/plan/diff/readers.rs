//! Who may read a credential.

use std::collections::BTreeMap;

use super::Diff;
use super::emit::{Reason, step};
use super::secrets::of_role;
use crate::model::{Binding, Reader, RoleName, Secret, SecretPolicy};
use crate::plan::{Change, Finding, Rule, Severity, gcloud};

/// The role that lets a member read payloads.
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";

/// Roles that include reading payloads. <https://cloud.google.com/secret-manager/docs/access-control>
const INCLUDES_ACCESS: [&str; 2] = ["roles/secretmanager.admin", "roles/owner"];

/// Members by the form in which two of them are the same.
type Members = BTreeMap<String, String>;

impl Diff<'_> {
    pub(super) fn readers(&mut self, role: &RoleName, wanted: &SecretPolicy, actual: Option<&Secret>) {
        self.readers_of(role, wanted, actual, self.options.prune);
    }

    /// `prune`: whoever is not declared goes.
    pub(super) fn readers_of(&mut self, role: &RoleName, wanted: &SecretPolicy, actual: Option<&Secret>, prune: bool) {
        let declared = self.declared(role, wanted);
        let bindings = match actual {
            None => Some(Vec::new()),
            Some(secret) => secret.bindings.clone(),
        };
        let Some(bindings) = bindings else {
            return self.hidden(role, wanted);
        };
        let (plain, conditional): (Vec<_>, Vec<_>) =
            bindings.iter().filter(|binding| binding.role == ACCESSOR).partition(|binding| binding.condition.is_none());
        let bound = members(plain.iter().flat_map(|binding| &binding.members));
        for (_, member) in declared.iter().filter(|(key, _)| !bound.contains_key(*key)) {
            let change = Change::Bind { secret: wanted.name.clone(), member: member.clone() };
            self.push(step(change, Rule::BindingMissing, Some(&wanted.origin)));
        }
        for (_, member) in bound.iter().filter(|(key, _)| !declared.contains_key(*key)) {
            let change = Change::Unbind { secret: wanted.name.clone(), member: member.clone() };
            let blocked =
                (!prune).then(|| Reason::decision("it is not declared", "declare it under `readers`, or use --prune"));
            self.push_or(step(change, Rule::BindingUnexpected, Some(&wanted.origin)), blocked);
        }
        for binding in bindings.iter().filter(|binding| INCLUDES_ACCESS.contains(&binding.role.as_str())) {
            self.powerful(wanted, binding);
        }
        for binding in conditional {
            self.conditional(wanted, binding, &declared);
        }
    }

    /// No drift is known of, and none is ruled out.
    fn hidden(&mut self, role: &RoleName, wanted: &SecretPolicy) {
        let message = format!("the IAM policy of {} cannot be read", wanted.name);
        let finding = Finding {
            object: Some(format!("secret {}", wanted.name)),
            severity: Severity::Warning,
            ..of_role(role, &wanted.origin, Rule::BindingMissing, message)
        };
        let reason = Reason::impossible(
            "this identity has no secretmanager.secrets.getIamPolicy on it",
            "grant it roles/secretmanager.admin on the secret",
        );
        self.withhold_findings(vec![finding], reason);
    }

    /// Whoever administers a secret can read it too: that may well be meant, and is said.
    fn powerful(&mut self, wanted: &SecretPolicy, binding: &Binding) {
        for member in &binding.members {
            self.note(Finding {
                severity: Severity::Warning,
                role: Some(member.clone()),
                object: Some(format!("secret {}", wanted.name)),
                origin: Some(wanted.origin.clone()),
                ..Finding::new(
                    Rule::BindingUnexpected,
                    format!("{member} may read {} as well: it holds {}", wanted.name, binding.role),
                )
            });
        }
    }

    /// Conditions are other people's: what is bound under one is reported and stays.
    fn conditional(&mut self, wanted: &SecretPolicy, binding: &Binding, declared: &Members) {
        let title = binding.condition.as_deref().unwrap_or_default();
        let undeclared = members(&binding.members).into_iter().filter(|(key, _)| !declared.contains_key(key));
        for (_, member) in undeclared.collect::<Vec<_>>() {
            let finding = Finding {
                role: Some(member.clone()),
                object: Some(format!("secret {}", wanted.name)),
                origin: Some(wanted.origin.clone()),
                ..Finding::new(
                    Rule::BindingUnexpected,
                    format!("{member} may read {} under the condition `{title}`", wanted.name),
                )
            };
            let flags = [("role", ACCESSOR), ("member", member.as_str())];
            let advice = format!("{} --all", gcloud::secret("remove-iam-policy-binding", &wanted.name, &flags));
            self.withhold_findings(
                vec![finding],
                Reason::decision("conditional bindings are left as they are", advice),
            );
        }
    }

    /// The IAM members that are to read the secret.
    fn declared(&mut self, role: &RoleName, wanted: &SecretPolicy) -> Members {
        let found: Vec<_> = wanted.readers.iter().filter_map(|reader| self.member(role, wanted, reader)).collect();
        members(&found)
    }

    fn member(&mut self, role: &RoleName, wanted: &SecretPolicy, reader: &Reader) -> Option<String> {
        let (resource, declared) = match reader {
            Reader::Member(member) => return Some(member.clone()),
            Reader::CloudRun { service_account, .. } => (reader.resource()?, service_account),
        };
        let account = |email: &String| format!("serviceAccount:{email}");
        let actual = self.state.cloud_run.get(&resource).and_then(Option::as_ref).map(|found| &found.service_account);
        let (message, reason) = match (declared, actual) {
            (Some(declared), Some(actual)) if !declared.eq_ignore_ascii_case(actual) => (
                format!("{resource} runs as {actual}, not as {declared}"),
                Reason::decision(
                    "only the declared account may read the secret",
                    "deploy it with the declared account, or change the policy",
                ),
            ),
            (None, None) => (
                format!("{resource} does not exist"),
                Reason::decision(
                    "nobody knows which account it will run as",
                    "add `service_account:` to the reader: it is bound before the job exists",
                ),
            ),
            (Some(declared), _) => return Some(account(declared)),
            (None, Some(actual)) => return Some(account(actual)),
        };
        let finding = Finding { object: Some(resource), ..of_role(role, &wanted.origin, Rule::JobReference, message) };
        self.withhold_findings(vec![finding], reason);
        declared.as_ref().map(account)
    }
}

/// IAM keeps e-mail addresses in lower case, however they were written; pool subjects keep their case.
/// <https://cloud.google.com/iam/docs/principal-identifiers>
fn members<'a>(listed: impl IntoIterator<Item = &'a String>) -> Members {
    let key = |member: &String| match member.split_once(':') {
        Some(("serviceAccount" | "user" | "group" | "domain", _)) => member.to_ascii_lowercase(),
        _ => member.clone(),
    };
    listed.into_iter().map(|member| (key(member), member.clone())).collect()
}
