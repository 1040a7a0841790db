//! Keys and types.

use insta::assert_snapshot;

use super::{of, of_role, of_shop};

#[test]
fn unknown_keys() {
    assert_snapshot!(of("version: 1
instnce: x
databases: { a: { schema: [x] } }
rolez: {}
"), @"
    p.yaml:2:1: unknown key `instnce`
      hint: did you mean `instance`?
    p.yaml:3:19: unknown key `schema`
      hint: did you mean `schemas`?
    p.yaml:4:1: unknown key `rolez`
      hint: did you mean `roles`?
    ");
}

#[test]
fn passwords() {
    assert_snapshot!(of_role("password: hunter2
secret: { name: s, pasword: hunter2 }
"), @"
    p.yaml:8:5: unknown key `password`
      hint: passwords are generated and live in Secret Manager: give the role a `secret`
    p.yaml:9:24: unknown key `pasword`
      hint: passwords are generated and live in Secret Manager: give the role a `secret`
    ");
}

#[test]
fn a_version_of_the_future() {
    assert_snapshot!(of("version: 2
databases: { a: {} }
"), @"
    p.yaml:1:10: version 2 of the policy format is unknown
      hint: this program reads version 1
    ");
}

#[test]
fn a_version_in_quotes() {
    assert_snapshot!(of(r#"version: "1"
databases: { a: {} }
"#), @"
    p.yaml:1:10: expected a whole number, found the text `1`
      hint: write it without quotes
    ");
}

#[test]
fn no_version() {
    assert_snapshot!(of("databases: { a: {} }
"), @"p.yaml:1:1: `version` is missing");
}

#[test]
fn no_database() {
    assert_snapshot!(of("version: 1
roles: {}
"), @"
    p.yaml:1:1: no database is declared
      hint: add `databases: { NAME: { schemas: [public] } }`
    ");
}

#[test]
fn an_empty_map_of_databases() {
    assert_snapshot!(of("version: 1
databases: {}
"), @"
    p.yaml:2:12: no database is declared
      hint: add `databases: { NAME: { schemas: [public] } }`
    ");
}

#[test]
fn nothing_where_a_map_is_wanted() {
    assert_snapshot!(of("version: 1
databases:
roles:
"), @"
    p.yaml:2:10: expected a map, found nothing
    p.yaml:3:6: expected a map, found nothing
    ");
}

#[test]
fn scalars_that_are_no_text() {
    assert_snapshot!(of_role("access: { read: [1, no, null, true, 1.5, 0x1F, 1_000, [public], { a: b }] }
"), @r#"
    p.yaml:8:22: expected text, found the number `1`
      hint: if it is meant, quote it: "1"
    p.yaml:8:25: expected text, found the boolean `no`
      hint: if it is meant, quote it: "no"
    p.yaml:8:29: expected text, found nothing
    p.yaml:8:35: expected text, found the boolean `true`
      hint: if it is meant, quote it: "true"
    p.yaml:8:41: expected text, found the number `1.5`
      hint: if it is meant, quote it: "1.5"
    p.yaml:8:46: expected text, found the number `0x1F`
      hint: if it is meant, quote it: "0x1F"
    p.yaml:8:52: expected text, found the number `1_000`
      hint: if it is meant, quote it: "1_000"
    p.yaml:8:59: expected text, found a list
    p.yaml:8:69: expected text, found a map
    "#);
}

#[test]
fn text_where_a_number_is_wanted() {
    assert_snapshot!(of_role("connection_limit: ten
create_schemas: yes
"), @"
    p.yaml:8:23: expected a whole number, found the text `ten`
    p.yaml:9:21: expected `true` or `false`, found the boolean `yes`
    ");
}

#[test]
fn numbers_in_quotes() {
    assert_snapshot!(of_role(r#"connection_limit: "5"
create_schemas: "true"
"#), @"
    p.yaml:8:23: expected a whole number, found the text `5`
      hint: write it without quotes
    p.yaml:9:21: expected `true` or `false`, found the text `true`
      hint: write it without quotes
    ");
}

#[test]
fn a_version_that_yaml_would_shorten() {
    assert_snapshot!(of("version: 1
databases: { a: { extensions: [{ name: hstore, version: 1.10 }] } }
"), @r#"
    p.yaml:2:57: expected text, found the number `1.10`
      hint: if it is meant, quote it: "1.10"
    "#);
}

#[test]
fn a_text_where_a_list_is_wanted() {
    assert_snapshot!(of_shop("admins: deploy
ignore: [x]
allow: {}
"), @"
    p.yaml:6:9: expected a list, found the text `deploy`
      hint: write [deploy]
    p.yaml:7:9: expected a map, found a list
    p.yaml:8:8: expected a list, found a map
    ");
}

#[test]
fn keys_that_are_no_text() {
    assert_snapshot!(of("version: 1
databases: { a: {} }
roles:
  1: {}
  no: {}
  ~: {}
  ? [a]
  : {}
"), @r#"
    p.yaml:4:3: a key is text, not the number `1`
      hint: quote it: "1"
    p.yaml:5:3: a key is text, not the boolean `no`
      hint: quote it: "no"
    p.yaml:6:3: a key is missing
    p.yaml:7:5: a key is text, not a list
    "#);
}

#[test]
fn words_out_of_a_set() {
    assert_snapshot!(of_shop("roles:
  app: { access: dmll, state: gone, rotate: { strategy: alternating } }
"), @"
    p.yaml:7:18: unknown value `dmll`
      hint: did you mean `dml`?
    p.yaml:7:31: unknown value `gone`
      hint: one of `present`, `absent`
    p.yaml:7:45: there is nothing to rotate
      hint: give the role a `secret`, or remove `rotate`
    p.yaml:7:57: unknown value `alternating`
      hint: did you mean `alternate`?
    ");
}

#[test]
fn unknown_presets() {
    assert_snapshot!(of_role("access: { write: [public], red: [audit], dml: public }
"), @"
    p.yaml:8:15: unknown preset `write`
      hint: one of `ddl`, `dml`, `read`
    p.yaml:8:32: unknown preset `red`
      hint: did you mean `read`?
    p.yaml:8:51: expected a list, found the text `public`
      hint: write [public]
    ");
}
