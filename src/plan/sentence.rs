//! Changes as a person reads them: one line each.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Change, CredentialSource, Edge, Extent, Plan, Step};
use crate::model::{
    DatabaseName, DefaultPrivilege, Grantee, Membership, Object, Privileges, RoleName, Setting,
    quote_identifier,
};

/// Objects named before the rest becomes `…`.
const NAMED: usize = 3;

/// What somebody can do no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// A role, `PUBLIC`, or an IAM member.
    pub who: String,
    /// What is taken away.
    pub what: String,
}

impl Change {
    /// What whoever it is taken from can do no more once it is made.
    pub fn loss(&self) -> Option<Loss> {
        let loss = |who: String, what: String| Some(Loss { who, what });
        match self {
            Self::AlterRole { role, attributes } if self.removes_access() => {
                loss(quoted(role), format!("becomes {}", join(attributes)))
            }
            Self::RevokeMembership { membership, .. } => loss(
                quoted(&membership.member),
                format!("membership in {}", quoted(&membership.role)),
            ),
            Self::ChangeOwner { objects, from, .. } => {
                loss(quoted(from), format!("ownership of {}", Listed(objects)))
            }
            Self::Revoke {
                objects,
                grantee,
                privileges,
                extent,
                ..
            } => loss(
                to(grantee),
                format!("{} on {}", extent.of(*privileges), Listed(objects)),
            ),
            Self::RevokeDefault {
                default, extent, ..
            } => loss(
                to(&default.grantee),
                format!("{} on {}", extent.of(default.privileges), Future(default)),
            ),
            Self::EndSessions { role } => loss(quoted(role), "its sessions".into()),
            Self::ReassignOwned { from, moved, .. } => {
                loss(quoted(from), format!("ownership of {}", moved.join(", ")))
            }
            Self::DropOwned { role, dropped, .. } if !dropped.is_empty() => {
                loss(quoted(role), dropped.join(", "))
            }
            Self::DropRole { role, .. } => loss(quoted(role), "is no more".into()),
            Self::DestroyVersions {
                secret,
                role,
                versions,
            } => loss(quoted(role), format!("{} of {secret}", numbered(versions))),
            Self::Unbind { secret, member } => loss(member.clone(), format!("access to {secret}")),
            Self::CreateRole { .. }
            | Self::AlterRole { .. }
            | Self::SetParameter { .. }
            | Self::ResetParameter { .. }
            | Self::GrantMembership { .. }
            | Self::CreateSchema { .. }
            | Self::CreateExtension { .. }
            | Self::UpdateExtension { .. }
            | Self::Grant { .. }
            | Self::GrantDefault { .. }
            | Self::CreateSecret { .. }
            | Self::LabelSecret { .. }
            | Self::Credential { .. }
            | Self::DropOwned { .. }
            | Self::Bind { .. } => None,
        }
    }

    /// The same for everybody: also whom it was granted on to, and who are members of what goes.
    pub fn losses(&self) -> Vec<Loss> {
        let others: Vec<Loss> = match self {
            Self::RevokeMembership {
                membership: Membership { role, member, .. },
                cascade,
            } => {
                let what = format!(
                    "membership in {}, granted by {}",
                    quoted(role),
                    quoted(member)
                );
                cascade
                    .iter()
                    .map(|who| Loss {
                        who: quoted(who),
                        what: what.clone(),
                    })
                    .collect()
            }
            Self::Revoke {
                objects,
                grantee,
                privileges,
                cascade,
                ..
            } => {
                let what = format!(
                    "{privileges} on {}, granted by {}",
                    Listed(objects),
                    to(grantee)
                );
                cascade
                    .iter()
                    .map(|who| Loss {
                        who: to(who),
                        what: what.clone(),
                    })
                    .collect()
            }
            Self::DropRole { role, members } => {
                let what = format!("membership in {}", quoted(role));
                members
                    .iter()
                    .map(|who| Loss {
                        who: quoted(who),
                        what: what.clone(),
                    })
                    .collect()
            }
            _ => Vec::new(),
        };
        self.loss().into_iter().chain(others).collect()
    }
}

