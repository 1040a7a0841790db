//! What a step says as findings: one per object and privilege, each with the statement that mends it.

use std::collections::{BTreeSet, HashMap};

use super::reach::Reach;
use super::sentence::{labelled, numbered};
use super::{
    Attribute, Change, Extent, Finding, Objects, Plan, Rule, Severity, Step, Withheld, fix, gcloud,
    path,
};
use crate::model::{DatabaseName, Grantee, Object, Privileges, RoleName, State};

impl Plan {
    /// Everything the plan for `state` knows of: the drift its steps mend, the drift it leaves, and what is no drift. What
    /// this admin cannot mend at all says why, and who could. What keeps logins from their passwords comes first.
    pub fn findings(&self, state: &State) -> Vec<Finding> {
        let reach = Reach::new(state);
        let grants = GrantsOfOwners::of(&self.steps);
        let with_grants = |step: &Step| {
            of_step_with(self, step, reach.as_ref(), &|object| {
                grants.with_owner(step, object)
            })
        };
        let gone = self.gone_logins();
        // Made without its password it would be another finding.
        let is_another = |step: &&Step| !matches!(&step.change, Change::CreateRole { role, .. } if gone.contains(role));
        let steps = self.steps.iter().filter(is_another);
        let mut all: Vec<Finding> = steps.flat_map(with_grants).collect();
        all.extend(self.withheld.iter().flat_map(Withheld::explained));
        all.extend(self.notes.iter().cloned());
        self.iam_only
            .iter()
            .rev()
            .for_each(|one| one.brought_forward(&mut all));
        all
    }

    /// Logins that do not exist, and that are made again with a stored password.
    fn gone_logins(&self) -> BTreeSet<&RoleName> {
        let gone = self.steps.iter().filter_map(|step| match &step.change {
            Change::Credential { login, .. } if step.rule == Rule::RoleMissing => {
                Some(login.name())
            }
            _ => None,
        });
        gone.collect()
    }

    /// Whether everything that `step` mends was left by this plan.
    pub fn left(&self, step: &Step) -> bool {
        let left: BTreeSet<_> = self
            .withheld
            .iter()
            .flat_map(|withheld| &withheld.findings)
            .map(Finding::fingerprint)
            .collect();
        of_withheld(self, step)
            .iter()
            .all(|finding| left.contains(&finding.fingerprint()))
    }
}

impl Withheld {
    /// The findings, each with the reason where nothing that could be typed mends it.
    fn explained(&self) -> impl Iterator<Item = Finding> {
        let Self {
            findings,
            reason,
            advice,
            ..
        } = self;
        findings.iter().cloned().map(move |one| match one.fix {
            Some(_) => one,
            None => Finding {
                message: format!("{}: {reason}; {advice}", one.message),
                ..one
            },
        })
    }
}

/// The run that makes a change. Whether what others stored logs in, and is adopted, shows then only.
fn run_again(plan: &Plan, change: &Change) -> String {
    let apply = plan.given.command("apply", &[]);
    match change {
        Change::Credential {
            source: super::CredentialSource::Adopt,
            secret,
            ..
        } => format!(
            "{apply} # adopts it if it logs in; otherwise store what does, and run it again: {}",
            gcloud::add_version(secret)
        ),
        _ => apply,
    }
}

/// The findings of a step that is not taken: without the statement that makes the change, which is what is withheld.
pub(super) fn of_withheld(plan: &Plan, step: &Step) -> Vec<Finding> {
    of_step_with(plan, step, None, &|_| Vec::new())
}

/// The findings of a step that no plan takes, with the statements that make its change.
pub(super) fn of_proposed(plan: &Plan, step: &Step, reach: &Reach<'_>) -> Vec<Finding> {
    of_step_with(plan, step, Some(reach), &|_| Vec::new())
}

/// What is granted on the objects that get another owner, by object.
struct GrantsOfOwners<'p>(HashMap<&'p Object, Vec<&'p Change>>);

