//! Names.

use insta::assert_snapshot;

use super::{of, of_shop};

#[test]
fn reserved() {
    assert_snapshot!(of_shop("roles:
  public: {}
  PUBLIC: {}
  None: {}
  pg_read_all_data: {}
  cloudsqlsuperuser: {}
  postgres: {}
"), @"
    p.yaml:7:3: `public` is a reserved word, no role can have it
      hint: choose another name
    p.yaml:8:3: `PUBLIC` is a reserved word, no role can have it
      hint: choose another name
    p.yaml:9:3: `None` is a reserved word, no role can have it
      hint: choose another name
    p.yaml:10:3: `pg_read_all_data` is a name that PostgreSQL keeps for itself
      hint: predefined roles are given with `member_of`
    p.yaml:11:3: `cloudsqlsuperuser` is a name that Cloud SQL keeps for itself
    p.yaml:12:3: `postgres` is an admin, who may reach everything
      hint: a role is either declared or in `admins`; `postgres` always is an admin
    ");
}

#[test]
fn unfit_for_urls_and_logs() {
    assert_snapshot!(of_shop(r#"roles:
  "a b": {}
  'a"b': {}
  a'b: {}
  a\b: {}
  a%b: {}
  a/b: {}
  rôle: {}
  "a\nb": {}
  -a: {}
  "": {}
"#), @r#"
    p.yaml:7:3: the role name `a b` contains a space
      hint: it will stand in URLs, .pgpass lines and log prefixes: use letters, digits, `_`, `-`, `.` and `@`
    p.yaml:8:3: the role name `a"b` contains a quote
      hint: it will stand in URLs, .pgpass lines and log prefixes: use letters, digits, `_`, `-`, `.` and `@`
    p.yaml:9:3: the role name `a'b` contains a quote
      hint: it will stand in URLs, .pgpass lines and log prefixes: use letters, digits, `_`, `-`, `.` and `@`
    p.yaml:10:3: the role name `a\b` contains a backslash
      hint: it will stand in URLs, .pgpass lines and log prefixes: use letters, digits, `_`, `-`, `.` and `@`
    p.yaml:11:3: the role name `a%b` contains `%`
      hint: it will stand in URLs, .pgpass lines and log prefixes: use letters, digits, `_`, `-`, `.` and `@`
    p.yaml:12:3: the role name `a/b` contains `/`
      hint: it will stand in URLs, .pgpass lines and log prefixes: use letters, digits, `_`, `-`, `.` and `@`
    p.yaml:13:3: the role name `rôle` contains `ô`
      hint: it will stand in URLs, .pgpass lines and log prefixes: use letters, digits, `_`, `-`, `.` and `@`
    p.yaml:14:3: the role name `a\nb` contains the control character U+000A
      hint: it will stand in URLs, .pgpass lines and log prefixes: use letters, digits, `_`, `-`, `.` and `@`
    p.yaml:15:3: the role name `-a` begins with `-`: commands would take it for an option
    p.yaml:16:3: a name cannot be empty
    "#);
}

#[test]
fn too_long() {
    assert_snapshot!(of_shop("roles:
  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: {}
"), @"p.yaml:7:3: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` is 64 bytes long, PostgreSQL keeps 63");
}

#[test]
fn too_long_with_a_suffix() {
    assert_snapshot!(of_shop("roles:
  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx:
    secret: { name: s, payload: url }
    rotate: { strategy: alternate }
"), @"
    p.yaml:7:3: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` is 62 bytes long, with `_a` and `_b` more than the 63 that PostgreSQL keeps
      hint: 61 bytes are left for the name of a role that alternates
    ");
}

#[test]
fn of_logins_that_are_somebody_else() {
    assert_snapshot!(of_shop("roles:
  app:
    secret: { name: s, payload: url }
    rotate: { strategy: alternate }
  app_a: {}
admins: [app_b]
ignore: { roles: [a*p] }
"), @"
    p.yaml:7:3: `app_a` is a login of `app`, and a role at p.yaml:10:3
    p.yaml:7:3: `app_b` is an admin, who may reach everything
      hint: a role is either declared or in `admins`; `postgres` always is an admin
    p.yaml:7:3: `app` is declared, and matched by `ignore.roles`
    ");
}

#[test]
fn of_iam_users_that_are_roles() {
    assert_snapshot!(of_shop(r#"roles:
  a@p.iam: {}
  b:
    iam: ["serviceAccount:a@p.iam.gserviceaccount.com"]
"#), @"p.yaml:7:3: `a@p.iam` is also the database user of an IAM principal");
}

#[test]
fn of_iam_users_that_are_one_in_the_server() {
    let two = |a: &str, b: &str| {
        of_shop(&format!(
            "roles:\n  a:\n    iam: [\"{a}\"]\n  b:\n    iam: [\"{b}\"]\n"
        ))
    };
    let (name, project) = ("a".repeat(60), "project".repeat(6));
    for (a, b) in [
        (
            format!("user:{name}@example.com"),
            format!("user:{name}@exotic.org"),
        ),
        (
            format!("user:{name}@example.com"),
            format!("group:{name}@Example.net"),
        ),
        (
            format!("serviceAccount:service-account-one@{project}-a.iam.gserviceaccount.com"),
            format!("serviceAccount:service-account-one@{project}-b.iam.gserviceaccount.com"),
        ),
    ] {
        assert_eq!(two(&a, &a), "OK");
        let told = two(&a, &b);
        assert!(
            told.starts_with("p.yaml:10:11: the database users `"),
            "{told}"
        );
        assert!(
            told.ends_with("(p.yaml:8:11) are one: PostgreSQL keeps 63 bytes of a name"),
            "{told}"
        );
    }
    let told = two("user:ana@example.com", "group:Ana@example.com");
    assert_eq!(
        told,
        "p.yaml:10:11: `ana@example.com` is declared as a principal of another kind at p.yaml:8:11"
    );
    assert_eq!(two("user:ana@example.com", "user:Ana@Example.com"), "OK");
}

/// Where Google's names stand in a policy, with places for a project, a region and a name.
const PLACES: [&str; 6] = [
    "version: 1\ninstance: {project}:us-central1:db\ndatabases: { a: {} }\n",
    "version: 1\ninstance: p:{region}:db\ndatabases: { a: {} }\n",
    "version: 1\nproject: {project}\ndatabases: { a: {} }\n",
    "version: 1\nproject: p\ndatabases: { a: {} }\nroles: { r: { secret: { name: s, project: {project} } } }\n",
    "version: 1\nproject: p\ndatabases: { a: {} }\nroles: { r: { secret: { name: s, readers: [{ cloud_run_job: {project}/{region}/{name} }] } } }\n",
    "version: 1\nproject: p\ndatabases: { a: {} }\nroles: { r: { secret: { name: s, replication: [{region}] } } }\n",
];

fn google(place: &str, project: &str, region: &str, name: &str) -> String {
    of(&place
        .replace("{project}", project)
        .replace("{region}", region)
        .replace("{name}", name))
}

#[test]
fn of_google_are_refused_where_they_would_lead_elsewhere() {
    for place in PLACES {
        assert_eq!(
            google(place, "demo-project", "us-central1", "job"),
            "OK",
            "{place}"
        );
        for odd in [
            "..",
            ".",
            "Demo",
            "a-",
            "demo_project",
            "a%2f",
            "'a b'",
            "é",
        ] {
            let told = [
                google(place, odd, "us-central1", "job"),
                google(place, "p", odd, "job"),
                google(place, "p", "r", odd),
            ];
            let used = ["{project}", "{region}", "{name}"].map(|hole| place.contains(hole));
            for (told, used) in told.iter().zip(used) {
                // A name with a space is a text of its own in YAML.
                let skipped = odd.starts_with('\'')
                    && place.contains(&["{project}:", ":{", "/{"].concat())
                    || !used;
                assert!(
                    skipped || told.starts_with("p.yaml:"),
                    "{place} {odd}: {told}"
                );
            }
        }
    }
}

#[test]
fn of_google_are_hinted_at_in_lower_case() {
    assert_snapshot!(of(r#"version: 1
instance: Demo:US-central1:db
databases: { a: {} }
roles:
  r:
    secret:
      name: s
      project: Demo-Project
      replication: [Europe-West1]
      readers: [{ cloud_run_job: US-central1/Migrate }, { cloud_run_service: ../us-central1/x }, { cloud_run_job: Demo/us-central1/x }]
"#), @"
    p.yaml:2:11: `Demo:US-central1:db` is not an instance connection name, `project:region:instance`: it has upper-case letters
      hint: did you mean `demo:us-central1:db`?
    p.yaml:8:16: `Demo-Project` is not a project id: it has upper-case letters
      hint: did you mean `demo-project`?
    p.yaml:9:21: `Europe-West1` is not a region
      hint: did you mean `europe-west1`?
    p.yaml:10:34: `US-central1/Migrate` is not [PROJECT/]REGION/NAME
      hint: did you mean `us-central1/migrate`?
    p.yaml:10:78: `..` is not a project id
    p.yaml:10:115: `Demo` is not a project id: it has upper-case letters
      hint: did you mean `demo`?
    ");
}

#[test]
fn of_databases_and_schemas() {
    assert_snapshot!(of(r#"version: 1
instance: here
project: "a b"
databases:
  dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd: {}
  cloudsqladmin: {}
  a: { schemas: [pg_x, information_schema, ""], extensions: ["", { name: a, schema: "", version: "" }] }
"#), @"
    p.yaml:2:11: `here` is not an instance connection name, `project:region:instance`
    p.yaml:3:10: `a b` is not a project id
    p.yaml:5:3: `dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd` is 64 bytes long, PostgreSQL keeps 63
    p.yaml:6:3: the database `cloudsqladmin` cannot be managed
    p.yaml:7:18: the schema `pg_x` is PostgreSQL's own
    p.yaml:7:24: the schema `information_schema` is PostgreSQL's own
    p.yaml:7:44: a name cannot be empty
    p.yaml:7:62: a name cannot be empty
    p.yaml:7:85: a name cannot be empty
    p.yaml:7:98: a version cannot be empty
    ");
}

#[test]
fn anything_postgresql_allows_for_what_exists() {
    assert_snapshot!(of(r#"version: 1
databases:
  "my shop %": { schemas: ["My Schéma", "a.b"] }
roles: { app: { access: { read: ["a.b"], dml: ["my shop %.My Schéma"] } } }
"#), @"OK");
}
