//! `member_of:` and `iam:`.

use super::super::file::{List, Membership};
use super::super::problem::{closest, place};
use super::super::read::{Brief, given};
use super::{Problems, Scope};
use crate::model::{DeclaredMembership, IamKind, IamPrincipal, Origin, RoleName, is_email};

/// Predefined roles up to PostgreSQL 18 that can have members.
/// <https://www.postgresql.org/docs/current/predefined-roles.html>
const PREDEFINED: [&str; 15] = [
    "pg_checkpoint",
    "pg_create_subscription",
    "pg_execute_server_program",
    "pg_maintain",
    "pg_monitor",
    "pg_read_all_data",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_read_server_files",
    "pg_signal_autovacuum_worker",
    "pg_signal_backend",
    "pg_stat_scan_tables",
    "pg_use_reserved_connections",
    "pg_write_all_data",
    "pg_write_server_files",
];

/// The memberships of one role, each once.
pub(super) fn memberships(
    list: Option<&List<Brief<Membership>>>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Vec<DeclaredMembership> {
    let mut found: Vec<DeclaredMembership> = Vec::new();
    for item in list.into_iter().flatten() {
        let Some(membership) = item
            .get()
            .and_then(|Brief(value)| membership(value, scope, problems))
        else {
            continue;
        };
        let same = found.iter().find(|first| first.role == membership.role);
        let options = |m: &DeclaredMembership| (m.inherit, m.set, m.admin);
        match same {
            None => found.push(membership),
            Some(first)
                if first.origin.file == membership.origin.file
                    || options(first) != options(&membership) =>
            {
                let message = format!(
                    "membership in `{}` is declared at {} already",
                    first.role,
                    place(&first.origin)
                );
                problems.push_hint(&membership.origin, message, "say it once");
            }
            Some(_) => {}
        }
    }
    found
}

fn membership(
    shape: &Membership,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<DeclaredMembership> {
    let Membership {
        role,
        inherit,
        set,
        admin,
    } = shape;
    let name = role.get()?;
    let checked = problems.keep(&role.origin, RoleName::new(name))?;
    if name.starts_with("cloudsql") {
        problems.push_hint(
            &role.origin,
            format!("nothing may be a member of `{name}`"),
            "it would reach whatever an admin reaches; grant what is needed instead",
        );
    } else if name == "pg_database_owner" {
        problems.push(
            &role.origin,
            "`pg_database_owner` cannot have members: it is whoever owns the database",
        );
    } else if name.starts_with("pg_") {
        let known = PREDEFINED.contains(&name.as_str());
        if let Some(meant) = closest(name, PREDEFINED).filter(|_| !known) {
            problems.push_hint(
                &role.origin,
                format!("unknown predefined role `{name}`"),
                format!("did you mean `{meant}`?"),
            );
        }
    } else if !scope.roles.contains(name) {
        let hint = match closest(name, scope.roles.iter().map(String::as_str)) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("declare it: `roles: {{ {name}: {{}} }}`"),
        };
        scope.dangling(
            &role.origin,
            format!("the role `{name}` is not declared"),
            hint,
            problems,
        );
    }
    Some(DeclaredMembership {
        role: checked,
        inherit: given(inherit).copied().unwrap_or(true),
        set: given(set).copied().unwrap_or(true),
        admin: given(admin).copied().unwrap_or(false),
        origin: role.origin.clone(),
    })
}

/// The IAM principals of one role, each once.
pub(super) fn principals(
    list: Option<&List<String>>,
    problems: &mut Problems,
) -> Vec<IamPrincipal> {
    let mut found: Vec<IamPrincipal> = Vec::new();
    for field in list.into_iter().flatten() {
        let one = field
            .get()
            .and_then(|text| principal(text, &field.origin, problems));
        found.extend(one.filter(|one| found.iter().all(|known| !known.is(one))));
    }
    found
}

/// <https://cloud.google.com/iam/docs/principal-identifiers>
fn principal(text: &str, origin: &Origin, problems: &mut Problems) -> Option<IamPrincipal> {
    let (kind, email) = match text.split_once(':') {
        Some(("serviceAccount", email)) => (IamKind::ServiceAccount, email),
        Some(("user", email)) => (IamKind::User, email),
        Some(("group", email)) => (IamKind::Group, email),
        _ => {
            let hint = match text {
                _ if text.ends_with(".gserviceaccount.com") && is_email(text) => {
                    format!("write `serviceAccount:{text}`")
                }
                _ if is_email(text) => format!("write `user:{text}` or `group:{text}`"),
                _ => "write `serviceAccount:NAME@PROJECT.iam.gserviceaccount.com`, `user:E-MAIL` or `group:E-MAIL`"
                    .into(),
            };
            problems.push_hint(
                origin,
                format!("`{text}` is no principal that can log in to Cloud SQL"),
                hint,
            );
            return None;
        }
    };
    problems.keep(origin, IamPrincipal::new(kind, email, origin.clone()))
}