impl<'p> GrantsOfOwners<'p> {
    fn of(steps: &'p [Step]) -> Self {
        let moved = steps.iter().filter_map(|step| match &step.change {
            Change::ChangeOwner { objects, .. } => Some(objects),
            _ => None,
        });
        let mut given: HashMap<&Object, Vec<&Change>> = moved
            .flat_map(|objects| objects.iter())
            .map(|object| (object, Vec::new()))
            .collect();
        for step in if given.is_empty() { &[] } else { steps } {
            let Change::Grant { objects, .. } = &step.change else {
                continue;
            };
            for object in objects.iter() {
                if let Some(all) = given.get_mut(object) {
                    all.push(&step.change);
                }
            }
        }
        Self(given)
    }

    /// The grants that the new owner makes on `object`.
    fn with_owner(&self, step: &Step, object: &Object) -> Vec<Change> {
        let Change::ChangeOwner { to, .. } = &step.change else {
            return Vec::new();
        };
        let by_it =
            |change: &&&Change| matches!(change, Change::Grant { owner, .. } if owner == to);
        let all = self.0.get(object).into_iter().flatten().filter(by_it);
        all.map(|change| change.with_objects([object.clone()].into()))
            .collect()
    }
}

fn of_step_with(
    plan: &Plan,
    step: &Step,
    reach: Option<&Reach<'_>>,
    brings: &dyn Fn(&Object) -> Vec<Change>,
) -> Vec<Finding> {
    let finding = |base: &Finding, change: &Change, role, object, message| Finding {
        fix: reach.and_then(|reach| match step.by_run || fix::needs_a_run(change) {
            true => Some(run_again(plan, change)),
            false => fix::fix(change, reach),
        }),
        ..about(base, change, role, object, message)
    };
    let base = Finding {
        instance: plan.instance.clone(),
        path: path::of_step(step),
        origin: step.origin.clone(),
        ..Finding::new(step.rule, step.change.to_string())
    };
    match &step.change {
        Change::Grant {
            objects,
            grantee,
            privileges,
            ..
        }
        | Change::Revoke {
            objects,
            grantee,
            privileges,
            ..
        } => each(objects, *privileges, |object, privilege| {
            let change = step.change.narrowed(object, privilege);
            let message = privilege_message(step, grantee, object, privilege);
            let base = Finding {
                path: path::of_privilege(step, object, privilege),
                ..base.clone()
            };
            finding(
                &base,
                &change,
                grantee.to_string(),
                Some(object.to_string()),
                message,
            )
        }),
        Change::ChangeOwner { objects, from, .. } => {
            let losers = reach.map(|reach| reach.losers(from)).unwrap_or_default();
            let of_object = |object: &Object| {
                let change = step.change.narrowed(object, Privileges::NONE);
                let fix = reach.and_then(|reach| {
                    match step.by_run || reach.moves_sequences(from, &change) {
                        true => Some(run_again(plan, &change)),
                        false => fix::whole(&change, &brings(object), reach),
                    }
                });
                let loss = fix
                    .as_ref()
                    .map(|_| format!("; the fix takes it from {losers}"))
                    .unwrap_or_default();
                let message = format!("{object} belongs to {from}{loss}");
                let base = Finding {
                    path: path::owns(from, object),
                    ..base.clone()
                };
                Finding {
                    fix,
                    ..about(
                        &base,
                        &change,
                        from.to_string(),
                        Some(object.to_string()),
                        message,
                    )
                }
            };
            objects.iter().map(of_object).collect()
        }
        Change::GrantDefault { default, .. } | Change::RevokeDefault { default, .. } => {
            let object = default.describe();
            let privilege = |one| {
                let change = step.change.narrowed_default(one);
                let verb = if step.rule == Rule::DefaultMissing {
                    "will lack"
                } else {
                    "will hold"
                };
                let option = match change {
                    Change::RevokeDefault {
                        extent: Extent::GrantOption,
                        ..
                    } => " WITH GRANT OPTION",
                    _ => "",
                };
                let message = format!("{} {verb} {one} on {object}{option}", default.grantee);
                finding(
                    &base,
                    &change,
                    default.grantee.to_string(),
                    Some(object.clone()),
                    message,
                )
            };
            default
                .privileges
                .iter()
                .map(|one| privilege(Privileges::of(&[one])))
                .collect()
        }
        // The same finding as that of a login that was tried.
        Change::Credential { login, secret, .. }
            if matches!(step.rule, Rule::RoleAttribute | Rule::RoleMissing) =>
        {
            let fault = match step.rule {
                Rule::RoleMissing => format!("role {login} does not exist"),
                _ => format!("{login} is NOLOGIN"),
            };
            let message = format!("{fault}, and {secret} holds its credential");
            let role = login.name().to_string();
            vec![finding(&base, &step.change, role, None, message)]
        }
        change => vec![finding(
            &base,
            change,
            subject(change),
            object_of(change),
            message_of(change),
        )],
    }
}

