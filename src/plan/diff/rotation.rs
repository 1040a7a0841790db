//! Credentials in the course of time: what rotation would have to do, and what nobody did here. `apply` mends none of it.

use jiff::SignedDuration;

use super::Diff;
use super::secrets::of_role;
use crate::model::{Reader, RoleName, RolePolicy, Secret, SecretPolicy, Version, VersionState};
use crate::plan::{Finding, Rule, Severity};
use crate::rotation::{Ledger, Reference};

impl Diff<'_> {
    /// Judges a published credential of ours.
    pub(super) fn rotation(
        &mut self,
        name: &RoleName,
        role: &RolePolicy,
        wanted: &SecretPolicy,
        secret: &Secret,
        ledger: &Ledger,
    ) {
        let under_way = ledger.pending.is_some() || ledger.previous().is_some();
        if !under_way {
            self.age(name, role, wanted, ledger);
            self.sprawl(name, wanted, secret);
        }
        let newer = secret
            .latest()
            .filter(|latest| ledger.pending.is_none() && Some(latest.number) > ledger.current());
        if let Some(latest) = newer {
            self.foreign(name, wanted, secret, latest);
        }
        self.references(name, wanted, secret, under_way);
    }

    fn age(&mut self, name: &RoleName, role: &RolePolicy, wanted: &SecretPolicy, ledger: &Ledger) {
        // Published by the server's clock, judged by it: that of this machine does not count.
        let now = self.state.server.now;
        let (Some(every), Some(published), Some(now)) =
            (role.rotation.every, ledger.published, now)
        else {
            return;
        };
        let limit = published.checked_add(SignedDuration::from_secs(
            every.saturating_add(role.rotation.grace),
        ));
        if limit.is_ok_and(|limit| now > limit) {
            let message = format!(
                "the credential of {name} is from {published}, and was to be replaced before now"
            );
            self.note_secret(
                name,
                wanted,
                Rule::SecretAge,
                Severity::Error,
                message,
                self.run("rotate", name),
            );
        }
    }

    fn sprawl(&mut self, name: &RoleName, wanted: &SecretPolicy, secret: &Secret) {
        // What `versionDestroyTtl` keeps for a while is on its way out.
        let stays =
            |version: &&Version| version.state != VersionState::Destroyed && !version.doomed;
        let billed = secret.versions.iter().filter(stays).count();
        if billed > wanted.keep as usize {
            let message = format!(
                "{} has {billed} billed versions, {} are to be kept",
                wanted.name, wanted.keep
            );
            let message = format!("{message}: rotate destroys those that it stored");
            let fix = self.run("rotate", name);
            self.note_secret(
                name,
                wanted,
                Rule::SecretSprawl,
                Severity::Warning,
                message,
                fix,
            );
        }
    }

    /// Whoever asks for `latest` gets another version than the one in use.
    fn foreign(
        &mut self,
        name: &RoleName,
        wanted: &SecretPolicy,
        secret: &Secret,
        latest: &Version,
    ) {
        let current = secret
            .current()
            .map(|current| current.number)
            .unwrap_or_default();
        let message = format!(
            "version {} of {} is newer than version {current}, which is in use: `latest` is not `current`",
            latest.number, wanted.name
        );
        let fix = format!(
            "{}, if a run of it left that version or it is destroyed by now; else let `current` name it and apply",
            self.run("rotate", name)
        );
        self.note_secret(
            name,
            wanted,
            Rule::SecretForeign,
            Severity::Error,
            message,
            fix,
        );
    }

    fn references(
        &mut self,
        name: &RoleName,
        wanted: &SecretPolicy,
        secret: &Secret,
        under_way: bool,
    ) {
        let state = self.state;
        for resource in wanted.readers.iter().filter_map(Reader::resource) {
            let Some(Some(found)) = state.cloud_run.get(&resource) else {
                continue;
            };
            let project = resource.split('/').nth(1).unwrap_or_default();
            let versions: Vec<_> = found
                .secrets
                .iter()
                .filter(|(named, _)| wanted.name.may_be_meant(named, project))
                .collect();
            let is_namesake =
                |named: &str| named.rsplit('/').next() == Some(wanted.name.id.as_str());
            let namesake = found.secrets.iter().find(|(named, _)| is_namesake(named));
            if let Some((named, _)) = namesake.filter(|_| versions.is_empty()) {
                self.namesake(name, wanted, &resource, named);
            }
            for (_, version) in &versions {
                self.reference(
                    name,
                    wanted,
                    secret,
                    &resource,
                    &Reference::parse(version),
                    under_way,
                );
            }
            if let Some(words) = found.failure.as_ref().filter(|_| !versions.is_empty()) {
                self.unready(name, wanted, &resource, words);
            }
        }
    }

    /// A bare id is a secret of the project that the job or service runs in: here of another one than the credential is in.
    fn namesake(&mut self, name: &RoleName, wanted: &SecretPolicy, resource: &str, named: &str) {
        let message = format!(
            "{resource} names the secret `{named}`, which is one of another project than {}: it does not get this credential",
            wanted.name
        );
        let finding = Finding {
            object: Some(resource.to_owned()),
            severity: Severity::Warning,
            fix: Some(format!(
                "name {} in it in full, and deploy it again",
                wanted.name
            )),
            ..of_role(name, &wanted.origin, Rule::JobReference, message)
        };
        self.note(finding);
    }

    /// Cloud Run checks access when something is deployed, and not again when it is granted.
    fn unready(&mut self, name: &RoleName, wanted: &SecretPolicy, resource: &str, words: &str) {
        let message =
            format!("{resource} could not read its secrets when it was deployed last: {words}");
        let finding = Finding {
            object: Some(resource.to_owned()),
            severity: Severity::Warning,
            fix: Some(format!(
                "{}, then deploy it again, a service as a new revision: Cloud Run checks access only then",
                self.policy.given.command("apply", &[])
            )),
            ..of_role(name, &wanted.origin, Rule::JobReference, message)
        };
        self.note(finding);
    }

    fn reference(
        &mut self,
        name: &RoleName,
        wanted: &SecretPolicy,
        secret: &Secret,
        resource: &str,
        reference: &Reference,
        under_way: bool,
    ) {
        let current = secret.current().map(|current| current.number);
        let (number, what) = match reference {
            Reference::Latest => (
                secret.latest().map(|latest| latest.number),
                "`latest`".to_owned(),
            ),
            Reference::Alias(alias) => (
                secret.aliases.get(alias).copied(),
                format!("the alias `{alias}`"),
            ),
            Reference::Pinned(number) => (Some(*number), format!("version {number}")),
        };
        let version = number.and_then(|number| {
            secret
                .versions
                .iter()
                .find(|version| version.number == number)
        });
        let readable = version.is_some_and(|version| version.state == VersionState::Enabled);
        let severity = match reference {
            _ if !readable => Severity::Error,
            Reference::Latest if number != current && !under_way => Severity::Error,
            Reference::Pinned(_) if number != current && !under_way => Severity::Warning,
            _ => return,
        };
        let message = format!(
            "{resource} refers to {what} of {}, which is not the version in use",
            wanted.name
        );
        let fix = match reference {
            Reference::Pinned(_) => self.policy.given.command_for("rotate", name, &["--roll"]),
            Reference::Latest | Reference::Alias(_) => {
                "see to it that it leads to the version in use, or name `current`".into()
            }
        };
        let finding = Finding {
            object: Some(resource.to_owned()),
            severity,
            fix: Some(fix),
            ..of_role(name, &wanted.origin, Rule::JobReference, message)
        };
        self.note(finding);
    }

    /// A command for the credential of one role.
    fn run(&self, verb: &str, role: &RoleName) -> String {
        self.policy.given.command_for(verb, role, &[])
    }

    fn note_secret(
        &mut self,
        name: &RoleName,
        wanted: &SecretPolicy,
        rule: Rule,
        severity: Severity,
        message: String,
        fix: String,
    ) {
        let object = Some(format!("secret {}", wanted.name));
        self.note(Finding {
            object,
            severity,
            fix: Some(fix),
            ..of_role(name, &wanted.origin, rule, message)
        });
    }
}
