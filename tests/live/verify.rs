//! `verify` and `check --probe`: real logins with the stored bytes prove both sides, and leave nothing behind.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stage::{Stage, secret_path};
use crate::support::{each_major, newest};

const ROLES: &str = "  migration_user:
    access: ddl
    secret: { name: migration, payload: password }
  app_user:
    access: dml
    secret: { name: app, payload: url }
    rotate: { strategy: alternate }
  auditor:
    access: { read: [app] }
    secret: { name: auditor, payload: json }\n";

const MIGRATIONS: &str = "SET ROLE migration_user;
    CREATE TABLE app.orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text, shout text GENERATED ALWAYS AS (upper(item)) STORED);
    CREATE TABLE app.\"Odd %s \"\"name\"\"\" (\"a b\" int);
    CREATE TABLE app.empty ();
    CREATE TABLE app.parted (a int) PARTITION BY RANGE (a);
    CREATE TABLE app.parted_1 PARTITION OF app.parted FOR VALUES FROM (1) TO (2);
    CREATE TABLE app.log (n serial, what text);
    CREATE VIEW app.items AS SELECT item FROM app.orders;
    CREATE MATERIALIZED VIEW app.counted AS SELECT count(*) FROM app.orders;
    CREATE FUNCTION app.noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO app.log (what) VALUES ('fired'); RETURN NULL; END $$;
    CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON app.orders FOR EACH STATEMENT EXECUTE FUNCTION app.noted();
    CREATE PROCEDURE app.tidy(int) LANGUAGE sql AS 'SELECT 1';";

async fn stage(major: u32) -> Stage {
    let stage = Stage::new(major);
    stage
        .cluster
        .batch(
            "shop",
            "CREATE SCHEMA hr; CREATE TABLE hr.salaries (amount int)",
        )
        .await;
    stage.roles(ROLES);
    stage.apply(&[]).assert_status(0);
    stage.cluster.batch("shop", MIGRATIONS).await;
    stage
}

/// What a verification found, as `rule role object privilege`.
fn found(verified: &Value) -> Vec<String> {
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("-").to_owned();
    let findings = verified["findings"].as_array().expect("findings");
    let line = |one: &Value| {
        ["rule", "role", "object", "privilege"]
            .map(|key| word(one, key))
            .join(" ")
    };
    findings.iter().map(line).collect()
}

fn proofs(verified: &Value) -> Vec<(String, u64, u64)> {
    let number = |proof: &Value, key: &str| proof[key].as_u64().expect("a number");
    let proofs = verified["proofs"].as_array().expect("proofs").iter();
    proofs
        .map(|one| {
            (
                one["login"].as_str().unwrap().into(),
                number(one, "works"),
                number(one, "refused"),
            )
        })
        .collect()
}