fn each(
    objects: &[Object],
    privileges: Privileges,
    make: impl Fn(&Object, Privileges) -> Finding,
) -> Vec<Finding> {
    let one = |object| {
        privileges
            .iter()
            .map(move |privilege| (object, Privileges::of(&[privilege])))
    };
    objects
        .iter()
        .flat_map(one)
        .map(|(object, privilege)| make(object, privilege))
        .collect()
}

/// The finding without the statement that mends it.
fn about(
    base: &Finding,
    change: &Change,
    role: String,
    object: Option<String>,
    message: String,
) -> Finding {
    Finding {
        database: match (change, change.target()) {
            (Change::SetParameter { setting, .. } | Change::ResetParameter { setting, .. }, _) => {
                setting.database.clone()
            }
            // A database that is taken back is changed from another one.
            (Change::ChangeOwner { objects, .. }, _) if base.rule == Rule::OwnerUnexpected => {
                match (&objects[..], change.target()) {
                    ([Object::Database(name)], _) => Some(name.clone()),
                    (_, super::Aim::Database(database)) => Some(database),
                    _ => None,
                }
            }
            (_, super::Aim::Database(database)) => Some(database),
            _ => None,
        },
        role: Some(role).filter(|role| !role.is_empty()),
        object,
        privilege: change.privileges().map(|privileges| privileges.to_string()),
        message,
        ..base.clone()
    }
}

fn privilege_message(
    step: &Step,
    grantee: &Grantee,
    object: &Object,
    privilege: Privileges,
) -> String {
    let option = match &step.change {
        Change::Grant {
            grantable: true, ..
        }
        | Change::Revoke {
            extent: Extent::GrantOption,
            ..
        } => " WITH GRANT OPTION",
        _ => "",
    };
    let verb = match &step.change {
        // The owner until then, whose code goes on running with its rights.
        Change::Grant { .. } if step.rule == Rule::OwnerUnexpected => "needs",
        Change::Grant { .. } => "lacks",
        _ => "holds",
    };
    format!("{grantee} {verb} {privilege} on {object}{option}")
}

/// The role a change is about.
fn subject(change: &Change) -> String {
    match change {
        Change::CreateRole { role, .. }
        | Change::AlterRole { role, .. }
        | Change::SetParameter { role, .. }
        | Change::ResetParameter { role, .. }
        | Change::EndSessions { role }
        | Change::DropOwned { role, .. }
        | Change::ReassignOwned { from: role, .. }
        | Change::DropRole { role, .. }
        | Change::CreateSecret { role, .. }
        | Change::LabelSecret { role, .. }
        | Change::DestroyVersions { role, .. }
        | Change::Credential { role, .. } => role.to_string(),
        Change::GrantMembership { edge } => edge.member.to_string(),
        Change::RevokeMembership { membership, .. } => membership.member.to_string(),
        Change::Bind { member, .. } | Change::Unbind { member, .. } => member.clone(),
        Change::CreateSchema { .. }
        | Change::CreateExtension { .. }
        | Change::UpdateExtension { .. }
        | Change::ChangeOwner { .. }
        | Change::Grant { .. }
        | Change::Revoke { .. }
        | Change::GrantDefault { .. }
        | Change::RevokeDefault { .. } => String::new(),
    }
}

