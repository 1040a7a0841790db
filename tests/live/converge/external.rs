//! Passwords that are kept elsewhere, and logins that nothing declares.

use serde_json::{Value, json};

use crate::stage::Stage;
use crate::support::each_major;

fn of_rule<'j>(checked: &'j Value, rule: &str) -> Vec<&'j Value> {
    checked["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .filter(|one| one["rule"] == rule)
        .collect()
}

/// The verifier that the server keeps for a role.
async fn verifier(stage: &Stage, role: &str) -> Vec<String> {
    stage
        .query(&format!(
            "SELECT coalesce(rolpassword, '') FROM pg_authid WHERE rolname = '{role}'"
        ))
        .await
}

each_major! {
    async fn a_password_that_is_kept_elsewhere_is_neither_read_nor_changed(major: u32) {
        let stage = Stage::new(major);
        stage.roles("  mig: { access: ddl }\n  app: { access: dml, login: external, connection_limit: 3 }\n  old: { access: read, login: external }\n");
        stage.sql("SET ROLE csadmin; CREATE ROLE old NOLOGIN PASSWORD 'kept' VALID UNTIL '2999-01-01'").await;
        let before = verifier(&stage, "old").await;
        let applied = stage.converge(&["--reset-passwords", "--prune"]);
        assert!(applied.stdout.contains("create role app LOGIN without a password"), "{}", applied.stdout);
        assert_eq!(verifier(&stage, "old").await, before);
        assert_eq!(verifier(&stage, "app").await, [""]);
        let old = stage.log_in("old", "kept").await.expect("the password is still the same");
        stage.sql("SET ROLE csadmin; ALTER ROLE app PASSWORD 'set-by-its-people' VALID UNTIL '2999-01-01'").await;
        stage.log_in("app", "set-by-its-people").await.expect("it has LOGIN");
        stage.assert_in_sync();
        stage.run("verify", &[]).assert_status(0);

        stage.sql("ALTER ROLE app NOLOGIN CREATEDB").await;
        let checked = stage.run("check", &["--format", "json"]).assert_status(2).json();
        assert_eq!(of_rule(&checked, "role.attribute").len(), 1, "{checked}");
        stage.converge(&[]);
        stage.log_in("app", "set-by-its-people").await.expect("LOGIN is given back, with the password it had");
        drop(old);
    }

    async fn a_login_that_nothing_declares_is_named_with_its_sessions_and_closed_when_pruning(major: u32) {
        let stage = Stage::new(major);
        stage.roles("  app: { access: dml }\n");
        stage.converge(&[]);
        stage.sql("ALTER ROLE app LOGIN PASSWORD 'by-hand'").await;
        let (one, two) = (stage.log_in("app", "by-hand").await.unwrap(), stage.log_in("app", "by-hand").await.unwrap());
        let checked = stage.run("check", &["--format", "json"]).assert_status(2).json();
        let found = of_rule(&checked, "role.attribute");
        assert_eq!(found.len(), 1, "{checked}");
        assert_eq!(found[0]["role"], json!("app"));
        let message = found[0]["message"].as_str().unwrap();
        assert!(found[0]["fix"].is_null() && message.contains("use --prune to make it NOLOGIN"), "{checked}");
        assert_eq!(found[0]["path"], json!(["app", "attribute LOGIN", "2 open sessions"]));

        let held = stage.apply(&[]).assert_status(3);
        for words in ["login: external", "--prune", "(2 open sessions)"] {
            assert!(held.stdout.contains(words), "no `{words}` in {}", held.stdout);
        }
        let plan = stage.run("plan", &["--prune"]).assert_status(0);
        assert!(plan.stdout.contains("2 open sessions"), "{}", plan.stdout);
        // After the sessions were counted: the server may still be ending this one when the next command looks.
        assert!(stage.logs_in("app", "by-hand").await);
        stage.apply(&["--prune"]).assert_status(0);
        assert!(!stage.logs_in("app", "by-hand").await);
        one.simple_query("SELECT 1").await.expect("open sessions go on");
        drop((one, two));
        stage.assert_in_sync();
    }
}
