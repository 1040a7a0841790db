//! Grants that the policy names: on every kind of object, on those to come, and on those that are not the admin's to give.

use super::assert_said;
use crate::stage::Stage;
use crate::support::each_major;

const POLICY: &str = "version: 1
databases: { shop: { schemas: [app] } }
roles:
  mig: { access: ddl }
  auditor:
    grants:
      - { privileges: [TEMPORARY], object: database shop }
      - { privileges: [CREATE], object: schema public }
      - { privileges: [SELECT, TRIGGER], object: table app.t, grantable: true }
      - { privileges: [SELECT], object: view app.v }
      - { privileges: [SELECT], object: materialized view app.m }
      - { privileges: [UPDATE], object: column app.t(note) }
      - { privileges: [USAGE, UPDATE], object: sequence app.s }
      - { privileges: [EXECUTE], object: 'function app.f(integer, text[])' }
      - { privileges: [EXECUTE], object: procedure app.p() }
      - { privileges: [USAGE], object: type app.mood }
      - { privileges: [USAGE], object: domain app.posint }
      - { privileges: [SELECT], object: large object 777 }
  loader:
    grants:
      - { privileges: [INSERT], object: all tables in schema app }
      - { privileges: [USAGE], object: all sequences in schema app }
      - { privileges: [EXECUTE], object: all routines in schema app, grantable: true }
";

const MADE: &str = "SET ROLE mig;
CREATE TABLE app.t (id serial, note text);
CREATE VIEW app.v AS SELECT 1 AS a;
CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS a;
CREATE SEQUENCE app.s;
CREATE FUNCTION app.f(int, text[]) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE app.p() LANGUAGE sql AS 'SELECT 1';
CREATE TYPE app.mood AS ENUM ('fine');
CREATE DOMAIN app.posint AS int;
SELECT lo_create(777)";

const HELD: &str = "SELECT concat_ws(' ', has_database_privilege('auditor', 'shop', 'CONNECT'), has_database_privilege('auditor', 'shop', 'TEMPORARY'),
    has_schema_privilege('auditor', 'app', 'USAGE'), has_schema_privilege('auditor', 'app', 'CREATE'),
    has_table_privilege('auditor', 'app.t', 'SELECT WITH GRANT OPTION'), has_table_privilege('auditor', 'app.t', 'TRIGGER WITH GRANT OPTION'),
    has_table_privilege('auditor', 'app.t', 'INSERT'), has_column_privilege('auditor', 'app.t', 'note', 'UPDATE'),
    has_table_privilege('auditor', 'app.v', 'SELECT'), has_table_privilege('auditor', 'app.m', 'SELECT'),
    has_sequence_privilege('auditor', 'app.s', 'UPDATE'), has_function_privilege('auditor', 'app.f(int, text[])', 'EXECUTE'),
    has_function_privilege('auditor', 'app.p()', 'EXECUTE'), has_type_privilege('auditor', 'app.mood', 'USAGE'))";

