//! Roles that existed before, with a password or members that the policy does not know: named, kept as they are, given nothing.

use crate::stage::Stage;
use crate::support::each_major;

const SINGLE: &str = "  mig: { access: ddl }\n  app: { access: dml, secret: { name: app } }\n";
const PAIR: &str = "  mig: { access: ddl }
  app: { access: dml, secret: { name: app, payload: url, host: db }, rotate: { strategy: alternate } }
";
const NO_SECRET: &str = "  mig: { access: ddl }\n  app: { access: dml }\n";

/// A table of the migrations' from before, and one row of what `role` may do with it and with those to come.
const TABLE: &str = "SET ROLE cloudsqlsuperuser; CREATE SCHEMA app; GRANT USAGE, CREATE ON SCHEMA app TO mig; SET ROLE mig; CREATE TABLE app.t (id int)";

impl Stage {
    /// What ACLs and default privileges of the database name any of these roles. CONNECT, which everybody has until PUBLIC loses it,
    /// is kept for them.
    async fn entries_of(&self, roles: &str) -> Vec<String> {
        self.query(&format!(
            "WITH acls AS (
                SELECT 'database' AS what, datacl AS acl FROM pg_database WHERE datname = 'shop'
                UNION ALL SELECT nspname, nspacl FROM pg_namespace
                UNION ALL SELECT relname, relacl FROM pg_class
                UNION ALL SELECT 'default', defaclacl FROM pg_default_acl)
             SELECT format('%s %s %s', what, grantee::regrole, privilege_type)
               FROM acls, aclexplode(acl)
              WHERE grantee::regrole::text = ANY ('{{{roles}}}') AND privilege_type <> 'CONNECT' ORDER BY 1"
        ))
        .await
    }
}

