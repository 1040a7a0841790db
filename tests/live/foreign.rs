//! What others write into a secret: annotations, aliases and versions. No role but the secret's own is touched, no version
//! ends or comes back that was not stored here, and every run says what it does not trust and how that is removed.

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::lane::Lane;
use crate::stage::{INSTANCE, READER, Stage, secret_path};
use crate::support::{each_major, newest, on_a_runtime};

/// What somebody writes, and the annotation that is named.
struct Exploit {
    annotations: Value,
    aliases: Value,
    named: &'static str,
}

fn written(named: &'static str, annotations: Value) -> Exploit {
    Exploit {
        annotations,
        aliases: json!({}),
        named,
    }
}

/// Annotations and aliases alone: nobody adds a version for these.
#[allow(clippy::disallowed_methods, reason = "a clock that is right")]
fn exploits() -> Vec<Exploit> {
    let other_logins = [
        "migration_user",
        "csadmin",
        "cloudsqlsuperuser",
        "billing",
        "App_a",
        "\"app\"",
        "app_c",
        "",
    ];
    let mut all: Vec<_> = other_logins
        .into_iter()
        .flat_map(|login| {
            [
                written(
                    "rolewright.next",
                    json!({"rolewright.pending": "x:y", "rolewright.next": login, "rolewright.source": "1"}),
                ),
                written("rolewright.login", json!({ "rolewright.login": login })),
            ]
        })
        .collect();
    let old = (Timestamp::now() - SignedDuration::from_hours(1)).to_string();
    let sealed = "2999-01-01T00:00:00Z 1:0123456789abcdef0123456789abcdef";
    all.extend([
        Exploit {
            annotations: json!({"rolewright.previous-login": "billing", "rolewright.published": old}),
            aliases: json!({"current": "1", "previous": "1"}),
            named: "rolewright.previous-login",
        },
        Exploit {
            annotations: json!({"rolewright.ending": "1"}),
            aliases: json!({"current": "1", "theirs": "1"}),
            named: "rolewright.ending",
        },
        written("rolewright.retired", json!({ "rolewright.retired": sealed })),
        written("rolewright.source", json!({"rolewright.pending": "x:y", "rolewright.source": "7"})),
        written("rolewright.published", json!({"rolewright.published": "2999-01-01T00:00:00Z"})),
        written("rolewright.unseen", json!({"rolewright.unseen": "2999-01-01T00:00:00Z app_a"})),
        written("rolewright.lease", json!({"rolewright.lease": "rolewright/rotate/1 2999-01-01T00:00:00Z"})),
    ]);
    all
}

