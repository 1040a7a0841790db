//! Secrets, readers, rotation and IAM principals.

use insta::assert_snapshot;

use super::{of, of_role, of_shop};

#[test]
fn secrets_of_two_roles() {
    assert_snapshot!(of_shop("roles:
  a: { secret: { name: s } }
  b: { secret: { name: s, project: p } }
"), @"
    p.yaml:8:24: the secret `projects/p/secrets/s` belongs to `a` by p.yaml:7:24
      hint: every role has a secret of its own
    ");
}

#[test]
fn secrets_without_a_project() {
    assert_snapshot!(of("version: 1
databases: { a: {} }
roles: { r: { secret: { name: s, payload: url } } }
"), @"
    p.yaml:3:23: the payload names a host, and nothing says which
      hint: set `host` here, or `instance` at the top of the file for its socket directory
    p.yaml:3:31: no project says where this secret is
      hint: set `project` here or at the top of the file, or `instance`
    ");
}

#[test]
fn secrets_that_do_not_say_which_database() {
    assert_snapshot!(of(r#"version: 1
instance: p:r:i
databases: { a: {}, b: {} }
roles:
  r: { secret: { name: s, payload: json } }
  t: { secret: { name: t, payload: "{password}" } }
"#), @"
    p.yaml:5:16: the payload names a database, and there are several
      hint: set `database` to one of a, b
    ");
}

#[test]
fn fields_of_secrets() {
    assert_snapshot!(of_role("secret:
  name: a b
  keep: 0
  port: 70000
  host: a b
  labels: { A: b, c: D }
  replication: [EU, europe-west1, europe-west1]
"), @"
    p.yaml:9:13: `a b` is not a secret id (letters, digits, `-` and `_`, at most 255)
    p.yaml:10:13: 0 versions cannot be kept
      hint: 1 at least: the one in use
    p.yaml:11:13: 70000 is not a port
    p.yaml:12:13: `a b` is neither a host nor the directory of a socket
    p.yaml:13:17: `A` is not the key of a label
      hint: lower-case letters, digits, `_` and `-`, 63 at most; a key begins with a letter
    p.yaml:13:26: `D` is not the value of a label
      hint: lower-case letters, digits, `_` and `-`, 63 at most; a key begins with a letter
    p.yaml:14:21: `EU` is not a region
      hint: did you mean `eu`?
    p.yaml:14:39: the region `europe-west1` is listed twice, first at p.yaml:14:25
    ");
}

#[test]
fn payloads() {
    assert_snapshot!(of_shop(r#"roles:
  a: { secret: { name: a, payload: urll } }
  b: { secret: { name: b, payload: "{user}" } }
  c: { secret: { name: c, payload: "{password} {pass}" } }
  d: { secret: { name: d, payload: '{"p":"{password}"}' } }
  e: { secret: { name: e, payload: '{{"p":"{password}"}}' } }
"#), @"
    p.yaml:7:36: the payload does not contain `{password}`
      hint: did you mean `url`?
    p.yaml:8:36: the payload does not contain `{password}`
      hint: a payload is `password`, `url`, `json`, or a text with places: `user`, `password`, `host`, `port`, `database`
    p.yaml:9:36: unknown place `{pass}` in the payload
      hint: one of `user`, `password`, `host`, `port`, `database`
    p.yaml:10:36: a `{` stands alone in the payload
      hint: a literal brace is written twice: `{{` or `}}`
    ");
}

#[test]
fn everybody_as_a_reader() {
    assert_snapshot!(of_role("secret: { name: s, readers: [allUsers, allAuthenticatedUsers, allusers] }
"), @"
    p.yaml:8:34: `allUsers` would let the whole internet read the secret
      hint: name the service account of the job that needs it
    p.yaml:8:44: `allAuthenticatedUsers` would let the whole internet read the secret
      hint: name the service account of the job that needs it
    p.yaml:8:67: `allusers` would let the whole internet read the secret
      hint: name the service account of the job that needs it
    ");
}

#[test]
fn readers() {
    assert_snapshot!(of_role(r#"secret:
  name: s
  readers:
    - api
    - api@p.iam.gserviceaccount.com
    - serviceAccount:api
    - principal:x
    - principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s
    - serviceAccount:p.svc.id.goog[ns/sa]
    - { cloud_run_job: run-migrations }
    - { cloud_run_job: r/j, cloud_run_service: r/s }
    - { service_account: a@p.iam.gserviceaccount.com }
    - { cloud_run_job: us-central1/j, service_account: "serviceAccount:a@p.iam.gserviceaccount.com" }
    - group:ops@example.com
    - group:ops@example.com
"#), @"
    p.yaml:11:11: `api` is not an IAM member
      hint: write `serviceAccount:E-MAIL`, `group:E-MAIL`, `principal://…`, or `cloud_run_job: REGION/JOB`
    p.yaml:12:11: `api@p.iam.gserviceaccount.com` is not an IAM member
      hint: write `serviceAccount:E-MAIL`, `group:E-MAIL`, `principal://…`, or `cloud_run_job: REGION/JOB`
    p.yaml:13:11: `serviceAccount:api` is not an IAM member: what follows its kind is malformed
    p.yaml:14:11: `principal:x` is not an IAM member: what follows its kind is malformed
    p.yaml:17:28: `run-migrations` is not [PROJECT/]REGION/NAME
      hint: for example `us-central1/run-migrations`
    p.yaml:18:52: a reader is a job or a service, not both
    p.yaml:19:11: a reader is an IAM member, a `cloud_run_job` or a `cloud_run_service`
    p.yaml:20:60: `serviceAccount:a@p.iam.gserviceaccount.com` is not the e-mail address of a service account
      hint: for example `migrate@PROJECT.iam.gserviceaccount.com`, without `serviceAccount:`
    p.yaml:22:11: this reader is named at p.yaml:21:11 already
    ");
}

#[test]
fn rotations_of_nothing() {
    assert_snapshot!(of_role("rotate: { every: 30d }
"), @"
    p.yaml:8:13: there is nothing to rotate
      hint: give the role a `secret`, or remove `rotate`
    ");
}

#[test]
fn pairs_whose_payload_names_no_login() {
    assert_snapshot!(of_shop(r#"roles:
  a: { secret: { name: a }, rotate: { strategy: alternate } }
  b: { secret: { name: b, payload: "{{user}} {password}" }, rotate: { strategy: alternate } }
"#), @"
    p.yaml:7:49: with `alternate` the payload must say the user name: the logins take turns
      hint: use `url`, `json` or a template with `{user}`, or `strategy: single`
    p.yaml:8:36: with `alternate` the payload must say the user name: the logins take turns
      hint: use `url`, `json` or a template with `{user}`, or `strategy: single`
    ");
}

#[test]
fn durations() {
    assert_snapshot!(of_role("secret: { name: s }
rotate: { every: 1 month, grace: 0h, deadline: 30 }
"), @r#"
    p.yaml:9:22: `1 month` is not a duration
      hint: a number and a unit: `90m`, `24h`, `30d`, `4w`, `3600s`
    p.yaml:9:38: `0h` is no time at all
    p.yaml:9:52: expected text, found the number `30`
      hint: if it is meant, quote it: "30"
    "#);
}

#[test]
fn durations_that_fit_in_nothing() {
    assert_snapshot!(of_role("secret: { name: s }
rotate: { every: 99999999999999999999d, grace: 9999w }
"), @"
    p.yaml:9:22: `99999999999999999999d` is not a duration
      hint: a number and a unit: `90m`, `24h`, `30d`, `4w`, `3600s`
    p.yaml:9:52: `9999w` is longer than ten years
    ");
}

#[test]
fn times_that_overlap() {
    assert_snapshot!(of_shop("roles:
  a: { secret: { name: a }, rotate: { every: 12h } }
  b: { secret: { name: b }, rotate: { every: 1w, grace: 7d, deadline: 6d } }
"), @"
    p.yaml:7:46: `grace` is not shorter than `every`: the next rotation would begin before the last one ends
      hint: make `grace` shorter (it is 24h unless set)
    p.yaml:8:57: `grace` is not shorter than `every`: the next rotation would begin before the last one ends
      hint: make `grace` shorter (it is 24h unless set)
    p.yaml:8:71: `deadline` is shorter than `grace`
      hint: the old password stays valid for `grace` (24h unless set) at least; `deadline` is when it ends at the latest
    ");
}

#[test]
fn principals() {
    assert_snapshot!(of_role(r#"iam: [ana, "user:ana", "serviceAccount:a@gmail.com", "principal://x", "allUsers", "a@p.iam.gserviceaccount.com", "ana@example.com", "user:a@p.iam.gserviceaccount.com"]
"#), @"
    p.yaml:8:11: `ana` is no principal that can log in to Cloud SQL
      hint: write `serviceAccount:NAME@PROJECT.iam.gserviceaccount.com`, `user:E-MAIL` or `group:E-MAIL`
    p.yaml:8:16: `ana` is not an e-mail address
    p.yaml:8:28: `a@gmail.com` is not the address of a service account, which ends in `.gserviceaccount.com`
    p.yaml:8:58: `principal://x` is no principal that can log in to Cloud SQL
      hint: write `serviceAccount:NAME@PROJECT.iam.gserviceaccount.com`, `user:E-MAIL` or `group:E-MAIL`
    p.yaml:8:75: `allUsers` is no principal that can log in to Cloud SQL
      hint: write `serviceAccount:NAME@PROJECT.iam.gserviceaccount.com`, `user:E-MAIL` or `group:E-MAIL`
    p.yaml:8:87: `a@p.iam.gserviceaccount.com` is no principal that can log in to Cloud SQL
      hint: write `serviceAccount:a@p.iam.gserviceaccount.com`
    p.yaml:8:118: `ana@example.com` is no principal that can log in to Cloud SQL
      hint: write `user:ana@example.com` or `group:ana@example.com`
    p.yaml:8:137: `a@p.iam.gserviceaccount.com` is not a person: write `serviceAccount:`
    ");
}

/// Found by fuzzing: what a URL reads as its own marks would move the password to where others look for a host.
#[test]
fn a_host_breaks_no_url() {
    let told = |host: &str| {
        of_role(&format!(
            "secret: {{ name: s, payload: url, host: \"{host}\" }}\n"
        ))
    };
    for host in ["db.example.com", "10.0.0.1", "::1", "/cloudsql/p:r:i"] {
        assert_eq!(told(host), "OK", "{host}");
    }
    for host in ["", "/", "a/b", "u@h", "h?x", "[::1]", "/a&b", "h%41"] {
        assert!(
            told(host).contains("is neither a host nor the directory of a socket"),
            "{host}"
        );
    }
}
