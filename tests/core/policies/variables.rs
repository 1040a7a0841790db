//! `${NAME}`.

use insta::assert_snapshot;
use rolewright::policy::{Source, Variables};

use super::{of_role, of_shop};

#[test]
fn unresolved() {
    assert_snapshot!(of_role("access: ${MISSING}
connection_limit: ${PROJEC}
"), @"
    p.yaml:8:13: the variable `MISSING` has no value
      hint: give it with --var MISSING=value, in a --var-file, or as ROLEWRIGHT_VAR_MISSING
    p.yaml:9:23: the variable `PROJEC` has no value
      hint: did you mean `${PROJECT}`?
    ");
}

#[test]
fn malformed() {
    assert_snapshot!(of_role(r#"access: ${}
heir: ${A B}
settings: { a: "${A" }
"#), @"
    p.yaml:8:13: `` is not a variable name (letters, digits and `_`, no digit first)
      hint: a literal `${` is written `$${`
    p.yaml:9:11: `A B` is not a variable name (letters, digits and `_`, no digit first)
      hint: a literal `${` is written `$${`
    p.yaml:9:11: only a role that is retired has an heir
      hint: add `state: absent`
    p.yaml:10:20: `${` without `}`
      hint: a variable is written ${NAME}, a literal `${` as `$${`
    ");
}

#[test]
fn in_a_key() {
    assert_snapshot!(of_shop("roles:
  ${PROJECT}: {}
"), @"
    p.yaml:7:3: `${PROJECT}`: variables stand in values only
      hint: write the key out
    ");
}

#[test]
fn typed_as_if_written_there() {
    assert_snapshot!(of_role(r#"connection_limit: "${N}"
create_schemas: ${N}
access: ${EMPTY}
"#), @"
    p.yaml:8:23: expected a whole number, found the text `10`
      hint: write it without quotes
    p.yaml:9:21: expected `true` or `false`, found the number `10`
    p.yaml:10:13: expected one of `ddl`, `dml`, `read`, found nothing
    ");
}

#[test]
fn what_they_hold_is_no_yaml() {
    assert_snapshot!(of_role(r#"access: { read: ["${YAML}"] }
"#), @"
    p.yaml:8:22: the schema `a, b]: {c` is not declared
      hint: list it under `databases.NAME.schemas`
    ");
}

#[test]
fn in_a_file_of_their_own() {
    let text = "GOOD: 1\nLIST: [a]\n2: x\nA-B: x\nGOOD: 2\n".to_owned();
    let problems = Variables::default()
        .read_file(&Source {
            name: "v.yaml".into(),
            text,
        })
        .unwrap_err();
    assert_snapshot!(problems, @r#"
    v.yaml:2:7: a variable is text, not a list
    v.yaml:3:1: a key is text, not the number `2`
      hint: quote it: "2"
    v.yaml:4:1: `A-B` is not a variable name (letters, digits and `_`, no digit first)
    v.yaml:5:1: duplicate key `GOOD`, first at v.yaml:1:1
    "#);
}
