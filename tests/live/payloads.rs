//! A changed `payload:` is noticed without reading one, and the password in use is stored again in the new form.

use serde_json::{Value, json};

use crate::fake_gcp::Moment;
use crate::kills::moments;
use crate::stage::Stage;
use crate::support::{newest, on_a_runtime, tell};

/// Forms of payload, and what `payload:`, `host:` and `port:` say of them.
const FORMS: [(&str, &str); 6] = [
    ("password", "payload: password, host: db.internal"),
    ("url", "payload: url, host: db.internal"),
    (
        "another host",
        "payload: url, host: db2.internal, port: 6432",
    ),
    ("json", "payload: json, host: db.internal"),
    (
        "template",
        r#"payload: "user={user} password='{password}' host={host}", host: db.internal"#,
    ),
    (
        "another template",
        r#"payload: "{host} {user} {password} {password}", host: db.internal"#,
    ),
];

fn declare(stage: &Stage, form: &str, rotate: &str) {
    stage.roles(&format!(
        "  app: {{ access: dml, secret: {{ name: app, keep: 90, {form} }}, rotate: {{ {rotate} }} }}\n"
    ));
}

fn drift(stage: &Stage) -> Vec<Value> {
    let checked = stage.run("check", &["--format", "json"]).json();
    let all = checked["findings"].as_array().into_iter().flatten();
    all.filter(|one| one["severity"] == "error")
        .map(|one| json!([one["rule"], one["object"]]))
        .collect()
}

/// `rolewright.*` of the secret without those that are the run's.
async fn remembered(stage: &Stage) -> (Value, Value) {
    let annotations = stage.secret("app").await["annotations"].take();
    (
        annotations["rolewright.login"].clone(),
        annotations["rolewright.pending"].clone(),
    )
}

async fn every_form_becomes_every_other(major: u32) {
    let stage = Stage::new(major);
    declare(&stage, FORMS[0].1, "strategy: single");
    stage.apply(&[]).assert_status(0);
    let password = stage.payload("app", "current").await;
    let order = [1, 2, 3, 4, 5, 0, 4, 1, 5, 3, 0];
    for (number, (name, form)) in order.into_iter().map(|form| FORMS[form]).enumerate() {
        declare(&stage, form, "strategy: single");
        assert_eq!(
            drift(&stage),
            [json!([
                "secret.version",
                "secret projects/shop-prod/secrets/app"
            ])],
            "{name}"
        );
        let applied = stage.apply(&[]).assert_status(0);
        assert!(!applied.stdout.contains(&password) && !applied.stderr.contains(&password));
        stage.assert_in_sync();
        let version = (number + 2).to_string();
        assert_eq!(
            stage.secret("app").await["versionAliases"],
            json!({"current": version}),
            "{name}"
        );
        assert!(
            stage.payload("app", "latest").await.contains(&password),
            "{name}: the password is the same"
        );
        assert_eq!(remembered(&stage).await, (json!("app"), Value::Null));
    }
    assert_eq!(
        stage.payload("app", "current").await,
        password,
        "back in the first form"
    );
    assert!(stage.logs_in("app", &password).await);
    let annotations = stage.secret("app").await["annotations"].to_string();
    assert!(
        !annotations.contains(&password),
        "the password is in no annotation"
    );
    stage.run("rotate", &[]).assert_status(0);
    stage.assert_in_sync();
}

async fn a_pair_keeps_its_turn(major: u32) {
    let stage = Stage::new(major);
    let alternate = "strategy: alternate, grace: 1h";
    declare(&stage, FORMS[1].1, alternate);
    stage.apply(&[]).assert_status(0);
    stage.run("rotate", &["--now"]).assert_status(0);
    declare(&stage, FORMS[3].1, alternate);
    let before = stage.payload("app", "current").await;
    stage.apply(&[]).assert_status(0);
    assert_eq!(remembered(&stage).await.0, "app_b");
    assert_eq!(
        stage.secret("app").await["versionAliases"],
        json!({"current": "3", "previous": "1"})
    );
    let doc: Value = serde_json::from_str(&stage.payload("app", "current").await).expect("JSON");
    assert!(
        before.contains(doc["password"].as_str().unwrap()) && doc["username"] == "app_b",
        "the same credential"
    );
    stage.assert_in_sync();
    // What was before is of the form before, and works.
    stage.run("rollback", &["--role", "app"]).assert_status(0);
    let back: tokio_postgres::Config = stage
        .payload("app", "current")
        .await
        .parse()
        .expect("a URL");
    assert_eq!(back.get_user(), Some("app_a"));

    // An attempt of a rotation writes the declared form itself.
    declare(&stage, FORMS[4].1, alternate);
    let mut annotations = stage.secret("app").await["annotations"].take();
    annotations["rolewright.payload"] =
        json!(r#"{"format":"url","host":"db.internal","port":5432,"database":"shop"}"#);
    stage
        .patch_secret("app", "annotations", json!({"annotations": annotations}))
        .await;
    assert_eq!(drift(&stage).len(), 1);
    annotations["rolewright.pending"] = json!("id:fingerprint");
    annotations["rolewright.next"] = json!("app_b");
    stage
        .patch_secret("app", "annotations", json!({"annotations": annotations}))
        .await;
    assert_eq!(drift(&stage), [Value::Null; 0]);
}

async fn killed_at_any_request(major: u32) {
    let stage = Stage::new(major);
    declare(&stage, FORMS[1].1, "strategy: single");
    stage.apply(&[]).assert_status(0);
    let mut config: tokio_postgres::Config = stage
        .payload("app", "current")
        .await
        .parse()
        .expect("a URL");
    let password = String::from_utf8(
        config
            .user("app")
            .get_password()
            .expect("a password")
            .to_vec(),
    )
    .expect("text");
    declare(&stage, FORMS[3].1, "strategy: single");
    stage.fake.forget_requests();
    stage.apply(&[]).assert_status(0);
    let requests = stage.fake.requests();
    let moments = moments(&requests)
        .into_iter()
        .chain((1..=requests.len()).map(Moment::Lost));
    let (mut tried, mut extra) = (0, 0);
    for moment in moments
        .enumerate()
        .map(|(number, moment)| (FORMS[[1, 3][number % 2]].1, moment))
        .collect::<Vec<_>>()
    {
        let before = stage.versions("app").await.len();
        declare(&stage, moment.0, "strategy: single");
        match moment.1 {
            Moment::Lost(_) => {
                stage.fake.hold(moment.1);
                stage.apply(&[]).assert_status(0);
                stage.fake.release();
            }
            _ => assert!(stage.kill_at(moment.1, &[]), "{:?} never came", moment.1),
        }
        assert!(
            stage.payload("app", "latest").await.contains(&password),
            "{:?}: whatever is read works",
            moment.1
        );
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
        assert_eq!(
            remembered(&stage).await,
            (json!("app"), Value::Null),
            "{:?}",
            moment.1
        );
        tried += 1;
        extra += stage.versions("app").await.len() - before - 1;
    }
    tell!("{tried} kills and lost answers, {extra} versions too many");
    assert_eq!(extra, 0);
}

#[test]
fn a_payload_takes_another_form_and_keeps_its_password() {
    newest(|major| on_a_runtime(every_form_becomes_every_other(major)));
}

#[test]
fn a_pair_takes_another_form_whichever_login_is_in_use() {
    newest(|major| on_a_runtime(a_pair_keeps_its_turn(major)));
}

#[test]
fn a_change_of_form_that_is_killed_is_finished_by_the_next_run() {
    newest(|major| on_a_runtime(killed_at_any_request(major)));
}
