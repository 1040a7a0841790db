//! Who may add versions and write annotations and aliases, and reads no payload, chooses nobody's password: whatever such a
//! writer leaves, no login takes a password that was planted, and the one in use works on.

use reqwest::Method;
use rolewright::model::Payload;
use rolewright::rotation::Mark;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::stage::{READER, Stage, secret_path};
use crate::support::each_major;

/// What a writer leaves, and the commands that find it.
struct Attack {
    what: &'static str,
    annotations: Value,
    aliases: Value,
    commands: Vec<(&'static str, Vec<&'static str>)>,
}

/// A stage with one credential, rotated once, and what a writer has planted in it.
struct Scene {
    stage: Stage,
    /// The login in use, and the one that the next password is for.
    logins: (String, String),
    /// The payload in use.
    in_use: String,
    /// Numbers, logins, payloads and passwords that were planted.
    planted: Vec<(i64, String, String, String)>,
}

const SCENES: [(&str, &str); 4] = [
    ("dml", "alternate"),
    ("ddl", "alternate"),
    ("dml", "single"),
    ("ddl", "single"),
];

impl Scene {
    async fn new(major: u32, access: &str, strategy: &str) -> Self {
        let stage = Stage::new(major);
        stage.roles(&format!(
            "  app: {{ access: {access}, secret: {{ name: app, payload: url, readers: [\"{READER}\"] }}, \
             rotate: {{ strategy: {strategy}, every: 30d, grace: 1h }} }}\n"
        ));
        stage.apply(&[]).assert_status(0);
        stage.run("rotate", &["--now"]).assert_status(0);
        let logins = if strategy == "single" {
            ("app", "app")
        } else {
            ("app_b", "app_a")
        };
        let in_use = stage.payload("app", "current").await;
        let logins = (logins.0.to_owned(), logins.1.to_owned());
        Self {
            stage,
            logins,
            in_use,
            planted: Vec::new(),
        }
    }

    /// A version with a password that the writer knows, of the form of those that are generated here.
    async fn plant(&mut self, login: &str) -> i64 {
        let password = format!("aB3-{:036}", self.planted.len());
        let payload = format!("postgresql://{login}:{password}@db:5432/shop");
        self.stage.add_version("app", &payload).await;
        let number = i64::try_from(self.stage.versions("app").await.len()).expect("a small number");
        self.planted
            .push((number, login.to_owned(), payload, password));
        number
    }

    fn payload(&self, number: i64) -> &str {
        &self
            .planted
            .iter()
            .find(|one| one.0 == number)
            .expect("it was planted")
            .2
    }

    async fn write(&self, annotations: &Value, aliases: &Value) {
        let mut whole = self.stage.secret("app").await["annotations"].take();
        let map = whole.as_object_mut().expect("a map");
        for (key, text) in annotations.as_object().into_iter().flatten() {
            match text {
                Value::Null => map.remove(&format!("rolewright.{key}")),
                text => map.insert(format!("rolewright.{key}"), text.clone()),
            };
        }
        self.stage
            .patch_secret("app", "annotations", json!({ "annotations": whole }))
            .await;
        self.stage
            .patch_secret(
                "app",
                "versionAliases",
                json!({ "versionAliases": aliases }),
            )
            .await;
    }

    async fn assert_works(&self, words: &str) {
        for (_, login, _, password) in &self.planted {
            assert!(
                !self.stage.logs_in(login, password).await,
                "{words}: a planted password works for {login}"
            );
        }
        let password = self
            .in_use
            .split(':')
            .nth(2)
            .and_then(|rest| rest.split('@').next())
            .expect("a password");
        assert!(
            self.stage.logs_in(&self.logins.0, password).await,
            "{words}: the one in use does not work"
        );
    }

