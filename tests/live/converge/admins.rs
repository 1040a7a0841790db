//! Whoever Cloud SQL may make an admin, and what each of them can and cannot.

use super::{LEFT_OVER, MIGRATIONS, assert_said};
use crate::stage::{INSTANCE, Stage};
use crate::support::each_major;

const POLICY: &str = "version: 1
databases: { shop: { schemas: [app, audit], extensions: [hstore] } }
roles:
  mig: { access: ddl, settings: { lock_timeout: 5s } }
  app: { access: dml, connection_limit: 9 }
admins: [csadmin, deploy@shop.iam, boss, careful, other, rival]
";

/// What only somebody who can act for every owner and grantor takes back.
const TAMPER: &str = "GRANT TRUNCATE ON app.t TO app WITH GRANT OPTION;
SET ROLE app; GRANT TRUNCATE ON app.t TO PUBLIC; RESET ROLE;
ALTER DEFAULT PRIVILEGES FOR ROLE mig GRANT DELETE ON TABLES TO PUBLIC;
ALTER ROLE app CREATEDB;
ALTER TABLE audit.log OWNER TO app;
GRANT CREATE ON SCHEMA app TO app";

/// From nothing to in sync, and back there after somebody tampered with it.
async fn bootstraps_and_mends(stage: &Stage) {
    stage.policy(POLICY);
    stage.converge(&[]);
    stage.sql(MIGRATIONS).await;
    stage.converge(&[]);
    stage.sql(TAMPER).await;
    stage.run("check", &[]).assert_status(2);
    stage.converge(&[]);
    stage.assert_in_sync();
    assert_eq!(stage.query(LEFT_OVER).await, [""; 0]);
}

