//! The pair of logins of a role: whatever they make belongs to the role.

use tokio_postgres::Client;

use super::texts;
use crate::stage::Stage;
use crate::support::each_major;

const ROLES: &str = "  mig:
    access: ddl
    secret: { name: mig, payload: url }
    rotate: { strategy: alternate }
    settings: { lock_timeout: 5s }
  app:
    access: dml
    secret: { name: app, payload: url }
    rotate: { strategy: alternate }
    connection_limit: 7
";

/// Logs in with a password that only the test knows.
async fn log_in(stage: &Stage, login: &str) -> Client {
    stage
        .sql(&format!("ALTER ROLE {login} LOGIN PASSWORD 'test'"))
        .await;
    stage
        .log_in(login, "test")
        .await
        .expect("the login gets in")
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, tokio_postgres::Error>) {
    assert_eq!(
        result.expect_err("refused").code().map(|code| code.code()),
        Some("42501")
    );
}

each_major! {
    async fn work_as_their_role(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.converge(&[]);
        let layout = "SELECT format('%s %s %s %s', rolname, rolcanlogin, rolconnlimit, setconfig) FROM pg_roles
            LEFT JOIN pg_db_role_setting ON setrole = pg_roles.oid WHERE rolname ~ '^(mig|app)(_[ab])?$' ORDER BY rolname";
        let lines = stage.query(layout).await;
        assert_eq!(lines[0], "app f -1 ", "the group has neither login nor settings");
        assert!(lines[1].ends_with(" 7 {role=app}"), "{lines:?}");
        assert!(lines[2].ends_with(" 7 {role=app}"), "{lines:?}");
        assert!(lines[4].contains("role=mig") && lines[4].contains("lock_timeout=5s"), "{lines:?}");

        let mig = log_in(&stage, "mig_b").await;
        mig.batch_execute("CREATE TABLE app.t (id serial, n int)").await.unwrap();
        assert_eq!(texts(&mig, "SELECT tableowner::text FROM pg_tables WHERE tablename = 't'").await, ["mig"]);
        mig.batch_execute("SET ROLE NONE").await.unwrap();
        refused(mig.batch_execute("CREATE TABLE app.stray (a int)").await);
        refused(mig.batch_execute("SELECT FROM app.t").await);

        let app = log_in(&stage, "app_a").await;
        assert_eq!(texts(&app, "SELECT current_user::text").await, ["app"]);
        app.batch_execute("INSERT INTO app.t (n) VALUES (1); SELECT lo_create(99)").await.unwrap();
        let other = log_in(&stage, "app_b").await;
        assert_eq!(texts(&other, "SELECT pg_get_userbyid(lomowner)::text FROM pg_largeobject_metadata").await, ["app"]);
        other.batch_execute("SELECT lo_unlink(99); SET ROLE NONE; DELETE FROM app.t").await.unwrap();
        refused(other.batch_execute("TRUNCATE app.t").await);
        refused(other.batch_execute("SET ROLE mig").await);
    }

    async fn drift_apart_from_their_role_and_are_mended(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.converge(&[]);
        let by_admin = if major < 16 { "" } else { "SET ROLE cloudsqlsuperuser;" };
        for (tampering, rule) in [
            ("ALTER ROLE app_a RESET role", "role.setting"),
            ("ALTER ROLE app_b SET role = 'mig'", "role.setting"),
            ("ALTER ROLE mig_a IN DATABASE shop SET role = 'none'", "role.setting"),
            ("ALTER ROLE app_a CONNECTION LIMIT 100", "role.attribute"),
            ("GRANT SELECT ON ALL TABLES IN SCHEMA app TO app_a; GRANT CREATE ON SCHEMA app TO app_a", "grant.unexpected"),
            ("REVOKE CONNECT ON DATABASE shop FROM mig_a", "grant.missing"),
            ("SET ROLE cloudsqlsuperuser; REVOKE app FROM app_a", "membership.missing"),
            ("SET ROLE cloudsqlsuperuser; GRANT mig TO app_a", "membership.unexpected"),
            ("SET ROLE cloudsqlsuperuser; GRANT app TO app_b WITH ADMIN OPTION", "membership.options"),
        ] {
            stage.sql(tampering).await;
            let checked = stage.run("check", &["--format", "json"]).assert_status(2);
            let findings = checked.json()["findings"].as_array().cloned().unwrap_or_default();
            assert!(findings.iter().any(|one| one["rule"] == rule), "{tampering}: {}", checked.stdout);
            stage.converge(&[]);
        }
        if major >= 16 {
            stage.sql(&format!("{by_admin} GRANT mig TO mig_a WITH INHERIT TRUE, SET FALSE")).await;
        } else {
            stage.sql("ALTER ROLE mig_a INHERIT").await;
        }
        stage.run("check", &[]).assert_status(2);
        stage.converge(&[]);
        let mig = log_in(&stage, "mig_a").await;
        assert_eq!(texts(&mig, "SELECT current_user::text").await, ["mig"]);
        mig.batch_execute("SET ROLE NONE").await.unwrap();
        refused(mig.batch_execute("CREATE TABLE app.stray (a int)").await);
    }

    async fn stay_with_their_role_whatever_a_pooler_resets(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.converge(&[]);
        let acts_as = async |client: &Client| texts(client, "SELECT current_user::text").await;
        let app = log_in(&stage, "app_a").await;
        for reset in ["SET ROLE NONE; RESET ROLE", "RESET ALL", "DISCARD ALL", "SET ROLE NONE; RESET ROLE; DISCARD ALL", "SET ROLE NONE; DISCARD ALL", "BEGIN; SET LOCAL ROLE NONE; COMMIT"] {
            for statement in reset.split("; ") {
                app.batch_execute(statement).await.unwrap();
            }
            assert_eq!(acts_as(&app).await, ["app"], "{reset}");
        }
        stage.sql("ALTER DATABASE shop SET role = 'none'").await;
        stage.run("check", &[]).assert_status(0);
        assert_eq!(acts_as(&log_in(&stage, "app_a").await).await, ["app"], "what is set for the login comes first");

        stage.sql("DROP OWNED BY app; DROP ROLE app").await;
        refused(stage.log_in("app_a", "test").await.map(drop));
        let elsewhere = stage.cluster.connect_as("postgres", "app_a", "test").await.unwrap();
        assert_eq!(acts_as(&elsewhere).await, ["app_a"], "where PUBLIC gets in: as itself, with a warning");
        let checked = stage.run("check", &["--format", "json"]).assert_status(2);
        assert!(checked.stdout.contains("role.missing"), "{}", checked.stdout);
        stage.converge(&[]);
        assert_eq!(acts_as(&log_in(&stage, "app_a").await).await, ["app"]);
    }

    async fn are_shed_of_what_nobody_may_revoke_by_making_them_anew(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.converge(&[]);
        stage.sql("GRANT pg_read_all_data TO app_b").await;
        if major < 16 {
            stage.converge(&[]);
            return;
        }
        stage.apply(&[]).assert_status(1);
        stage.sql("SET ROLE csadmin; DROP ROLE app_b").await;
        stage.converge(&[]);
        assert_eq!(stage.query("SELECT pg_has_role('app_b', 'pg_read_all_data', 'MEMBER')::text").await, ["false"]);
    }
}