fn object_of(change: &Change) -> Option<String> {
    match change {
        Change::CreateSchema { schema, .. } => Some(Object::Schema(schema.clone()).to_string()),
        Change::CreateExtension { extension, .. } | Change::UpdateExtension { extension, .. } => {
            Some(format!("extension {extension}"))
        }
        Change::GrantMembership { edge } => Some(format!("role {}", edge.role)),
        Change::RevokeMembership { membership, .. } => Some(format!("role {}", membership.role)),
        Change::CreateSecret { secret, .. }
        | Change::LabelSecret { secret, .. }
        | Change::DestroyVersions { secret, .. }
        | Change::Credential { secret, .. }
        | Change::Bind { secret, .. }
        | Change::Unbind { secret, .. } => Some(format!("secret {secret}")),
        Change::SetParameter { setting, .. } | Change::ResetParameter { setting, .. } => {
            Some(format!("parameter {}", setting.parameter))
        }
        Change::CreateRole { .. }
        | Change::AlterRole { .. }
        | Change::EndSessions { .. }
        | Change::ReassignOwned { .. }
        | Change::DropOwned { .. }
        | Change::DropRole { .. }
        | Change::ChangeOwner { .. }
        | Change::Grant { .. }
        | Change::Revoke { .. }
        | Change::GrantDefault { .. }
        | Change::RevokeDefault { .. } => None,
    }
}

fn message_of(change: &Change) -> String {
    match change {
        Change::CreateRole { role, .. } => format!("role {role} does not exist"),
        Change::AlterRole { role, attributes } => {
            let list: Vec<_> = attributes.iter().map(Attribute::wrong).collect();
            format!("{role} {}", list.join(", "))
        }
        Change::SetParameter { role, setting } => {
            format!("{role} has not {} = {}", setting.parameter, setting.value)
        }
        Change::ResetParameter { role, setting } => {
            format!(
                "{role} has {} = {}{}, which is not declared",
                setting.parameter,
                setting.value,
                path::place(setting)
            )
        }
        Change::GrantMembership { edge } => format!(
            "{} is not a member of {} as declared",
            edge.member, edge.role
        ),
        Change::RevokeMembership { membership, .. } => {
            format!(
                "{} is a member of {}, granted by {}",
                membership.member, membership.role, membership.grantor
            )
        }
        Change::CreateSchema { schema, .. } => format!("schema {schema} does not exist"),
        Change::CreateExtension { extension, .. } => {
            format!("extension {extension} is not installed")
        }
        Change::UpdateExtension {
            extension, version, ..
        } => {
            format!("extension {extension} is not at version {version}")
        }
        Change::EndSessions { role } => format!("{role} is declared absent and is logged in"),
        Change::ReassignOwned { from, moved, .. } => {
            format!("{from} is declared absent and owns {}", moved.join(", "))
        }
        Change::DropOwned { role, dropped, .. } => {
            format!(
                "{role} is declared absent and is named in {}",
                dropped.join(", ")
            )
        }
        Change::DropRole { role, .. } => format!("{role} is declared absent and exists"),
        Change::CreateSecret { secret, .. } => format!("{secret} does not exist"),
        Change::LabelSecret { secret, labels, .. } => {
            format!("{secret} has not {}", labelled(labels))
        }
        Change::DestroyVersions {
            secret,
            role,
            versions,
        } => {
            format!(
                "{secret} still has {} of {role}, which is declared absent",
                numbered(versions)
            )
        }
        Change::Credential {
            login,
            secret,
            source,
            ..
        } => match source {
            super::CredentialSource::Generate => format!("{secret} has no credential for {login}"),
            super::CredentialSource::Resume => {
                format!("the credential in {secret} is not at work: {login} cannot log in")
            }
            super::CredentialSource::Restore => {
                format!("the credential before in {secret} is not at work: {login} cannot log in")
            }
            super::CredentialSource::Reshape => {
                format!("{secret} holds the credential of {login} in another form than declared")
            }
            super::CredentialSource::Adopt => {
                format!("{secret} holds a version that nobody proved to be {login}'s")
            }
        },
        Change::Bind { secret, member } => format!("{member} may not read {secret}"),
        Change::Unbind { secret, member } => format!("{member} may read {secret}"),
        Change::ChangeOwner { .. }
        | Change::Grant { .. }
        | Change::Revoke { .. }
        | Change::GrantDefault { .. }
        | Change::RevokeDefault { .. } => change.to_string(),
    }
}

