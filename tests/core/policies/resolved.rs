//! What good files resolve to.

use insta::assert_snapshot;
use rolewright::model::{
    CloudRunKind, DatabaseName, Lifecycle, LoginPolicy, Origin, PayloadFormat, Policy,
    PublicAccess, Reader, RoleName, RolePolicy, Strategy,
};
use rolewright::policy::warnings;

use super::{SHOP, read, shop};

fn app(policy: &Policy) -> &RolePolicy {
    &policy.roles[&RoleName::new("app").unwrap()]
}

fn access(role: &RolePolicy) -> Vec<String> {
    role.presets
        .iter()
        .map(|(database, schema, preset)| format!("{preset:?} {database}.{schema}"))
        .collect()
}

fn only(texts: &[&str]) -> Policy {
    match read(texts) {
        Ok(mut policies) if policies.len() == 1 => policies.remove(0),
        Ok(policies) => panic!("{} policies", policies.len()),
        Err(problems) => panic!("{problems}"),
    }
}

#[test]
fn a_preset_alone_is_every_schema_of_its_file() {
    let second =
        "version: 1\ndatabases: { bill: { schemas: [x] } }\nroles: { app: { access: read } }\n";
    let policy = only(&[SHOP, second]);
    assert_eq!(access(app(&policy)), ["Read bill.x"]);
    assert_eq!(
        access(app(&shop("roles: { app: { access: ddl } }\n"))),
        ["Ddl shop.audit", "Ddl shop.public"]
    );
}

#[test]
fn a_role_gains_access_in_several_files() {
    let first = format!(
        "{SHOP}roles: {{ app: {{ access: {{ dml: [public] }}, settings: {{ a.b: 1 }} }} }}\n"
    );
    let second = "version: 1\nroles: { app: { access: { read: [audit] }, settings: { c.d: 2 }, connection_limit: 3 } }\n";
    let policy = only(&[&first, second]);
    assert_eq!(access(app(&policy)), ["Read shop.audit", "Dml shop.public"]);
    assert_eq!(app(&policy).settings.len(), 2);
    assert_eq!(app(&policy).connection_limit, Some(3));
    assert_eq!(
        app(&policy).origin,
        Origin {
            file: "a.yaml".into(),
            line: 6,
            column: 10
        }
    );
}

#[test]
fn a_login_kept_elsewhere_may_be_said_in_several_files() {
    let second = "version: 1\nroles: { app: { login: external, iam: [user:ana@example.com] } }\n";
    let policy = only(&[
        &format!("{SHOP}roles: {{ app: {{ login: external }} }}\n"),
        second,
    ]);
    assert_eq!(app(&policy).login, Some(LoginPolicy::External));
    let later = only(&[
        &format!("{SHOP}roles: {{ app: {{ access: dml }} }}\n"),
        second,
    ]);
    assert!(app(&later).has_external_login() && app(&later).iam.len() == 1);
    assert_eq!(app(&shop("roles: { app: { access: dml } }\n")).login, None);
}

#[test]
fn a_login_kept_elsewhere_in_one_file_and_a_secret_in_another_contradict() {
    let second = "version: 1\nroles: { app: { secret: { name: s } } }\n";
    let problems = read(&[
        &format!("{SHOP}roles: {{ app: {{ login: external }} }}\n"),
        second,
    ])
    .unwrap_err()
    .to_string();
    assert!(
        problems.contains("a.yaml:6:24: `login` beside `secret`"),
        "{problems}"
    );
}

#[test]
fn schemas_and_extensions_of_a_database_are_joined() {
    let second = "version: 1\ndatabases:\n  shop:\n    schemas: [{ name: audit, create: false }, more]\n    extensions: []\n    public: keep\n";
    let policy = only(&[SHOP, second]);
    let database = &policy.databases[&DatabaseName::new("shop").unwrap()];
    let schemas: Vec<_> = database
        .schemas
        .iter()
        .map(|(name, schema)| (name.as_str(), schema.create))
        .collect();
    assert_eq!(
        schemas,
        [("audit", false), ("more", true), ("public", true)]
    );
    assert!(
        database
            .extensions
            .as_ref()
            .is_some_and(|extensions| extensions.is_empty())
    );
    assert_eq!(database.public, PublicAccess::Keep);
}

#[test]
fn no_extensions_is_not_an_empty_list_of_them() {
    let policy = shop("");
    assert!(
        policy
            .databases
            .values()
            .all(|database| database.extensions.is_none())
    );
}

