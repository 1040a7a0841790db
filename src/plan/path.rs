//! How a role comes to what a finding is about; of what is missing, what the policy asks and where that ends.

use super::expected::preset_privileges;
use super::{Asked, Attribute, Change, Edge, Finding, Rule, Step};
use crate::model::{
    Grantee, Object, Preset, Privilege, PrivilegeClass, Privileges, RoleName, Setting,
};

/// The path of everything that `step` mends, as far as it is the same for all of it.
pub(super) fn of_step(step: &Step) -> Vec<String> {
    if !step.path.is_empty() {
        return step.path.clone();
    }
    match &step.change {
        Change::CreateRole { role, .. } => vec![role.to_string(), "declared under roles".into()],
        Change::AlterRole { role, attributes } => has(role, attributes),
        Change::SetParameter { role, setting } => {
            vec![
                role.to_string(),
                format!("declared setting {} = {}", setting.parameter, setting.value),
            ]
        }
        Change::ResetParameter { role, setting } => {
            vec![
                role.to_string(),
                format!(
                    "setting {} = {}{}",
                    setting.parameter,
                    setting.value,
                    place(setting)
                ),
            ]
        }
        Change::GrantMembership { edge } => {
            vec![
                edge.member.to_string(),
                format!("declared member of {}{}", edge.role, options(edge)),
            ]
        }
        Change::RevokeMembership {
            membership: edge, ..
        } => {
            vec![
                edge.member.to_string(),
                format!("member of {} granted by {}", edge.role, edge.grantor),
            ]
        }
        Change::CreateSchema { database, schema } => {
            vec![
                format!("database {database}"),
                format!("declared schema {schema}"),
            ]
        }
        Change::CreateExtension {
            database,
            extension,
            schema,
            version,
        } => {
            let version = version
                .as_ref()
                .map(|version| format!(" version {version}"))
                .unwrap_or_default();
            vec![
                format!("database {database}"),
                format!("declared extension {extension}{version} in schema {schema}"),
            ]
        }
        Change::UpdateExtension {
            database,
            extension,
            version,
            ..
        } => {
            vec![
                format!("database {database}"),
                format!("declared extension {extension} version {version}"),
            ]
        }
        Change::EndSessions { role } => vec![
            role.to_string(),
            "declared absent".into(),
            "open sessions".into(),
        ],
        Change::ReassignOwned { from, moved, .. } => {
            vec![
                from.to_string(),
                "declared absent".into(),
                format!("owner of {}", moved.join(", ")),
            ]
        }
        Change::DropOwned {
            role,
            dropped,
            database,
            ..
        } => {
            let rest = if dropped.is_empty() {
                format!("database {database}")
            } else {
                dropped.join(", ")
            };
            vec![
                role.to_string(),
                "declared absent".into(),
                format!("named in {rest}"),
            ]
        }
        Change::DropRole { role, .. } => vec![role.to_string(), "declared absent".into()],
        Change::CreateSecret { role, secret, .. } | Change::LabelSecret { role, secret, .. } => {
            vec![role.to_string(), format!("declared secret {secret}")]
        }
        Change::Credential {
            role,
            login,
            secret,
            ..
        } => {
            vec![
                role.to_string(),
                format!("login {login}"),
                format!("declared secret {secret}"),
            ]
        }
        Change::DestroyVersions { role, secret, .. } => {
            vec![
                role.to_string(),
                "declared absent".into(),
                format!("versions of secret {secret}"),
            ]
        }
        Change::Bind { secret, member } => vec![
            member.clone(),
            format!("declared reader of secret {secret}"),
        ],
        Change::Unbind { secret, member } => {
            vec![
                member.clone(),
                format!("bound in the IAM policy of secret {secret}"),
            ]
        }
        Change::GrantDefault { default, .. } => {
            let asked = step.asked.map(|asked| {
                let asked = asked.of(default.privileges, default.objects.class());
                asked.on(default.schema.as_ref().map(|one| format!("schema {one}")))
            });
            let end = format!("not granted on {}", default.describe());
            [Some(default.grantee.to_string()), asked, Some(end)]
                .into_iter()
                .flatten()
                .collect()
        }
        // One for each object and privilege.
        Change::Grant { .. } | Change::Revoke { .. } | Change::ChangeOwner { .. } => Vec::new(),
        Change::RevokeDefault { default, .. } => {
            vec![
                default.grantee.to_string(),
                format!("default privileges of {}", default.owner),
            ]
        }
    }
}

