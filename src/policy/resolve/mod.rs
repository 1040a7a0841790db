//! From shapes to policies: files joined per instance, names checked, references found.

mod access;
mod allow;
mod databases;
mod grants;
mod members;
mod names;
mod readers;
mod roles;
mod rotation;
mod secrets;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use super::file::{File, List};
use super::read::{Located, Read, given};
use super::{Problems, lint};
use crate::model::{
    DatabaseName, InstanceName, Origin, Policy, ProjectId, RoleName, RolePattern, SchemaName,
};

/// The header of a file, and what its references without a qualifier mean.
#[derive(Debug, Clone, Default)]
struct Facts {
    /// The default project of its secrets.
    project: Option<ProjectId>,
    /// Its databases with the schemas it lists for them.
    schemas: BTreeMap<DatabaseName, BTreeSet<SchemaName>>,
}

/// What references are looked up in.
struct Scope<'a> {
    instance: Option<&'a InstanceName>,
    /// By file.
    facts: &'a BTreeMap<String, Facts>,
    databases: &'a BTreeMap<DatabaseName, crate::model::DatabasePolicy>,
    /// Names of the declared roles.
    roles: &'a BTreeSet<String>,
    /// What could not be read and was reported.
    unread: Unread,
}

/// What could not be read and was reported: references to it are not reported as missing.
#[derive(Debug, Clone, Copy)]
struct Unread {
    /// Something that others may refer to: a whole file, its databases or its roles.
    referents: bool,
    /// The `instance` or `project` of a file, where defaults come from.
    defaults: bool,
}

impl Scope<'_> {
    fn facts(&self, origin: &Origin) -> &Facts {
        static NOTHING: Facts = Facts {
            project: None,
            schemas: BTreeMap::new(),
        };
        self.facts.get(&origin.file).unwrap_or(&NOTHING)
    }

    /// Tells of a reference that leads nowhere, unless it may lead to what could not be read.
    fn dangling(
        &self,
        origin: &Origin,
        message: impl Into<String>,
        hint: impl Into<String>,
        problems: &mut Problems,
    ) {
        if !self.unread.referents {
            problems.push_hint(origin, message, hint);
        }
    }

    /// Tells of a default that comes from nowhere, unless it would come from what could not be read.
    fn no_default(
        &self,
        origin: &Origin,
        message: impl Into<String>,
        hint: impl Into<String>,
        problems: &mut Problems,
    ) {
        if !self.unread.defaults {
            problems.push_hint(origin, message, hint);
        }
    }

    /// The database that a file means without saying so: its only one, or the only one there is.
    fn only_database(&self, origin: &Origin) -> Option<&DatabaseName> {
        only(self.facts(origin).schemas.keys()).or_else(|| only(self.databases.keys()))
    }

    /// The project that a file means without saying so.
    fn default_project(&self, origin: &Origin) -> Option<ProjectId> {
        let of_instance = || self.instance.map(|instance| instance.project().clone());
        self.facts(origin).project.clone().or_else(of_instance)
    }
}

/// The item, if there is exactly one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

/// Whether a secret may have this host, and this text with places in it as its payload.
#[cfg(feature = "fuzzing")]
pub(super) fn is_payload(host: &str, template: Option<&str>) -> bool {
    secrets::is_host(host) && template.is_none_or(|text| template::places(text).is_ok())
}

/// Resolves all files: one policy per instance. `complete`: no other file failed to be read.
pub(super) fn resolve(
    files: Vec<Located<File>>,
    complete: bool,
    problems: &mut Problems,
) -> Vec<Policy> {
    let unread = unread(&files, complete);
    let groups = group(files, unread, problems);
    let policies: Vec<_> = groups
        .into_iter()
        .map(|(instance, files)| policy(instance, files, unread, problems))
        .collect();
    lint::check(&policies, problems);
    policies
}

fn unread(files: &[Located<File>], complete: bool) -> Unread {
    let has_referents = |file: &Located<File>| {
        let Some(file) = file.get() else { return false };
        let databases = file.databases.as_ref().is_none_or(|field| {
            field.get().is_some_and(|named| {
                named
                    .0
                    .iter()
                    .all(|database| database.value.get().is_some())
            })
        });
        databases
            && file
                .roles
                .as_ref()
                .is_none_or(|field| field.get().is_some())
    };
    let has_instance = |file: &&File| {
        file.instance.as_ref().is_none_or(|field| {
            field
                .get()
                .is_some_and(|text| InstanceName::new(text).is_ok())
        })
    };
    let has_project = |file: &&File| {
        file.project
            .as_ref()
            .is_none_or(|field| field.get().is_some())
    };
    let read: Vec<_> = files.iter().filter_map(Located::get).collect();
    let instances = read.iter().all(has_instance);
    Unread {
        // Of several files, one whose instance is unknown may belong to any of the others.
        referents: !complete || !files.iter().all(has_referents) || !instances && files.len() > 1,
        defaults: !complete || !instances || !read.iter().all(has_project),
    }
}

