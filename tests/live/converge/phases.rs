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
    stage
        .sql("SET ROLE mig; CREATE TABLE app.t (id serial); GRANT SELECT ON app.t TO PUBLIC")
        .await;
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
        stage.apply(&["--phase", "contract", "--prune"]).assert_status(0);
        assert_eq!(stage.query("SELECT has_table_privilege('app', 'app.t', 'SELECT')::text").await, ["true"]);
        stage.converge(&["--prune"]);
        assert_eq!(stage.query("SELECT has_table_privilege('app', 'app.t', 'SELECT')::text").await, ["true"]);
    }

    async fn contract_gives_back_what_it_takes_in_the_same_transaction(major: u32) {
        let stage = deployed(major).await;
        stage.policy(OLD);
        stage.sql("REVOKE SELECT ON app.t FROM report; GRANT SELECT ON app.t TO PUBLIC; CREATE TABLE app.x (id serial); ALTER TABLE app.x OWNER TO app;
                   GRANT SELECT ON app.x TO report").await;
        stage.apply(&["--phase", "contract"]).assert_status(0);
        let held = "SELECT concat_ws(' ', has_table_privilege('report', 'app.t', 'SELECT'), has_table_privilege('public', 'app.t', 'SELECT'),
            has_table_privilege('app', 'app.x', 'INSERT'), has_table_privilege('report', 'app.x', 'SELECT'),
            (SELECT relowner::regrole FROM pg_class WHERE oid = 'app.x'::regclass))";
        assert_eq!(stage.query(held).await, ["t f t t mig"]);
        stage.assert_in_sync();
    }

    /// A login whose membership the admin cannot see to gets in through PUBLIC: that is not taken from it.
    async fn a_declared_login_keeps_getting_in(major: u32) {
        let stage = deployed(major).await;
        stage.admin("rival", "CREATEROLE").await;
        stage.sql("CREATE ROLE \"api@shop.iam\" LOGIN PASSWORD 'i'; GRANT CONNECT ON DATABASE shop TO PUBLIC").await;
        stage.sql("REVOKE CONNECT ON DATABASE shop FROM report; DROP OWNED BY report; DROP ROLE report; SET ROLE rival; CREATE ROLE report").await;
        // Whoever may make itself a member of anything is an admin, or a stranger.
        let iam = "report: { iam: [\"serviceAccount:api@shop.iam.gserviceaccount.com\"],";
        stage.policy(&format!("{}admins: [rival]\n", OLD.replace("report: {", iam)));
        if major < 16 {
            stage.converge(&[]);
        } else {
            let applied = stage.apply(&[]).assert_status(1);
            assert_said(&applied, &["would no longer get in: it is no inheriting member of `report`"]);
        }
        assert!(stage.logs_in("api@shop.iam", "i").await);
    }
}