/// How the grantee comes to one privilege on one object, or what asks for it.
pub(super) fn of_privilege(step: &Step, object: &Object, privilege: Privileges) -> Vec<String> {
    match &step.change {
        Change::Revoke {
            grantor, grantee, ..
        } => {
            vec![
                grantee.to_string(),
                format!("{privilege} on {object} granted by {grantor}"),
            ]
        }
        Change::Grant { owner, grantee, .. } => {
            let asked = step
                .asked
                .map(|asked| asked.of(privilege, object.kind().class()));
            not_granted(grantee, asked, object, privilege, owner)
        }
        _ => Vec::new(),
    }
}

fn not_granted(
    grantee: &Grantee,
    asked: Option<Asked>,
    object: &Object,
    privilege: Privileges,
    owner: &RoleName,
) -> Vec<String> {
    let place = match object {
        Object::Database(name) => Some(format!("database {name}")),
        object => object.schema().map(|schema| format!("schema {schema}")),
    };
    let end = format!("{privilege} on {object} not granted by {owner}");
    [
        Some(grantee.to_string()),
        asked.map(|asked| asked.on(place)),
        Some(end),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Asked {
    /// What asks for some of the privileges of a step: a preset gives no more than its own, the rest is declared apart.
    fn of(self, privileges: Privileges, class: PrivilegeClass) -> Self {
        match self {
            Self::Preset(preset)
                if !privileges
                    .minus(preset_privileges(preset, class))
                    .is_empty() =>
            {
                match class {
                    PrivilegeClass::Database if privileges.contains(Privilege::Create) => {
                        Self::CreateSchemas
                    }
                    _ => Self::Grant,
                }
            }
            asked => asked,
        }
    }

    /// The line of the policy, in words.
    fn on(self, place: Option<String>) -> String {
        let word = match self {
            Self::Preset(Preset::Ddl) => "ddl",
            Self::Preset(Preset::Dml) => "dml",
            Self::Preset(Preset::Read) => "read",
            Self::Grant => "declared grant",
            Self::CreateSchemas => "declared create_schemas",
            Self::Extensions => "access where extensions are",
        };
        let place = place
            .map(|place| format!(" in {place}"))
            .unwrap_or_default();
        format!("{word}{place}")
    }
}

fn options(edge: &Edge) -> String {
    let options = [
        (edge.admin, "with ADMIN"),
        (!edge.inherit, "without INHERIT"),
        (!edge.set, "without SET"),
    ];
    let words: Vec<_> = options
        .iter()
        .filter(|(other, _)| *other)
        .map(|(_, words)| *words)
        .collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(" {}", words.join(", "))
    }
}

/// Where a setting holds.
pub(super) fn place(setting: &Setting) -> String {
    setting
        .database
        .as_ref()
        .map(|name| format!(" in database {name}"))
        .unwrap_or_default()
}

/// The path of an owner.
pub(super) fn owns(owner: &RoleName, object: &Object) -> Vec<String> {
    vec![owner.to_string(), format!("owner of {object}")]
}

/// The path of attributes that a role has and should not, or should have.
fn has(role: &RoleName, attributes: &[Attribute]) -> Vec<String> {
    let line = |one: &Attribute| {
        one.taken()
            .map_or_else(|| format!("lacks {one}"), |had| format!("attribute {had}"))
    };
    std::iter::once(role.to_string())
        .chain(attributes.iter().map(line))
        .collect()
}

/// The path of a finding that has none of its own: whom it is about, then what.
pub(super) fn plain(finding: &Finding) -> Vec<String> {
    let database = || {
        finding
            .database
            .as_ref()
            .map(|name| format!("database {name}"))
    };
    let Some(subject) = finding.role.clone().or_else(database) else {
        return Vec::new();
    };
    let about = finding
        .object
        .clone()
        .unwrap_or_else(|| finding.message.clone());
    let line = match finding.rule {
        Rule::SecretMissing | Rule::JobReference | Rule::BindingMissing => {
            format!("declared {about}")
        }
        _ => about,
    };
    vec![subject, line]
}
