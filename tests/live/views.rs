//! Views read with the rights of their owners: `check` says who comes where by one, `explain` how.

use serde_json::{Value, json};

use crate::stage::Stage;
use crate::support::each_major;

const POLICY: &str = "version: 1
databases: { shop: { schemas: [app, audit, reports] } }
roles:
  mig: { access: { ddl: [app, audit] } }
  app_user: { access: { dml: [app] } }
  analyst:
    access: { read: [reports] }
    grants: [{ privileges: [SELECT], object: view hr.payroll }]
";

/// Whatever is no drift: what the `ddl` role shows, what the role reads anyhow, and, with a word of warning, what admins show
/// where the policy names it or judges no owners.
const MEANT: &str = "CREATE TABLE audit.log (id int, note text); ALTER TABLE audit.log OWNER TO mig;
CREATE TABLE app.orders (id int); ALTER TABLE app.orders OWNER TO mig;
CREATE VIEW app.shown AS SELECT id FROM audit.log; ALTER VIEW app.shown OWNER TO mig;
CREATE SCHEMA hr AUTHORIZATION csadmin; CREATE TABLE hr.salaries (x int); CREATE VIEW hr.payroll AS SELECT x FROM hr.salaries;
CREATE VIEW reports.counted AS SELECT count(*) AS n FROM audit.log; CREATE VIEW reports.deep AS SELECT id FROM app.shown;
ALTER TABLE hr.salaries OWNER TO csadmin; ALTER VIEW hr.payroll OWNER TO csadmin; ALTER VIEW reports.counted OWNER TO csadmin;
ALTER VIEW reports.deep OWNER TO csadmin; GRANT SELECT ON audit.log, app.shown TO csadmin";

impl Stage {
    fn findings(&self, severity: &str) -> Vec<Value> {
        let checked = self.run("check", &["--format", "json"]).json();
        let all = checked["findings"].as_array().into_iter().flatten();
        all.filter(|one| one["severity"] == severity)
            .cloned()
            .collect()
    }
}

/// `role object`, of findings of one rule.
fn about(findings: &[Value], rule: &str) -> Vec<String> {
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    let named = findings.iter().filter(|one| one["rule"] == rule);
    let mut about: Vec<_> = named
        .map(|one| format!("{} {}", text(one, "role"), text(one, "object")))
        .collect();
    about.sort();
    about
}

each_major! {
    async fn what_is_shown_on_purpose_is_no_drift(major: u32) {
        let stage = Stage::new(major);
        stage.policy(POLICY);
        stage.cluster.batch("shop", "CREATE ROLE leaker LOGIN").await;
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", MEANT).await;
        stage.apply(&[]).assert_status(0);
        stage.run("check", &[]).assert_status(0);
        let warnings = about(&stage.findings("warning"), "privilege.effective");
        assert_eq!(warnings, ["analyst view hr.payroll", "analyst view reports.counted", "analyst view reports.deep"]);
    }

    async fn what_anybody_else_shows_is_drift(major: u32) {
        let stage = Stage::new(major);
        stage.policy(POLICY);
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", MEANT).await;
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", "GRANT SELECT, INSERT ON app.orders TO csadmin; SET ROLE cloudsqladmin; CREATE VIEW app.leak AS SELECT * FROM audit.log;
            CREATE VIEW app.same AS SELECT * FROM app.orders; ALTER VIEW app.leak OWNER TO csadmin; ALTER VIEW app.same OWNER TO csadmin;
            GRANT SELECT, INSERT ON app.leak, app.same TO app_user").await;
        stage.apply(&[]).assert_status(3);

        let found = stage.findings("error");
        assert_eq!(about(&found, "privilege.effective"), ["app_user view app.leak"], "not what it reads anyhow");
        assert_eq!(about(&found, "owner.unexpected"), ["csadmin view app.leak", "csadmin view app.same"]);
        let leak = found.iter().find(|one| one["rule"] == "privilege.effective").unwrap();
        let past = ["view owned by csadmin", "SELECT on table audit.log"];
        assert_eq!(leak["path"], json!(["app_user", "SELECT on view app.leak", past[0], past[1]]));
        assert_eq!(leak["privilege"], "SELECT", "its owner may not write");
        assert!(leak["fix"].is_null() && leak["message"].as_str().unwrap().contains("--take-over=views"), "{leak}");

        let why = stage.run("explain", &["app_user", "SELECT", "table audit.log", "--format", "json"]).json();
        let by_leak = json!(["app_user", "SELECT, INSERT on view app.leak granted by csadmin", past[0], past[1]]);
        let views = why["views"].as_array().unwrap();
        assert!(why["allowed"] == false && views.len() == 2 && views.contains(&by_leak), "{why}");
        let id = stage.run("explain", &["app_user", "SELECT", "column audit.log(id)", "--format", "json"]).json();
        let note = stage.run("explain", &["app_user", "SELECT", "column audit.log(note)", "--format", "json"]).json();
        assert_eq!((id["views"].as_array().map(Vec::len), &note["views"]), (Some(2), &json!([by_leak])), "{id}");
        let tree = stage.run("explain", &["app_user", "SELECT", "table audit.log"]).assert_status(0).stdout;
        assert!(tree.contains("may come to it through a view: SELECT, INSERT on view app.leak granted by csadmin → view owned by csadmin"), "{tree}");

        if major >= 15 {
            stage.cluster.batch("shop", "ALTER VIEW app.leak SET (security_invoker = true)").await;
            assert_eq!(about(&stage.findings("error"), "privilege.effective"), [""; 0]);
            stage.cluster.batch("shop", "ALTER VIEW app.leak RESET (security_invoker)").await;
        }
        stage.apply(&["--take-over"]).assert_status(0);
        stage.run("check", &[]).assert_status(0);
    }

    async fn what_a_rule_does_is_told(major: u32) {
        let stage = Stage::new(major);
        stage.policy(POLICY);
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", "CREATE TABLE audit.log (id int); ALTER TABLE audit.log OWNER TO mig; CREATE TABLE reports.inbox (a int);
            CREATE RULE r AS ON INSERT TO reports.inbox DO ALSO DELETE FROM audit.log WHERE id = NEW.a;
            ALTER TABLE reports.inbox OWNER TO csadmin; GRANT SELECT, DELETE ON audit.log TO csadmin; GRANT INSERT ON reports.inbox TO analyst").await;
        let ask = |privilege| stage.run("explain", &["analyst", privilege, "table audit.log", "--format", "json"]).json();
        let rule = "rule on INSERT of table reports.inbox, owned by csadmin";
        let path = ["analyst", "INSERT on table reports.inbox granted by csadmin", rule, "SELECT, DELETE on table audit.log"];
        let told = ask("DELETE");
        assert!(told["allowed"] == false && told["views"] == json!([path]), "{told}");
        assert_eq!(ask("UPDATE")["views"], json!([]));
    }
}
