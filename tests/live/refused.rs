//! Refused logins are told apart: by the server's answer, by when it came, and by what the catalogs know beside it. Only a wrong
//! password is mended by another one.

use serde_json::Value;

use crate::stage::Stage;
use crate::support::{Cluster, Outcome, each_major, newest, on_a_runtime};

const ROLES: &str = "  migration_user: { access: ddl }
  app:
    access: dml
    connection_limit: 1
    secret: { name: app, payload: url }
    rotate: { strategy: single, every: 30d, grace: 1h }\n";

async fn stage(major: u32) -> Stage {
    let stage = Stage::new(major);
    stage.roles(ROLES);
    stage.apply(&[]).assert_status(0);
    stage.run("check", &["--probe"]).assert_status(0);
    stage
}

/// What a check found: rule, role and fix.
fn found(outcome: &Outcome) -> Vec<[String; 3]> {
    let checked: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("-").to_owned();
    let findings = checked["findings"].as_array().expect("findings");
    findings
        .iter()
        .map(|one| ["rule", "role", "fix"].map(|key| word(one, key)))
        .collect()
}

/// One way in which a login is refused.
struct Case {
    what: &'static str,
    /// What brings it about.
    done: &'static str,
    undone: &'static str,
    /// Exit codes of `check --probe` and of `verify`.
    exits: [i32; 2],
    /// The rules that `check --probe` reports.
    rules: &'static [&'static str],
}

const CASES: [Case; 5] = [
    Case {
        what: "NOLOGIN",
        done: "ALTER ROLE app NOLOGIN",
        undone: "ALTER ROLE app LOGIN",
        exits: [2, 2],
        rules: &["role.attribute"],
    },
    Case {
        what: "VALID UNTIL",
        done: "ALTER ROLE app VALID UNTIL '2000-01-01'",
        undone: "ALTER ROLE app VALID UNTIL 'infinity'",
        exits: [2, 2],
        rules: &["role.attribute"],
    },
    Case {
        what: "CONNECT",
        done: "REVOKE CONNECT ON DATABASE shop FROM app",
        undone: "SET ROLE cloudsqlsuperuser; GRANT CONNECT ON DATABASE shop TO app",
        exits: [2, 2],
        rules: &["grant.missing"],
    },
    Case {
        what: "a limit without room",
        done: "ALTER ROLE app CONNECTION LIMIT 0",
        undone: "ALTER ROLE app CONNECTION LIMIT 1",
        exits: [2, 1],
        rules: &["role.attribute", "role.attribute"],
    },
    Case {
        what: "a wrong password",
        done: "ALTER ROLE app PASSWORD 'by hand'",
        undone: "",
        exits: [2, 2],
        rules: &["credential.rejected"],
    },
];

fn advises_rotation(found: &[[String; 3]]) -> bool {
    found.iter().any(|[_, _, fix]| fix.contains("rotate"))
}

