//! Settings, retired roles and accepted findings.

use insta::assert_snapshot;

use super::{SHOP, of_role, of_shop};

#[test]
fn settings() {
    assert_snapshot!(of_role(r#"settings: { app.x: 1, role: x, session_authorization: y, SEARCH_PATH: a, search_path: b, "x y": 1, work_mem: null, l: [1] }
connection_limit: -2
"#), @"
    p.yaml:8:27: `role` cannot be set here: it decides who a session is
      hint: with `strategy: alternate` the logins get `role` by themselves
    p.yaml:8:36: `session_authorization` cannot be set here: it decides who a session is
      hint: with `strategy: alternate` the logins get `role` by themselves
    p.yaml:8:78: `search_path` is set twice: case does not matter
    p.yaml:8:94: `x y` is not the name of a parameter
    p.yaml:8:114: expected a value, found nothing
    p.yaml:8:123: expected a value, found a list
    p.yaml:9:23: -2 is not a connection limit
      hint: -1 is no limit
    ");
}

#[test]
fn retired_roles_that_still_have_something() {
    assert_snapshot!(of_role("state: absent
access: ddl
iam: []
heir: app
"), @"
    p.yaml:9:13: `access` of a role that is retired
      hint: with `state: absent` keep `secret`, `rotate.strategy` and `heir` alone
    p.yaml:10:10: `iam` of a role that is retired
      hint: with `state: absent` keep `secret`, `rotate.strategy` and `heir` alone
    p.yaml:11:11: a role cannot be its own heir
    ");
}

#[test]
fn logins_that_are_kept_elsewhere() {
    assert_snapshot!(of_shop("roles:
  a: { login: external, secret: { name: s } }
  b: { login: internal }
  c: { login: true }
  d: { login: external, state: absent }
  e: { login: external, rotate: { every: 30d } }
  f: { login: external, iam: [user:ana@example.com] }
  g: { login: External }
"), @"
    p.yaml:7:15: `login` beside `secret`: the password is kept either in the secret or elsewhere
      hint: a role with a `secret` logs in by the password in it: remove `login`, or remove `secret`
    p.yaml:8:15: unknown value `internal`
      hint: did you mean `external`?
    p.yaml:9:15: unknown value `true`
      hint: one of `external`
    p.yaml:10:15: `login` of a role that is retired
      hint: with `state: absent` keep `secret`, `rotate.strategy` and `heir` alone
    p.yaml:11:33: there is nothing to rotate
      hint: give the role a `secret`, or remove `rotate`
    p.yaml:13:15: unknown value `External`
      hint: did you mean `external`?
    ");
}

#[test]
fn a_retired_pair_needs_no_payload() {
    let roles = "roles:\n  app: { state: absent, heir: mig, secret: { name: s }, rotate: { strategy: alternate } }\n  mig: {}\n";
    assert!(
        super::read(&[&format!("{SHOP}{roles}")]).is_ok(),
        "{:?}",
        super::read(&[&format!("{SHOP}{roles}")])
    );
    let present = roles.replace("state: absent, heir: mig, ", "");
    assert!(super::read(&[&format!("{SHOP}{present}")]).is_err());
}

#[test]
fn heirs() {
    assert_snapshot!(of_shop("roles:
  a: { state: absent, heir: b }
  b: { state: absent }
  c: { heir: a }
  d: { state: absent, heir: nobody }
  e: { member_of: [b] }
"), @"
    p.yaml:7:3: the heir `b` is to be retired itself
    p.yaml:9:14: only a role that is retired has an heir
      hint: add `state: absent`
    p.yaml:10:29: the role `nobody` is not declared
      hint: an heir is a declared role
    p.yaml:11:20: the role `b` is to be retired
    ");
}

#[test]
fn accepted_findings() {
    assert_snapshot!(of_shop("allow:
  - { rule: grant.unexpectd, reason: '', until: 2027-13-01, privilege: SELCT, role: '' }
  - { rule: role.missing }
  - { reason: because, rule: [x] }
"), @"
    p.yaml:7:13: unknown rule `grant.unexpectd`
      hint: did you mean `grant.unexpected`?
    p.yaml:7:38: the reason is empty
      hint: say why the finding is accepted, and where that was decided
    p.yaml:7:49: `2027-13-01` is not a date
      hint: write it as YYYY-MM-DD
    p.yaml:7:72: unknown privilege `SELCT`
      hint: did you mean `SELECT`?
    p.yaml:7:85: expected text, found nothing between the quotes
    p.yaml:8:5: `reason` is missing
    p.yaml:9:30: expected text, found a list
    ");
}