each_major! {
    async fn every_credential_proves_both_sides_and_leaves_nothing(major: u32) {
        let stage = stage(major).await;
        let before = world(&stage).await;
        let logged = stage.cluster.server_log().len();

        let verified = stage.run("verify", &["--format", "json"]).assert_status(0).json();
        assert_eq!(found(&verified), [""; 0]);
        for (login, works, refused) in proofs(&verified) {
            println!("{major}: {login}: {works} work, {refused} refused");
            assert!(works >= 15 && refused >= 25, "{login}: {works} work, {refused} refused");
        }
        assert_eq!(proofs(&verified).len(), 3);
        assert_eq!(other_errors(&stage.cluster.server_log()[logged..]), [""; 0]);

        assert_eq!(world(&stage).await, before);
        stage.assert_in_sync();
    }

    async fn what_is_tampered_with_is_found(major: u32) {
        let stage = stage(major).await;
        stage.cluster.batch("shop", "
            REVOKE UPDATE ON app.orders FROM app_user;
            GRANT TRUNCATE ON app.orders TO app_user;
            GRANT CREATE ON SCHEMA app TO app_user;
            GRANT USAGE ON SCHEMA hr TO PUBLIC;
            GRANT SELECT ON hr.salaries TO auditor;
            ALTER TABLE app.empty OWNER TO csadmin;
            GRANT pg_execute_server_program TO auditor;
            GRANT migration_user TO app_user;").await;
        let verified = stage.run("verify", &["--format", "json"]).assert_status(2).json();
        let found = found(&verified);
        for expected in [
            "privilege.effective app_user schema app CREATE",
            "privilege.effective app_user table app.orders TRUNCATE",
            "privilege.effective auditor table hr.salaries SELECT",
            "privilege.effective auditor - -",
            "privilege.effective app_user - -",
            "grant.missing migration_user table app.empty INSERT",
        ] {
            assert!(found.iter().any(|line| line == expected), "no `{expected}` in {found:#?}");
        }
    }
}

each_major! {
    /// A login of a pair turns into its role, and can turn back by statements that nobody can refuse: to no more than that.
    async fn no_way_back_leads_to_more_than_the_role_has(major: u32) {
        let stage = stage(major).await;
        stage.cluster.batch("shop", "
            CREATE ROLE helper;
            GRANT SELECT ON hr.salaries TO app_user_a; GRANT USAGE ON SCHEMA hr TO app_user_a;
            GRANT TRUNCATE ON app.orders TO app_user_a;
            GRANT helper TO app_user_a;
            ALTER ROLE app_user_a CREATEDB;").await;
        let verified = stage.run("verify", &["--format", "json"]).assert_status(2).json();
        let said: Vec<_> = verified["findings"].as_array().expect("findings").iter()
            .map(|one| one["message"].as_str().expect("a text")).collect();
        for expected in ["SELECT table hr.salaries", "TRUNCATE table app.orders", "create databases", "become another role"] {
            let of = |text: &&&str| text.starts_with(&format!("app_user can {expected}"));
            let found: Vec<_> = said.iter().filter(of).collect();
            assert_eq!(found.len(), 1, "{expected}: {said:#?}");
        }
        // What the role does not have is said to be the login's.
        let login = "app_user can TRUNCATE table app.orders as app_user_a, after SET LOCAL ROLE NONE";
        assert!(said.contains(&login), "{said:#?}");
        assert_eq!(other_errors(&stage.cluster.server_log()), [""; 0]);
    }
}

each_major! {
    /// Planning evaluates IMMUTABLE functions with constant arguments: what others wrote must not run as the role that is proven.
    async fn the_code_of_others_is_not_planned(major: u32) {
        let stage = stage(major).await;
        stage.cluster.batch("shop", "
            SET ROLE csadmin; CREATE ROLE legacy; RESET ROLE; CREATE SCHEMA legacy AUTHORIZATION legacy; GRANT USAGE ON SCHEMA legacy TO PUBLIC;
            GRANT USAGE, CREATE ON SCHEMA app TO legacy; SET ROLE legacy;
            CREATE SEQUENCE legacy.loot; GRANT ALL ON SEQUENCE legacy.loot TO PUBLIC;
            CREATE FUNCTION legacy.f() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
              $$ BEGIN PERFORM setval('legacy.loot', 424242); RETURN 1; END $$;
            CREATE FUNCTION legacy.g(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN legacy.f(); END $$;
            CREATE VIEW app.trap AS SELECT 1 AS one WHERE legacy.f() = 1;
            CREATE TABLE app.trapped (a int);
            RESET ROLE; GRANT SELECT ON app.trap, app.trapped TO app_user, auditor, migration_user; SET ROLE migration_user;
            CREATE VIEW app.above AS SELECT * FROM app.trap;
            CREATE TABLE app.indexed (a int); CREATE INDEX ON app.indexed (a) WHERE legacy.g(1) = a;
            CREATE TABLE app.defaulted (a int DEFAULT legacy.g(2), b int CHECK (b > legacy.g(3)));
            CREATE TABLE app.ruled (a int); CREATE RULE r AS ON INSERT TO app.ruled WHERE legacy.g(4) = 1 DO ALSO NOTHING;
            CREATE TABLE app.policed (a int); CREATE POLICY p ON app.policed USING (legacy.g(5) = a); ALTER TABLE app.policed ENABLE ROW LEVEL SECURITY;
            CREATE TABLE app.whole (a int) PARTITION BY LIST (a); CREATE TABLE app.part PARTITION OF app.whole DEFAULT;
            CREATE INDEX ON app.part ((legacy.g(6) + a)); CREATE VIEW app.over AS SELECT * FROM app.whole;
            CREATE STATISTICS app.st ON (legacy.g(7) + item_length), item_length FROM app.stated;".replace("app.stated;", "app.orders_stated;")
            .replace("CREATE STATISTICS", "CREATE TABLE app.orders_stated (item_length int); CREATE STATISTICS").as_str()).await;
        // Making them evaluated some.
        stage.cluster.batch("shop", "SELECT setval('legacy.loot', 1)").await;
        let verified = stage.run("verify", &["--format", "json"]).json();
        let superuser = stage.cluster.connect_superuser("shop").await;
        let last: i64 = superuser.query_one("SELECT last_value FROM legacy.loot", &[]).await.expect("a row").get(0);
        assert_eq!(last, 1, "{verified:#}");
        let app = verified["proofs"].as_array().into_iter().flatten().find(|one| one["role"] == "app_user").expect("a proof");
        let apart: Vec<_> = app["not_planned"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for expected in ["view app.trap", "view app.above", "table app.trapped", "table app.indexed", "table app.defaulted", "table app.ruled",
            "table app.policed", "table app.whole", "table app.part", "view app.over", "table app.orders_stated"] {
            assert!(apart.contains(&expected), "{expected}: {apart:?}");
        }
        assert!(!apart.contains(&"table app.orders"), "{apart:?}");
        let text = stage.run("verify", &[]).stdout;
        assert!(text.contains("by the catalogs alone: planning could run the code of others"), "{text}");
    }
}

each_major! {
    /// A function in SQL is planned in the place of its call, a STABLE one is evaluated for estimates, and SQL text may call anything: no
    /// catalog shows what comes of it, whoever wrote it.
    async fn what_is_kept_as_text_is_not_planned(major: u32) {
        let stage = stage(major).await;
        stage.cluster.batch("shop", "
            CREATE SCHEMA legacy; GRANT USAGE ON SCHEMA legacy TO PUBLIC;
            CREATE SEQUENCE legacy.loot; GRANT ALL ON SEQUENCE legacy.loot TO PUBLIC;
            SET ROLE csadmin; CREATE ROLE legacy; RESET ROLE; GRANT CREATE ON SCHEMA legacy TO legacy; SET ROLE legacy;
            CREATE FUNCTION legacy.f() RETURNS int LANGUAGE plpgsql IMMUTABLE AS
              $$ BEGIN PERFORM setval('legacy.loot', 424242); RETURN 1; END $$;
            CREATE VIEW legacy.bait AS SELECT 1 AS one WHERE legacy.f() = 1; GRANT SELECT ON legacy.bait TO PUBLIC;
            RESET ROLE; SET ROLE migration_user;
            CREATE FUNCTION app.inlined() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT legacy.f()';
            CREATE FUNCTION app.outer() RETURNS int IMMUTABLE RETURN app.inlined() + 1;
            CREATE VIEW app.calls AS SELECT 1 AS one WHERE app.inlined() = 1;
            CREATE VIEW app.calls_more AS SELECT 1 AS one WHERE app.outer() = 2;
            CREATE TABLE app.told (a int); ALTER TABLE app.told ENABLE ROW LEVEL SECURITY;
            CREATE POLICY p ON app.told USING (length(table_to_xml('legacy.bait', true, false, '')::text) > a);
            CREATE TABLE app.stamped (a int); CREATE TRIGGER t BEFORE INSERT ON app.stamped FOR EACH STATEMENT EXECUTE FUNCTION app.noted();
            CREATE FUNCTION app.built() RETURNS int IMMUTABLE RETURN 1; CREATE VIEW app.safe AS SELECT 1 AS one WHERE app.built() = 1").await;
        // Making them evaluated some.
        stage.cluster.batch("shop", "SELECT setval('legacy.loot', 1)").await;
        let verified = stage.run("verify", &["--format", "json"]).json();
        let superuser = stage.cluster.connect_superuser("shop").await;
        let last: i64 = superuser.query_one("SELECT last_value FROM legacy.loot", &[]).await.expect("a row").get(0);
        assert_eq!(last, 1, "{verified:#}");
        for role in ["app_user", "migration_user"] {
            let of_role = |one: &&serde_json::Value| one["role"] == role;
            let proof = verified["proofs"].as_array().into_iter().flatten().find(of_role).expect("a proof");
            let apart: Vec<_> = proof["not_planned"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
            for expected in ["view app.calls", "view app.calls_more", "table app.told"] {
                assert!(apart.contains(&expected), "{expected}: {apart:?}");
            }
            for planned in ["table app.orders", "table app.stamped", "view app.safe"] {
                assert!(!apart.contains(&planned), "{planned}: {apart:?}");
            }
        }
    }
}

/// What the server refused for another reason than want of a privilege: such a trial proves nothing.
fn other_errors(log: &str) -> Vec<&str> {
    let denied = [
        "permission denied",
        "must be owner",
        "must be a member",
        "must be superuser",
    ];
    let errors = log.lines().filter(|line| line.contains("ERROR: "));
    errors
        .filter(|line| !denied.iter().any(|words| line.contains(words)))
        .collect()
}

/// Everything a probe could have left: objects, rows, sequence positions, roles, locks, sessions.
async fn world(stage: &Stage) -> Vec<String> {
    let superuser = stage.cluster.connect_superuser("shop").await;
    let rows = superuser
        .query(
            "SELECT 'class ' || oid::regclass::text FROM pg_class WHERE relnamespace = 'app'::regnamespace
             UNION ALL SELECT 'role ' || rolname || ' ' || rolconnlimit FROM pg_roles
             UNION ALL SELECT 'log ' || count(*) FROM app.log
             UNION ALL SELECT 'sequence ' || schemaname || sequencename || coalesce(last_value, 0) FROM pg_sequences
             UNION ALL SELECT 'proc ' || oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'app'::regnamespace
             UNION ALL SELECT 'policy ' || polname FROM pg_policy
             UNION ALL SELECT 'schema ' || nspname || coalesce(nspacl::text, '') FROM pg_namespace WHERE nspname !~ '^pg_'
             UNION ALL SELECT 'lock ' || locktype FROM pg_locks WHERE locktype = 'advisory'
             ORDER BY 1",
            &[],
        )
        .await
        .expect("the catalogs are read");
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_migration_that_holds_a_table_keeps_nobody_waiting() {
    newest(|major| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let stage = stage(major).await;
            let migration = stage.cluster.connect_superuser("shop").await;
            migration
                .batch_execute("BEGIN; LOCK TABLE app.orders IN ACCESS EXCLUSIVE MODE")
                .await
                .unwrap();
            // What cannot be tried is answered by the catalogs.
            stage.run("verify", &[]).assert_status(0);
            migration.batch_execute("ROLLBACK").await.unwrap();
        });
    });
}

#[test]
fn a_refused_credential_is_found_by_a_probe_alone() {
    newest(|major| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let stage = stage(major).await;
            stage.run("check", &["--probe"]).assert_status(0);
            stage
                .cluster
                .batch("shop", "ALTER ROLE auditor PASSWORD 'changed by hand'")
                .await;
            stage.run("check", &[]).assert_status(0);
            for command in [
                &["check", "--probe", "--format", "json"][..],
                &["verify", "--format", "json"],
            ] {
                let verdict = stage.run(command[0], &command[1..]).assert_status(2).json();
                let found = found(&verdict);
                assert_eq!(found.len(), 1, "{found:?}");
                assert!(
                    found[0].starts_with("credential.rejected auditor secret "),
                    "{found:?}"
                );
            }
            // A payload of another form is no credential, and its bytes are in no message.
            let body = json!({"payload": {"data": "aHVudGVyMg=="}});
            stage
                .must(Method::POST, &secret_path("auditor", ":addVersion"), body)
                .await;
            let body = json!({"versionAliases": {"current": "2"}});
            stage
                .must(
                    Method::PATCH,
                    &secret_path("auditor", "?updateMask=versionAliases"),
                    body,
                )
                .await;
            let verified = stage.run("verify", &[]).assert_status(2);
            assert!(
                verified.stdout.contains("is not of the declared form"),
                "{}",
                verified.stdout
            );
            assert!(!verified.stdout.contains("hunter2") && !verified.stderr.contains("hunter2"));
        });
    });
}

#[test]
fn within_grace_the_credential_before_proves_both_sides_too() {
    newest(|major| {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let stage = stage(major).await;
            stage.run("rotate", &["--now", "--role", "app_user"]).assert_status(0);
            let verified = stage.run("verify", &["--format", "json"]).assert_status(0).json();
            let mut logins: Vec<_> = proofs(&verified).into_iter().map(|(login, ..)| login).collect();
            logins.sort();
            assert_eq!(logins, ["app_user_a", "app_user_b", "auditor", "migration_user"]);

            // What both show is found once; what is wrong with the one before is found as well.
            stage.cluster.batch("shop", "GRANT TRUNCATE ON app.orders TO app_user").await;
            let verified = stage.run("verify", &["--format", "json"]).assert_status(2).json();
            assert_eq!(found(&verified), ["privilege.effective app_user table app.orders TRUNCATE"]);
            stage.cluster.batch("shop", "REVOKE TRUNCATE ON app.orders FROM app_user").await;
            let of_its_own = "ALTER ROLE app_user_a RESET role; GRANT TRUNCATE ON app.orders TO app_user_a";
            stage.cluster.batch("shop", of_its_own).await;
            let verified = stage.run("verify", &["--format", "json"]).assert_status(2).json();
            assert_eq!(found(&verified), ["privilege.effective app_user table app.orders TRUNCATE"]);
            let undo = "ALTER ROLE app_user_a SET role = app_user; REVOKE TRUNCATE ON app.orders FROM app_user_a";
            stage.cluster.batch("shop", undo).await;
            for broken in ["ALTER ROLE app_user_a PASSWORD 'by hand'", "ALTER ROLE app_user_a NOLOGIN"] {
                stage.cluster.batch("shop", broken).await;
                for (command, options) in
                    [("verify", &["--format", "json"][..]), ("check", &["--probe", "--format", "json"])]
                {
                    let found = found(&stage.run(command, options).assert_status(2).json());
                    let rejected = found.iter().any(|one| one.starts_with("credential.rejected app_user "));
                    assert!(rejected, "{broken}: {command}: {found:?}");
                }
            }
            // After grace a closed login is as it should be.
            let published = stage.secret("app").await["annotations"]["rolewright.published"].clone();
            let published: jiff::Timestamp = published.as_str().expect("a time").parse().expect("a time");
            let mut annotations = stage.secret("app").await["annotations"].clone();
            annotations["rolewright.published"] = json!((published - jiff::SignedDuration::from_hours(25)).to_string());
            stage.patch_secret("app", "annotations", json!({ "annotations": annotations })).await;
            stage.run("verify", &[]).assert_status(0);
        });
    });
}
