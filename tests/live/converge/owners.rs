//! What was there before, by whomever: taken over with everyone's grants kept, or left with a reason.

use super::assert_said;
use crate::stage::Stage;
use crate::support::each_major;

const POLICY: &str = "version: 1
databases: { shop: { schemas: [app] } }
admins: [analyst]
roles:
  mig: { access: ddl }
  app: { access: dml }
";

const OWNERS: &str = "
SELECT format('%s of %s', c.relname, c.relowner::regrole) FROM pg_class c
 WHERE c.relnamespace = 'app'::regnamespace AND c.relkind <> 'i' ORDER BY 1";

async fn before(stage: &Stage) {
    stage.sql("CREATE ROLE analyst; CREATE SCHEMA app AUTHORIZATION cloudsqlsuperuser; GRANT CREATE, USAGE ON SCHEMA app TO csadmin").await;
    stage
        .sql(
            "SET ROLE csadmin;
              CREATE TABLE app.by_admin (id serial PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY, secret text);
              GRANT SELECT ON app.by_admin TO analyst WITH GRANT OPTION;
              GRANT UPDATE (secret) ON app.by_admin TO analyst;
              CREATE TYPE app.mood AS ENUM ('fine');
              CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
              SET ROLE cloudsqlsuperuser;
              CREATE TABLE app.by_maker (id int);
              GRANT SELECT, TRUNCATE ON app.by_maker TO analyst",
        )
        .await;
}