impl Plan {
    /// Everyone who can do less once the step is made. What is taken from a role is taken from its members as well.
    pub fn losses(&self, step: &Step) -> Vec<Loss> {
        let mut losses = step.change.losses();
        let of = match &step.change {
            Change::ChangeOwner { from, .. } | Change::ReassignOwned { from, .. } => Some(from),
            Change::Revoke {
                grantee: Grantee::Role(role),
                ..
            } => Some(role),
            Change::RevokeMembership { membership, .. } => Some(&membership.member),
            _ => None,
        };
        let members = of.and_then(|role| Some((role, self.members.get(role)?)));
        if let (Some((role, members)), Some(first)) = (members, losses.first()) {
            let what = format!("{}, as a member of {}", first.what, quoted(role));
            losses.extend(members.iter().map(|who| Loss {
                who: quoted(who),
                what: what.clone(),
            }));
        }
        losses
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateRole {
                role,
                login,
                inherit,
                connection_limit,
            } => create_role(f, role, *login, *inherit, *connection_limit),
            Self::AlterRole { role, attributes } => {
                write!(f, "make role {} {}", quoted(role), join(attributes))
            }
            Self::SetParameter { role, setting } => {
                write!(
                    f,
                    "set {} to `{}` for {}",
                    setting.parameter,
                    setting.value,
                    sessions(role, setting)
                )
            }
            Self::ResetParameter { role, setting } => {
                write!(
                    f,
                    "reset {}, now `{}`, for {}",
                    setting.parameter,
                    setting.value,
                    sessions(role, setting)
                )
            }
            Self::GrantMembership { edge } => grant_membership(f, edge),
            Self::RevokeMembership {
                membership,
                cascade,
            } => revoke_membership(f, membership, cascade),
            Self::CreateSchema { database, schema } => {
                write!(
                    f,
                    "create schema {} in {}",
                    quote_identifier(schema.as_str()),
                    in_database(database)
                )
            }
            Self::CreateExtension {
                database,
                extension,
                schema,
                version,
            } => {
                write!(
                    f,
                    "create extension {}",
                    quote_identifier(extension.as_str())
                )?;
                if let Some(version) = version {
                    write!(f, " {version}")?;
                }
                write!(
                    f,
                    " in schema {} of {}",
                    quote_identifier(schema.as_str()),
                    in_database(database)
                )
            }
            Self::UpdateExtension {
                database,
                extension,
                version,
                owner: _,
            } => {
                let extension = quote_identifier(extension.as_str());
                write!(
                    f,
                    "update extension {extension} to {version} in {}",
                    in_database(database)
                )
            }
            Self::ChangeOwner {
                objects,
                from,
                to,
                database: _,
                creates_by: _,
            } => {
                write!(
                    f,
                    "change the owner of {} from {} to {}",
                    Objects(objects),
                    quoted(from),
                    quoted(to)
                )?;
                names(f, objects)
            }
            Self::Grant {
                objects,
                grantee,
                privileges,
                grantable,
                database: _,
                owner: _,
            } => {
                let option = if *grantable { " with grant option" } else { "" };
                write!(
                    f,
                    "grant {privileges} on {} to {}{option}",
                    Objects(objects),
                    to(grantee)
                )?;
                names(f, objects)
            }
            Self::Revoke {
                objects,
                grantor,
                grantee,
                privileges,
                extent,
                cascade,
                database: _,
                owner: _,
                via: _,
            } => {
                let what = extent.of(*privileges);
                write!(
                    f,
                    "revoke {what} on {} from {}",
                    Objects(objects),
                    to(grantee)
                )?;
                write!(f, ", granted by {}", quoted(grantor))?;
                f.write_str(&passed_on(cascade.iter().map(to)))?;
                names(f, objects)
            }
            Self::GrantDefault {
                default,
                database: _,
            } => {
                let (privileges, grantee) = (default.privileges, to(&default.grantee));
                let option = if default.grantable.is_empty() {
                    ""
                } else {
                    " with grant option"
                };
                write!(
                    f,
                    "grant {privileges} on {} to {grantee}{option}",
                    Future(default)
                )
            }
            Self::RevokeDefault {
                default,
                extent,
                database: _,
            } => {
                write!(
                    f,
                    "revoke {} on {}",
                    extent.of(default.privileges),
                    Future(default)
                )?;
                write!(f, " from {}", to(&default.grantee))
            }
            Self::EndSessions { role } => write!(f, "end the sessions of {}", quoted(role)),
            Self::ReassignOwned {
                from,
                to,
                moved,
                database: _,
            } => {
                write!(
                    f,
                    "change the owner of {} from {} to {}",
                    moved.join(", "),
                    quoted(from),
                    quoted(to)
                )
            }
            Self::DropOwned {
                role,
                dropped,
                database,
                policies_of: _,
            } => {
                write!(f, "take {} out of {}", quoted(role), in_database(database))?;
                if dropped.is_empty() {
                    Ok(())
                } else {
                    write!(f, ": {}", dropped.join(", "))
                }
            }
            Self::DropRole { role, members } => {
                write!(f, "drop role {}", quoted(role))?;
                let members: Vec<_> = members.iter().map(quoted).collect();
                if members.is_empty() {
                    Ok(())
                } else {
                    write!(f, ", of which {} are members", members.join(", "))
                }
            }
            Self::LabelSecret {
                secret,
                labels,
                role: _,
            } => write!(f, "label {secret} {}", labelled(labels)),
            Self::DestroyVersions {
                secret,
                versions,
                role: _,
            } => {
                write!(
                    f,
                    "destroy {} of {secret} after its `versionDestroyTtl`",
                    numbered(versions)
                )
            }
            Self::CreateSecret { secret, role } => {
                write!(
                    f,
                    "create secret {secret} for the credential of {}",
                    quoted(role)
                )
            }
            Self::Credential {
                login,
                secret,
                source,
                role: _,
                strategy: _,
            } => {
                let login = quoted(login);
                match source {
                    CredentialSource::Generate => {
                        write!(f, "store a new password for {login} in {secret}")
                    }
                    CredentialSource::Resume => {
                        write!(f, "put the password stored in {secret} to work for {login}")
                    }
                    CredentialSource::Adopt => {
                        write!(f, "adopt what {secret} holds for {login} if it logs in")
                    }
                    CredentialSource::Restore => {
                        write!(
                            f,
                            "set the password stored in {secret} again for {login}, of the credential before"
                        )
                    }
                    CredentialSource::Reshape => {
                        write!(
                            f,
                            "store the password of {login} in {secret} in the declared form"
                        )
                    }
                }
            }
            Self::Bind { secret, member } => write!(f, "let {member} read {secret}"),
            Self::Unbind { secret, member } => write!(f, "let {member} read {secret} no more"),
        }
    }
}

