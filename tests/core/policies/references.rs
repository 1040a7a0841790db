//! References from one place to another.

use insta::assert_snapshot;

use super::{of, of_role, of_shop};

#[test]
fn dangling_schemas() {
    assert_snapshot!(of_role("access: { read: [pubic, shop.audti, sales] }
"), @"
    p.yaml:8:22: the schema `pubic` is not declared
      hint: did you mean `public`?
    p.yaml:8:29: the schema `shop.audti` is not declared
      hint: did you mean `shop.audit`?
    p.yaml:8:41: the schema `sales` is not declared
      hint: list it under `databases.NAME.schemas`
    ");
}

#[test]
fn dangling_roles() {
    assert_snapshot!(of_shop("roles:
  reporting: {}
  app: { member_of: [reportin, nobody, app] }
"), @"
    p.yaml:8:22: the role `reportin` is not declared
      hint: did you mean `reporting`?
    p.yaml:8:32: the role `nobody` is not declared
      hint: declare it: `roles: { nobody: {} }`
    p.yaml:8:40: `app` cannot be a member of itself
    ");
}

#[test]
fn dangling_databases() {
    assert_snapshot!(of_role("grants: [{ privileges: [SELECT], object: table public.t, database: shp }]
secret: { name: s, database: shopp }
"), @"
    p.yaml:8:72: the database `shp` is not declared
      hint: did you mean `shop`?
    p.yaml:9:34: the database `shopp` is not declared
      hint: did you mean `shop`?
    ");
}

#[test]
fn two_presets_on_one_schema() {
    assert_snapshot!(of_role("access: { read: [public], dml: [public] }
"), @"
    p.yaml:8:37: `dml` on the schema `shop.public`, which has `read` by p.yaml:8:22
      hint: keep `dml`: `ddl` covers `dml`, and `dml` covers `read`
    ");
}

#[test]
fn lists_that_repeat() {
    assert_snapshot!(of("version: 1
databases: { a: { schemas: [x, x], extensions: [y, { name: y }] } }
"), @"
    p.yaml:2:32: the schema `x` is listed twice, first at p.yaml:2:29
    p.yaml:2:60: the extension `y` is listed twice, first at p.yaml:2:49
    ");
}

#[test]
fn memberships_that_nobody_may_have() {
    assert_snapshot!(of_role("member_of: [cloudsqlsuperuser, pg_database_owner, pg_read_all_dat, pg_monitor, { role: pg_monitor, admin: true }]
"), @"
    p.yaml:8:17: nothing may be a member of `cloudsqlsuperuser`
      hint: it would reach whatever an admin reaches; grant what is needed instead
    p.yaml:8:36: `pg_database_owner` cannot have members: it is whoever owns the database
    p.yaml:8:55: unknown predefined role `pg_read_all_dat`
      hint: did you mean `pg_read_all_data`?
    p.yaml:8:92: membership in `pg_monitor` is declared at p.yaml:8:72 already
      hint: say it once
    ");
}

#[test]
fn memberships_in_a_circle() {
    assert_snapshot!(of_shop("roles:
  a: { member_of: [b] }
  b: { member_of: [a] }
"), @"
    p.yaml:7:20: memberships in a circle: `a` → `b` → `a`
    p.yaml:8:20: memberships in a circle: `b` → `a` → `b`
    ");
}

#[test]
fn a_schema_of_two_databases() {
    assert_snapshot!(of("version: 1
databases: { a: { schemas: [s] }, b: { schemas: [s] } }
roles: { app: { access: { read: [s] } } }
"), @"
    p.yaml:3:34: several databases have a schema `s`
      hint: say which: `a.s`
    ");
}

#[test]
fn grants_in_two_databases() {
    assert_snapshot!(of("version: 1
databases: { a: { schemas: [s] }, b: { schemas: [s] } }
roles: { app: { grants: [{ privileges: [SELECT], object: table s.t }] } }
"), @"
    p.yaml:3:26: there are several databases, and the grant does not say which
      hint: add `database:` with one of a, b
    ");
}

#[test]
fn an_unread_instance_hides_no_other_problem() {
    assert_snapshot!(of("version: 1
instance: ${MISSING}
databases: { a: { schemas: [s] } }
roles: { app: { member_of: [r], access: { read: [t] }, secret: { name: s, payload: url } } }
"), @"
    p.yaml:2:11: the variable `MISSING` has no value
      hint: give it with --var MISSING=value, in a --var-file, or as ROLEWRIGHT_VAR_MISSING
    p.yaml:4:29: the role `r` is not declared
      hint: declare it: `roles: { r: {} }`
    p.yaml:4:50: the schema `t` is not declared
      hint: list it under `databases.NAME.schemas`
    ");
}

#[test]
fn nothing_is_dangling_while_something_is_unread() {
    assert_snapshot!(of("version: 1
databases: [shop]
roles: { app: { access: { read: [s] }, member_of: [r] } }
"), @"p.yaml:2:12: expected a map, found a list");
}