each_major! {
    async fn a_role_with_an_unknown_password_is_given_nothing_until_it_is_decided(major: u32) {
        for options in [&[][..], &["--phase", "expand"], &["--prune"]] {
            let stage = Stage::new(major);
            stage.sql("SET ROLE cloudsqlsuperuser; CREATE ROLE mig; CREATE ROLE app LOGIN PASSWORD 'squatted'").await;
            stage.sql(TABLE).await;
            stage.sql("SET ROLE mig; GRANT SELECT ON app.t TO app; RESET ROLE; SET ROLE cloudsqlsuperuser; GRANT USAGE ON SCHEMA app TO app").await;
            stage.roles(SINGLE);
            let before = stage.entries_of("app").await;
            let held = stage.apply(options).assert_status(3);
            assert!(held.stdout.contains("with a password that nobody stored"), "{}", held.stdout);
            assert!(held.stdout.contains("changes for app"), "{}", held.stdout);
            assert!(!held.stdout.contains("app lacks"), "told once, with the number: {}", held.stdout);
            assert_eq!(stage.entries_of("app").await, before, "{options:?}");
            let thief = stage.log_in("app", "squatted").await.expect("whoever uses it goes on");
            thief.batch_execute("SELECT FROM app.t").await.expect("with what it had");
            let refused = thief.batch_execute("DELETE FROM app.t").await.unwrap_err();
            assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
            let checked = stage.run("check", &["--format", "json"]).assert_status(2);
            assert!(checked.stdout.contains("app lacks DELETE on table app.t"), "{}", checked.stdout);
            drop(thief);

            stage.apply(&["--reset-passwords"]).assert_status(0);
            assert!(!stage.logs_in("app", "squatted").await);
            assert!(stage.entries_of("app").await.contains(&"t app DELETE".to_owned()));
            stage.assert_in_sync();
        }
    }

    async fn a_login_of_the_pair_that_was_there_keeps_the_role_and_both_logins_waiting(major: u32) {
        let stage = Stage::new(major);
        stage.sql("SET ROLE cloudsqlsuperuser; CREATE ROLE mig; CREATE ROLE app_b LOGIN PASSWORD 'squatted'").await;
        stage.sql(TABLE).await;
        stage.roles(PAIR);
        stage.apply(&[]).assert_status(3);
        assert_eq!(stage.entries_of("app,app_a,app_b").await, [""; 0]);
        let members = "SELECT member::regrole::text FROM pg_auth_members WHERE roleid = 'app'::regrole AND member::regrole::text LIKE 'app%'";
        assert_eq!(stage.query(members).await, [""; 0]);
        let thief = stage.log_in("app_b", "squatted").await.expect("PUBLIC's CONNECT stays until then");
        let refused = thief.batch_execute("SELECT FROM app.t").await.unwrap_err();
        assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
        drop(thief);
        stage.apply(&["--reset-passwords"]).assert_status(0);
        stage.assert_in_sync();
        assert!(!stage.logs_in("app_b", "squatted").await);
    }

    async fn an_undeclared_member_gets_nothing_through_the_role(major: u32) {
        let mut members = vec!["GRANT app TO eve", "GRANT app TO eve WITH ADMIN OPTION", "CREATE ROLE team; GRANT app TO team; GRANT team TO eve"];
        if major >= 16 {
            members.extend(["GRANT app TO eve WITH INHERIT FALSE", "GRANT app TO eve WITH SET FALSE", "GRANT app TO eve WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"]);
        }
        let stage = Stage::new(major);
        stage.sql("CREATE ROLE eve LOGIN PASSWORD 'eve'; SET ROLE cloudsqlsuperuser; CREATE ROLE mig; CREATE ROLE app").await;
        stage.sql(TABLE).await;
        stage.roles(NO_SECRET);
        for member in members {
            stage.sql(&format!("SET ROLE cloudsqlsuperuser; {member}")).await;
            let held = stage.apply(&[]).assert_status(3);
            for words in ["changes for app", "is a member of `app`", "REVOKE app FROM"] {
                assert!(held.stdout.contains(words), "{member}: no `{words}` in {}", held.stdout);
            }
            assert_eq!(stage.entries_of("app").await, [""; 0], "{member}");
            stage.apply(&["--phase", "expand", "--prune"]).assert_status(3);
            assert_eq!(stage.entries_of("app").await, [""; 0], "{member}");

            stage.apply(&["--prune"]).assert_status(0);
            assert!(stage.entries_of("app").await.contains(&"t app DELETE".to_owned()));
            stage.sql("SET ROLE mig; REVOKE ALL ON app.t FROM app; ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE ALL ON TABLES FROM app;
                ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE ALL ON SEQUENCES FROM app; ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE ALL ON ROUTINES FROM app;
                SET ROLE cloudsqlsuperuser; REVOKE ALL ON SCHEMA app FROM app; REVOKE ALL ON DATABASE shop FROM app; DROP ROLE IF EXISTS team").await;
        }
    }

    async fn a_role_whose_password_is_kept_elsewhere_is_served(major: u32) {
        let stage = Stage::new(major);
        stage.sql("SET ROLE cloudsqlsuperuser; CREATE ROLE mig; CREATE ROLE app LOGIN PASSWORD 'its-own'").await;
        stage.sql(TABLE).await;
        stage.roles(&NO_SECRET.replace("dml }", "dml, login: external }"));
        stage.converge(&[]);
        stage.log_in("app", "its-own").await.unwrap().batch_execute("DELETE FROM app.t").await.unwrap();
    }

    async fn a_stored_password_that_does_not_log_in_is_found_out_before_anything_is_granted(major: u32) {
        let stage = Stage::new(major);
        stage.sql("SET ROLE cloudsqlsuperuser; CREATE ROLE mig; CREATE ROLE app LOGIN PASSWORD 'squatted'").await;
        stage.sql(TABLE).await;
        stage.roles(SINGLE);
        stage.make_secret("app", Some("stale")).await;
        let held = stage.apply(&[]).assert_status(3);
        assert!(held.stdout.contains("was there before"), "{}", held.stdout);
        assert_eq!(stage.entries_of("app").await, [""; 0]);
        stage.add_version("app", "squatted").await;
        stage.apply(&[]).assert_status(0);
        assert!(stage.entries_of("app").await.contains(&"t app DELETE".to_owned()));
        stage.assert_in_sync();
    }
}