each_major! {
    async fn an_admin_of_cloud_sql(major: u32) {
        bootstraps_and_mends(&Stage::new(major)).await;
    }

    async fn an_iam_admin_without_attributes_of_its_own(major: u32) {
        let mut stage = Stage::new(major);
        let url = stage.admin("deploy@shop.iam", "IN ROLE cloudsqlsuperuser").await;
        stage.become_admin(&url);
        bootstraps_and_mends(&stage).await;
    }

    async fn an_admin_where_there_is_no_cloudsqlsuperuser(major: u32) {
        let mut stage = Stage::new(major);
        let url = stage.admin("boss", "CREATEROLE CREATEDB").await;
        stage.cluster.batch("postgres", "DROP DATABASE shop").await;
        stage.cluster.batch("postgres", "CREATE DATABASE shop OWNER boss").await;
        if major < 15 {
            stage.sql("ALTER SCHEMA public OWNER TO boss").await;
        }
        stage.become_admin(&url);
        bootstraps_and_mends(&stage).await;
    }

    async fn an_admin_that_does_not_inherit(major: u32) {
        let mut stage = Stage::new(major);
        let url = stage.admin("careful", "NOINHERIT IN ROLE cloudsqlsuperuser").await;
        stage.become_admin(&url);
        stage.policy(POLICY);
        let applied = stage.apply(&[]).assert_status(1);
        assert_said(&applied, &["`careful` itself gets into `shop` only through PUBLIC", "GRANT CONNECT ON DATABASE \"shop\" TO \"careful\""]);
        stage.sql("GRANT CONNECT ON DATABASE shop TO careful").await;
        bootstraps_and_mends(&stage).await;
    }

    async fn one_admin_after_the_other(major: u32) {
        let mut stage = Stage::new(major);
        bootstraps_and_mends(&stage).await;
        let url = stage.cluster.admin_url().to_owned();
        let other = stage.admin("other", "CREATEROLE IN ROLE cloudsqlsuperuser").await;
        for admin in [other, url] {
            stage.become_admin(&admin);
            stage.assert_in_sync();
            stage.sql(TAMPER).await;
            stage.converge(&[]);
        }
    }

    async fn an_admin_whose_connection_takes_on_a_role(major: u32) {
        let mut stage = Stage::new(major);
        let options = "options=-c%20role%3Dcloudsqlsuperuser%20--work-mem=8MB";
        let url = format!("{}?{options}", stage.cluster.admin_url());
        stage.sql("ALTER ROLE csadmin SET role = 'cloudsqlsuperuser'").await;
        stage.become_admin(&url);
        bootstraps_and_mends(&stage).await;
        let extension = "SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'hstore'";
        assert_eq!(stage.query(extension).await, ["cloudsqlsuperuser"]);
        // The logins of the policy are no members of that: they get in as themselves.
        let secret = "app: { access: dml, secret: { name: app, payload: url, host: db.internal }, rotate: { strategy: alternate } }";
        let policy = POLICY.replace("app: { access: dml, connection_limit: 9 }", secret);
        stage.policy(&policy.replace("version: 1", &format!("version: 1\ninstance: {INSTANCE}")));
        stage.converge(&[]);
        stage.run("check", &["--probe"]).assert_status(0);
        stage.run("verify", &[]).assert_status(0);
    }

    async fn an_admin_that_cannot_make_roles_touches_nothing(major: u32) {
        let mut stage = Stage::new(major);
        let url = stage.admin("nobody", "").await;
        stage.become_admin(&url);
        stage.policy(POLICY);
        let applied = stage.apply(&[]).assert_status(1);
        assert_said(&applied, &["`nobody` cannot create roles: it has no CREATEROLE"]);
        assert_eq!(stage.query("SELECT rolname::text FROM pg_roles WHERE rolname IN ('app', 'mig')").await, [""; 0]);
        assert_eq!(stage.query("SELECT nspname::text FROM pg_namespace WHERE nspname = 'audit'").await, [""; 0]);
    }

    async fn a_database_that_another_admin_made(major: u32) {
        let stage = Stage::new(major);
        stage.cluster.batch("postgres", "CREATE DATABASE theirs OWNER postgres").await;
        stage.policy("version: 1\ndatabases: { theirs: { schemas: [app] } }\nroles: { mig: { access: ddl }, app: { access: dml } }\n");
        let applied = stage.apply(&[]).assert_status(1);
        assert_said(&applied, &["`csadmin` itself gets into `theirs` only through PUBLIC"]);
        if major >= 16 {
            assert_said(&applied, &["`csadmin` has no CREATE on the database, which belongs to `postgres`"]);
        }
        stage.cluster.batch("postgres", "ALTER DATABASE theirs OWNER TO cloudsqlsuperuser").await;
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
    }

    async fn roles_that_another_admin_made(major: u32) {
        let stage = Stage::new(major);
        stage.admin("rival", "CREATEROLE").await;
        stage.sql("SET ROLE rival; CREATE ROLE mig; CREATE ROLE app").await;
        stage.policy(POLICY);
        if major < 16 {
            stage.converge(&[]);
            return;
        }
        let applied = stage.apply(&[]).assert_status(1);
        let statement = "GRANT \"mig\" TO \"csadmin\" WITH ADMIN TRUE, INHERIT FALSE, SET FALSE";
        assert_said(&applied, &[statement, "`csadmin` cannot act as `mig`", "GRANT \"app\" TO \"csadmin\" WITH ADMIN TRUE"]);
        let schema = "SELECT has_schema_privilege('app', 'app', 'USAGE')::text || has_schema_privilege('mig', 'app', 'CREATE')::text";
        assert_eq!(stage.query(schema).await, ["truetrue"], "the rest is done");
        stage.run("check", &[]).assert_status(2);
        stage.sql(&format!("SET ROLE rival; {statement}; {}", statement.replace("mig", "app"))).await;
        stage.converge(&[]);
        stage.assert_in_sync();
    }

    async fn a_login_with_a_membership_that_cannot_be_ended(major: u32) {
        let stage = Stage::new(major);
        stage.sql("CREATE ROLE mig; CREATE ROLE app; GRANT cloudsqlsuperuser TO app").await;
        stage.policy(POLICY);
        let applied = stage.apply(&[]).assert_status(if major < 16 { 0 } else { 1 });
        if major >= 16 {
            assert_said(&applied, &["app is a member of cloudsqlsuperuser, granted by cloudsqladmin", "only its grantor takes it back", "on Cloud SQL no login can change that"]);
        }
    }

    async fn memberships_that_were_there_before_stay_as_they_are(major: u32) {
        let stage = Stage::new(major);
        stage.policy(POLICY);
        stage.converge(&[]);
        stage.sql(MIGRATIONS).await;
        let grants = if major < 16 {
            "GRANT mig, app TO csadmin WITH ADMIN OPTION"
        } else {
            "SET ROLE cloudsqlsuperuser; GRANT mig TO csadmin WITH INHERIT TRUE, SET FALSE; GRANT app TO csadmin WITH INHERIT FALSE, SET FALSE, ADMIN TRUE"
        };
        stage.sql(grants).await;
        let memberships = "SELECT format('%s in %s by %s %s %s %s', member::regrole, roleid::regrole, grantor::regrole,
                                         admin_option, to_jsonb(m)->'inherit_option', to_jsonb(m)->'set_option')
                             FROM pg_auth_members m ORDER BY 1";
        let before = stage.query(memberships).await;
        stage.sql(TAMPER).await;
        stage.converge(&[]);
        assert_eq!(before, stage.query(memberships).await);
    }
}