/// Two credentials, and a login of another team.
async fn inhabited(major: u32) -> Stage {
    let stage = Stage::new(major);
    stage.roles(&format!(
        "  migration_user: {{ access: ddl, secret: {{ name: mig, payload: url, readers: [\"{READER}\"] }} }}
  app: {{ access: dml, secret: {{ name: app, payload: url, keep: 1, readers: [\"{READER}\"] }}, \
         rotate: {{ strategy: alternate, every: 30d, grace: 1s }} }}\n"
    ));
    stage
        .cluster
        .batch("shop", "CREATE ROLE billing LOGIN PASSWORD 'theirs'")
        .await;
    stage.apply(&[]).assert_status(0);
    stage
}

/// Every role with what it logs in by.
async fn roles(stage: &Stage) -> String {
    let superuser = stage.cluster.connect_superuser("postgres").await;
    let query =
        "SELECT string_agg(concat_ws(' ', rolname, rolcanlogin, rolvaliduntil, rolpassword), E'\\n' ORDER BY rolname)
                   FROM pg_authid";
    superuser
        .query_one(query, &[])
        .await
        .expect("the catalogs are read")
        .get(0)
}

async fn everything(stage: &Stage) -> (String, Value, Vec<String>) {
    (
        roles(stage).await,
        stage.secret("app").await,
        stage.versions("app").await,
    )
}

async fn write(stage: &Stage, annotations: &Value, aliases: &Value) {
    let secret = stage.secret("app").await;
    let mut whole = secret["annotations"].clone();
    let keys = annotations.as_object().into_iter().flatten();
    keys.for_each(|(key, text)| whole[key] = text.clone());
    stage
        .patch_secret("app", "annotations", json!({ "annotations": whole }))
        .await;
    if aliases
        .as_object()
        .is_some_and(|aliases| !aliases.is_empty())
    {
        stage
            .patch_secret(
                "app",
                "versionAliases",
                json!({ "versionAliases": aliases }),
            )
            .await;
    }
}

/// Every command is held, names what it does not trust, and leaves all as it is.
async fn assert_held(stage: &Stage, words: &str) {
    let before = everything(stage).await;
    stage.fake.forget_requests();
    for (command, options) in [
        ("rotate", &["--role", "app"][..]),
        ("rotate", &["--role", "app", "--now"]),
        ("rollback", &["--role", "app"]),
        ("apply", &["--yes"]),
    ] {
        let run = stage.run(command, options);
        assert_eq!(
            run.status, 3,
            "{words}: {command}: {}{}",
            run.stdout, run.stderr
        );
        assert!(
            run.stdout.contains(words),
            "{words}: {command}: {}",
            run.stdout
        );
    }
    let check = stage
        .run("check", &["--format", "json"])
        .assert_status(2)
        .json();
    let findings = check["findings"].as_array().expect("findings");
    let is_it = |one: &&Value| {
        one["rule"] == "secret.foreign" && one["message"].as_str().unwrap().contains(words)
    };
    let found = findings
        .iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("{words}: {findings:#?}"));
    assert!(
        found["fix"]
            .as_str()
            .is_some_and(|fix| fix.starts_with("gcloud secrets update app ")),
        "{found}"
    );
    let status = stage.run("status", &["--role", "app"]).assert_status(0);
    assert!(status.stdout.contains(words), "{}", status.stdout);
    assert!(
        stage
            .fake
            .requests()
            .iter()
            .all(|seen| seen.method == "GET"),
        "{words}"
    );
    assert_eq!(everything(stage).await, before, "{words}");
}

/// Does what the advice says, and what comes after it.
async fn assert_mended(stage: &Stage) {
    let said = stage
        .run("rotate", &["--role", "app"])
        .assert_status(3)
        .stdout;
    let keys = said.split_once("--remove-annotations=").expect("advice").1;
    let keys = keys
        .split(|c: char| c.is_whitespace() || c == '`')
        .next()
        .expect("keys");
    let mut annotations = stage.secret("app").await["annotations"].take();
    for key in keys.split(',') {
        let removed = annotations.as_object_mut().expect("a map").remove(key);
        assert!(
            removed.is_some(),
            "gcloud refuses to remove `{key}`, which is not there"
        );
    }
    stage
        .patch_secret("app", "annotations", json!({ "annotations": annotations }))
        .await;
    stage.apply(&[]).assert_status(0);
    let check = stage.run("check", &["--probe"]);
    assert_eq!(check.status, 0, "{keys}: {}", check.stdout);
}

fn fingerprint(id: &str, payload: &str) -> String {
    let digest = sha2::Sha256::new()
        .chain_update(id)
        .chain_update([0])
        .chain_update(payload)
        .finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn set_state(stage: &Stage, number: i64, verb: &str) {
    stage
        .must(
            Method::POST,
            &secret_path("app", &format!("/versions/{number}:{verb}")),
            json!({}),
        )
        .await;
}

each_major! {
    async fn annotations_of_others_are_held(major: u32) {
        let stage = inhabited(major).await;
        let whole = stage.secret("app").await;
        for exploit in exploits() {
            write(&stage, &exploit.annotations, &exploit.aliases).await;
            assert_held(&stage, &format!("annotation `{}`", exploit.named)).await;
            // The other credential goes on; once, since it then has its `grace`.
            stage.run("rotate", &["--now"]).assert_status(3);
            assert_eq!(stage.versions("mig").await, ["1 ENABLED", "2 ENABLED"], "{}", exploit.named);
            assert_mended(&stage).await;
            stage.patch_secret("app", "annotations", json!({ "annotations": whole["annotations"] })).await;
            stage.patch_secret("app", "versionAliases", json!({ "versionAliases": whole["versionAliases"] })).await;
        }
        stage.run("rotate", &["--now"]).assert_status(0);
        stage.assert_in_sync();
    }

    async fn a_version_of_others_gives_nobody_a_password(major: u32) {
        let stage = inhabited(major).await;
        let whole = stage.secret("app").await["annotations"].clone();
        let planted = "postgresql://csadmin:chosen@db/shop";
        stage.add_version("app", planted).await;
        let pending = format!("x:{}", fingerprint("x", planted));
        write(&stage, &json!({"rolewright.pending": pending, "rolewright.next": "csadmin"}), &json!({})).await;
        assert_held(&stage, "annotation `rolewright.next`").await;
        // For a login of the role, the payload says that it is for another one.
        for next in ["app_a", "app_b", "app"] {
            write(&stage, &json!({"rolewright.pending": pending, "rolewright.next": next}), &json!({})).await;
            let before = everything(&stage).await;
            let held = stage.run("rotate", &["--role", "app"]).assert_status(3);
            assert!(held.stdout.contains("version 2"), "{}", held.stdout);
            assert_eq!(everything(&stage).await, before, "{next}");
        }
        // As the credential before, or as the source of the next one.
        stage.add_version("app", "something else").await;
        stage.patch_secret("app", "annotations", json!({ "annotations": whole })).await;
        let old = "2026-01-01T00:00:00Z";
        let aliases = json!({"current": "1", "previous": "2"});
        write(&stage, &json!({ "rolewright.published": old }), &aliases).await;
        for (command, options, login) in [("rotate", &[][..], "app_b"), ("rollback", &["--role", "app"], "app_a")] {
            write(&stage, &json!({ "rolewright.previous-login": login }), &json!({})).await;
            let before = everything(&stage).await;
            let held = stage.run(command, options).assert_status(3);
            assert!(held.stdout.contains("alias `previous` names version 2"), "{}", held.stdout);
            assert!(held.stdout.contains("--remove-version-aliases=previous"), "{}", held.stdout);
            assert_eq!(everything(&stage).await, before);
        }
        let source = json!({"rolewright.pending": "x:y", "rolewright.next": "app_b", "rolewright.source": "2"});
        write(&stage, &source, &aliases).await;
        let before = everything(&stage).await;
        stage.run("rotate", &[]).assert_status(3);
        assert_eq!(everything(&stage).await, before);
        // As the version in use of a login that is closed.
        stage.patch_secret("app", "annotations", json!({ "annotations": whole })).await;
        write(&stage, &json!({}), &json!({"current": "2"})).await;
        stage.cluster.batch("postgres", "ALTER ROLE app_a NOLOGIN").await;
        let before = everything(&stage).await;
        let held = stage.apply(&[]).assert_status(3);
        assert!(held.stdout.contains("secret.foreign") && held.stdout.contains("version 2"), "{}", held.stdout);
        assert_eq!(everything(&stage).await, before);
    }

    async fn versions_of_others_neither_end_nor_come_back(major: u32) {
        let stage = inhabited(major).await;
        let whole = stage.secret("app").await["annotations"].clone();
        for payload in ["of another system", "postgresql://billing:theirs@db/shop", "the newest"] {
            stage.add_version("app", payload).await;
        }
        let forged = "2026-01-01T00:00:00Z 2:0123456789abcdef0123456789abcdef 3:0123456789abcdef0123456789abcdef";
        let aliased = json!({"current": "1", "theirs": "2"});
        for (state, annotations, aliases) in [
            // Disabled.
            ("enable", json!({ "rolewright.retired": forged }), json!({"current": "1"})),
            // Destroyed: nothing is kept beside the one in use.
            ("disable", json!({ "rolewright.retired": forged }), json!({"current": "1"})),
            // Enabled again.
            ("disable", json!({"rolewright.retired": forged, "rolewright.ending": "2"}), aliased),
        ] {
            for number in [2, 3] {
                set_state(&stage, number, state).await;
            }
            write(&stage, &annotations, &aliases).await;
            let before = everything(&stage).await;
            let held = stage.run("rotate", &["--role", "app"]).assert_status(3);
            assert!(held.stdout.contains("`rolewright.retired` names version"), "{}", held.stdout);
            assert_eq!(everything(&stage).await, before);
            stage.patch_secret("app", "annotations", json!({ "annotations": whole })).await;
        }
    }
}

/// Two declared roles whose names look like a pair, and a stranger's.
async fn of_neighbours(major: u32) {
    let stage = Stage::new(major);
    stage.roles("  app: { access: dml, secret: { name: app } }\n  app_a: { access: dml, secret: { name: app-a } }\n");
    stage
        .cluster
        .batch("shop", "CREATE ROLE app_b LOGIN PASSWORD 'theirs'")
        .await;
    stage.apply(&[]).assert_status(0);
    let whole = stage.secret("app").await["annotations"].clone();
    for (key, login) in [
        ("rolewright.login", "app_a"),
        ("rolewright.login", "app_b"),
        ("rolewright.previous-login", "app_a"),
        ("rolewright.next", "app_b"),
    ] {
        write(&stage, &json!({ key: login }), &json!({})).await;
        assert_held(&stage, &format!("annotation `{key}` names `{login}`")).await;
        stage
            .patch_secret("app", "annotations", json!({ "annotations": whole }))
            .await;
    }
    stage.assert_in_sync();
}

#[test]
fn a_role_with_a_similar_name_is_no_login_of_another() {
    newest(|major| on_a_runtime(of_neighbours(major)));
}

/// A password that somebody made up is adopted, and stored again in another form.
async fn guessable(major: u32) {
    let lane = Lane::new(major);
    let stage = &lane.stage;
    stage.roles("  app: { access: dml, secret: { name: app, payload: password } }\n");
    stage
        .cluster
        .batch(
            "shop",
            "SET ROLE csadmin; CREATE ROLE app LOGIN PASSWORD 'hunter2'",
        )
        .await;
    stage.make_secret("app", Some("hunter2")).await;
    stage.apply(&[]).assert_status(0);
    stage.roles("  app: { access: dml, secret: { name: app, payload: url, host: db }, rotate: { grace: 1h } }\n");
    let commands: [(&str, &[&str]); 2] = [("apply", &["--yes"]), ("rollback", &["--role", "app"])];
    for (command, options) in commands {
        if command == "rollback" {
            stage.run("rotate", &["--now"]).assert_status(0);
        }
        let before = stage.versions("app").await.len();
        let added = json!({"method": "secrets.addVersion", "when": "after", "effect": "hang"});
        stage.fake.fault("held", added);
        let run = lane.start_command(command, options);
        lane.until("it has added a version", || stage.fake.is_holding());
        let annotations = stage
            .undisturbed(Method::GET, &secret_path("app", ""), Value::Null)
            .await["annotations"]
            .take();
        let pending = annotations["rolewright.pending"]
            .as_str()
            .expect("an attempt under way");
        let (id, sign) = pending.split_once(':').expect("two parts");
        let payload = stage.payload("app", "latest").await;
        assert!(
            payload.contains("hunter2") && sign.starts_with('='),
            "{pending}"
        );
        for guess in ["hunter2", &payload] {
            assert!(
                !annotations.to_string().contains(&fingerprint(id, guess)),
                "{annotations}"
            );
        }
        run.kill();
        stage.fake.mend("held");
        let finishing = if command == "apply" {
            stage.apply(&[])
        } else {
            stage.run(command, options)
        };
        finishing.assert_status(0);
        assert_eq!(
            stage.versions("app").await.len(),
            before + 1,
            "{command}: the version that was added is found again"
        );
        assert!(stage.logs_in("app", "hunter2").await, "{command}");
        assert_eq!(stage.payload("app", "current").await, payload);
    }
    stage.later("app", SignedDuration::from_hours(2)).await;
    stage.run("rotate", &["--now"]).assert_status(0);
    assert!(!stage.logs_in("app", "hunter2").await);
    stage.run("check", &["--probe"]).assert_status(0);
}

#[test]
fn a_password_that_can_be_guessed_has_no_fast_hash_in_an_annotation() {
    newest(|major| on_a_runtime(guessable(major)));
}

/// The secret of a role that is retired, which others have filled and labelled as ours.
async fn retired(major: u32) {
    let stage = Stage::new(major);
    let policy = |role: &str| {
        format!(
            "version: 1\ninstance: {INSTANCE}\ndatabases: {{ shop: {{ schemas: [app] }} }}\nroles:\n  mig: {{ access: ddl }}\n  app: {{ {role}, secret: {{ name: app, payload: url }} }}\n"
        )
    };
    stage.policy(&policy("access: dml"));
    stage.apply(&[]).assert_status(0);
    stage.add_version("app", "the key of another system").await;
    stage
        .add_version("app", "postgresql://billing:theirs@db/shop")
        .await;
    stage.policy(&policy("state: absent"));
    let held = stage.apply(&[]).assert_status(3);
    assert!(
        held.stdout
            .contains("gcloud secrets versions destroy 2 --secret=app"),
        "{}",
        held.stdout
    );
    assert_eq!(
        stage.versions("app").await,
        ["1 DISABLED", "2 ENABLED", "3 ENABLED"]
    );
}

#[test]
fn the_versions_of_others_survive_the_role_of_their_secret() {
    newest(|major| on_a_runtime(retired(major)));
}
