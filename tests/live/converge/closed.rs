//! Databases that do not let the admin in: judged by what the shared catalogs show, and opened where that is possible.

use serde_json::Value;

use crate::stage::{INSTANCE, Stage};
use crate::support::each_major;

async fn stage(major: u32) -> Stage {
    let stage = Stage::new(major);
    stage
        .cluster
        .batch("postgres", "CREATE DATABASE books OWNER cloudsqlsuperuser")
        .await;
    stage.policy(&format!(
        "version: 1\ninstance: {INSTANCE}\ndatabases: {{ books: {{ schemas: [ledger] }}, shop: {{ schemas: [app] }} }}\nroles:\n  mig: {{ access: ddl }}\n  app: {{ access: dml }}\n"
    ));
    stage.converge(&[]);
    stage
}

impl Stage {
    async fn outside(&self, sql: &str) {
        self.cluster.batch("postgres", sql).await;
    }

    /// `check` cannot tell, names only `shop`, and still reports these rules.
    fn assert_unknown_but(&self, rules: &[&str]) -> Value {
        let checked = self
            .run("check", &["--format", "json"])
            .assert_status(1)
            .json();
        assert_eq!(checked["status"], "unknown");
        let errors = checked["errors"].to_string();
        assert!(
            errors.contains("`shop`") && !errors.contains("books"),
            "{errors}"
        );
        for rule in rules {
            let found = |one: &Value| one["rule"] == *rule && one["object"] == "database shop";
            assert!(
                checked["findings"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .any(found),
                "no {rule} in {checked}"
            );
        }
        checked
    }
}

each_major! {
    async fn a_stolen_database_is_named_and_taken_back(major: u32) {
        for (thief, flags) in [("app", &[][..]), ("thief", &["--take-over"])] {
            let stage = stage(major).await;
            stage.outside("SET ROLE cloudsqlsuperuser; CREATE ROLE thief").await;
            stage.outside(&format!("ALTER DATABASE shop OWNER TO {thief}")).await;
            stage.cluster.batch("books", "REVOKE USAGE ON SCHEMA ledger FROM app").await;
            let checked = stage.assert_unknown_but(&["owner.unexpected", "database.closed"]);
            let stolen = checked["findings"].as_array().unwrap().iter().find(|one| one["rule"] == "owner.unexpected").unwrap();
            assert_eq!((&stolen["role"], &stolen["database"]), (&thief.into(), &"shop".into()), "{stolen}");
            match stolen["fix"].as_str() {
                Some(fix) => assert!(fix.contains("OWNER TO") && flags.is_empty(), "{stolen}"),
                None => assert!(stolen["message"].as_str().unwrap().contains("--take-over=foreign"), "{stolen}"),
            }
            assert!(checked.to_string().contains("app lacks USAGE on schema ledger"), "the other database is judged: {checked}");
            if !flags.is_empty() {
                let held = stage.apply(&[]).assert_status(3);
                assert!(held.stdout.contains("--take-over"), "{}", held.stdout);
                let checked = stage.run("check", &["--format", "json"]).assert_status(2);
                assert!(checked.stdout.contains("owner.unexpected"), "let in as the thief: {}", checked.stdout);
            }
            stage.converge(flags);
            stage.assert_in_sync();
        }
    }

    async fn the_admin_lets_itself_in_again(major: u32) {
        let stage = stage(major).await;
        stage.outside("SET ROLE cloudsqlsuperuser; REVOKE CONNECT ON DATABASE shop FROM cloudsqlsuperuser").await;
        stage.assert_unknown_but(&["grant.missing", "database.closed"]);
        stage.converge(&[]);
        stage.assert_in_sync();
    }

    async fn a_database_without_connections_is_named_and_the_others_are_mended(major: u32) {
        for (close, open) in [
            ("ALTER DATABASE shop ALLOW_CONNECTIONS false", "ALTER DATABASE shop ALLOW_CONNECTIONS true"),
            ("ALTER DATABASE shop CONNECTION LIMIT 0", "ALTER DATABASE shop CONNECTION LIMIT -1"),
        ] {
            let stage = stage(major).await;
            stage.outside(close).await;
            stage.cluster.batch("books", "REVOKE USAGE ON SCHEMA ledger FROM app").await;
            stage.assert_unknown_but(&["database.closed"]);
            let applied = stage.apply(&[]).assert_status(1);
            assert!(applied.stdout.contains(open), "no advice: {}", applied.stdout);
            let checked = stage.assert_unknown_but(&[]);
            assert!(!checked.to_string().contains("schema ledger"), "the rest is done: {checked}");
            let refused = stage.run("verify", &[]).assert_status(1);
            assert!(format!("{}{}", refused.stdout, refused.stderr).contains("`shop`"));
            stage.outside(open).await;
            stage.converge(&[]);
        }
    }
}