type Groups = BTreeMap<Option<InstanceName>, Vec<(File, Origin)>>;

/// Puts every file to its instance; one that names none belongs to the only one the others name.
fn group(files: Vec<Located<File>>, unread: Unread, problems: &mut Problems) -> Groups {
    let mut groups = Groups::new();
    let mut silent = Vec::new();
    for file in files {
        let Some(value) = file.value else { continue };
        match &value.instance {
            None => silent.push((value, file.origin)),
            Some(field) => match field
                .get()
                .and_then(|text| problems.keep(&field.origin, InstanceName::new(text)))
            {
                Some(name) => groups
                    .entry(Some(name))
                    .or_default()
                    .push((value, file.origin)),
                None => silent.push((value, file.origin)),
            },
        }
    }
    let named: Vec<_> = groups.keys().cloned().collect();
    for (file, origin) in silent {
        if named.len() > 1 && !unread.referents {
            let instances: Vec<_> = named.iter().flatten().map(ToString::to_string).collect();
            problems.push_hint(
                &origin,
                "`instance` is missing, and the other files name several",
                format!("add `instance:` with one of {}", instances.join(", ")),
            );
        }
        groups
            .entry(named.first().cloned().flatten())
            .or_default()
            .push((file, origin));
    }
    groups
}

fn policy(
    instance: Option<InstanceName>,
    files: Vec<(File, Origin)>,
    unread: Unread,
    problems: &mut Problems,
) -> Policy {
    let mut facts = BTreeMap::new();
    let mut joined: Option<(File, Origin)> = None;
    for (mut file, origin) in files {
        facts
            .entry(origin.file.clone())
            .or_insert_with(|| own_facts(&file, problems));
        file.project = None;
        match &mut joined {
            Some((first, _)) => drop(first.join(file, problems)),
            None => joined = Some((file, origin)),
        }
    }
    let Some((file, origin)) = joined else {
        return Policy::default();
    };
    let databases = databases::databases(&file, &origin, unread, problems);
    let names =
        given(&file.roles).map(|roles| roles.0.iter().map(|role| role.key.clone()).collect());
    let roles = &names.unwrap_or_default();
    let scope = Scope {
        instance: instance.as_ref(),
        facts: &facts,
        databases: &databases,
        roles,
        unread,
    };
    let roles = roles::roles(&file, &scope, problems);
    let admins = admins(&file.admins, problems);
    let ignore = ignore(&file, problems);
    let allow = allow::allow(&file.allow, problems);
    Policy {
        roles,
        admins,
        ignore,
        allow,
        databases,
        instance,
        ..Policy::default()
    }
}

fn own_facts(file: &File, problems: &mut Problems) -> Facts {
    let project = file
        .project
        .as_ref()
        .and_then(|field| problems.keep(&field.origin, ProjectId::new(field.get()?)));
    let mut schemas = BTreeMap::new();
    for database in given(&file.databases)
        .into_iter()
        .flat_map(|databases| &databases.0)
    {
        let Ok(name) = DatabaseName::new(&database.key) else {
            continue;
        };
        let listed = database
            .value
            .get()
            .and_then(|database| given(&database.schemas));
        let names = listed
            .into_iter()
            .flatten()
            .filter_map(|schema| schema.get()?.0.name.get());
        schemas.insert(
            name,
            names
                .filter_map(|name| SchemaName::new(name).ok())
                .collect(),
        );
    }
    Facts { project, schemas }
}

/// The bootstrap login of every Cloud SQL instance.
/// <https://cloud.google.com/sql/docs/postgres/users#default-users>
const BOOTSTRAP: &str = "postgres";

fn admins(field: &Option<Located<List<String>>>, problems: &mut Problems) -> BTreeSet<RoleName> {
    let mut admins: BTreeSet<_> = RoleName::new(BOOTSTRAP).into_iter().collect();
    for admin in given(field).into_iter().flatten() {
        admins.extend(
            admin
                .get()
                .and_then(|name| problems.keep(&admin.origin, RoleName::new(name))),
        );
    }
    admins
}

fn ignore(file: &File, problems: &mut Problems) -> Vec<RolePattern> {
    let patterns = given(&file.ignore).and_then(|ignore| given(&ignore.roles));
    let mut found = Vec::new();
    for pattern in patterns.into_iter().flatten() {
        found.extend(
            pattern
                .get()
                .and_then(|text| problems.keep(&pattern.origin, RolePattern::new(text))),
        );
    }
    found
}
