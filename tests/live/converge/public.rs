//! PUBLIC, the logins that live by it, the schema `public`, and extensions.

use super::assert_said;
use crate::stage::Stage;
use crate::support::each_major;

fn policy(public: &str) -> String {
    format!(
        "version: 1\ndatabases: {{ shop: {{ schemas: [app], public: {public} }} }}\nroles:\n  mig: {{ access: ddl }}\n  app: {{ access: dml }}\n"
    )
}

const PUBLIC: &str = "SELECT concat_ws(' ', has_database_privilege('public', 'shop', 'CONNECT'), has_database_privilege('public', 'shop', 'TEMPORARY'),
    has_function_privilege('public', 'app.f()', 'EXECUTE'), has_schema_privilege('public', 'public', 'CREATE'))";

each_major! {
    async fn keeps_what_postgresql_gives_it(major: u32) {
        let stage = Stage::new(major);
        stage.policy(&policy("keep"));
        stage.converge(&[]);
        stage.sql("SET ROLE mig; CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'").await;
        stage.assert_in_sync();
        assert_eq!(stage.query(PUBLIC).await, [if major < 15 { "t t t t" } else { "t t t f" }]);
        stage.sql("GRANT USAGE ON SCHEMA app TO PUBLIC; GRANT CREATE ON DATABASE shop TO PUBLIC").await;
        stage.run("check", &[]).assert_status(2);
        stage.converge(&[]);
        stage.policy(&policy("none"));
        stage.converge(&[]);
        assert_eq!(stage.query(PUBLIC).await, ["f f f f"]);
        stage.assert_in_sync();
    }

    async fn keeps_connect_while_somebody_lives_by_it(major: u32) {
        let stage = Stage::new(major);
        stage.sql("CREATE ROLE guest LOGIN; CREATE ROLE bystander LOGIN; CREATE SCHEMA hers; GRANT USAGE ON SCHEMA hers TO guest").await;
        stage.policy(&policy("none"));
        let applied = stage.apply(&[]).assert_status(3);
        assert_said(&applied, &["`guest` would no longer get in", "--prune"]);
        assert!(!applied.stdout.contains("bystander"), "{}", applied.stdout);
        stage.run("check", &[]).assert_status(2);
        stage.sql("GRANT CONNECT ON DATABASE shop TO guest").await;
        assert_said(&stage.apply(&[]).assert_status(3), &["guest holds CONNECT on database shop"]);
        stage.policy(&format!("{}ignore: {{ roles: [guest] }}\n", policy("none")));
        stage.converge(&[]);
        assert_eq!(stage.query("SELECT has_database_privilege('guest', 'shop', 'CONNECT')::text").await, ["true"]);
    }

    async fn loses_connect_with_prune(major: u32) {
        let stage = Stage::new(major);
        stage.sql("CREATE ROLE guest LOGIN; CREATE SCHEMA hers; GRANT USAGE ON SCHEMA hers TO guest").await;
        stage.policy(&policy("none"));
        stage.converge(&["--prune"]);
        assert_eq!(stage.query("SELECT has_database_privilege('guest', 'shop', 'CONNECT')::text").await, ["false"]);
    }

    async fn has_a_schema_of_the_superusers(major: u32) {
        let stage = Stage::new(major);
        stage.sql("ALTER SCHEMA public OWNER TO cloudsqladmin; GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC").await;
        stage.policy(&policy("none"));
        let applied = stage.apply(&[]).assert_status(1);
        assert_said(&applied, &["PUBLIC holds CREATE on schema public", "`csadmin` cannot act as `cloudsqladmin`"]);
        assert_eq!(stage.query("SELECT has_schema_privilege('app', 'app', 'USAGE')::text").await, ["true"], "the rest is done");
    }

    async fn is_left_alone_in_extensions(major: u32) {
        let stage = Stage::new(major);
        stage.policy("version: 1\ndatabases: { shop: { schemas: [public, app], extensions: [hstore, {name: pgcrypto, schema: app}] } }\nroles:\n  mig: { access: ddl }\n  app: { access: dml }\n");
        stage.converge(&[]);
        let called = "SELECT concat_ws(' ', has_function_privilege('app', 'public.hstore(text, text)', 'EXECUTE'), has_function_privilege('app', 'app.gen_salt(text)', 'EXECUTE'))";
        assert_eq!(stage.query(called).await, ["t t"]);
        stage.assert_in_sync();
    }
}