impl Extent {
    fn of(self, privileges: Privileges) -> String {
        match self {
            Self::Privileges => privileges.to_string(),
            Self::GrantOption => format!("the grant option for {privileges}"),
        }
    }
}

/// CASCADE takes it from further roles.
fn passed_on(to: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = to.collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(", and from {}, who had it from there", names.join(", "))
    }
}

/// `version 3`, `versions 3, 4`.
pub(super) fn numbered(versions: &[i64]) -> String {
    let many = if versions.len() == 1 { "" } else { "s" };
    format!("version{many} {}", join(versions))
}

/// `team=payments, tier=one`.
pub(super) fn labelled(labels: &BTreeMap<String, String>) -> String {
    labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn create_role(
    f: &mut fmt::Formatter<'_>,
    role: &RoleName,
    login: bool,
    inherit: bool,
    connection_limit: i32,
) -> fmt::Result {
    write!(f, "create role {}", quoted(role))?;
    if login {
        f.write_str(" LOGIN without a password")?;
    }
    if !inherit {
        f.write_str(" NOINHERIT")?;
    }
    if connection_limit >= 0 {
        write!(f, " CONNECTION LIMIT {connection_limit}")
    } else {
        Ok(())
    }
}

fn grant_membership(f: &mut fmt::Formatter<'_>, edge: &Edge) -> fmt::Result {
    write!(
        f,
        "make {} a member of {}",
        quoted(&edge.member),
        quoted(&edge.role)
    )?;
    let options = [
        (edge.admin, "with ADMIN"),
        (!edge.inherit, "without INHERIT"),
        (!edge.set, "without SET"),
    ];
    let options: Vec<_> = options
        .iter()
        .filter(|(other, _)| *other)
        .map(|(_, words)| *words)
        .collect();
    if options.is_empty() {
        Ok(())
    } else {
        write!(f, " {}", options.join(", "))
    }
}

fn revoke_membership(
    f: &mut fmt::Formatter<'_>,
    membership: &Membership,
    cascade: &[RoleName],
) -> fmt::Result {
    let Membership {
        role,
        member,
        grantor,
        admin: _,
        inherit: _,
        set: _,
    } = membership;
    write!(
        f,
        "end the membership of {} in {}, granted by {}",
        quoted(member),
        quoted(role),
        quoted(grantor)
    )?;
    f.write_str(&passed_on(cascade.iter().map(quoted)))
}

fn sessions(role: &RoleName, setting: &Setting) -> String {
    match &setting.database {
        None => quoted(role),
        Some(database) => format!("{} in {}", quoted(role), in_database(database)),
    }
}

fn in_database(database: &DatabaseName) -> String {
    format!("database {}", quote_identifier(database.as_str()))
}

fn quoted(role: &RoleName) -> String {
    quote_identifier(role.as_str())
}

fn to(grantee: &Grantee) -> String {
    grantee.role().map_or_else(|| "PUBLIC".into(), quoted)
}

fn join<T: ToString>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Objects as one phrase: the one, or how many of what kind in which schema.
struct Objects<'a>(&'a [Object]);

