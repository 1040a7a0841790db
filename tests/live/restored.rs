//! A server that was restored from a backup has old passwords, and the secrets are newer: the stored ones are set again, with no new
//! version, so that no consumer has to do anything.

use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{READER, Stage, secret_path};
use crate::support::each_major;

/// A role for each way to replace a password.
const ROLES: &str = "  migration_user: { access: ddl }
  one:
    access: dml
    secret: { name: one, payload: url, readers: [\"READER\"] }
    rotate: { strategy: single, every: 30d, grace: 1h }
  two:
    access: dml
    secret: { name: two, payload: url, readers: [\"READER\"] }
    rotate: { strategy: alternate, every: 30d, grace: 1h }\n";

async fn stage(major: u32) -> Stage {
    let stage = Stage::new(major);
    stage.roles(&ROLES.replace("READER", READER));
    stage.apply(&[]).assert_status(0);
    stage
}

/// What a backup keeps of the logins, as the statements that bring it back.
async fn backup(stage: &Stage) -> String {
    let superuser = stage.cluster.connect_superuser("postgres").await;
    let query = "SELECT string_agg(format('ALTER ROLE %I %s PASSWORD %L VALID UNTIL %L', rolname,
          CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, rolpassword, coalesce(rolvaliduntil::text, 'infinity')), '; ')
        FROM pg_authid WHERE rolname LIKE 'one%' OR rolname LIKE 'two%'";
    superuser
        .query_one(query, &[])
        .await
        .expect("the catalogs are read")
        .get(0)
}

async fn logs_in(stage: &Stage, secret: &str, version: &str) -> bool {
    let url: tokio_postgres::Config = stage.payload(secret, version).await.parse().expect("a URL");
    let password = std::str::from_utf8(url.get_password().expect("a password"))
        .expect("text")
        .to_owned();
    stage
        .logs_in(url.get_user().expect("a user"), &password)
        .await
}

async fn versions(stage: &Stage) -> [Vec<String>; 2] {
    [stage.versions("one").await, stage.versions("two").await]
}

/// Rotates `times`, each time to the end where `grace` is to be over.
async fn rotate(stage: &Stage, times: usize, in_grace: bool) {
    for time in 1..=times {
        stage.run("rotate", &["--now"]).assert_status(0);
        if !in_grace || time < times {
            stage.run("rotate", &[]);
            for secret in ["one", "two"] {
                stage.later(secret, SignedDuration::from_hours(2)).await;
            }
            for _ in 0..3 {
                stage.run("rotate", &[]);
            }
        }
    }
}

each_major! {
    async fn stored_passwords_are_set_again_after_a_restore(major: u32) {
        for (times, in_grace) in [(1, true), (1, false), (2, true), (2, false)] {
            let at = format!("rotated {times}, in grace: {in_grace}");
            let stage = stage(major).await;
            let old = backup(&stage).await;
            rotate(&stage, times, in_grace).await;
            stage.run("check", &["--probe"]).assert_status(0);
            let before = versions(&stage).await;
            stage.cluster.batch("postgres", &old).await;
            let checked = stage.run("check", &["--probe", "--format", "json"]).assert_status(2).json();
            let refused: Vec<&Value> = checked["findings"].as_array().expect("findings").iter().filter(|one| one["rule"] == "credential.rejected").collect();
            assert!(refused.iter().any(|one| one["role"] == "one"), "{at}: {checked:#}");
            let is_told = |one: &&Value| format!("{} {}", one["message"], one["fix"]).contains("rolewright apply ");
            assert!(refused.iter().all(is_told), "{at}: {checked:#}");
            // A plan shows it, and `apply` does it, unasked.
            let planned = stage.run("plan", &["--probe"]).assert_status(0);
            assert!(planned.stdout.contains("put the password stored in"), "{at}: {}", planned.stdout);
            let applied = stage.apply(&[]).assert_status(0);
            assert!(logs_in(&stage, "one", "current").await && logs_in(&stage, "two", "current").await, "{at}: {}", applied.stdout);
            if in_grace {
                assert!(logs_in(&stage, "two", "previous").await, "{at}: the one before is meant to work: {}", applied.stdout);
            }
            assert_eq!(versions(&stage).await, before, "{at}");
            stage.run("check", &["--probe"]).assert_status(0);
            stage.run("verify", &[]).assert_status(0);
            stage.assert_in_sync();
        }
    }

    async fn a_reviewed_plan_restores_what_was_reviewed_and_nothing_else(major: u32) {
        let stage = stage(major).await;
        stage.cluster.batch("postgres", "ALTER ROLE one PASSWORD 'of the backup'").await;
        let digest = |probe: &[&str]| {
            let plan = stage.run("plan", &[&["--format", "json"], probe].concat()).assert_status(0).json();
            plan["digest"].as_str().expect("a digest").to_owned()
        };
        let (plain, probed) = (digest(&[]), digest(&["--probe"]));
        assert_ne!(plain, probed);
        stage.apply(&["--expect", &plain]).assert_status(0);
        assert!(!logs_in(&stage, "one", "current").await);
        stage.apply(&["--probe", "--expect", &probed]).assert_status(0);
        assert!(logs_in(&stage, "one", "current").await);
    }

    async fn a_version_of_others_is_not_set_after_a_restore(major: u32) {
        // What an alias names, and the number that the annotations say beside it, are written by the same hand.
        for (secret, aliases, version) in [
            ("one", json!({"current": "3", "previous": "1"}), "3"),
            ("two", json!({"current": "3", "previous": "1"}), "3"),
            ("two", json!({"current": "3", "previous": "1"}), "2"),
            ("two", json!({"current": "2", "previous": "3"}), "2"),
        ] {
            let stage = stage(major).await;
            rotate(&stage, 1, true).await;
            // The true passwords are not on the server, and others have stored one of their own.
            let old = "ALTER ROLE one PASSWORD 'x'; ALTER ROLE two_a LOGIN PASSWORD 'x'; ALTER ROLE two_b LOGIN PASSWORD 'x'";
            stage.cluster.batch("postgres", old).await;
            let of = if aliases["current"] == "3" { "current" } else { "previous" };
            let url = stage.payload(secret, of).await;
            let login = url.split(['/', ':']).nth(3).expect("a user").to_owned();
            let chosen = "chosenchosenchosenchosenchosenchosenchosenc";
            stage.add_version(secret, &format!("postgresql://{login}:{chosen}@/shop?host=/cloudsql/x")).await;
            let mut annotations = stage.secret(secret).await["annotations"].take();
            annotations["rolewright.version"] = version.into();
            stage.patch_secret(secret, "annotations", json!({ "annotations": annotations })).await;
            stage.patch_secret(secret, "versionAliases", json!({"versionAliases": aliases})).await;
            let applied = stage.apply(&[]).assert_status(3);
            assert!(!stage.logs_in(&login, chosen).await, "{secret} {aliases}: {}", applied.stdout);
        }
    }

    async fn a_refused_credential_is_replaced_within_grace_where_that_is_asked_for(major: u32) {
        for (secret, in_grace) in [("one", true), ("two", true), ("one", false), ("two", false)] {
            let stage = stage(major).await;
            if in_grace {
                stage.run("rotate", &["--now"]).assert_status(0);
            }
            let url = stage.payload(secret, "current").await;
            let login = url.split(['/', ':']).nth(3).expect("a user").to_owned();
            stage.cluster.batch("postgres", &format!("ALTER ROLE {login} PASSWORD 'somebody-elses'")).await;
            let checked = stage.run("check", &["--probe"]).assert_status(2);
            let fix = format!("--role={secret} --now");
            assert!(checked.stdout.contains("rolewright rotate ") && checked.stdout.contains(&fix), "{}", checked.stdout);
            // The other login of the pair works until the end of `grace`.
            let is_promised = secret == "two" && in_grace;
            let options = if is_promised { &["--now", "--accept-outage"][..] } else { &["--now"] };
            let rotated = stage.run("rotate", &[&["--role", secret], options].concat()).assert_status(0);
            assert!(logs_in(&stage, secret, "current").await, "{}", rotated.stdout);
            let newest = if in_grace { "3" } else { "2" };
            assert_eq!(stage.secret(secret).await["versionAliases"]["current"], newest, "{}", rotated.stdout);
            let checked = stage.run("check", &["--probe"]);
            assert_eq!(checked.status, 0, "{}{}", rotated.stdout, checked.stdout);
        }
    }

    async fn the_fix_of_a_refused_credential_refuses_no_other_client(major: u32) {
        let stage = stage(major).await;
        stage.run("rotate", &["--now"]).assert_status(0);
        let by_hand = "ALTER ROLE two_b PASSWORD 'by hand'";
        stage.cluster.batch("postgres", by_hand).await;
        let file = stage.file().display().to_string();
        for command in [&["check", "--probe"][..], &["verify"]] {
            let told = stage.run(command[0], &[&command[1..], &["--format", "json"]].concat()).assert_status(2).json();
            let rejected = told["findings"].as_array().expect("findings").iter().find(|one| one["rule"] == "credential.rejected");
            let rejected = rejected.expect("it is found");
            assert_eq!(rejected["fix"], format!("rolewright apply {file}"), "{rejected}");
        }
        // A new password would be for the login before, which idle clients log in with.
        let held = stage.run("rotate", &["--now", "--role", "two"]).assert_status(3).stdout;
        assert!(held.contains("`two_a`, which is to get the next password, has the one before, which is to work until"), "{held}");
        for way in [format!("rolewright apply {file}"), format!("rolewright rotate {file} --role=two --now --accept-outage")] {
            assert!(held.contains(&format!("`{way}`")), "{held}");
        }
        assert!(logs_in(&stage, "two", "previous").await, "{held}");
        stage.apply(&[]).assert_status(0);
        assert!(logs_in(&stage, "two", "current").await && logs_in(&stage, "two", "previous").await);
        stage.run("check", &["--probe"]).assert_status(0);
        // Without seals the stored password is not set again, and that is not advised.
        let mut annotations = stage.secret("two").await["annotations"].take();
        annotations.as_object_mut().expect("a map").remove("rolewright.seal");
        stage.patch_secret("two", "annotations", json!({ "annotations": annotations })).await;
        stage.cluster.batch("postgres", by_hand).await;
        let told = stage.run("check", &["--probe", "--format", "json"]).assert_status(2).json();
        let rejected = told["findings"].as_array().expect("findings").iter().find(|one| one["rule"] == "credential.rejected");
        assert_eq!(rejected.expect("it is found")["fix"], format!("rolewright rotate {file} --role=two --now"), "{told}");
        stage.run("rotate", &["--now", "--role", "two"]).assert_status(3);
        stage.run("rotate", &["--now", "--accept-outage", "--role", "two"]).assert_status(0);
        assert!(logs_in(&stage, "two", "current").await);
    }

    async fn a_pair_with_two_passwords_changed_by_hand_has_two_ways_out(major: u32) {
        for is_vouched_for in [true, false] {
            let stage = stage(major).await;
            rotate(&stage, 1, true).await;
            let url: tokio_postgres::Config = stage.payload("two", "previous").await.parse().expect("a URL");
            let password = std::str::from_utf8(url.get_password().expect("a password")).expect("text").to_owned();
            let _session = stage.log_in(url.get_user().expect("a user"), &password).await.expect("it logs in");
            if !is_vouched_for {
                let mut annotations = stage.secret("two").await["annotations"].take();
                annotations.as_object_mut().expect("a map").remove("rolewright.seal");
                stage.patch_secret("two", "annotations", json!({ "annotations": annotations })).await;
            }
            stage.cluster.batch("postgres", "ALTER ROLE two_a PASSWORD 'by hand'; ALTER ROLE two_b PASSWORD 'by hand'").await;
            let held = stage.run("rotate", &["--now", "--role", "two"]).assert_status(3).stdout;
            assert!(held.contains("a session of `two_a`"), "{held}");
            let file = stage.file().display().to_string();
            assert!(held.contains(&format!("`rolewright apply {file}` sets the stored passwords again")), "{held}");
            if is_vouched_for {
                stage.apply(&[]).assert_status(0);
                assert!(logs_in(&stage, "two", "current").await && logs_in(&stage, "two", "previous").await);
                continue;
            }
            stage.apply(&[]).assert_status(3);
            let (_, advice) = held.split_once("end them: `").expect("the first step");
            let (statements, then) = advice.split_once('`').expect("its end");
            assert!(then.contains(&format!("then run `rolewright rotate {file} --role=two --now`")), "{held}");
            let admin = stage.cluster.connect_admin("postgres").await;
            admin.batch_execute(statements).await.expect("the advice works");
            let rotated = stage.run("rotate", &["--role=two", "--now"]).assert_status(0);
            assert!(logs_in(&stage, "two", "current").await, "{}", rotated.stdout);
            stage.run("check", &["--probe"]).assert_status(0);
            stage.assert_in_sync();
        }
    }

    async fn an_adopted_password_that_does_not_log_in_has_a_way_out(major: u32) {
        let stage = Stage::new(major);
        stage.cluster.batch("shop", "SET ROLE csadmin; CREATE ROLE app LOGIN PASSWORD 'in use'").await;
        stage.make_secret("app", Some("stored")).await;
        stage.must(Method::PATCH, &secret_path("app", "?updateMask=versionAliases"), json!({"versionAliases": {"current": "1"}})).await;
        stage.roles("  app: { access: dml, secret: { name: app } }\n");
        for command in [&["check", "--probe"][..], &["verify"]] {
            let found = stage.run(command[0], &[&command[1..], &["--format", "json"]].concat()).json();
            let fixes: Vec<_> = found["findings"].as_array().expect("findings").iter().filter_map(|one| one["fix"].as_str()).collect();
            assert!(fixes.iter().any(|fix| fix.starts_with("psql -c '\\password app'")), "{command:?}: {fixes:?}");
            assert!(!fixes.iter().any(|fix| fix.contains("rotate")), "{command:?}: {fixes:?}");
        }
        stage.apply(&[]).assert_status(3);
        stage.cluster.batch("shop", "ALTER ROLE app PASSWORD 'stored'").await;
        stage.apply(&[]).assert_status(0);
        stage.run("check", &["--probe"]).assert_status(0);
    }
}
