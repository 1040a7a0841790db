//! YAML that is none.

use insta::assert_snapshot;

use super::{SHOP, of, of_shop};

#[test]
fn tabs() {
    assert_snapshot!(of("version: 1\ndatabases:\n\tshop: {}\n"), @"
    p.yaml:3:1: invalid YAML: a tab in the indentation
      hint: indent with spaces
    ");
}

/// A variable is typed as if its value were written there, quoted or not, also where braces end a value.
#[test]
fn unquoted_variables_in_flow_style() {
    let account = "serviceAccount:audit@my-project.iam.gserviceaccount.com";
    for (with, without) in [
        ("{ connection_limit: ${N} }", "{ connection_limit: 10 }"),
        ("{connection_limit: ${N}}", "{connection_limit: 10}"),
        (
            "{ iam: [serviceAccount:audit@${PROJECT}.iam.gserviceaccount.com] }",
            &format!("{{ iam: [{account}] }}"),
        ),
        (
            "{ settings: { app.a: <${PROJECT}>, app.b: \"$<${PROJECT}\" } }",
            "{ settings: { app.a: <my-project>, app.b: $<my-project } }",
        ),
        (
            "{ settings: { app.a: '$${PROJECT}' } }",
            "{ settings: { app.a: '${PROJECT}' } }",
        ),
    ] {
        let roles = |role: &str| format!("{SHOP}roles: {{ auditor: {role} }}\n");
        let without = without.replace("'${PROJECT}'", "'$${PROJECT}'");
        let read = |text: &str| {
            super::read(&[text]).unwrap_or_else(|problems| panic!("{text}: {problems}"))
        };
        let (given, expected) = (read(&roles(with)), read(&roles(&without)));
        let role = |policies: &[rolewright::model::Policy]| {
            let role = policies[0].roles.values().next().unwrap().clone();
            let users: Vec<_> = role
                .iam
                .iter()
                .map(|principal| principal.user().clone())
                .collect();
            (role.connection_limit, users, role.settings)
        };
        assert_eq!(role(&given), role(&expected), "{with}");
    }
}

#[test]
fn a_variable_in_flow_style_keeps_its_place() {
    assert_snapshot!(of_shop("roles: { auditor: { connection_limit: ${PROJECT}, create_schemas: ${NO} } }
"), @"
    p.yaml:6:39: expected a whole number, found the text `my-project`
    p.yaml:6:67: the variable `NO` has no value
      hint: give it with --var NO=value, in a --var-file, or as ROLEWRIGHT_VAR_NO
    ");
}

#[test]
fn an_open_quote() {
    assert_snapshot!(of("version: 1
project: 'x
"), @"p.yaml:3:1: invalid YAML: invalid indentation in multiline quoted scalar");
}

#[test]
fn a_second_document() {
    assert_snapshot!(of("version: 1
---
version: 1
"), @"p.yaml:3:1: invalid YAML: a second document; one file holds one");
}

#[test]
fn an_anchor_bomb() {
    assert_snapshot!(of("a: &a [x,x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]
e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]
"), @"p.yaml:5:5: invalid YAML: aliases (`*name`) stand for more than 20000 values");
}

#[test]
fn an_alias_in_itself() {
    assert_snapshot!(of("a: &a [*a]
"), @"p.yaml:1:8: invalid YAML: an alias inside the value it stands for");
}

#[test]
fn an_alias_of_nothing() {
    assert_snapshot!(of("a: *a
"), @"p.yaml:1:4: invalid YAML: alias references unknown anchor");
}

#[test]
fn a_merge_key() {
    assert_snapshot!(of_shop("roles:
  a: &a { access: dml }
  b: { <<: *a }
"), @"
    p.yaml:8:8: merge keys (`<<`) are no part of YAML 1.2
      hint: write the keys out; whole values can be shared with `&name` and `*name`
    ");
}

#[test]
fn a_tag() {
    assert_snapshot!(of("version: !one 1
"), @"p.yaml:1:15: invalid YAML: unsupported tag `!one`");
}

#[test]
fn a_control_character() {
    assert_snapshot!(of("version: 1\u{7}\n"), @r#"p.yaml:1:10: invalid YAML: unexpected character: `\u{7}'"#);
}

#[test]
fn wrong_indentation() {
    assert_snapshot!(of("version: 1
databases:
  a: {}
   b: {}
"), @"p.yaml:4:4: invalid YAML: while parsing a block mapping, did not find expected key");
}

#[test]
fn nothing_but_comments() {
    assert_snapshot!(of("# later
"), @"p.yaml:1:1: the file is empty");
}

#[test]
fn a_list() {
    assert_snapshot!(of("- version: 1
"), @"p.yaml:1:1: expected a map, found a list");
}

#[test]
fn duplicate_keys_all_of_them() {
    assert_snapshot!(of("version: 1
version: 1
databases: { a: {}, a: {} }
roles:
  r: { access: dml, access: ddl }
"), @"
    p.yaml:2:1: duplicate key `version`, first at p.yaml:1:1
    p.yaml:3:21: duplicate key `a`, first at p.yaml:3:14
    p.yaml:5:16: a preset alone means every schema of this file, and this file lists none
      hint: name the schemas: `access: { dml: [public] }`
    p.yaml:5:21: duplicate key `access`, first at p.yaml:5:8
    ");
}

#[test]
fn carriage_returns() {
    assert_snapshot!(of("version: 1\r\ndatabases: { a: { bad: 1 } }\r\n"), @"
    p.yaml:2:19: unknown key `bad`
      hint: one of `schemas`, `extensions`, `public`
    ");
}
