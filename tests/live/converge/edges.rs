//! What cannot be done is left, and keeps nothing else from being done; what a server spells its own way is no drift.

use super::assert_said;
use crate::stage::Stage;
use crate::support::each_major;

const ROLES: &str = "roles:\n  mig: { access: ddl }\n  app: { access: dml }\n";

each_major! {
    async fn a_schema_left_to_others_keeps_nothing_else_waiting(major: u32) {
        let stage = Stage::new(major);
        stage.policy(&format!("version: 1\ndatabases: {{ shop: {{ schemas: [app, {{ name: audit, create: false }}] }} }}\n{ROLES}"));
        let applied = stage.apply(&[]).assert_status(3);
        assert_said(&applied, &["schema audit does not exist"]);
        assert_eq!(stage.query("SELECT has_schema_privilege('app', 'app', 'USAGE')::text").await, ["true"]);
        stage.sql("CREATE SCHEMA audit AUTHORIZATION cloudsqlsuperuser").await;
        stage.converge(&[]);
    }

    async fn contract_on_a_fresh_instance_takes_away_what_there_is(major: u32) {
        let stage = Stage::new(major);
        stage.policy(&format!("version: 1\ndatabases: {{ shop: {{ schemas: [app] }} }}\n{ROLES}"));
        stage.apply(&["--phase", "contract"]).assert_status(0);
        stage.converge(&[]);
    }

    async fn an_extension_without_its_schema_is_refused(major: u32) {
        let stage = Stage::new(major);
        stage.policy(&format!("version: 1\ndatabases: {{ shop: {{ schemas: [app], extensions: [{{ name: citext, schema: ext }}] }} }}\n{ROLES}"));
        let refused = stage.apply(&[]).assert_status(1);
        assert_said(&refused, &["schema `ext` of extension `citext` does not exist"]);
        assert!(stage.query("SELECT rolname::text FROM pg_roles WHERE rolname = 'mig'").await.is_empty());
    }

    async fn settings_are_compared_as_the_server_keeps_them(major: u32) {
        let stage = Stage::new(major);
        stage.policy("version: 1
databases: { shop: { schemas: [app] } }
roles:
  mig: { access: ddl, settings: { TimeZone: UTC, intervalstyle: iso_8601, DateStyle: 'ISO, DMY' } }
  app: { access: dml, settings: { search_path: '', lock_timeout: 5s } }
");
        stage.converge(&[]);
    }

    async fn an_extension_is_neither_moved_nor_updated_where_there_is_no_way(major: u32) {
        let stage = Stage::new(major);
        let policy = |extension: &str| format!("version: 1\ndatabases: {{ shop: {{ schemas: [app], extensions: [{extension}] }} }}\n{ROLES}");
        stage.policy(&policy("hstore"));
        stage.converge(&[]);
        for (declared, rule, words) in [
            ("{ name: hstore, version: \"0.9\" }", "extension.version", "the server knows no update from"),
            ("{ name: hstore, schema: app }", "extension.schema", "an extension is never moved"),
        ] {
            stage.policy(&policy(declared));
            let found = stage.run("check", &["--format", "json"]).assert_status(2).json();
            assert_eq!(found["findings"][0]["rule"], rule, "{found}");
            let applied = stage.apply(&[]).assert_status(3);
            assert_said(&applied, &[words]);
        }
        stage.sql("ALTER EXTENSION hstore SET SCHEMA app").await;
        stage.converge(&[]);
        stage.assert_in_sync();
    }
}
