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
