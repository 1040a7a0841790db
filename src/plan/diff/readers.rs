//! Who may read a credential.

use super::Diff;
use super::emit::{Reason, step};
use super::secrets::of_role;
use crate::model::{Binding, PayloadAccess, Reader, RoleName, Secret, SecretPolicy};
use crate::plan::other_readers::{
    ACCESSOR, Members, OtherReader, kind, members, of, other_readers,
};
use crate::plan::{ApplyOption, Change, Finding, Rule, Severity, advice_about_readers, gcloud};

impl Diff<'_> {
    pub(super) fn readers(
        &mut self,
        role: &RoleName,
        wanted: &SecretPolicy,
        actual: Option<&Secret>,
    ) {
        self.readers_of(role, wanted, actual, self.options.prune);
    }

    /// `prune`: whoever is not declared goes.
    pub(super) fn readers_of(
        &mut self,
        role: &RoleName,
        wanted: &SecretPolicy,
        actual: Option<&Secret>,
        prune: bool,
    ) {
        let declared = self.declared(role, wanted);
        let bindings = match actual {
            None => Some(Vec::new()),
            Some(secret) => secret.bindings.clone(),
        };
        let Some(bindings) = bindings else {
            return self.hidden(role, wanted);
        };
        let (plain, conditional): (Vec<_>, Vec<_>) = bindings
            .iter()
            .filter(|binding| binding.role == ACCESSOR)
            .partition(|binding| binding.condition.is_none());
        let bound = members(plain.iter().flat_map(|binding| &binding.members));
        for (_, member) in declared.iter().filter(|(key, _)| !bound.contains_key(*key)) {
            let change = Change::Bind {
                secret: wanted.name.clone(),
                member: member.clone(),
            };
            self.push(step(change, Rule::BindingMissing, Some(&wanted.origin)));
        }
        for (_, member) in bound.iter().filter(|(key, _)| !declared.contains_key(*key)) {
            let change = Change::Unbind {
                secret: wanted.name.clone(),
                member: member.clone(),
            };
            let blocked = (!prune).then(|| {
                Reason::option(
                    ApplyOption::Prune,
                    "it is not declared",
                    "declare it under `readers`, or use ",
                )
            });
            self.push_or(
                step(change, Rule::BindingUnexpected, Some(&wanted.origin)),
                blocked,
            );
        }
        let others = bindings.iter().filter(|binding| binding.role != ACCESSOR);
        for binding in others.filter(|binding| binding.access != PayloadAccess::NotGranted) {
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

    /// Who administers a secret can read it too: that may well be meant, and is reported.
    fn powerful(&mut self, wanted: &SecretPolicy, binding: &Binding) {
        let Binding {
            role,
            members,
            condition,
            access,
        } = binding;
        let may = if *access == PayloadAccess::Unknown {
            "may be able to read"
        } else {
            "may read"
        };
        let unknown = if *access == PayloadAccess::Unknown {
            ", a role that cannot be looked up"
        } else {
            ""
        };
        let condition = condition
            .as_ref()
            .map(|title| format!(", under the condition `{title}`"))
            .unwrap_or_default();
        for member in members {
            let who = named(member);
            let message = format!(
                "{who} {may} {} as well: it holds {role}{unknown}{condition}",
                wanted.name
            );
            self.note(Finding {
                severity: Severity::Warning,
                origin: Some(wanted.origin.clone()),
                ..of(member, &wanted.name, message)
            });
        }
    }

    /// Why no first password is stored in the secret yet: undeclared members could read it. Those that `--prune` takes away are
    /// taken away before.
    pub(super) fn read_by_others(&self, wanted: &SecretPolicy) -> Option<Reason> {
        let bindings = self.state.secrets.get(&wanted.name)?.bindings.as_ref()?;
        let others = other_readers(
            self.policy,
            wanted,
            bindings,
            &self.state.cloud_run,
            self.options.today,
        );
        let left = others
            .iter()
            .filter(|one| !(self.options.prune && one.is_pruned()));
        let left: Vec<_> = left.map(OtherReader::to_string).collect();
        (!left.is_empty()).then(|| {
            Reason::decision(
                format!(
                    "undeclared members could read the password: {}",
                    left.join("; ")
                ),
                advice_about_readers(&wanted.name),
            )
        })
    }

    /// Conditions are other people's: what is bound under one is reported and stays.
    fn conditional(&mut self, wanted: &SecretPolicy, binding: &Binding, declared: &Members) {
        let title = binding.condition.as_deref().unwrap_or_default();
        let undeclared = members(&binding.members)
            .into_iter()
            .filter(|(key, _)| !declared.contains_key(key));
        for (_, member) in undeclared.collect::<Vec<_>>() {
            let message = format!(
                "{} may read {} under the condition `{title}`",
                named(&member),
                wanted.name
            );
            let finding = Finding {
                origin: Some(wanted.origin.clone()),
                ..of(&member, &wanted.name, message)
            };
            let flags = [("role", ACCESSOR), ("member", member.as_str())];
            let advice = format!(
                "{} --all",
                gcloud::secret("remove-iam-policy-binding", &wanted.name, &flags)
            );
            self.withhold_findings(
                vec![finding],
                Reason::decision("conditional bindings are left as they are", advice),
            );
        }
    }

    /// The IAM members that are to read the secret.
    fn declared(&mut self, role: &RoleName, wanted: &SecretPolicy) -> Members {
        let found: Vec<_> = wanted
            .readers
            .iter()
            .filter_map(|reader| self.member(role, wanted, reader))
            .collect();
        members(&found)
    }

    fn member(
        &mut self,
        role: &RoleName,
        wanted: &SecretPolicy,
        reader: &Reader,
    ) -> Option<String> {
        let (resource, declared) = match reader {
            Reader::Member(member) => return Some(member.clone()),
            Reader::CloudRun {
                service_account, ..
            } => (reader.resource()?, service_account),
        };
        let account = |email: &String| format!("serviceAccount:{email}");
        let actual = self
            .state
            .cloud_run
            .get(&resource)
            .and_then(Option::as_ref)
            .map(|found| &found.service_account);
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
        let finding = Finding {
            object: Some(resource),
            ..of_role(role, &wanted.origin, Rule::JobReference, message)
        };
        self.withhold_findings(vec![finding], reason);
        declared.as_ref().map(account)
    }
}

/// A member with what it stands for.
fn named(member: &str) -> String {
    kind(member).map_or_else(|| member.to_owned(), |kind| format!("{member} ({kind})"))
}