each_major! {
    async fn of_every_kind_wait_for_their_objects(major: u32) {
        let stage = Stage::new(major);
        stage.policy(POLICY);
        let applied = stage.converge(&[]);
        assert_said(&applied, &["SELECT, TRIGGER on table app.t", "EXECUTE on function app.f(integer, text[])", "SELECT on large object 777"]);
        stage.assert_in_sync();
        stage.sql(MADE).await;
        let loader = "SELECT concat_ws(' ', has_table_privilege('loader', 'app.t', 'INSERT'), has_sequence_privilege('loader', 'app.s', 'USAGE'),
            has_function_privilege('loader', 'app.p()', 'EXECUTE WITH GRANT OPTION'))";
        assert_eq!(stage.query(loader).await, ["t t t"], "what is named by schema needs no further run");
        stage.run("check", &[]).assert_status(2);
        let applied = stage.converge(&[]);
        assert!(!applied.stdout.contains("pending"), "{}", applied.stdout);
        assert_eq!(stage.query(HELD).await, ["t t t f t t f t t t t t t t"]);
        stage.assert_in_sync();
    }

    async fn taken_out_of_the_policy_are_taken_away(major: u32) {
        let stage = Stage::new(major);
        stage.policy(POLICY);
        stage.converge(&[]);
        stage.sql(MADE).await;
        stage.converge(&[]);
        let without = &POLICY[..POLICY.find("    grants:\n      - { privileges: [TEMPORARY]").unwrap()];
        stage.policy(&format!("{without}    grants: []\n  loader: {{}}\n"));
        stage.converge(&[]);
        assert_eq!(stage.query(HELD).await, ["f f f f f f f f f f f f f t"]);
        stage.assert_in_sync();
    }

    async fn that_are_not_the_admins_to_give_are_named(major: u32) {
        let stage = Stage::new(major);
        stage.sql("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER fs FOREIGN DATA WRAPPER w; CREATE SCHEMA hr; CREATE TABLE hr.x (a int)").await;
        let grants = [
            ("USAGE", "language plpgsql"),
            ("USAGE", "foreign server fs"),
            ("USAGE", "foreign data wrapper w"),
            ("CREATE", "tablespace pg_default"),
            ("SET", "parameter log_statement"),
            ("SELECT", "table pg_catalog.pg_authid"),
            ("EXECUTE", "function pg_catalog.pg_read_file(text)"),
            ("SELECT", "table hr.x"),
        ];
        let lines: Vec<_> = grants.iter().map(|(privilege, object)| format!("      - {{ privileges: [{privilege}], object: '{object}' }}\n")).collect();
        stage.policy(&format!("version: 1\ndatabases: {{ shop: {{ schemas: [app] }} }}\nroles:\n  mig: {{ access: ddl }}\n  auditor:\n    grants:\n{}", lines.concat()));
        let applied = stage.apply(&[]).assert_status(1);
        for (privilege, object) in grants {
            assert_said(&applied, &[&format!("auditor lacks {privilege} on {object}")]);
        }
        assert!(!applied.stdout.contains("pending"), "{}", applied.stdout);
        assert_eq!(stage.query("SELECT has_schema_privilege('mig', 'app', 'CREATE')::text").await, ["true"], "the rest is done");
        // What a superuser has granted is there, and no drift.
        let mut granted = "GRANT USAGE ON LANGUAGE plpgsql TO auditor; GRANT USAGE ON FOREIGN SERVER fs TO auditor;
            GRANT USAGE ON FOREIGN DATA WRAPPER w TO auditor; GRANT CREATE ON TABLESPACE pg_default TO auditor;
            GRANT SELECT ON pg_authid TO auditor; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO auditor;
            GRANT SELECT ON hr.x TO auditor; GRANT USAGE ON SCHEMA hr TO auditor;".to_owned();
        if major >= 15 {
            granted.push_str("GRANT SET ON PARAMETER log_statement TO auditor");
        }
        stage.sql(&granted).await;
        stage.run("check", &[]).assert_status(if major >= 15 { 0 } else { 2 });
    }

    async fn of_a_later_major_are_named(major: u32) {
        let stage = Stage::new(major);
        stage.policy("version: 1\ndatabases: { shop: { schemas: [app] } }\nroles:\n  mig: { access: ddl }\n  keeper:\n    grants:\n      - { privileges: [SELECT, MAINTAIN], object: table app.t }\n      - { privileges: [MAINTAIN], object: all tables in schema app }\n");
        let status = if major < 17 { 1 } else { 0 };
        stage.apply(&[]).assert_status(status);
        stage.sql("SET ROLE mig; CREATE TABLE app.t (a int)").await;
        let applied = stage.apply(&[]).assert_status(status);
        if major < 17 {
            assert_said(&applied, &["keeper lacks MAINTAIN on table app.t", "keeper lacks MAINTAIN on all tables in schema app"]);
        }
        assert_eq!(stage.query("SELECT has_table_privilege('keeper', 'app.t', 'SELECT')::text").await, ["true"]);
    }
}
