//! What flips between the two logins of a role, or never applies to them.

use serde_json::Value;

use crate::stage::Stage;
use crate::support::{Cluster, Options, each_major};

const ROLES: &str = "  mig: { access: ddl }
  app: { access: dml, secret: { name: app, payload: url, host: db }, rotate: { strategy: alternate } }
";

fn found(stage: &Stage, rule: &str) -> Vec<Value> {
    let verdict = stage.run("check", &["--format", "json"]).json();
    let findings = verdict["findings"].as_array().expect("findings").clone();
    findings
        .into_iter()
        .filter(|one| one["rule"] == rule)
        .collect()
}

each_major! {
    async fn what_asks_for_session_user_is_a_warning_where_logins_alternate(major: u32) {
        let stage = Stage::with(Cluster::with(major, Options::default().database("shop")));
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        assert!(found(&stage, "role.session_user").is_empty());
        let superuser = stage.cluster.connect_superuser("shop").await;
        superuser
            .batch_execute(
                "SET ROLE mig; SET check_function_bodies = off;
                 CREATE TABLE app.t (owner name DEFAULT session_user, other name DEFAULT current_user, n serial);
                 CREATE TABLE app.quiet (owner name DEFAULT current_user);
                 CREATE POLICY own ON app.t USING (owner = SESSION_USER);
                 CREATE POLICY fine ON app.t USING (owner = current_user);
                 CREATE FUNCTION app.who() RETURNS name LANGUAGE sql AS 'SELECT session_user';
                 CREATE FUNCTION app.body() RETURNS name LANGUAGE sql RETURN session_user;
                 CREATE FUNCTION app.me() RETURNS name LANGUAGE sql AS 'SELECT current_user';
                 CREATE FUNCTION app.fires() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
                 CREATE TRIGGER asks BEFORE INSERT ON app.t FOR EACH ROW WHEN (NEW.owner = session_user)
                   EXECUTE FUNCTION app.fires();
                 RESET ROLE; CREATE SCHEMA elsewhere; GRANT USAGE ON SCHEMA elsewhere TO mig;
                 CREATE FUNCTION elsewhere.who() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.owner = session_user; RETURN NEW; END';
                 GRANT EXECUTE ON FUNCTION elsewhere.who() TO mig; SET ROLE mig;
                 CREATE TRIGGER afar BEFORE INSERT ON app.quiet FOR EACH ROW EXECUTE FUNCTION elsewhere.who(); RESET ROLE;",
            )
            .await
            .expect("it is made");
        let objects: Vec<_> = found(&stage, "role.session_user")
            .iter()
            .map(|one| (one["severity"].as_str().expect("one") == "warning", one["object"].as_str().expect("one").to_owned()))
            .collect();
        let expected = [
            "default of column app.t.owner",
            "function app.body()",
            "function app.who()",
            "policy own on table app.t",
            "trigger afar on table app.quiet",
            "trigger asks on table app.t",
        ];
        assert_eq!(objects, expected.map(|object| (true, object.to_owned())));
        // One login: its name is the same for ever.
        stage.roles(&ROLES.replace(", rotate: { strategy: alternate }", ""));
        let verdict = stage.run("check", &["--format", "json"]).json();
        let findings = verdict["findings"].as_array().expect("findings");
        assert!(!findings.iter().any(|one| one["rule"] == "role.session_user"), "{verdict}");
    }

    async fn settings_of_a_group_are_a_warning(major: u32) {
        let stage = Stage::with(Cluster::with(major, Options::default().database("shop")));
        stage.roles(ROLES);
        stage.apply(&[]).assert_status(0);
        assert!(found(&stage, "role.setting").is_empty());
        let admin = stage.cluster.connect_admin("shop").await;
        admin.batch_execute("SET ROLE cloudsqlsuperuser; ALTER ROLE app SET lock_timeout = '5s'; RESET ROLE").await.expect("it is set");
        let warned = found(&stage, "role.setting");
        assert_eq!((warned.len(), &warned[0]["severity"], &warned[0]["role"]), (1, &"warning".into(), &"app".into()));
        assert!(warned[0]["message"].as_str().expect("one").contains("lock_timeout of it applies to nobody"), "{warned:?}");
        admin.batch_execute(warned[0]["fix"].as_str().expect("a fix")).await.expect("the fix works");
        assert!(found(&stage, "role.setting").is_empty());
    }
}
