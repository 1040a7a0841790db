//! The files of `policies/`.

use std::path::PathBuf;

use rolewright::model::{
    Lifecycle, PayloadFormat, Policy, Preset, Reader, RoleName, Strategy, Target,
};
use rolewright::policy::{Source, load, warnings};

use super::given;

/// Every example, as it is read from the command line.
pub(super) fn all() -> Vec<Source> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir("policies")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| Source {
            name: path.display().to_string(),
            text: std::fs::read_to_string(path).unwrap(),
        })
        .collect()
}

fn example(name: &str) -> Policy {
    let source = all()
        .into_iter()
        .find(|source| source.name.ends_with(&format!("{name}.yaml")))
        .unwrap();
    load(&[source], &given()).unwrap().remove(0)
}

fn role(name: &str) -> RoleName {
    RoleName::new(name).unwrap()
}

#[test]
fn every_example_loads_with_the_variables_it_names() {
    for source in all() {
        let policies = load(std::slice::from_ref(&source), &given())
            .unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(policies.len(), 1);
        assert_eq!(warnings(&policies[0]), [], "{}", source.name);
        assert!(source.text.contains("${PROJECT}"), "{}", source.name);
    }
}

#[test]
fn knex_has_one_user_for_ddl_and_one_for_dml() {
    let policy = example("knex");
    assert_eq!(
        policy.instance.unwrap().to_string(),
        "my-project:us-central1:my-database"
    );
    let presets: Vec<_> = policy
        .roles
        .values()
        .flat_map(|role| role.presets.iter())
        .map(|(.., preset)| preset)
        .collect();
    assert_eq!(presets, [Preset::Dml, Preset::Ddl]);
    let migration = policy.roles[&role("migration_user")]
        .secret
        .as_ref()
        .unwrap();
    assert_eq!(
        migration.name.to_string(),
        "projects/my-project/secrets/db-migration-password"
    );
    assert_eq!(migration.payload, PayloadFormat::Password);
    let Reader::CloudRun {
        service_account, ..
    } = &migration.readers[0]
    else {
        panic!()
    };
    assert_eq!(
        service_account.as_deref(),
        Some("123456789012-compute@developer.gserviceaccount.com")
    );
    let app = &policy.roles[&role("app_user")];
    assert_eq!(app.rotation.strategy, Strategy::Alternate);
    assert_eq!(
        app.secret.as_ref().unwrap().host,
        "/cloudsql/my-project:us-central1:my-database"
    );
}

#[test]
fn infrastream_makes_no_schema_and_has_two_extensions() {
    let policy = example("infrastream");
    let database = policy.databases.values().next().unwrap();
    assert!(database.schemas.values().all(|schema| !schema.create));
    let extensions: Vec<_> = database
        .extensions
        .as_ref()
        .unwrap()
        .keys()
        .map(|name| name.as_str())
        .collect();
    assert_eq!(extensions, ["pgcrypto", "uuid-ossp"]);
}

#[test]
fn rails_writes_a_database_yml() {
    let web = &example("rails").roles[&role("rails_web")];
    let PayloadFormat::Template(text) = &web.secret.as_ref().unwrap().payload else {
        panic!()
    };
    assert!(
        text.starts_with("production:\n  adapter: postgresql\n")
            && text.contains("username: {user}\n")
    );
    assert_eq!(web.rotation.deadline, Some(7 * 24 * 60 * 60));
}

#[test]
fn reporting_shows_columns_and_leaves_the_rest_out() {
    let policy = example("reporting");
    let granted: Vec<_> = policy.roles[&role("reporting")]
        .grants
        .iter()
        .map(|grant| match &grant.target {
            Target::Object(object) => format!("{} on {object}", grant.privileges),
            Target::AllInSchema(..) => panic!(),
        })
        .collect();
    assert_eq!(
        granted,
        [
            "SELECT on column customers.customers(id)",
            "SELECT on column customers.customers(country)",
            "SELECT on column customers.customers(created_at)",
            "EXECUTE on function reports.refresh_daily(date)",
        ]
    );
    assert_eq!(
        policy.roles[&role("dashboards")].settings["default_transaction_read_only"],
        "on"
    );
    let users = |name: &str| {
        policy.roles[&role(name)]
            .iam
            .iter()
            .map(|one| one.user().as_str())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        users("analysts"),
        ["ana@example.com", "analysts@example.com"]
    );
    assert_eq!(users("auditor"), ["audit@my-project.iam"]);
    assert!(
        policy
            .roles
            .values()
            .all(|role| role.lifecycle == Lifecycle::Present)
    );
}
