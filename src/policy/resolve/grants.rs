//! `grants:`: privileges on named objects.

use super::super::file::{Grant, List};
use super::super::object::{self, Named};
use super::super::problem::closest;
use super::super::read::{Located, given};
use super::{Problems, Scope};
use crate::model::{
    DatabaseName, DeclaredGrant, Object, ObjectKind, Origin, Privilege, PrivilegeClass, Privileges,
    Target,
};

/// Everything that exists on some supported server is a privilege here; the server's own version is judged later.
const NEWEST: u32 = 18;

/// The grants of one role, in the order of the files.
pub(super) fn grants(
    list: Option<&List<Grant>>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Vec<DeclaredGrant> {
    let mut found: Vec<DeclaredGrant> = Vec::new();
    for item in list.into_iter().flatten() {
        for grant in item
            .get()
            .into_iter()
            .flat_map(|grant| declared(grant, &item.origin, scope, problems))
        {
            let same = |first: &DeclaredGrant| {
                (
                    &first.database,
                    &first.target,
                    first.privileges,
                    first.grantable,
                ) == (
                    &grant.database,
                    &grant.target,
                    grant.privileges,
                    grant.grantable,
                )
            };
            if !found.iter().any(same) {
                found.push(grant);
            }
        }
    }
    found
}

fn declared(
    shape: &Grant,
    origin: &Origin,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Vec<DeclaredGrant> {
    let Grant {
        privileges,
        object: named,
        database,
        grantable,
    } = shape;
    let object = named.get().and_then(|text| match object::parse(text) {
        Ok(object) => Some(object),
        Err(error) => {
            match error.hint() {
                Some(hint) => problems.push_hint(&named.origin, error.to_string(), hint),
                None => problems.push(&named.origin, error.to_string()),
            }
            None
        }
    });
    let privileges = match (&object, privileges.get()) {
        (Some(object), Some(list)) => of_class(list, &privileges.origin, object, problems),
        (None, Some(list)) => {
            for (item, text) in list.iter().filter_map(|item| Some((item, item.get()?))) {
                known(text, &item.origin, problems);
            }
            Privileges::NONE
        }
        (_, None) => Privileges::NONE,
    };
    let database = match database {
        Some(field) => declared_database(field, scope, problems),
        None => default_database(object.as_ref(), origin, scope, problems),
    };
    let (Some(object), Some(database)) = (object, database) else {
        return Vec::new();
    };
    let grant = |target| DeclaredGrant {
        database: database.clone(),
        privileges,
        target,
        grantable: given(grantable).copied().unwrap_or(false),
        origin: origin.clone(),
    };
    object.targets.into_iter().map(grant).collect()
}

/// The database a grant is in without saying so. An object of the instance is in none: any will do.
fn default_database(
    object: Option<&Named>,
    origin: &Origin,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<DatabaseName> {
    if let Some(database) = scope.only_database(origin) {
        return Some(database.clone());
    }
    let shared = object.and_then(|object| match object.targets.as_slice() {
        [Target::Object(Object::Database(name))] => {
            Some(scope.databases.contains_key(name).then_some(name))
        }
        [
            Target::Object(Object::Bare {
                kind: ObjectKind::Parameter | ObjectKind::Tablespace,
                ..
            }),
        ] => Some(None),
        _ => None,
    });
    match shared {
        Some(own) => own.or_else(|| scope.databases.keys().next()).cloned(),
        None if scope.databases.is_empty() || object.is_none() => None,
        None => {
            let names: Vec<_> = scope
                .databases
                .keys()
                .map(DatabaseName::to_string)
                .collect();
            let hint = format!("add `database:` with one of {}", names.join(", "));
            scope.dangling(
                origin,
                "there are several databases, and the grant does not say which",
                hint,
                problems,
            );
            None
        }
    }
}

/// The declared database that a field names.
pub(super) fn declared_database(
    field: &Located<String>,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<DatabaseName> {
    let name = problems.keep(&field.origin, DatabaseName::new(field.get()?))?;
    if !scope.databases.contains_key(&name) {
        let message = format!("the database `{name}` is not declared");
        let hint = match closest(
            name.as_str(),
            scope.databases.keys().map(DatabaseName::as_str),
        ) {
            Some(known) => format!("did you mean `{known}`?"),
            None => "add it to `databases`".into(),
        };
        scope.dangling(&field.origin, message, hint, problems);
    }
    Some(name)
}

fn of_class(
    list: &List<String>,
    origin: &Origin,
    object: &Named,
    problems: &mut Problems,
) -> Privileges {
    let applicable = object.class.applicable(NEWEST);
    if list.is_empty() {
        problems.push_hint(origin, "no privilege is listed", possible(object));
    }
    let mut found = Privileges::NONE;
    for (item, text) in list.iter().filter_map(|item| Some((item, item.get()?))) {
        match text.parse::<Privilege>() {
            Ok(privilege) if applicable.contains(privilege) => {
                found = found.union(Privileges::of(&[privilege]))
            }
            Ok(privilege) => problems.push_hint(
                &item.origin,
                format!("`{privilege}` does not exist on {}", phrase(object)),
                format!("{}{}", possible(object), elsewhere(object.class, privilege)),
            ),
            Err(()) => unknown(text, &item.origin, object, problems),
        }
    }
    found
}

fn unknown(text: &str, origin: &Origin, object: &Named, problems: &mut Problems) {
    if is_all(text) {
        let message =
            format!("`{text}` is not least privilege: it grows with the server's version");
        return problems.push_hint(
            origin,
            message,
            format!("name what is needed; {}", possible(object)),
        );
    }
    let hint = match closest(
        text,
        object
            .class
            .applicable(NEWEST)
            .iter()
            .map(Privilege::keyword),
    ) {
        Some(keyword) => format!("did you mean {keyword}?"),
        None => possible(object),
    };
    problems.push_hint(
        origin,
        format!("unknown privilege `{text}` on {}", phrase(object)),
        hint,
    );
}

fn is_all(text: &str) -> bool {
    let folded = text.to_ascii_uppercase();
    matches!(
        folded.split_ascii_whitespace().collect::<Vec<_>>()[..],
        ["ALL"] | ["ALL", "PRIVILEGES"]
    )
}

fn possible(object: &Named) -> String {
    format!(
        "the privileges of {}: {}",
        phrase(object),
        object.class.applicable(NEWEST)
    )
}

/// Where the privilege was probably meant to go.
fn elsewhere(class: PrivilegeClass, privilege: Privilege) -> &'static str {
    match (class, privilege) {
        (PrivilegeClass::Column, Privilege::Delete | Privilege::Truncate) => {
            "; rows are deleted from a whole table"
        }
        (PrivilegeClass::Relation, Privilege::Usage) => {
            "; USAGE is of schemas, sequences and types"
        }
        _ => "",
    }
}

/// Checks a privilege of an object that could not be read.
fn known(text: &str, origin: &Origin, problems: &mut Problems) {
    if text.parse::<Privilege>().is_err() && !is_all(text) {
        let message = format!("unknown privilege `{text}`");
        match closest(text, Privilege::every().map(Privilege::keyword)) {
            Some(keyword) => {
                problems.push_hint(origin, message, format!("did you mean {keyword}?"))
            }
            None => problems.push(origin, message),
        }
    }
}

/// The kind as written, with its article.
fn phrase(object: &Named) -> String {
    match object.words {
        words if words.starts_with("all ") => words.trim_end_matches(" in schema").to_owned(),
        words if words.starts_with(['a', 'e', 'i', 'o']) => format!("an {words}"),
        words => format!("a {words}"),
    }
}
