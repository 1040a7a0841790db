//! Objects that belong to another role than the policy says: the statements that `check` prints take nothing away, at no moment,
//! that a declared role keeps; and sequences of columns go where their table goes.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio_postgres::Client;

use crate::stage::Stage;
use crate::support::each_major;

const ROLES: &str =
    "  migration_user: { access: ddl }\n  app_user: { access: dml }\n  reader: { access: read }\n";

/// An object, how it came to its owner, and what the role of the application has by that and keeps.
const OWNED_BY_OTHERS: [(&str, &str, &str); 8] = [
    (
        "table app.o1",
        "CREATE TABLE app.o1 (i int); ALTER TABLE app.o1 OWNER TO app_user; GRANT SELECT ON app.o1 TO reader",
        "INSERT on app.o1",
    ),
    (
        "sequence app.o2",
        "CREATE SEQUENCE app.o2; ALTER SEQUENCE app.o2 OWNER TO app_user",
        "USAGE on app.o2",
    ),
    (
        "type app.o3",
        "CREATE TYPE app.o3 AS ENUM ('a'); ALTER TYPE app.o3 OWNER TO app_user",
        "USAGE on app.o3",
    ),
    (
        "view app.o4",
        "CREATE VIEW app.o4 AS SELECT 1 AS one; ALTER VIEW app.o4 OWNER TO csadmin; GRANT SELECT ON app.o4 TO app_user",
        "SELECT on app.o4",
    ),
    (
        "function app.o5()",
        "CREATE FUNCTION app.o5() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION app.o5() FROM PUBLIC;
         ALTER FUNCTION app.o5() OWNER TO csadmin; GRANT EXECUTE ON FUNCTION app.o5() TO app_user",
        "EXECUTE on app.o5()",
    ),
    (
        "domain app.o6",
        "CREATE DOMAIN app.o6 AS int; ALTER DOMAIN app.o6 OWNER TO csadmin",
        "USAGE on app.o6",
    ),
    (
        "table app.o7",
        "CREATE TABLE app.o7 (i int); ALTER TABLE app.o7 OWNER TO stranger; GRANT stranger TO app_user",
        "DELETE on app.o7",
    ),
    (
        "schema app",
        "ALTER SCHEMA app OWNER TO app_user",
        "USAGE on schema app",
    ),
];

/// What declared roles can do in the schema, each privilege a row.
const HELD: &str = "
WITH who AS (SELECT oid, rolname FROM pg_roles WHERE rolname IN ('migration_user', 'app_user', 'reader'))
SELECT format('%s: %s on %s', rolname, p, c.oid::regclass)
  FROM who, pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
 WHERE c.relnamespace = 'app'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege(who.oid, c.oid, p)
UNION ALL
SELECT format('%s: %s on %s', rolname, p, c.oid::regclass)
  FROM who, pg_class c, unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) p
 WHERE c.relnamespace = 'app'::regnamespace AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege(who.oid, c.oid, p) END
UNION ALL
SELECT format('%s: EXECUTE on %s', rolname, f.oid::regprocedure)
  FROM who, pg_proc f
 WHERE f.pronamespace = 'app'::regnamespace AND has_function_privilege(who.oid, f.oid, 'EXECUTE')
UNION ALL
SELECT format('%s: USAGE on %s', rolname, t.oid::regtype)
  FROM who, pg_type t
 WHERE t.typnamespace = 'app'::regnamespace AND t.typtype IN ('d', 'e') AND has_type_privilege(who.oid, t.oid, 'USAGE')
UNION ALL
SELECT format('%s: %s on schema app', rolname, p)
  FROM who, unnest(ARRAY['USAGE', 'CREATE']) p
 WHERE has_schema_privilege(who.oid, 'app', p)";

/// All memberships: a fix lends some for its own transaction only.
const MEMBERS: &str = "SELECT format('%s in %s by %s', member::regrole, roleid::regrole, grantor::regrole) FROM pg_auth_members";

async fn rows(client: &Client, statement: &str) -> BTreeSet<String> {
    let rows = client.query(statement, &[]).await.expect("an answer");
    rows.iter().map(|row| row.get(0)).collect()
}

fn owner_findings(checked: &Value) -> impl Iterator<Item = &Value> {
    let all = checked["findings"].as_array().into_iter().flatten();
    all.filter(|one| one["rule"] == "owner.unexpected")
}