impl fmt::Display for Objects<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, rest) = match self.0 {
            [] => return f.write_str("nothing"),
            [one] => return one.fmt(f),
            [first, rest @ ..] => (first, rest),
        };
        let words = first.kind().words();
        let of_one_kind = rest.iter().all(|object| object.kind().words() == words);
        write!(
            f,
            "{} {}",
            self.0.len(),
            if of_one_kind {
                plural(words)
            } else {
                "objects".into()
            }
        )?;
        match first
            .schema()
            .filter(|schema| rest.iter().all(|object| object.schema() == Some(schema)))
        {
            Some(schema) if !matches!(first, Object::Schema(_)) => {
                write!(f, " in schema {}", quote_identifier(schema.as_str()))
            }
            _ => Ok(()),
        }
    }
}

/// Objects as one phrase, with the names behind it.
struct Listed<'a>(&'a [Object]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Objects(self.0).fmt(f)?;
        names(f, self.0)
    }
}

/// The names behind the phrase for many: the first few of them.
fn names(f: &mut fmt::Formatter<'_>, objects: &[Object]) -> fmt::Result {
    if objects.len() < 2 {
        return Ok(());
    }
    let mut named: Vec<_> = objects.iter().take(NAMED).map(bare_name).collect();
    if objects.len() > NAMED {
        named.push("…".into());
    }
    write!(f, " ({})", named.join(", "))
}

fn bare_name(object: &Object) -> String {
    let text = object.to_string();
    match text.strip_prefix(object.kind().words()) {
        Some(name) => name.trim_start().to_owned(),
        None => text,
    }
}

fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if words == "statistics" => "statistics objects".into(),
        None if words.ends_with("ss") => format!("{words}es"),
        None => format!("{words}s"),
    }
}

/// Objects that do not exist yet.
struct Future<'a>(&'a DefaultPrivilege);

