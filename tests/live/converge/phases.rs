//! One deployment in two steps: what is new first, what is over last.

use super::assert_said;
use crate::stage::Stage;
use crate::support::each_major;

const OLD: &str = "version: 1\ndatabases: { shop: { schemas: [app] } }\nroles:\n  mig: { access: ddl }\n  app: { access: dml }\n  report: { access: { read: [app] } }\n";
const NEW: &str = "version: 1\ndatabases: { shop: { schemas: [app, audit] } }\nroles:\n  mig: { access: ddl }\n  app: { access: { read: [app], dml: [audit] } }\n  report: {}\n";

const HELD: &str = "SELECT concat_ws(' ', has_table_privilege('app', 'app.t', 'SELECT'), has_table_privilege('app', 'app.t', 'INSERT'),
    has_table_privilege('report', 'app.t', 'SELECT'), to_regnamespace('audit') IS NOT NULL, has_table_privilege('public', 'app.t', 'SELECT'))";

async fn deployed(major: u32) -> Stage {
    let stage = Stage::new(major);
    stage.policy(OLD);
    stage.converge(&[]);
    stage.sql("SET ROLE mig; CREATE TABLE app.t (id serial); GRANT SELECT ON app.t TO PUBLIC").await;
    stage.policy(NEW);
    stage
}

each_major! {
    async fn expand_only_adds_and_contract_only_takes_away(major: u32) {
        let stage = deployed(major).await;
        stage.apply(&["--phase", "expand"]).assert_status(0);
        assert_eq!(stage.query(HELD).await, ["t t t t t"]);
        let again = stage.apply(&["--phase", "expand"]).assert_status(0);
        assert_said(&again, &["nothing to do"]);
        stage.run("check", &[]).assert_status(2);
        stage.apply(&["--phase", "contract"]).assert_status(0);
        assert_eq!(stage.query(HELD).await, ["t f f t f"]);
        stage.assert_in_sync();
    }

    async fn contract_alone_leaves_what_is_new(major: u32) {
        let stage = deployed(major).await;
        stage.apply(&["--phase", "contract"]).assert_status(0);
        assert_eq!(stage.query(HELD).await, ["t f f f f"]);
        stage.converge(&[]);
    }

    async fn expand_leaves_owners_alone(major: u32) {
        let stage = deployed(major).await;
        stage.sql("CREATE TABLE app.x (id serial); ALTER TABLE app.x OWNER TO app").await;
        stage.apply(&["--phase", "expand"]).assert_status(0);
        assert_eq!(stage.query("SELECT relowner::regrole::text FROM pg_class WHERE oid = 'app.x'::regclass").await, ["app"]);
        stage.converge(&[]);
        assert_eq!(stage.query("SELECT relowner::regrole::text FROM pg_class WHERE oid = 'app.x'::regclass").await, ["mig"]);
    }

    async fn what_hangs_on_a_grant_option_is_not_lost_in_between(major: u32) {
        let stage = deployed(major).await;
        stage.sql("CREATE ROLE other; GRANT USAGE ON SCHEMA app TO other; REVOKE SELECT ON app.t FROM app;
                   GRANT SELECT ON app.t TO other WITH GRANT OPTION; SET ROLE other; GRANT SELECT ON app.t TO app").await;
        let applied = stage.apply(&["--phase", "contract", "--prune"]).assert_status(3);
        assert_said(&applied, &["`app` would lose what was granted on to it"]);
        assert_eq!(stage.query("SELECT has_table_privilege('app', 'app.t', 'SELECT')::text").await, ["true"]);
        stage.converge(&["--prune"]);
        assert_eq!(stage.query("SELECT has_table_privilege('app', 'app.t', 'SELECT')::text").await, ["true"]);
    }
}