/// A warning: whoever may call a SECURITY DEFINER routine acts with its owner's rights.
pub(super) fn definer(
    database: &DatabaseName,
    role: &RoleName,
    object: &Object,
    owner: &RoleName,
) -> Finding {
    Finding {
        severity: Severity::Warning,
        database: Some(database.clone()),
        role: Some(role.to_string()),
        object: Some(object.to_string()),
        privilege: Some("EXECUTE".into()),
        path: vec![
            role.to_string(),
            format!("EXECUTE on {object}"),
            format!("SECURITY DEFINER as {owner}"),
        ],
        ..Finding::new(
            Rule::PrivilegeEffective,
            format!("{role} may call {object}, which runs with the rights of {owner}"),
        )
    }
}

impl Change {
    /// The privileges a change is about.
    fn privileges(&self) -> Option<Privileges> {
        match self {
            Self::Grant { privileges, .. } | Self::Revoke { privileges, .. } => Some(*privileges),
            Self::GrantDefault { default, .. } | Self::RevokeDefault { default, .. } => {
                Some(default.privileges)
            }
            _ => None,
        }
    }

    /// The same change for one object and some of the privileges.
    fn narrowed(&self, object: &Object, only: Privileges) -> Self {
        let mut narrowed = self.with_objects([object.clone()].into());
        if let Self::Grant { privileges, .. } | Self::Revoke { privileges, .. } = &mut narrowed {
            *privileges = only;
        }
        narrowed
    }

    /// The same change on other objects; one without objects stays as it is.
    pub(super) fn with_objects(&self, new: Objects) -> Self {
        match self {
            Self::Grant {
                database,
                owner,
                grantee,
                privileges,
                grantable,
                ..
            } => Self::Grant {
                database: database.clone(),
                objects: new,
                owner: owner.clone(),
                grantee: grantee.clone(),
                privileges: *privileges,
                grantable: *grantable,
            },
            Self::Revoke {
                database,
                owner,
                grantor,
                grantee,
                privileges,
                extent,
                cascade,
                via,
                ..
            } => Self::Revoke {
                database: database.clone(),
                objects: new,
                owner: owner.clone(),
                grantor: grantor.clone(),
                grantee: grantee.clone(),
                privileges: *privileges,
                extent: *extent,
                cascade: cascade.clone(),
                via: via.clone(),
            },
            Self::ChangeOwner {
                database,
                from,
                to,
                creates_by,
                ..
            } => Self::ChangeOwner {
                database: database.clone(),
                objects: new,
                from: from.clone(),
                to: to.clone(),
                creates_by: creates_by.clone(),
            },
            other => other.clone(),
        }
    }

    fn narrowed_default(&self, only: Privileges) -> Self {
        let mut narrowed = self.clone();
        if let Self::GrantDefault { default, .. } | Self::RevokeDefault { default, .. } =
            &mut narrowed
        {
            default.grantable = default.grantable.intersection(only);
            default.privileges = only;
        }
        narrowed
    }
}