each_major! {
    async fn what_admins_made_is_taken_over_with_everyones_grants(major: u32) {
        let stage = Stage::new(major);
        before(&stage).await;
        stage.policy(POLICY);
        stage.converge(&[]);
        assert_eq!(
            stage.query(OWNERS).await,
            ["by_admin of mig", "by_admin_id_seq of mig", "by_admin_n_seq of mig", "by_maker of mig"]
        );
        let kept = "SELECT concat_ws(' ', has_table_privilege('analyst', 'app.by_admin', 'SELECT WITH GRANT OPTION'),
            has_column_privilege('analyst', 'app.by_admin', 'secret', 'UPDATE'),
            has_table_privilege('analyst', 'app.by_maker', 'SELECT, TRUNCATE'),
            has_table_privilege('app', 'app.by_maker', 'INSERT'), has_sequence_privilege('app', 'app.by_admin_id_seq', 'USAGE'),
            has_table_privilege('csadmin', 'app.by_admin', 'SELECT'))";
        assert_eq!(stage.query(kept).await, ["t t t t t f"]);
        stage.assert_in_sync();
    }

    async fn what_stays_with_its_owner_goes_on_working(major: u32) {
        let stage = Stage::new(major);
        before(&stage).await;
        stage.sql("CREATE ROLE reader; GRANT USAGE ON SCHEMA app TO reader; SET ROLE csadmin;
                   CREATE VIEW app.v AS SELECT * FROM app.by_admin;
                   CREATE FUNCTION app.definer() RETURNS int LANGUAGE sql SECURITY DEFINER
                       AS 'INSERT INTO app.by_admin (secret) VALUES (1) RETURNING id';
                   GRANT SELECT ON app.v TO reader; GRANT EXECUTE ON FUNCTION app.definer() TO reader").await;
        stage.policy(&POLICY.replace("[analyst]", "[analyst, reader]"));
        stage.apply(&[]).assert_status(3);
        assert_eq!(stage.query("SELECT relowner::regrole::text FROM pg_class WHERE oid = 'app.by_admin'::regclass").await, ["mig"]);
        stage.sql("SET ROLE reader; SELECT * FROM app.v; SELECT app.definer()").await;
        let again = stage.apply(&[]).assert_status(3);
        assert_said(&again, &["held back: nothing to do"]);
    }

    async fn what_would_run_with_other_rights_waits_for_a_word(major: u32) {
        let stage = Stage::new(major);
        before(&stage).await;
        stage.sql("SET ROLE csadmin;
                   CREATE VIEW app.v AS SELECT * FROM app.by_admin;
                   CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS a;
                   GRANT UPDATE (secret) ON app.v TO analyst;
                   CREATE FUNCTION app.definer() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'").await;
        stage.policy(POLICY);
        let applied = stage.apply(&[]).assert_status(3);
        assert_said(&applied, &["view app.v belongs to csadmin", "materialized view app.m belongs to csadmin", "function app.definer() belongs to csadmin", "--take-over"]);
        assert_eq!(
            stage.query(OWNERS).await,
            ["by_admin of mig", "by_admin_id_seq of mig", "by_admin_n_seq of mig", "by_maker of mig", "m of csadmin", "v of csadmin"]
        );
        let callable = "SELECT concat_ws(' ', has_function_privilege('app', 'app.definer()', 'EXECUTE'), has_function_privilege('public', 'app.definer()', 'EXECUTE'))";
        assert_eq!(stage.query(callable).await, ["f f"], "a definer function of somebody else's");
        stage.converge(&["--take-over"]);
        assert_eq!(stage.query(callable).await, ["t f"]);
        assert_eq!(stage.query("SELECT has_column_privilege('analyst', 'app.v', 'secret', 'UPDATE')::text").await, ["true"]);
        stage.assert_in_sync();
    }

    async fn what_undeclared_logins_own_waits_for_a_word(major: u32) {
        let stage = Stage::new(major);
        before(&stage).await;
        stage.sql("SET ROLE csadmin; CREATE ROLE colleague LOGIN; RESET ROLE; CREATE ROLE leaker LOGIN;
                   CREATE TABLE app.x (a int); ALTER TABLE app.x OWNER TO leaker;
                   CREATE TABLE app.y (a int); ALTER TABLE app.y OWNER TO colleague").await;
        stage.policy(POLICY);
        let applied = stage.apply(&[]).assert_status(if major < 16 { 3 } else { 1 });
        assert_said(&applied, &["`colleague` is not declared", "ask whose it is, then use --take-over"]);
        let applied = stage.apply(&["--take-over"]).assert_status(if major < 16 { 3 } else { 1 });
        assert_said(&applied, &["`leaker` would no longer get in"]);
        if major >= 16 {
            assert_said(&applied, &["`csadmin` cannot act as `leaker`", "gcloud sql users assign-roles csadmin ", "--database-roles=leaker"]);
            // What the Admin API does then.
            stage.sql("GRANT leaker TO csadmin").await;
            stage.apply(&["--take-over"]).assert_status(3);
        }
        // They own nothing any more, and so do not live by what PUBLIC has.
        stage.converge(&[]);
        assert!(stage.query(OWNERS).await.iter().all(|line| line.ends_with(" of mig")));
    }

    async fn a_schema_of_two_ddl_roles_has_no_heir(major: u32) {
        let stage = Stage::new(major);
        before(&stage).await;
        stage.policy(&format!("{POLICY}  second: {{ access: ddl }}\n"));
        let applied = stage.apply(&[]).assert_status(3);
        assert_said(&applied, &["schema `app` has 2 roles with ddl"]);
        stage.sql("ALTER TABLE app.by_admin OWNER TO second; ALTER TABLE app.by_maker OWNER TO mig;
                   ALTER TYPE app.mood OWNER TO mig; ALTER FUNCTION app.f() OWNER TO second").await;
        stage.converge(&[]);
        stage.assert_in_sync();
    }

    async fn an_accepted_owner_keeps_its_object(major: u32) {
        let stage = Stage::new(major);
        before(&stage).await;
        stage.policy(&format!("{POLICY}allow:\n  - {{ rule: owner.unexpected, object: table app.by_admin, reason: TICKET-1 }}\n"));
        stage.converge(&[]);
        assert_eq!(
            stage.query(OWNERS).await,
            ["by_admin of csadmin", "by_admin_id_seq of csadmin", "by_admin_n_seq of csadmin", "by_maker of mig"]
        );
    }
}
