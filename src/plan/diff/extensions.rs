//! Extensions: made where missing, updated where another version is declared, never dropped and never moved.

use super::Diff;
use super::emit::{Reason, step};
use crate::model::{Database, DatabaseName, Extension, ExtensionName, ExtensionPolicy};
use crate::plan::expected::extension_schema;
use crate::plan::{Change, Finding, RefusalCause, Rule, script, statement};

/// Comes with every database.
const BUILT_IN: &str = "plpgsql";

impl Diff<'_> {
    pub(super) fn extensions(&mut self, name: &DatabaseName, database: &Database) {
        let Some(declared) = self
            .policy
            .databases
            .get(name)
            .and_then(|one| one.extensions.as_ref())
        else {
            return;
        };
        for (extension, wanted) in declared {
            match database.extensions.get(extension) {
                None => self.missing_extension(name, database, extension, wanted),
                Some(installed) => self.installed_extension(name, extension, wanted, installed),
            }
        }
        let extra = database
            .extensions
            .keys()
            .filter(|one| !declared.contains_key(*one) && one.as_str() != BUILT_IN);
        for extension in extra {
            let message = format!("extension {extension} is installed and not declared");
            let drop = format!("DROP EXTENSION {}", statement::name(extension.as_str()));
            let fix = self.as_owner(&database.extensions[extension], drop.clone());
            self.withhold_extension(
                name,
                extension,
                Finding {
                    fix,
                    ..Finding::new(Rule::ExtensionUndeclared, message)
                },
                None,
                Reason::decision(
                    "an extension is never dropped to mend drift",
                    format!("declare it, or run: {drop}"),
                ),
            );
        }
    }

    fn missing_extension(
        &mut self,
        name: &DatabaseName,
        database: &Database,
        extension: &ExtensionName,
        wanted: &ExtensionPolicy,
    ) {
        let versions = database.available.get(extension);
        let offered =
            versions.is_some_and(|all| wanted.version.as_ref().is_none_or(|one| all.contains(one)));
        if !offered {
            let version = wanted
                .version
                .as_ref()
                .map(|one| format!(" version `{one}`"))
                .unwrap_or_default();
            self.refuse(
                RefusalCause::Instance,
                format!("extension `{extension}`{version} is not available on this server (database `{name}`)"),
                match versions {
                    Some(versions) if !versions.is_empty() => format!("available versions: {}", versions.join(", ")),
                    _ => "see https://cloud.google.com/sql/docs/postgres/extensions for what Cloud SQL supports".into(),
                },
            );
        }
        let Some(schema) = extension_schema(wanted) else {
            return;
        };
        let declared = self
            .policy
            .databases
            .get(name)
            .is_some_and(|one| one.schemas.contains_key(&schema));
        if !declared && self.reach.schema(name, &schema).is_none() {
            self.refuse(
                RefusalCause::Instance,
                format!("schema `{schema}` of extension `{extension}` does not exist in database `{name}`"),
                "declare it under `schemas`, and it is made".into(),
            );
        }
        let change = Change::CreateExtension {
            database: name.clone(),
            extension: extension.clone(),
            schema,
            version: wanted.version.clone(),
        };
        let blocked = self.creator_missing(name);
        self.push_or(
            step(change, Rule::ExtensionMissing, Some(&wanted.origin)),
            blocked,
        );
    }

    fn installed_extension(
        &mut self,
        name: &DatabaseName,
        extension: &ExtensionName,
        wanted: &ExtensionPolicy,
        installed: &Extension,
    ) {
        if let Some(schema) = wanted
            .schema
            .as_ref()
            .filter(|schema| **schema != installed.schema)
        {
            let message = format!(
                "extension {extension} is in schema {}, not in {schema}",
                installed.schema
            );
            let (quoted, to) = (
                statement::name(extension.as_str()),
                statement::name(schema.as_str()),
            );
            let fix = self.as_owner(
                installed,
                format!("ALTER EXTENSION {quoted} SET SCHEMA {to}"),
            );
            self.withhold_extension(
                name,
                extension,
                Finding {
                    fix,
                    ..Finding::new(Rule::ExtensionSchema, message)
                },
                Some(wanted),
                Reason::decision(
                    "an extension is never moved: what refers to its objects by schema would break",
                    format!("declare schema {}, or move it by hand", installed.schema),
                ),
            );
        }
        let Some(version) = wanted
            .version
            .as_ref()
            .filter(|version| **version != installed.version)
        else {
            return;
        };
        let change = Change::UpdateExtension {
            database: name.clone(),
            extension: extension.clone(),
            owner: installed.owner.clone(),
            version: version.clone(),
        };
        let no_path = (!installed.updates.contains(version)).then(|| {
            let from = &installed.version;
            Reason::decision(
                format!("the server knows no update from {from} to {version}"),
                "declare a version it can be updated to",
            )
        });
        let blocked = no_path.or_else(|| self.out_of_reach(&installed.owner));
        self.push_or(
            step(change, Rule::ExtensionVersion, Some(&wanted.origin)),
            blocked,
        );
    }

    /// What the owner of an extension runs, where this admin can act as the owner.
    fn as_owner(&self, extension: &Extension, statement: String) -> Option<String> {
        let owner = &extension.owner;
        self.reach
            .can_become(owner)
            .then(|| script::handing_over(&self.reach, owner, owner, statement).join("; "))
    }

    fn withhold_extension(
        &mut self,
        database: &DatabaseName,
        extension: &ExtensionName,
        finding: Finding,
        wanted: Option<&ExtensionPolicy>,
        reason: Reason,
    ) {
        let declared = wanted.and_then(|wanted| wanted.schema.as_ref());
        let path = [
            Some(format!("database {database}")),
            Some(format!("extension {extension}")),
            declared.map(|schema| format!("declared in schema {schema}")),
        ];
        let finding = Finding {
            object: Some(format!("extension {extension}")),
            path: path.into_iter().flatten().collect(),
            origin: wanted.map(|wanted| wanted.origin.clone()),
            ..finding
        };
        self.withhold_findings(vec![Self::in_database(finding, database)], reason);
    }
}