/// The application takes all the sessions that it may have.
async fn full(cluster: &Cluster, stage: &Stage) -> tokio_postgres::Client {
    let url: tokio_postgres::Config = stage
        .payload("app", "current")
        .await
        .parse()
        .expect("a URL");
    let password = std::str::from_utf8(url.get_password().expect("a password"))
        .expect("text")
        .to_owned();
    // A session that is over counts until its process is gone.
    for _ in 0..50 {
        if let Ok(session) = cluster.connect_as("shop", "app", &password).await {
            return session;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it does not log in");
}

each_major! {
    async fn only_a_wrong_password_is_mended_by_a_rotation(major: u32) {
        let stage = stage(major).await;
        for Case { what, done, undone, exits, rules } in CASES {
            stage.cluster.batch("postgres", done).await;
            let checked = stage.run("check", &["--probe", "--format", "json"]).assert_status(exits[0]);
            let found_by_check = found(&checked);
            let named: Vec<_> = found_by_check.iter().map(|[rule, ..]| rule.as_str()).collect();
            assert_eq!(named, rules, "{what}: {found_by_check:#?}");
            let verified = stage.run("verify", &["--format", "json"]).assert_status(exits[1]);
            for found in [found_by_check, found(&verified)] {
                assert_eq!(advises_rotation(&found), what == "a wrong password", "{what}: {found:#?}");
            }
            stage.cluster.batch("postgres", undone).await;
        }
        stage.run("rotate", &["--now", "--role", "app"]).assert_status(0);
        stage.run("check", &["--probe"]).assert_status(0);
    }

    async fn a_credential_at_its_limit_is_no_drift(major: u32) {
        let stage = stage(major).await;
        let session = full(&stage.cluster, &stage).await;
        let checked = stage.run("check", &["--probe", "--format", "json"]).assert_status(0);
        let [[rule, role, fix]] = &found(&checked)[..] else { panic!("{}", checked.stdout) };
        assert_eq!([rule.as_str(), role, fix], ["role.attribute", "app", "-"]);
        assert!(checked.stdout.contains("its password is right"), "{}", checked.stdout);
        let verified = stage.run("verify", &[]).assert_status(1);
        assert!(verified.stdout.contains("could not tell"), "{}", verified.stdout);
        drop(session);
    }

    async fn a_rule_for_addresses_says_nothing_of_a_password(major: u32) {
        let stage = stage(major).await;
        stage.cluster.let_in_by("host all app 127.0.0.1/32 reject").await;
        for command in [&["check", "--probe"][..], &["verify"]] {
            let told = stage.run(command[0], &[&command[1..], &["--format", "json"]].concat()).assert_status(1);
            assert_eq!(found(&told), [[""; 3]; 0], "{}", told.stdout);
            assert!(told.stderr.contains("pg_hba.conf"), "{}", told.stderr);
        }
    }

    async fn a_password_that_is_committed_is_published_whatever_keeps_the_login_out(major: u32) {
        let stage = stage(major).await;
        let session = full(&stage.cluster, &stage).await;
        let held = stage.run("rotate", &["--now", "--accept-outage", "--role", "app"]).assert_status(3);
        assert!(held.stdout.contains("role `app` has 1 session and a CONNECTION LIMIT of 1"), "{}", held.stdout);
        assert_eq!(stage.versions("app").await, ["1 ENABLED"]);
        assert!(stage.logs_in_with("app").await.is_err_and(|code| code == "53300"), "nothing was changed");
        drop(session);
        stage.cluster.batch("postgres", "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'").await;
        // The limit is reached after it was looked at: between the COMMIT and the login.
        stage.cluster.let_in_by("host all app 127.0.0.1/32 reject").await;
        let rotated = stage.run("rotate", &["--now", "--role", "app"]).assert_status(0);
        assert!(rotated.stdout.contains("is set, but not tried"), "{}", rotated.stdout);
        assert_eq!(stage.secret("app").await["versionAliases"]["current"], "2");
        stage.cluster.let_in_by("host all app 127.0.0.1/32 scram-sha-256").await;
        stage.run("check", &["--probe"]).assert_status(0);
    }
}

#[test]
fn a_password_that_was_replaced_is_not_said_to_work() {
    newest(|major| {
        on_a_runtime(async {
            let stage = stage(major).await;
            let rotated = stage
                .run("rotate", &["--now", "--role", "app"])
                .assert_status(0);
            let kept = "the old password is refused, and its version stays readable until";
            assert!(
                rotated.stdout.contains(kept) && !rotated.stdout.contains("works"),
                "{}",
                rotated.stdout
            );
            let status = stage
                .run("status", &["--format", "json"])
                .assert_status(0)
                .json();
            let standing = &status["credentials"][0];
            assert_eq!(
                (
                    &standing["previous"]["version"],
                    &standing["previous"]["until"]
                ),
                (&1.into(), &Value::Null)
            );
            assert!(
                standing["next"]
                    .as_str()
                    .expect("a sentence")
                    .starts_with(kept),
                "{standing}"
            );
        });
    });
}

impl Stage {
    /// Logs in with what is published; the SQLSTATE where that is refused.
    async fn logs_in_with(&self, secret: &str) -> Result<(), String> {
        let url: tokio_postgres::Config = self
            .payload(secret, "current")
            .await
            .parse()
            .expect("a URL");
        let password = std::str::from_utf8(url.get_password().expect("a password"))
            .expect("text")
            .to_owned();
        let tried = self
            .log_in(url.get_user().expect("a user"), &password)
            .await;
        tried.map(drop).map_err(|error| {
            error
                .code()
                .map(|code| code.code().to_owned())
                .unwrap_or_default()
        })
    }
}

/// The rules of Cloud SQL: members of these groups log in by IAM.
const IAM: &str = "host all +cloudsqliamserviceaccount 127.0.0.1/32 reject
    host all +cloudsqliamuser 127.0.0.1/32 reject";

const SERVICE: &str = "CREATE ROLE \"sa@demo.iam\" LOGIN IN ROLE cloudsqliamserviceaccount";

each_major! {
    async fn a_member_of_an_iam_user_is_told_why_no_password_lets_it_in(major: u32) {
        let stage = stage(major).await;
        stage.cluster.batch("postgres", SERVICE).await;
        stage.cluster.batch("postgres", "CREATE ROLE team; GRANT team TO app; GRANT \"sa@demo.iam\" TO team").await;
        // From 16 on the rule that Cloud SQL has would shut out the admin with it.
        stage.cluster.let_in_by("host all app 127.0.0.1/32 reject").await;
        for command in [&["check"][..], &["check", "--probe"], &["verify"]] {
            let told = stage.run(command[0], &[&command[1..], &["--format", "json"]].concat()).assert_status(2);
            let found = found(&told);
            assert_eq!(found[0][0], "membership.unexpected", "{command:?}: {found:#?}");
            let first = &told.json()["findings"][0];
            let message = first["message"].as_str().expect("a message");
            assert!(message.contains("in by IAM alone, so that app"), "{command:?}: {message}");
            assert!(!found.iter().any(|[rule, ..]| rule == "credential.rejected"), "{command:?}: {found:#?}");
            assert!(!advises_rotation(&found), "{command:?}: {found:#?}");
        }
    }

    async fn one_membership_of_a_managed_role_that_shuts_out_admins_comes_first(major: u32) {
        let stage = stage(major).await;
        stage.cluster.batch("postgres", SERVICE).await;
        stage.cluster.batch("shop", "CREATE TABLE app.t (i int); ALTER TABLE app.t OWNER TO csadmin").await;
        stage.cluster.batch("postgres", "GRANT \"sa@demo.iam\" TO migration_user").await;
        let told = stage.run("check", &["--format", "json"]).assert_status(2);
        let first = &told.json()["findings"][0];
        let message = first["message"].as_str().expect("a message");
        if major >= 16 {
            assert_eq!(first["rule"], "membership.unexpected", "{}", told.stdout);
            assert_eq!(first["role"], "migration_user", "{}", told.stdout);
            assert!(message.contains("csadmin, postgres cannot log in by password"), "{message}");
        } else {
            // No edge leads from an admin to the role: nobody is shut out.
            assert!(!told.stdout.contains("cannot log in by password"), "{}", told.stdout);
        }
        stage.cluster.let_in_by(IAM).await;
        let said = stage.run("check", &[]);
        assert_eq!(said.status, if major >= 16 { 1 } else { 2 }, "{}", said.stderr);
        assert_eq!(said.stderr.contains("end that membership"), major >= 16, "{}", said.stderr);
    }
}