    /// Plants versions 3 and 4.
    async fn attacks(&mut self) -> Vec<Attack> {
        let (in_use, next) = self.logins.clone();
        let (one, two) = (self.plant(&next).await, self.plant(&in_use).await);
        let fingerprint = |number| format!("x:{}", fingerprint("x", self.payload(number)));
        let [first, second] = [one, two].map(|number| self.payload(number).to_owned());
        let of = |text: &str| Payload::new(text.to_owned().into_bytes());
        let keyed = |of_payload: &str, key: &str| {
            Mark::keyed("x".into(), &of(of_payload), &of(key), true).to_string()
        };
        let published = |payload: &str, number: i64, login: &str| {
            let code = of(payload)
                .authentication_code(&format!("rolewright published app {number} {login}"));
            format!("{number}:{}", &code[..32])
        };
        let previous = |number: i64, key: &str| {
            let code =
                of(key).authentication_code(&format!("rolewright previous app {number} {in_use}"));
            format!("{number}:{}", &code[..32])
        };
        let other = if next == in_use {
            "app_a"
        } else {
            next.as_str()
        };
        let retired = |key: &str| {
            let code = |number: i64| {
                of(key).authentication_code(&format!("rolewright retired app {number}"))[..32]
                    .to_owned()
            };
            format!("{LONG_AGO} 1:{} 2:{}", code(1), code(2))
        };
        let (rotate, apply) = (("rotate", vec!["--role", "app"]), ("apply", vec!["--yes"]));
        let back = ("rollback", vec!["--role", "app"]);
        let all = || vec![rotate.clone(), apply.clone(), back.clone()];
        // A way back leads to the version before, which is no planted one.
        let forth = || vec![rotate.clone(), apply.clone()];
        vec![
            Attack {
                what: "an attempt with a fingerprint",
                annotations: json!({"pending": fingerprint(one), "next": next}),
                aliases: json!({"current": "2", "previous": "1"}),
                commands: forth(),
            },
            Attack {
                what: "an attempt that goes back",
                annotations: json!({"pending": fingerprint(two), "next": in_use, "source": "1"}),
                aliases: json!({"current": "2", "previous": "1"}),
                commands: forth(),
            },
            Attack {
                what: "an attempt that stores again",
                annotations: json!({"pending": format!("x:={one}"), "next": next}),
                aliases: json!({"current": "2", "previous": "1"}),
                commands: forth(),
            },
            Attack {
                what: "an attempt with a planted key",
                annotations: json!({"pending": keyed(&second, &first), "next": in_use, "login": in_use, "version": one.to_string()}),
                aliases: json!({"current": one.to_string(), "previous": "1"}),
                commands: forth(),
            },
            Attack {
                what: "a first version",
                annotations: json!({
                    "pending": fingerprint(two), "login": null, "version": null, "published": null,
                    "previous-login": null, "previous-version": null, "seal": null,
                }),
                aliases: json!({}),
                commands: vec![apply.clone(), rotate.clone()],
            },
            Attack {
                what: "the alias alone",
                annotations: json!({}),
                aliases: json!({"current": two.to_string(), "previous": "1"}),
                commands: all(),
            },
            Attack {
                what: "a version in use below another one",
                annotations: json!({"version": one.to_string(), "login": next, "seal": published(&first, one, &next)}),
                aliases: json!({"current": one.to_string(), "previous": "1"}),
                commands: all(),
            },
            Attack {
                what: "a version before",
                annotations: json!({"previous-version": two.to_string(), "previous-login": in_use}),
                aliases: json!({"current": "2", "previous": two.to_string()}),
                commands: all(),
            },
            Attack {
                what: "a version before with a planted seal",
                annotations: json!({
                    "previous-version": previous(two, &first), "previous-login": in_use, "version": one.to_string(),
                }),
                aliases: json!({"current": one.to_string(), "previous": two.to_string()}),
                commands: all(),
            },
            Attack {
                what: "a version in use above the true one",
                annotations: json!({
                    "version": two.to_string(), "seal": published(&second, two, &in_use), "published": LONG_AGO,
                    "previous-version": "2", "previous-login": in_use,
                }),
                aliases: json!({"current": two.to_string(), "previous": "2"}),
                commands: [forth(), forth()].concat(),
            },
            Attack {
                what: "a version of the other login above the true one",
                annotations: json!({
                    "version": one.to_string(), "login": next, "seal": published(&first, one, &next),
                    "published": LONG_AGO, "previous-version": "2", "previous-login": next,
                }),
                aliases: json!({"current": one.to_string(), "previous": "2"}),
                commands: [forth(), forth()].concat(),
            },
            Attack {
                what: "true versions as retired",
                annotations: json!({
                    "version": two.to_string(), "seal": published(&second, two, &in_use),
                    "previous-version": null, "previous-login": null, "retired": retired(&second),
                }),
                aliases: json!({"current": two.to_string()}),
                commands: [forth(), forth()].concat(),
            },
            Attack {
                what: "another login in use",
                annotations: json!({"login": other, "published": LONG_AGO}),
                aliases: json!({"current": "2", "previous": "1"}),
                commands: forth(),
            },
            Attack {
                what: "another login in use, and none before",
                annotations: json!({"login": other, "previous-version": null, "previous-login": null}),
                aliases: json!({"current": "2"}),
                commands: [vec![apply.clone()], forth()].concat(),
            },
            Attack {
                what: "an attempt for the login in use",
                annotations: json!({"pending": format!("x:{}", "0".repeat(64)), "next": in_use}),
                aliases: json!({"current": "2", "previous": "1"}),
                commands: forth(),
            },
            Attack {
                what: "the version before as the one in use",
                annotations: json!({
                    "version": "1", "login": next, "previous-version": "2", "previous-login": in_use, "published": LONG_AGO,
                }),
                aliases: json!({"current": "1", "previous": "2"}),
                commands: forth(),
            },
        ]
    }
}