#[test]
fn instances_are_apart_and_sorted() {
    let second = "version: 1\ninstance: p:a:i\ndatabases: { shop: { schemas: [public] } }\nroles: { app: { access: dml } }\n";
    let policies = read(&[SHOP, second]).unwrap();
    let instances: Vec<_> = policies
        .iter()
        .map(|policy| policy.instance.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(instances, ["p:a:i", "p:r:i"]);
    assert!(policies[1].roles.is_empty());
}

#[test]
fn the_same_file_twice_is_one() {
    let text = "version: 1\ndatabases: { a: { schemas: [s] } }\n";
    let source = rolewright::policy::Source {
        name: "a.yaml".into(),
        text: text.into(),
    };
    assert!(rolewright::policy::load(&[source.clone(), source], &super::given()).is_ok());
}

#[test]
fn a_secret_has_defaults() {
    let policy = shop("roles: { app: { access: { dml: [public] }, secret: { name: s } } }\n");
    let secret = app(&policy).secret.as_ref().unwrap();
    assert_eq!(secret.name.to_string(), "projects/p/secrets/s");
    assert_eq!(secret.payload, PayloadFormat::Password);
    assert_eq!(
        (secret.host.as_str(), secret.port),
        ("/cloudsql/p:r:i", 5432)
    );
    assert_eq!(secret.database.as_str(), "shop");
    assert_eq!((secret.keep, &secret.replication), (2, &None));
    assert_eq!(app(&policy).rotation.strategy, Strategy::Single);
    assert_eq!(
        (app(&policy).rotation.every, app(&policy).rotation.grace),
        (None, 86_400)
    );
}

#[test]
fn the_project_of_a_file_is_the_project_of_its_secrets_and_jobs() {
    let rest = "project: vault\nroles:\n  app:\n    secret: { name: s, readers: [{ cloud_run_job: r/j }, { cloud_run_service: q/r/s }] }\n";
    let secret = app(&shop(rest)).secret.clone().unwrap();
    assert_eq!(secret.name.to_string(), "projects/vault/secrets/s");
    let found: Vec<_> = secret
        .readers
        .iter()
        .map(|reader| match reader {
            Reader::CloudRun {
                kind,
                project,
                region,
                name,
                ..
            } => (*kind, project.as_str(), &**region, &**name),
            Reader::Member(_) => panic!(),
        })
        .collect();
    assert_eq!(
        found,
        [
            (CloudRunKind::Job, "vault", "r", "j"),
            (CloudRunKind::Service, "q", "r", "s")
        ]
    );
}

#[test]
fn the_database_of_a_secret_is_the_only_one_the_role_reaches() {
    let second = "version: 1\ndatabases: { bill: { schemas: [x] } }\nroles: { app: { access: { dml: [x] }, secret: { name: s, payload: url } } }\n";
    let policy = only(&[SHOP, second]);
    assert_eq!(
        app(&policy).secret.as_ref().unwrap().database.as_str(),
        "bill"
    );
}

#[test]
fn without_an_instance_a_payload_names_its_host() {
    let text = "version: 1\nproject: p\ndatabases: { a: {} }\nroles: { app: { secret: { name: s, payload: url, host: db.internal, port: 6432 } } }\n";
    let policy = only(&[text]);
    let secret = app(&policy).secret.as_ref().unwrap();
    assert_eq!((secret.host.as_str(), secret.port), ("db.internal", 6432));
}

#[test]
fn durations_have_units() {
    for (text, seconds) in [
        ("1w", 604_800),
        ("30d", 2_592_000),
        ("36h", 129_600),
        ("2000m", 120_000),
        ("90000s", 90_000),
    ] {
        let policy = shop(&format!(
            "roles: {{ app: {{ secret: {{ name: s }}, rotate: {{ every: {text}, grace: 1h }} }} }}\n"
        ));
        assert_eq!(app(&policy).rotation.every, Some(seconds), "{text}");
    }
}

#[test]
fn principals_become_the_names_of_their_database_users() {
    let rest = "roles:\n  app:\n    iam:\n      - serviceAccount:Run@p.iam.gserviceaccount.com\n      - serviceAccount:123-compute@developer.gserviceaccount.com\n      - user:Ana@Example.com\n      - group:Ops@Example.com\n      - user:ana@example.com\n";
    let policy = shop(rest);
    let users: Vec<_> = app(&policy)
        .iam
        .iter()
        .map(|principal| principal.user().as_str())
        .collect();
    assert_eq!(
        users,
        [
            "run@p.iam",
            "123-compute@developer",
            "ana@example.com",
            "ops@example.com"
        ]
    );
}

#[test]
fn memberships_have_postgresqls_defaults() {
    let policy = shop(
        "roles: { app: { member_of: [pg_monitor, { role: r, set: false, admin: true }] }, r: {} }\n",
    );
    let found: Vec<_> = app(&policy)
        .member_of
        .iter()
        .map(|m| (m.role.as_str(), m.inherit, m.set, m.admin))
        .collect();
    assert_eq!(
        found,
        [("pg_monitor", true, true, false), ("r", true, false, true)]
    );
}

#[test]
fn settings_are_text_whatever_they_look_like() {
    let policy = shop(
        "roles: { app: { settings: { jit: off, work_mem: 64, random_page_cost: 1.10, x.y: \"\", A: true } } }\n",
    );
    let found: Vec<_> = app(&policy)
        .settings
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    assert_eq!(
        found,
        [
            ("a", "true"),
            ("jit", "off"),
            ("random_page_cost", "1.10"),
            ("work_mem", "64"),
            ("x.y", "")
        ]
    );
}

#[test]
fn a_retired_role_keeps_its_secret() {
    let policy = shop(
        "roles: { app: { state: absent, heir: r, secret: { name: s, payload: url }, rotate: { strategy: alternate } }, r: {} }\n",
    );
    assert_eq!(
        app(&policy).lifecycle,
        Lifecycle::Absent {
            heir: Some(RoleName::new("r").unwrap())
        }
    );
    assert!(app(&policy).secret.is_some());
}

#[test]
fn postgres_is_always_an_admin() {
    let policy = shop("admins: [deploy]\nignore: { roles: [datastream_*] }\n");
    let admins: Vec<_> = policy.admins.iter().map(|name| name.as_str()).collect();
    assert_eq!(admins, ["deploy", "postgres"]);
    assert!(policy.ignore[0].matches("datastream_eu"));
}

#[test]
fn accepted_findings_have_a_last_day() {
    let policy = shop(
        "allow: [{ rule: public.unexpected, object: schema public, privilege: create, reason: old, until: 2027-01-31 }]\n",
    );
    assert_eq!(policy.allow[0].until, Some(jiff::civil::date(2027, 1, 31)));
    assert_eq!(
        policy.allow[0].origin,
        Origin {
            file: "p.yaml".into(),
            line: 6,
            column: 9
        }
    );
}

#[test]
fn variables_may_be_numbers_and_two_dollars_are_none() {
    let policy =
        shop("roles:\n  app:\n    connection_limit: ${N}\n    settings: { a.b: \"$${N}\" }\n");
    assert_eq!(app(&policy).connection_limit, Some(10));
    assert_eq!(app(&policy).settings["a.b"], "${N}");
}

#[test]
fn values_may_be_shared_by_anchors() {
    let policy = shop("roles:\n  app:\n    settings: &s { a.b: 1 }\n  b:\n    settings: *s\n");
    assert_eq!(
        policy.roles[&RoleName::new("b").unwrap()].settings,
        app(&policy).settings
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_key() {
    assert_eq!(
        super::of("\u{feff}version: 1\ndatabases: { a: {} }\n"),
        "OK"
    );
}

#[test]
fn what_is_allowed_and_probably_not_meant_is_a_warning() {
    let rest = "roles:\n  a: { access: { ddl: [public] } }\n  b:\n    access: { ddl: [public] }\n    secret: { name: s }\n    grants: [{ privileges: [SELECT], object: table hidden.t }, { privileges: [EXECUTE], object: function pg_catalog.pg_ls_dir(text) }]\n";
    let found: Vec<_> = warnings(&shop(rest))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_snapshot!(found.join("\n"), @"
    p.yaml:5:15: several roles have `ddl` on the schema `shop.public`: `a`, `b`
      hint: objects of others are taken over only where one role has `ddl`
    p.yaml:5:23: nobody has `ddl` on the schema `shop.audit`
      hint: owners are not judged there, and what is made later is granted to nobody
    p.yaml:10:21: nobody is declared to read the secret `s`
    p.yaml:11:14: the schema `shop.hidden` of this grant is not declared
    ");
}
