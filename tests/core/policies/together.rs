//! Several files as one desired state.

use insta::assert_snapshot;

use super::of_files;

#[test]
fn files_that_contradict() {
    assert_snapshot!(of_files(&["version: 1
instance: p:r:i
databases:
  shop:
    schemas: [public, audit]
roles:
  app:
    connection_limit: 5
    settings: { lock_timeout: 5s }
    secret: { name: s, payload: url }
", "version: 1
databases: { shop: { public: keep } }
roles:
  app:
    connection_limit: 6
    settings: { lock_timeout: 6s }
    secret: { name: s, payload: json }
", "version: 1
databases: { shop: { public: none } }
"]), @"
    b.yaml:5:23: `connection_limit` contradicts a.yaml:8:23
      hint: files given together are one desired state: say it once
    b.yaml:6:31: `lock_timeout` contradicts a.yaml:9:31
      hint: files given together are one desired state: say it once
    b.yaml:7:33: `payload` contradicts a.yaml:10:33
      hint: files given together are one desired state: say it once
    c.yaml:2:30: `public` contradicts b.yaml:2:30
      hint: files given together are one desired state: say it once
    ");
}

#[test]
fn presets_that_contradict() {
    assert_snapshot!(of_files(&["version: 1
instance: p:r:i
databases:
  shop:
    schemas: [public, audit]
roles: { app: { access: ddl } }
", "version: 1
roles: { app: { access: { read: [audit] } } }
"]), @"
    b.yaml:2:34: `read` on the schema `shop.audit`, which has `ddl` by a.yaml:6:25
      hint: keep `ddl`: `ddl` covers `dml`, and `dml` covers `read`
    ");
}

#[test]
fn a_file_that_fits_two_instances() {
    assert_snapshot!(of_files(&["version: 1
instance: p:r:i
databases: { a: {} }
", "version: 1
instance: p:r:j
databases: { a: {} }
", "version: 1
roles: { x: {} }
"]), @"
    c.yaml:1:1: `instance` is missing, and the other files name several
      hint: add `instance:` with one of p:r:i, p:r:j
    ");
}

#[test]
fn one_secret_on_two_instances() {
    assert_snapshot!(of_files(&["version: 1
instance: p:r:i
project: q
databases: { a: {} }
roles: { x: { secret: { name: s } } }
", "version: 1
instance: p:r:j
databases: { a: {} }
roles: { x: { secret: { name: s, project: q } } }
"]), @"
    b.yaml:4:31: the secret `projects/q/secrets/s` belongs to `x` by a.yaml:5:31
      hint: every role has a secret of its own
    ");
}

#[test]
fn roles_of_another_instance() {
    assert_snapshot!(of_files(&["version: 1
instance: p:r:i
databases: { a: {} }
roles: { x: { member_of: [y] } }
", "version: 1
instance: p:r:j
databases: { a: {} }
roles: { y: {} }
"]), @"
    a.yaml:4:27: the role `y` is not declared
      hint: declare it: `roles: { y: {} }`
    ");
}

#[test]
fn a_preset_alone_in_a_file_without_schemas() {
    assert_snapshot!(of_files(&["version: 1
instance: p:r:i
databases:
  shop:
    schemas: [public, audit]
", "version: 1
roles: { app: { access: dml } }
"]), @"
    b.yaml:2:25: a preset alone means every schema of this file, and this file lists none
      hint: name the schemas: `access: { dml: [public] }`
    ");
}

#[test]
fn a_broken_file_hides_no_other_problem() {
    assert_snapshot!(of_files(&["version: 1\n\tx\n", "version: 1
roles: { app: { acess: dml, member_of: [elsewhere], connection_limit: x } }
"]), @"
    a.yaml:2:1: invalid YAML: a tab in the indentation
      hint: indent with spaces
    b.yaml:2:17: unknown key `acess`
      hint: did you mean `access`?
    b.yaml:2:71: expected a whole number, found the text `x`
    ");
}

#[test]
fn readers_named_twice() {
    assert_snapshot!(of_files(&[r#"version: 1
instance: p:r:i
databases:
  shop:
    schemas: [public, audit]
roles: { app: { secret: { name: s, readers: ["group:a@b.c"] } } }
"#, r#"version: 1
roles: { app: { secret: { name: s, readers: ["group:a@b.c"] } } }
"#]), @"b.yaml:2:46: this reader is named at a.yaml:6:46 already");
}
