//! `secret:` of a role.

use std::collections::{BTreeMap, BTreeSet};

use super::super::choice::Replication as ReplicationShape;
use super::super::file::{List, Secret};
use super::super::problem::{closest, place};
use super::super::read::{Located, Named, given};
use super::readers::{is_id, readers};
use super::template::{self, TemplateError};
use super::{Problems, Scope, only};
use crate::model::{
    DatabaseName, Origin, PayloadFormat, Presets, ProjectId, Replication, SecretId, SecretName,
    SecretPolicy,
};

/// The port PostgreSQL listens on, on Cloud SQL always.
const PORT: u16 = 5432;

/// The default number of versions kept: the one in use and the previous one.
const KEEP: u32 = 2;

/// The connection fields of a payload.
struct Says {
    host: bool,
    database: bool,
}

/// The secret of a role with `presets`.
pub(super) fn secret(
    field: &Located<Secret>,
    presets: &Presets,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<SecretPolicy> {
    let shape = field.get()?;
    let project = project(shape, &field.origin, scope, problems);
    let (payload, says) = payload(&shape.payload, problems);
    let readers = readers(given(&shape.readers), project.as_ref(), problems);
    let host = host(shape, &field.origin, says.host, scope, problems);
    let database = database(
        shape,
        &field.origin,
        says.database,
        presets,
        scope,
        problems,
    );
    let port = shape
        .port
        .as_ref()
        .map_or(Some(PORT), |field| port(field, problems));
    let keep = shape
        .keep
        .as_ref()
        .map_or(Some(KEEP), |field| keep(field, problems));
    let replication = replication(&shape.replication, problems);
    let labels = labels(&shape.labels, problems);
    let id = problems.keep(&shape.name.origin, SecretId::new(shape.name.get()?));
    Some(SecretPolicy {
        name: SecretName {
            project: project?,
            id: id?,
        },
        payload,
        host: host?,
        port: port?,
        database: database?,
        readers,
        replication,
        keep: keep?,
        labels,
        origin: shape.name.origin.clone(),
    })
}

fn project(
    shape: &Secret,
    origin: &Origin,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<ProjectId> {
    if let Some(field) = &shape.project {
        return problems.keep(&field.origin, ProjectId::new(field.get()?));
    }
    let project = scope.default_project(origin);
    if project.is_none() {
        let hint = "set `project` here or at the top of the file, or `instance`";
        scope.no_default(
            &shape.name.origin,
            "no project says where this secret is",
            hint,
            problems,
        );
    }
    project
}

fn payload(field: &Option<Located<String>>, problems: &mut Problems) -> (PayloadFormat, Says) {
    let password = (
        PayloadFormat::Password,
        Says {
            host: false,
            database: false,
        },
    );
    let Some(Located {
        value: Some(text),
        origin,
    }) = field
    else {
        return password;
    };
    let everything = Says {
        host: true,
        database: true,
    };
    match text.as_str() {
        "password" => return password,
        "url" => return (PayloadFormat::Url, everything),
        "json" => return (PayloadFormat::Json, everything),
        _ => {}
    }
    match template::places(text) {
        Ok(places) => {
            let says = Says {
                host: places.contains(&"host"),
                database: places.contains(&"database"),
            };
            (PayloadFormat::Template(text.clone()), says)
        }
        Err(error) => {
            let word = closest(text, ["password", "url", "json"])
                .filter(|_| error == TemplateError::NoPassword);
            let hint = word.map_or_else(|| error.hint(), |word| format!("did you mean `{word}`?"));
            problems.push_hint(origin, error.to_string(), hint);
            password
        }
    }
}

fn host(
    shape: &Secret,
    origin: &Origin,
    said: bool,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<String> {
    if let Some(field) = &shape.host {
        let host = field.get()?;
        if !is_host(host) {
            problems.push(
                &field.origin,
                format!("`{host}` is neither a host nor the directory of a socket"),
            );
            return None;
        }
        return Some(host.clone());
    }
    let socket = scope.instance.map(|instance| instance.socket_directory());
    if said && socket.is_none() {
        let hint = "set `host` here, or `instance` at the top of the file for its socket directory";
        scope.no_default(
            origin,
            "the payload names a host, and nothing says which",
            hint,
            problems,
        );
    }
    Some(socket.unwrap_or_else(|| "localhost".into()))
}

/// Whether `text` is a host, an address or the directory of a socket, as far as a URL around it stays one.
pub(super) fn is_host(text: &str) -> bool {
    let name = text.strip_prefix('/').unwrap_or(text);
    let directory = name.len() < text.len();
    let odd = |c: char| {
        c.is_whitespace() || c.is_control() || "@?#&%[]".contains(c) || c == '/' && !directory
    };
    !name.is_empty() && !name.contains(odd)
}

fn database(
    shape: &Secret,
    origin: &Origin,
    said: bool,
    presets: &Presets,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<DatabaseName> {
    if let Some(field) = &shape.database {
        return super::grants::declared_database(field, scope, problems);
    }
    let reached: BTreeSet<_> = presets.iter().map(|(database, ..)| database).collect();
    let found = only(reached.iter().copied()).or_else(|| scope.only_database(origin));
    if found.is_none() && said && !scope.databases.is_empty() {
        let names: Vec<_> = scope
            .databases
            .keys()
            .map(DatabaseName::to_string)
            .collect();
        let hint = format!("set `database` to one of {}", names.join(", "));
        scope.dangling(
            origin,
            "the payload names a database, and there are several",
            hint,
            problems,
        );
    }
    found
        .or_else(|| reached.first().copied())
        .or_else(|| scope.databases.keys().next())
        .cloned()
}

fn port(field: &Located<i64>, problems: &mut Problems) -> Option<u16> {
    let number = *field.get()?;
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        problems.push(&field.origin, format!("{number} is not a port"));
    }
    port
}

fn keep(field: &Located<i64>, problems: &mut Problems) -> Option<u32> {
    let number = *field.get()?;
    let keep = u32::try_from(number).ok().filter(|keep| *keep > 0);
    if keep.is_none() {
        problems.push_hint(
            &field.origin,
            format!("{number} versions cannot be kept"),
            "1 at least: the one in use",
        );
    }
    keep
}

fn replication(
    field: &Option<Located<ReplicationShape>>,
    problems: &mut Problems,
) -> Option<Replication> {
    let list = match given(field)? {
        ReplicationShape::Regions(list) => list,
        ReplicationShape::Automatic => return Some(Replication::Automatic),
    };
    if let (true, Some(field)) = (list.is_empty(), field) {
        problems.push_hint(
            &field.origin,
            "no region is listed",
            "write `automatic`, or list regions",
        );
    }
    Some(Replication::Regions(regions(list, problems)))
}

fn regions(list: &List<String>, problems: &mut Problems) -> Vec<String> {
    let mut found: Vec<(&String, &Origin)> = Vec::new();
    for item in list {
        let Some(region) = item.get() else { continue };
        if !is_id(region) {
            let lower = Some(region.to_ascii_lowercase()).filter(|lower| is_id(lower));
            let hint = lower.map_or("for example `europe-west1`".into(), |lower| {
                format!("did you mean `{lower}`?")
            });
            problems.push_hint(&item.origin, format!("`{region}` is not a region"), hint);
        } else if let Some((_, first)) = found.iter().find(|(known, _)| *known == region) {
            problems.push(
                &item.origin,
                format!(
                    "the region `{region}` is listed twice, first at {}",
                    place(first)
                ),
            );
        } else {
            found.push((region, &item.origin));
        }
    }
    found
        .into_iter()
        .map(|(region, _)| region.clone())
        .collect()
}

/// Labels of a resource. <https://cloud.google.com/secret-manager/docs/creating-and-accessing-secrets#labels>
fn labels(
    field: &Option<Located<Named<String>>>,
    problems: &mut Problems,
) -> BTreeMap<String, String> {
    let fits = |text: &str, empty: bool| {
        (empty || text.starts_with(char::is_alphabetic))
            && text.chars().count() <= 63
            && text
                .chars()
                .all(|c| c.is_alphanumeric() && !c.is_uppercase() || c == '_' || c == '-')
    };
    let mut labels = BTreeMap::new();
    let entries = given(field).map_or(&[][..], |labels| &labels.0);
    if let (true, Some(field)) = (entries.len() > 64, field) {
        problems.push(
            &field.origin,
            format!("{} labels, a secret has 64 at most", entries.len()),
        );
    }
    for entry in entries {
        let hint =
            "lower-case letters, digits, `_` and `-`, 63 at most; a key begins with a letter";
        if !fits(&entry.key, false) {
            problems.push_hint(
                &entry.origin,
                format!("`{}` is not the key of a label", entry.key),
                hint,
            );
        }
        let Some(value) = entry.value.get() else {
            continue;
        };
        if !fits(value, true) {
            problems.push_hint(
                &entry.value.origin,
                format!("`{value}` is not the value of a label"),
                hint,
            );
        }
        labels.insert(entry.key.clone(), value.clone());
    }
    labels
}
