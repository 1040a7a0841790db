//! `roles:`, one by one.

use std::collections::BTreeMap;

use super::super::choice::Presence;
use super::super::file::{File, Role};
use super::super::problem::closest;
use super::super::read::{Located, Named, given};
use super::super::scalar::AnyScalar;
use super::names::declared_role;
use super::{Problems, Scope, access, grants, members, rotation, secrets};
use crate::model::{
    Lifecycle, Origin, PayloadFormat, RoleName, RolePolicy, SecretPolicy, Strategy,
};

/// The declared roles.
pub(super) fn roles(
    file: &File,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> BTreeMap<RoleName, RolePolicy> {
    let mut roles = BTreeMap::new();
    for entry in given(&file.roles).map_or(&[][..], |named| &named.0) {
        let Some(name) = declared_role(&entry.key, &entry.origin, problems) else {
            continue;
        };
        let Some(shape) = entry.value.get() else {
            continue;
        };
        roles.insert(
            name,
            role(&entry.key, shape, &entry.origin, scope, problems),
        );
    }
    roles
}

fn role(
    name: &str,
    shape: &Role,
    origin: &Origin,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> RolePolicy {
    let presets = access::access(given(&shape.access), scope, problems);
    let rotation = rotation::rotation(given(&shape.rotate), problems);
    let secret = shape
        .secret
        .as_ref()
        .and_then(|field| secrets::secret(field, &presets, scope, problems));
    if rotation.strategy == Strategy::Alternate {
        alternating(shape, secret.as_ref(), problems);
    }
    if let (Some(login), Some(_)) = (&shape.login, &shape.secret) {
        problems.push_hint(
            &login.origin,
            "`login` beside `secret`: the password is kept either in the secret or elsewhere",
            "a role with a `secret` logs in by the password in it: remove `login`, or remove `secret`",
        );
    }
    if let (Some(rotate), None) = (&shape.rotate, &shape.secret) {
        problems.push_hint(
            &rotate.origin,
            "there is nothing to rotate",
            "give the role a `secret`, or remove `rotate`",
        );
    }
    RolePolicy {
        grants: grants::grants(given(&shape.grants), scope, problems),
        member_of: members::memberships(given(&shape.member_of), scope, problems),
        login: given(&shape.login).copied(),
        iam: members::principals(given(&shape.iam), problems),
        settings: settings(given(&shape.settings), problems),
        connection_limit: shape
            .connection_limit
            .as_ref()
            .and_then(|field| connection_limit(field, problems)),
        create_schemas: given(&shape.create_schemas).copied().unwrap_or(false),
        lifecycle: lifecycle(name, shape, scope, problems),
        origin: origin.clone(),
        presets,
        secret,
        rotation,
    }
}

/// The pair takes turns, so that the secret must contain the login.
fn alternating(shape: &Role, secret: Option<&SecretPolicy>, problems: &mut Problems) {
    if given(&shape.state) == Some(&Presence::Absent) {
        // Nothing is stored any more: the pair is named so that both logins go.
        return;
    }
    let strategy = given(&shape.rotate).and_then(|rotate| rotate.strategy.as_ref());
    let says_user = |secret: &SecretPolicy| match &secret.payload {
        PayloadFormat::Template(text) => {
            super::template::places(text).is_ok_and(|places| places.contains(&"user"))
        }
        other => other.carries_user(),
    };
    if let (Some(strategy), Some(secret)) = (strategy, secret)
        && !says_user(secret)
    {
        let payload = given(&shape.secret).and_then(|secret| secret.payload.as_ref());
        problems.push_hint(
            payload.map_or(&strategy.origin, |payload| &payload.origin),
            "with `alternate` the payload must say the user name: the logins take turns",
            "use `url`, `json` or a template with `{user}`, or `strategy: single`",
        );
    }
}

fn connection_limit(field: &Located<i64>, problems: &mut Problems) -> Option<i32> {
    let number = *field.get()?;
    let limit = i32::try_from(number).ok().filter(|limit| *limit >= -1);
    if limit.is_none() {
        problems.push_hint(
            &field.origin,
            format!("{number} is not a connection limit"),
            "-1 is no limit",
        );
    }
    limit
}

/// Parameters that decide who a session is: a setting of them would undo what the logins of a role are for.
const REFUSED: [&str; 2] = ["role", "session_authorization"];

fn settings(named: Option<&Named<AnyScalar>>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    for entry in named.map_or(&[][..], |named| &named.0) {
        let parameter = entry.key.to_ascii_lowercase();
        let is_word = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && word
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
        };
        if REFUSED.contains(&parameter.as_str()) {
            problems.push_hint(
                &entry.origin,
                format!("`{parameter}` cannot be set here: it decides who a session is"),
                "with `strategy: alternate` the logins get `role` by themselves",
            );
        } else if !parameter.split('.').all(is_word) {
            problems.push(
                &entry.origin,
                format!("`{}` is not the name of a parameter", entry.key),
            );
        }
        let Some(AnyScalar(value)) = entry.value.get() else {
            continue;
        };
        if settings.insert(parameter.clone(), value.clone()).is_some() {
            problems.push(
                &entry.origin,
                format!("`{parameter}` is set twice: case does not matter"),
            );
        }
    }
    settings
}

fn lifecycle(name: &str, shape: &Role, scope: &Scope<'_>, problems: &mut Problems) -> Lifecycle {
    let heir = shape
        .heir
        .as_ref()
        .and_then(|field| heir(name, field, scope, problems));
    if given(&shape.state) != Some(&Presence::Absent) {
        if let (Some(field), true) = (
            &shape.heir,
            given(&shape.state).is_some() || shape.state.is_none(),
        ) {
            problems.push_hint(
                &field.origin,
                "only a role that is retired has an heir",
                "add `state: absent`",
            );
        }
        return Lifecycle::Present;
    }
    let live: [(&str, Option<&Origin>); 9] = [
        ("access", shape.access.as_ref().map(|field| &field.origin)),
        ("grants", shape.grants.as_ref().map(|field| &field.origin)),
        (
            "member_of",
            shape.member_of.as_ref().map(|field| &field.origin),
        ),
        ("login", shape.login.as_ref().map(|field| &field.origin)),
        ("iam", shape.iam.as_ref().map(|field| &field.origin)),
        (
            "settings",
            shape.settings.as_ref().map(|field| &field.origin),
        ),
        (
            "connection_limit",
            shape.connection_limit.as_ref().map(|field| &field.origin),
        ),
        (
            "create_schemas",
            shape.create_schemas.as_ref().map(|field| &field.origin),
        ),
        (
            "rotate.every",
            given(&shape.rotate).and_then(|rotate| Some(&rotate.every.as_ref()?.origin)),
        ),
    ];
    for (key, origin) in live
        .into_iter()
        .filter_map(|(key, origin)| Some((key, origin?)))
    {
        problems.push_hint(
            origin,
            format!("`{key}` of a role that is retired"),
            "with `state: absent` keep `secret`, `rotate.strategy` and `heir` alone",
        );
    }
    Lifecycle::Absent { heir }
}

fn heir(
    name: &str,
    field: &Located<String>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<RoleName> {
    let text = field.get()?;
    let checked = problems.keep(&field.origin, RoleName::new(text))?;
    if text == name {
        problems.push(&field.origin, "a role cannot be its own heir");
    } else if !scope.roles.contains(text) {
        let hint = match closest(text, scope.roles.iter().map(String::as_str)) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "an heir is a declared role".into(),
        };
        scope.dangling(
            &field.origin,
            format!("the role `{text}` is not declared"),
            hint,
            problems,
        );
    }
    Some(checked)
}