each_major! {
    /// A second session looks after each statement: there is no moment at which a role lacks what it has before and after.
    async fn the_fix_of_an_owner_takes_nothing_away_at_any_statement(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.cluster.batch("shop", "SET ROLE csadmin; CREATE ROLE stranger").await;
        stage.apply(&[]).assert_status(0);
        let looking = stage.cluster.connect_superuser("shop").await;
        for (object, made, keeps) in OWNED_BY_OTHERS {
            stage.cluster.batch("shop", made).await;
            let checked = stage.run("check", &["--format", "json"]).assert_status(2).json();
            let finding = owner_findings(&checked).find(|one| one["object"] == object);
            let finding = finding.unwrap_or_else(|| panic!("{object}: {checked:#}"));
            // What is withheld has no statement: a run does it, with the option that the finding names.
            let fix = finding["fix"].as_str().unwrap_or_default();
            let withheld = ["view app.o4", "table app.o7"].contains(&object);
            assert!(fix.is_empty() == withheld && withheld == finding["message"].to_string().contains("--take-over="), "{finding:#}");
            let (before, members) = (rows(&looking, HELD).await, rows(&looking, MEMBERS).await);
            let admin = stage.cluster.connect_admin("shop").await;
            let mut seen = Vec::new();
            if withheld {
                // The membership of the stranger is withheld still.
                stage.apply(&["--take-over=views,foreign"]);
            }
            for statement in fix.split("; ").filter(|_| !withheld) {
                admin.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
                assert_eq!(rows(&looking, MEMBERS).await, members, "{object}, after `{statement}`");
                seen.push((statement, rows(&looking, HELD).await));
            }
            let after = rows(&looking, HELD).await;
            let kept: BTreeSet<_> = before.intersection(&after).cloned().collect();
            assert!(kept.contains(&format!("app_user: {keeps}")), "{object}: {fix}\n{kept:#?}");
            for (statement, held) in seen {
                let lost: Vec<_> = kept.difference(&held).collect();
                assert!(lost.is_empty(), "{object}, after `{statement}`: {lost:?} of\n{fix}");
            }
            stage.cluster.batch("shop", "REVOKE stranger FROM app_user").await;
            stage.run("check", &[]).assert_status(0);
        }
    }

    /// No statement of its own gives such a sequence to another owner, nor could one: it goes with its table, also where that is
    /// withheld.
    async fn the_sequences_of_a_table_go_with_it_where_it_is_withheld_too(major: u32) {
        let stage = Stage::new(major);
        stage.roles(ROLES);
        stage.cluster.batch("shop", "SET ROLE csadmin; CREATE ROLE stranger").await;
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", "
            CREATE TABLE app.\"K 1\" (a serial, b int GENERATED ALWAYS AS IDENTITY, c int); CREATE SEQUENCE app.alone;
            ALTER TABLE app.\"K 1\" OWNER TO stranger; ALTER SEQUENCE app.alone OWNER TO stranger;
            CREATE TABLE app.k2 (a bigserial, b int); ALTER TABLE app.k2 OWNER TO app_user").await;
        let superuser = stage.cluster.connect_superuser("shop").await;
        let others = "SELECT relname::text FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relowner <> 'migration_user'::regrole";

        let checked = stage.run("check", &["--format", "json"]).assert_status(2).json();
        let found = |object: &str| owner_findings(&checked).find(|one| one["object"] == object);
        let table = found("table app.\"K 1\"").unwrap_or_else(|| panic!("{checked:#}"));
        assert!(table["fix"].is_null() && table["message"].to_string().contains("--take-over=foreign"), "{table:#}");
        let table = found("table app.k2").unwrap_or_else(|| panic!("{checked:#}"));
        assert!(table["fix"].as_str().is_some_and(|fix| fix.starts_with("rolewright apply ")), "{table:#}");
        let alone = found("sequence app.alone").unwrap_or_else(|| panic!("{checked:#}"));
        assert!(alone["fix"].is_null() && alone["message"].to_string().contains("--take-over=foreign"), "{alone:#}");
        assert_eq!(owner_findings(&checked).count(), 3, "{checked:#}");

        stage.apply(&[]).assert_status(3);
        let withheld = ["K 1", "K 1_a_seq", "K 1_b_seq", "alone"].map(str::to_owned);
        assert_eq!(rows(&superuser, others).await, withheld.into());
        let planned = stage.run("plan", &["--format", "sql", "--take-over=foreign"]).assert_status(0).stdout;
        let moved: Vec<_> = planned.lines().filter(|line| line.contains(" OWNER TO ")).collect();
        assert_eq!(moved.len(), 2, "{planned}");
        assert!(!moved.iter().any(|line| line.contains("_seq")), "{planned}");
        for sequence in ["\"app\".\"K 1_a_seq\"", "\"app\".\"K 1_b_seq\""] {
            let given = |line: &str| line.starts_with("GRANT USAGE ON SEQUENCE") && line.contains(sequence);
            assert!(planned.lines().any(given), "{sequence}: {planned}");
        }
        stage.apply(&["--take-over=foreign"]).assert_status(0);
        stage.run("check", &[]).assert_status(0);
        assert_eq!(rows(&superuser, others).await, BTreeSet::new());
        superuser.batch_execute("SET ROLE app_user; INSERT INTO app.\"K 1\" (c) VALUES (1); INSERT INTO app.k2 (b) VALUES (1)")
            .await.expect("it may");
    }
}