impl fmt::Display for Future<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "future {} of {}",
            self.0.objects.keyword().to_ascii_lowercase(),
            quoted(&self.0.owner)
        )?;
        match &self.0.schema {
            Some(schema) => write!(f, " in schema {}", quote_identifier(schema.as_str())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ObjectKind, Privilege, RelationKind, SchemaName};

    fn role(name: &str) -> RoleName {
        RoleName::new(name).unwrap()
    }

    fn relation(kind: RelationKind, schema: &str, name: &str) -> Object {
        Object::InSchema {
            kind: ObjectKind::Relation(kind),
            schema: SchemaName::new(schema).unwrap(),
            name: name.into(),
        }
    }

    fn grant(objects: Vec<Object>) -> Change {
        Change::Grant {
            database: DatabaseName::new("payments").unwrap(),
            objects: objects.into(),
            owner: role("migration_user"),
            grantee: Grantee::Role(role("app_user")),
            privileges: Privileges::of(&[Privilege::Select, Privilege::Insert]),
            grantable: false,
        }
    }

    #[test]
    fn one_object_is_named_and_many_are_counted() {
        let tables = |names: &[&str]| {
            names
                .iter()
                .map(|name| relation(RelationKind::Table, "public", name))
                .collect()
        };
        assert_eq!(
            grant(tables(&["orders"])).to_string(),
            "grant SELECT, INSERT on table public.orders to app_user"
        );
        assert_eq!(
            grant(tables(&["a", "b", "c"])).to_string(),
            "grant SELECT, INSERT on 3 tables in schema public to app_user (public.a, public.b, public.c)"
        );
        assert_eq!(
            grant(tables(&["a", "b", "C", "d"])).to_string(),
            "grant SELECT, INSERT on 4 tables in schema public to app_user (public.a, public.b, public.\"C\", …)"
        );
    }

    #[test]
    fn mixed_kinds_are_objects_and_mixed_schemas_are_not_named() {
        let mixed = vec![
            relation(RelationKind::Table, "a", "t"),
            relation(RelationKind::View, "b", "v"),
        ];
        assert_eq!(
            grant(mixed).to_string(),
            "grant SELECT, INSERT on 2 objects to app_user (a.t, b.v)"
        );
        let partitioned = vec![
            relation(RelationKind::Table, "a", "t"),
            relation(RelationKind::PartitionedTable, "a", "p"),
        ];
        assert_eq!(
            grant(partitioned).to_string(),
            "grant SELECT, INSERT on 2 tables in schema a to app_user (a.t, a.p)"
        );
    }

    #[test]
    fn a_role_called_public_is_not_everybody() {
        let revoke = |grantee| Change::Revoke {
            database: DatabaseName::new("payments").unwrap(),
            objects: [Object::Schema(SchemaName::new("public").unwrap())].into(),
            owner: role("postgres"),
            grantor: role("postgres"),
            grantee,
            privileges: Privileges::of(&[Privilege::Create]),
            cascade: Vec::new(),
            via: None,
            extent: Extent::Privileges,
        };
        let everybody = revoke(Grantee::Public);
        assert_eq!(
            everybody.to_string(),
            "revoke CREATE on schema public from PUBLIC, granted by postgres"
        );
        assert_eq!(everybody.loss().unwrap().who, "PUBLIC");
        assert_eq!(
            revoke(Grantee::Role(role("PUBLIC"))).loss().unwrap().who,
            "\"PUBLIC\""
        );
    }

    #[test]
    fn options_are_said_where_they_are_not_the_default() {
        let edge = |admin, inherit, set| Change::GrantMembership {
            edge: Edge {
                role: role("r"),
                member: role("m"),
                admin,
                inherit,
                set,
            },
        };
        assert_eq!(edge(false, true, true).to_string(), "make m a member of r");
        assert_eq!(
            edge(true, false, false).to_string(),
            "make m a member of r with ADMIN, without INHERIT, without SET"
        );
    }

    #[test]
    fn kinds_have_plurals() {
        for (one, many) in [
            ("table", "tables"),
            ("operator class", "operator classes"),
            ("operator family", "operator families"),
            ("statistics", "statistics objects"),
            ("text search dictionary", "text search dictionaries"),
        ] {
            assert_eq!(plural(one), many);
        }
    }
}
