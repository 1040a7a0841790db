//! Refused logins are told apart: by the server's answer, by when it came, and by what the catalogs know beside it. Only a wrong
//! password is mended by another one.

use serde_json::{Value, json};

use crate::stage::{INSTANCE, Stage};
use crate::support::{Cluster, Options, Outcome, each_major, newest, on_a_runtime};

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

/// Whether a finding names a rotation as one of the ways out.
fn advises_rotation(outcome: &Outcome) -> bool {
    let checked: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let findings = checked["findings"].as_array().expect("findings");
    let mut words = findings
        .iter()
        .map(|one| format!("{} {}", one["message"], one["fix"]));
    words.any(|words| words.contains("rolewright rotate"))
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
            for outcome in [checked, verified] {
                let is_wrong = what == "a wrong password";
                assert_eq!(advises_rotation(&outcome), is_wrong, "{what}: {}", outcome.stdout);
                // What refuses no other client comes first.
                let rotates = found(&outcome).iter().any(|[_, _, fix]| fix.contains("rotate"));
                assert!(!rotates, "{what}: {}", outcome.stdout);
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
            assert!(!advises_rotation(&told), "{command:?}: {found:#?}");
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

/// What one login is refused for, wherever the session goes: the database that the payload names is another one than the one in
/// which a run begins.
async fn stage_of_two_databases(major: u32) -> Stage {
    let stage = Stage::with(Cluster::with(
        major,
        Options::default().database("shop").database("wares"),
    ));
    stage.policy(&format!(
        "version: 1\ninstance: {INSTANCE}\ndatabases: {{ shop: {{ schemas: [app] }}, wares: {{ schemas: [app] }} }}\nroles:\n  \
         migration_user: {{ access: ddl }}\n  app:\n    access: dml\n    secret: {{ name: app, payload: url, database: wares }}\n    \
         rotate: {{ strategy: single, every: 30d, grace: 1h }}\n"
    ));
    stage.apply(&[]).assert_status(0);
    stage.run("check", &["--probe"]).assert_status(0);
    stage
}

/// A limit, how it is set, and how it is taken off.
const LIMITS: [[&str; 3]; 2] = [
    [
        "role `app`",
        "ALTER ROLE app CONNECTION LIMIT ",
        "ALTER ROLE app CONNECTION LIMIT -1",
    ],
    [
        "database `wares`",
        "ALTER DATABASE wares CONNECTION LIMIT ",
        "ALTER DATABASE wares CONNECTION LIMIT -1",
    ],
];

each_major! {
    async fn a_limit_of_the_role_or_of_its_database_rejects_nothing_and_holds_a_rotation(major: u32) {
        let stage = stage_of_two_databases(major).await;
        for [of, limit, off] in LIMITS {
            let url: tokio_postgres::Config = stage.payload("app", "current").await.parse().expect("a URL");
            let password = std::str::from_utf8(url.get_password().expect("a password")).expect("text").to_owned();
            let before = stage.versions("app").await;
            let session = stage.cluster.connect_as("wares", "app", &password).await.expect("it logs in");
            stage.cluster.batch("postgres", &format!("{limit}1")).await;
            for command in [&["check", "--probe"][..], &["verify"]] {
                let told = stage.run(command[0], &[&command[1..], &["--format", "json"]].concat());
                let found = found(&told);
                assert!(!found.iter().any(|[rule, ..]| rule == "credential.rejected"), "{of}, {command:?}: {found:#?}");
                assert!(!advises_rotation(&told), "{of}, {command:?}: {found:#?}");
                // The admin does not get into a full database either.
                assert!(told.status == 1 || of.starts_with("role") && command[0] == "check", "{of}, {command:?}: {}", told.stdout);
                assert!(format!("{}{}", told.stdout, told.stderr).contains("53300"), "{of}, {command:?}: {}", told.stderr);
            }
            let held = stage.run("rotate", &["--now", "--accept-outage", "--role", "app"]).assert_status(3);
            let reason = format!("{of} has 1 session and a CONNECTION LIMIT of 1");
            assert!(held.stdout.contains(&reason), "{}", held.stdout);
            assert_eq!(stage.versions("app").await, before, "{of}: nothing was changed");
            stage.cluster.batch("postgres", off).await;
            drop(session);
            stage.cluster.batch("postgres", "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'").await;
        }
    }

    async fn a_limit_that_is_reached_while_a_password_is_stored_keeps_it_from_no_publication(major: u32) {
        let stage = stage_of_two_databases(major).await;
        // The row of the role is the run's own by then.
        let [_, [_, limit, off]] = LIMITS;
        let stored = json!({"method": "secrets.addVersion", "when": "after", "effect": "hang"});
        stage.fake.fault("stored", stored);
        let (rolewright, file) = (stage.rolewright.clone(), stage.file());
        let run = std::thread::spawn(move || {
            rolewright.run(["rotate", file.to_str().expect("UTF-8"), "--now", "--role", "app"])
        });
        for _ in 0..600 {
            if stage.fake.is_holding() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(stage.fake.is_holding(), "the version is being stored");
        stage.cluster.batch("postgres", &format!("{limit}0")).await;
        stage.fake.mend("stored");
        let rotated = run.join().expect("it ends").assert_status(0);
        // Which is proof: the server has accepted the password before it counts.
        assert!(!rotated.stdout.contains("not tried"), "{}", rotated.stdout);
        assert!(stage.cluster.server_log().contains("too many connections for database \"wares\""));
        assert_eq!(stage.secret("app").await["versionAliases"]["current"], "2");
        stage.cluster.batch("postgres", off).await;
        stage.run("check", &["--probe"]).assert_status(0);
    }
}

const DROPPED: &str = "  migration_user: { access: ddl }
  one: { access: dml, secret: { name: one, payload: url } }
  two: { access: dml, secret: { name: two, payload: url }, rotate: { strategy: alternate } }\n";

each_major! {
    async fn a_login_that_was_dropped_is_missing_and_not_rejected_as_well(major: u32) {
        let stage = Stage::new(major);
        stage.roles(DROPPED);
        stage.apply(&[]).assert_status(0);
        for login in ["one", "two_a"] {
            stage.cluster.batch("shop", &format!("DROP OWNED BY {login}; DROP ROLE {login}")).await;
            let mut fixes = Vec::new();
            for command in [&["check", "--probe"][..], &["verify"]] {
                let told = stage.run(command[0], &[&command[1..], &["--format", "json"]].concat()).assert_status(2);
                let of_login: Vec<_> = found(&told).into_iter().filter(|[rule, role, _]| role == login || rule.starts_with("credential.")).collect();
                let missing: Vec<_> = of_login.iter().filter(|[rule, ..]| rule == "role.missing").collect();
                assert_eq!(missing.len(), 1, "{login}, {command:?}: {of_login:#?}");
                assert!(!of_login.iter().any(|[rule, ..]| rule == "credential.rejected"), "{login}, {command:?}: {of_login:#?}");
                fixes.push(missing[0][2].clone());
            }
            for fix in &fixes {
                let arguments = fix.strip_prefix("rolewright apply ").unwrap_or_else(|| panic!("{login}: `{fix}`"));
                let arguments: Vec<_> = arguments.split(' ').collect();
                stage.rolewright.run([&["apply", "--yes"], &arguments[..]].concat()).assert_status(0);
                stage.run("check", &["--probe"]).assert_status(0);
                stage.run("verify", &[]).assert_status(0);
            }
            assert_eq!(stage.versions("one").await, ["1 ENABLED"], "the stored password is the one that is set");
        }
    }

    async fn a_plan_says_that_stored_passwords_were_not_tried(major: u32) {
        let stage = Stage::new(major);
        stage.roles(DROPPED);
        let planned = |options: &[&str]| stage.run("plan", options).assert_status(0).stdout;
        let words = "the stored passwords of 2 roles were not tried";
        assert!(!planned(&[]).contains("not tried"), "nothing is stored yet");
        stage.apply(&[]).assert_status(0);
        for format in ["text", "markdown", "json"] {
            let plan = planned(&["--format", format]);
            assert!(plan.contains(words), "{format}: {plan}");
            assert!(!planned(&["--probe", "--format", format]).contains("not tried"), "{format}");
        }
        let plan: Value = serde_json::from_str(&planned(&["--format", "json"])).expect("JSON");
        let notes = plan["instances"][0]["notes"].as_array().expect("notes");
        let [note] = &notes[..] else { panic!("{notes:#?}") };
        assert_eq!([&note["rule"], &note["severity"]], ["credential.rejected", "info"]);
        let fix = note["fix"].as_str().expect("a fix");
        let arguments: Vec<_> = fix.strip_prefix("rolewright ").expect("a command").split(' ').collect();
        assert!(!stage.rolewright.run(&arguments).assert_status(0).stdout.contains("not tried"));
        let others = "  migration_user: { access: ddl }\n";
        stage.roles(others);
        assert!(!planned(&[]).contains("not tried"), "no role has a secret");
    }
}
