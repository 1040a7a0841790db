//! `apply` beside people who GRANT and REVOKE on the same tables, schemas, databases and roles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Beside, insist};
use crate::converge::texts;
use crate::stage::{INSTANCE, Stage};
use crate::support::each_major;

const POLICY: &str = "databases: { shop: { schemas: [app] } }
ignore: { roles: [stranger*] }
roles:
  mig: { access: ddl }
  app: { access: dml, member_of: [reader] }
  reader: { access: read }
";

const STAND: &str = "CREATE ROLE stranger; CREATE ROLE stranger_too; SET ROLE mig;
DO $$ BEGIN FOR i IN 1..20 LOOP EXECUTE format('CREATE TABLE app.t%s (id serial)', i); END LOOP; END $$;
CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'";

/// What a person gives a stranger, takes again, and how to see whether it is there.
const TOGGLES: [(&str, &str); 6] = [
    ("INSERT ON app.t1, app.t2, app.t3", "has_table_privilege('stranger', 'app.t2', 'INSERT')"),
    ("UPDATE ON ALL TABLES IN SCHEMA app", "has_table_privilege('stranger', 'app.t9', 'UPDATE')"),
    ("USAGE ON SCHEMA app", "has_schema_privilege('stranger', 'app', 'USAGE')"),
    ("TEMPORARY ON DATABASE shop", "has_database_privilege('stranger', 'shop', 'TEMPORARY')"),
    ("EXECUTE ON FUNCTION app.f()", "has_function_privilege('stranger', 'app.f()', 'EXECUTE')"),
    ("reader", "pg_has_role('stranger', 'reader', 'MEMBER')"),
];

/// What the same people undo of the policy's.
const HARM: [&str; 7] = [
    "REVOKE SELECT ON ALL TABLES IN SCHEMA app FROM reader",
    "GRANT TRUNCATE ON app.t1, app.t5, app.t9 TO app",
    "REVOKE USAGE ON SCHEMA app FROM app",
    "REVOKE CONNECT ON DATABASE shop FROM reader",
    "GRANT EXECUTE ON FUNCTION app.f() TO PUBLIC",
    "REVOKE reader FROM app; GRANT mig TO app",
    "ALTER DEFAULT PRIVILEGES FOR ROLE mig IN SCHEMA app REVOKE SELECT ON TABLES FROM reader; ALTER ROLE app CONNECTION LIMIT 3",
];

each_major! {
    async fn grants_by_hand_are_kept_and_the_policys_are_restored(major: u32) {
        let stage = Stage::new(major);
        stage.policy(&format!("version: 1\ninstance: {INSTANCE}\n{POLICY}"));
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("shop", STAND).await;
        stage.apply(&[]).assert_status(0);

        let conflicts = Arc::new(AtomicUsize::new(0));
        let mut people = Vec::new();
        for first in 0..2 {
            let session = Arc::new(stage.cluster.connect_superuser("shop").await);
            let conflicts = conflicts.clone();
            people.push(Beside::start(move |n| {
                let (session, conflicts) = (session.clone(), conflicts.clone());
                async move {
                    // Each has toggles of its own: nobody else is to change what it looks at.
                    let (what, has) = TOGGLES[n % 3 * 2 + first];
                    let in_whose_name = if what == "reader" || what.contains("DATABASE") { "" } else { "SET LOCAL ROLE mig;" };
                    let (toggle, expected) = if n / 3 % 2 == 0 { (format!("GRANT {what} TO stranger"), "t") } else { (format!("REVOKE {what} FROM stranger"), "f") };
                    let mut met = insist(&session, &format!("BEGIN; {in_whose_name} {toggle}; SELECT pg_sleep(0.01); COMMIT")).await;
                    assert_eq!(texts(&session, &format!("SELECT left(({has})::text, 1)")).await, [expected], "{toggle}");
                    if n % 4 == first {
                        met += insist(&session, HARM[n / 4 % HARM.len()]).await;
                    }
                    conflicts.fetch_add(met, Ordering::Relaxed);
                }
            }));
        }
        let mut again = 0;
        for _ in 0..6 {
            let applied = stage.apply(&[]);
            assert!(matches!(applied.status, 0 | 3), "{}{}", applied.stdout, applied.stderr);
            again += applied.stdout.matches("tried again").count();
        }
        let mut rounds = 0;
        for person in people {
            rounds += person.end().await;
        }
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
        println!("{major}: {rounds} changes by hand, {} of them met a conflict; 6 runs beside them, {again} transactions tried again", conflicts.load(Ordering::Relaxed));
    }
}