/// Long before any `grace` was over.
const LONG_AGO: &str = "2026-01-01T00:00:00Z";

fn fingerprint(id: &str, payload: &str) -> String {
    let digest = sha2::Sha256::new()
        .chain_update(id)
        .chain_update([0])
        .chain_update(payload)
        .finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

each_major! {
    async fn no_password_is_put_to_work_that_a_writer_of_the_secret_chose(major: u32) {
        for (access, strategy) in SCENES {
            let mut scene = Scene::new(major, access, strategy).await;
            let attacks = scene.attacks().await;
            let whole = scene.stage.secret("app").await;
            for attack in attacks {
                for (command, options) in &attack.commands {
                    let words = format!("{access}, {strategy}: {}: {command}", attack.what);
                    scene.write(&attack.annotations, &attack.aliases).await;
                    let run = scene.stage.run(command, options);
                    assert!(matches!(run.status, 0 | 1 | 3), "{words}: {}{}{}", run.status, run.stdout, run.stderr);
                    scene.assert_works(&words).await;
                    let versions = scene.stage.versions("app").await;
                    let all = ["1 ENABLED", "2 ENABLED", "3 ENABLED", "4 ENABLED"];
                    assert_eq!(versions, all, "{words}: {}", run.stdout);
                    let restored = json!({ "annotations": whole["annotations"] });
                    scene.stage.patch_secret("app", "annotations", restored).await;
                }
            }
            // A new password is nobody's choice, and what was planted is not gone back to.
            let [one, two] = [scene.planted[0].0, scene.planted[1].0];
            let moved = json!({"version": two.to_string(), "previous-version": null, "previous-login": null});
            scene.write(&moved, &json!({"current": two.to_string()})).await;
            scene.stage.run("rotate", &["--now", "--accept-outage"]).assert_status(0);
            scene.in_use = scene.stage.payload("app", "current").await;
            scene.logins.0 = scene.in_use.split([':', '/']).nth(3).expect("a login").to_owned();
            let back = scene.stage.run("rollback", &["--role", "app"]);
            scene.assert_works(&format!("{access}, {strategy}: {one} {two}: {}{}", back.stdout, back.stderr)).await;
        }
    }

    async fn an_alias_that_was_moved_is_held_and_there_are_two_ways_out(major: u32) {
        let scene = Scene::new(major, "dml", "alternate").await;
        let stage = &scene.stage;
        stage.patch_secret("app", "versionAliases", json!({"versionAliases": {"current": "1"}})).await;
        let said = "the alias `current` was moved from version 2 to version 1";
        for (command, options) in [("rotate", &["--now"][..]), ("apply", &["--yes"]), ("rotate", &[])] {
            let held = stage.run(command, options).assert_status(3);
            assert!(held.stdout.contains(said), "{command}: {}", held.stdout);
        }
        let check = stage.run("check", &[]).assert_status(2);
        let fix = "gcloud secrets update app --project=shop-prod --update-version-aliases=current=2";
        assert!(check.stdout.contains(said) && check.stdout.contains(fix), "{}", check.stdout);
        let both = open_logins(stage).await;
        assert_eq!(both, ["app_a", "app_b"], "no login is closed");
        // Put back.
        let aliases = json!({"versionAliases": {"current": "2", "previous": "1"}});
        stage.patch_secret("app", "versionAliases", aliases).await;
        stage.assert_in_sync();
        // Or it was meant.
        stage.patch_secret("app", "versionAliases", json!({"versionAliases": {"current": "1"}})).await;
        let before = stage.payload("app", "1").await;
        stage.run("rollback", &["--role", "app"]).assert_status(0);
        assert_eq!(stage.payload("app", "current").await, before);
        assert_eq!(stage.secret("app").await["versionAliases"], json!({"current": "3", "previous": "2"}));
        assert_eq!(open_logins(stage).await, both);
        stage.assert_in_sync();
    }

    async fn aliases_and_annotations_that_are_gone_are_found_out_again(major: u32) {
        for lost in ["aliases", "annotations", "current", "times"] {
            let scene = Scene::new(major, "dml", "alternate").await;
            let stage = &scene.stage;
            match lost {
                "aliases" => stage.patch_secret("app", "versionAliases", json!({"versionAliases": {}})).await,
                "annotations" => stage.patch_secret("app", "annotations", json!({"annotations": {"team": "x"}})).await,
                "current" => {
                    stage.patch_secret("app", "versionAliases", json!({"versionAliases": {"previous": "1"}})).await
                }
                _ => {
                    let gone = json!({"published": null, "previous-login": null});
                    scene.write(&gone, &json!({"current": "2", "previous": "1"})).await
                }
            };
            let rotated = stage.run("rotate", &["--now"]).assert_status(3);
            assert!(rotated.stdout.contains("rolewright apply"), "{lost}: {}", rotated.stdout);
            for _ in 0..2 {
                stage.apply(&[]).assert_status(0);
                assert_eq!(open_logins(stage).await, ["app_a", "app_b"], "{lost}");
            }
            let secret = stage.secret("app").await;
            assert_eq!(secret["versionAliases"], json!({"current": "2", "previous": "1"}), "{lost}");
            let annotations = &secret["annotations"];
            let told = ["login", "version", "previous-login"].map(|key| &annotations[format!("rolewright.{key}")]);
            assert_eq!(told, ["app_b", "2", "app_a"], "{lost}: {annotations}");
            assert!(annotations["rolewright.published"].is_string(), "{lost}: {annotations}");
            stage.run("check", &["--probe"]).assert_status(0);
            // And it goes on from there.
            stage.run("rotate", &[]).assert_status(0);
            stage.later("app", jiff::SignedDuration::from_hours(2)).await;
            stage.run("rotate", &[]).assert_status(0);
            assert_eq!(open_logins(stage).await, ["app_b"], "{lost}");
            stage.run("rotate", &["--now"]).assert_status(0);
            stage.assert_in_sync();
        }
    }

    async fn a_form_that_is_told_wrongly_is_put_right(major: u32) {
        let role = |name: &str| {
            format!("  {name}: {{ access: dml, secret: {{ name: {name}, payload: url, readers: [\"{READER}\"] }} }}\n")
        };
        let stage = Stage::new(major);
        stage.roles(&role("app"));
        stage.apply(&[]).assert_status(0);
        let mut annotations = stage.secret("app").await["annotations"].take();
        annotations["rolewright.payload"] = json!(r#"{"format":"password"}"#);
        stage.patch_secret("app", "annotations", json!({ "annotations": annotations })).await;
        stage.roles(&(role("app") + &role("late")));
        let before = stage.payload("app", "current").await;
        stage.apply(&[]).assert_status(0);
        assert!(stage.payload("late", "current").await.contains("late:"));
        assert_eq!(stage.payload("app", "current").await, before);
        stage.run("check", &["--probe"]).assert_status(0);
        stage.assert_in_sync();
    }

    async fn a_closed_login_is_opened_for_the_password_that_it_has(major: u32) {
        let stage = Stage::new(major);
        stage.roles(&format!(
            "  app: {{ access: dml, secret: {{ name: app, payload: url, readers: [\"{READER}\"] }} }}\n"
        ));
        stage.cluster.batch("shop", "SET ROLE csadmin; CREATE ROLE app NOLOGIN PASSWORD 'theirs'").await;
        stage.make_secret("app", Some("postgresql://app:wrong@db/shop")).await;
        let held = stage.apply(&[]).assert_status(3);
        assert!(held.stdout.contains("--reset-passwords"), "{}", held.stdout);
        assert!(!stage.logs_in("app", "wrong").await && !stage.logs_in("app", "theirs").await);
        stage.add_version("app", "postgresql://app:theirs@db/shop").await;
        stage.apply(&[]).assert_status(0);
        assert!(stage.logs_in("app", "theirs").await);
        assert_eq!(stage.versions("app").await.len(), 2);
    }

    async fn a_login_that_nothing_remembers_is_closed_once_it_was_unused_for_grace(major: u32) {
        let scene = Scene::new(major, "dml", "alternate").await;
        let stage = &scene.stage;
        stage.patch_secret("app", "versionAliases", json!({"versionAliases": {}})).await;
        stage.patch_secret("app", "annotations", json!({"annotations": {"team": "x"}})).await;
        for _ in 0..2 {
            stage.apply(&[]);
            stage.run("rotate", &[]).assert_status(0);
            assert_eq!(open_logins(stage).await, ["app_a", "app_b"]);
        }
        for _ in 0..2 {
            stage.later("app", jiff::SignedDuration::from_hours(2)).await;
            stage.run("rotate", &[]).assert_status(0);
        }
        assert_eq!(open_logins(stage).await, ["app_b"]);
        scene.assert_works("closed").await;
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
    }

    async fn a_reset_that_was_interrupted_is_repeated_and_never_gives_what_was_stored(major: u32) {
        let stage = Stage::new(major);
        stage.roles(&format!(
            "  app: {{ access: dml, secret: {{ name: app, payload: password, readers: [\"{READER}\"] }} }}\n"
        ));
        stage.cluster.batch("shop", "SET ROLE csadmin; CREATE ROLE app LOGIN PASSWORD 'theirs'").await;
        stage.make_secret("app", Some("chosen")).await;
        let annotations = json!({"rolewright.pending": format!("x:{}", fingerprint("x", "chosen"))});
        stage.patch_secret("app", "annotations", json!({ "annotations": annotations })).await;
        let held = stage.apply(&[]).assert_status(3);
        assert!(held.stdout.contains("secret.foreign") && held.stdout.contains("--reset-passwords"), "{}", held.stdout);
        assert!(stage.logs_in("app", "theirs").await && !stage.logs_in("app", "chosen").await);
        stage.apply(&["--reset-passwords"]).assert_status(0);
        assert!(!stage.logs_in("app", "theirs").await && !stage.logs_in("app", "chosen").await);
        assert!(stage.logs_in("app", &stage.payload("app", "current").await).await);
        stage.must(Method::POST, &secret_path("app", "/versions/1:destroy"), json!({})).await;
        stage.run("check", &["--probe"]).assert_status(0);
    }
}

async fn open_logins(stage: &Stage) -> Vec<String> {
    let superuser = stage.cluster.connect_superuser("postgres").await;
    let query =
        "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'app_%' AND rolcanlogin ORDER BY 1";
    let rows = superuser
        .query(query, &[])
        .await
        .expect("the catalogs are read");
    rows.iter().map(|row| row.get(0)).collect()
}
