//! A login may change its own settings. One that the server cannot take on as a session begins keeps the login out, and says
//! nothing about its password.

use jiff::SignedDuration;
use serde_json::Value;

use crate::stage::Stage;
use crate::support::{Outcome, each_major};

const ROLES: &str = "  migration_user: { access: ddl }
  app: { access: dml, secret: { name: app, payload: url } }
  pair: { access: dml, secret: { name: pair, payload: url }, rotate: { strategy: alternate, grace: 1h } }\n";

const ACCEPTED: &str =
    "allow: [{ rule: role.setting, role: app, reason: it is being looked into }]\n";

/// A setting that a login gives itself, and what ends it.
const CASES: [[&str; 2]; 3] = [
    [
        "ALTER ROLE {} SET local_preload_libraries = 'gone'",
        r#"ALTER ROLE "{}" RESET "local_preload_libraries""#,
    ],
    [
        "ALTER ROLE {} SET local_preload_libraries = '/tmp/outside'",
        r#"ALTER ROLE "{}" RESET "local_preload_libraries""#,
    ],
    [
        "ALTER ROLE {} IN DATABASE shop SET local_preload_libraries = 'gone'",
        r#"ALTER ROLE "{}" IN DATABASE "shop" RESET "local_preload_libraries""#,
    ],
];

/// The finding about a login that is kept out.
fn kept_out(told: &Outcome) -> Value {
    let told = told.json();
    let findings = told["findings"].as_array().expect("findings");
    let is_it = |one: &&Value| {
        one["rule"] == "role.setting"
            && one["message"].to_string().contains("the password is right")
    };
    findings
        .iter()
        .find(is_it)
        .cloned()
        .unwrap_or_else(|| panic!("{told:#}"))
}

/// Gives the login that is published in `secret` a setting, in a session of its own.
async fn give_itself(stage: &Stage, secret: &str, setting: &str) -> String {
    let url: tokio_postgres::Config = stage
        .payload(secret, "current")
        .await
        .parse()
        .expect("a URL");
    let password = std::str::from_utf8(url.get_password().expect("a password"))
        .expect("text")
        .to_owned();
    let login = url.get_user().expect("a user").to_owned();
    let session = stage
        .cluster
        .connect_as("shop", &login, &password)
        .await
        .expect("it logs in");
    // A login of a pair begins as its role.
    session
        .batch_execute(&format!(
            "RESET ROLE; SET ROLE NONE; {}",
            setting.replace("{}", &login)
        ))
        .await
        .expect("its own setting");
    login
}

/// Two looks at the pair, `grace` apart, see no session of the login before.
async fn unused(stage: &Stage) {
    stage.later("pair", SignedDuration::from_hours(48)).await;
    stage.run("rotate", &[]).assert_status(0);
    stage.later("pair", SignedDuration::from_hours(48)).await;
}

each_major! {
    async fn settings_that_keep_a_login_out_are_named_with_what_ends_them(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        for [setting, end] in CASES {
            let end = end.replace("{}", &give_itself(&stage, "app", setting).await);
            for command in [&["check", "--probe"][..], &["verify"]] {
                let told = stage.run(command[0], &[&command[1..], &["--format", "json"]].concat()).assert_status(2);
                let found = kept_out(&told);
                let fix = found["fix"].as_str().expect("a fix");
                assert!(fix.contains(&end), "{command:?}: {fix}");
                assert_eq!(found["role"], "app");
            }
            stage.later("app", SignedDuration::from_hours(48)).await;
            let held = stage.run("rotate", &["--now", "--role", "app"]).assert_status(3);
            assert!(held.stdout.contains("local_preload_libraries"), "{}", held.stdout);
            // Where the policy accepts it, the password is committed in place and published.
            stage.roles(&format!("{ROLES}{ACCEPTED}"));
            let rotated = stage.run("rotate", &["--now", "--role", "app"]).assert_status(0);
            assert!(rotated.stdout.contains("is set, but not tried"), "{}", rotated.stdout);
            assert!(rotated.stdout.contains(&end), "{}", rotated.stdout);
            stage.roles(ROLES);
            let fix = kept_out(&stage.run("verify", &["--format", "json"]))["fix"].as_str().expect("a fix").to_owned();
            stage.cluster.connect_admin("postgres").await.batch_execute(&fix).await.expect("the fix works when typed");
            stage.run("check", &["--probe"]).assert_status(0);
        }
    }

    async fn a_pair_whose_idle_login_would_be_kept_out_is_held_before_anything_is_set(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        for [setting, _] in CASES {
            // The login is idle after the next rotation.
            let login = give_itself(&stage, "pair", setting).await;
            stage.run("rotate", &["--now", "--role", "pair"]).assert_status(0);
            unused(&stage).await;
            let versions = stage.versions("pair").await.len();
            let held = stage.run("rotate", &["--now", "--role", "pair"]).assert_status(3);
            assert!(held.stdout.contains(&format!("for {login}")) && held.stdout.contains("local_preload_libraries"), "{}", held.stdout);
            assert_eq!(stage.versions("pair").await.len(), versions, "nothing is stored");
            stage.apply(&[]).assert_status(0);
            stage.run("rotate", &["--now", "--role", "pair"]).assert_status(0);
            stage.run("check", &["--probe"]).assert_status(0);
            unused(&stage).await;
        }
    }
}
