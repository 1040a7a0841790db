//! `apply` beside people who GRANT and REVOKE on the same tables, schemas, databases and roles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Beside, insist};
use crate::converge::texts;
use crate::stage::{INSTANCE, Stage};
use crate::support::{each_major, tell};

const RUNS: usize = 4;

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
    (
        "INSERT ON app.t1, app.t2, app.t3",
        "SELECT relacl FROM pg_class WHERE oid = 'app.t2'::regclass",
    ),
    (
        "UPDATE ON ALL TABLES IN SCHEMA app",
        "SELECT relacl FROM pg_class WHERE oid = 'app.t9'::regclass",
    ),
    (
        "USAGE ON SCHEMA app",
        "SELECT nspacl FROM pg_namespace WHERE nspname = 'app'",
    ),
    (
        "TEMPORARY ON DATABASE shop",
        "SELECT datacl FROM pg_database WHERE datname = 'shop'",
    ),
    (
        "EXECUTE ON FUNCTION app.f()",
        "SELECT proacl FROM pg_proc WHERE proname = 'f'",
    ),
    (
        "reader",
        "SELECT array_agg(makeaclitem(member, grantor, 'SELECT', false)) FROM pg_auth_members WHERE roleid = 'reader'::regrole",
    ),
];

/// What the same people undo of the policy's.
const HARM: [&str; 7] = [
    "REVOKE SELECT ON ALL TABLES IN SCHEMA app FROM reader",
    "GRANT TRUNCATE ON app.t1, app.t5, app.t9 TO app",
    "REVOKE USAGE ON SCHEMA app FROM app",
    "REVOKE CONNECT ON DATABASE shop FROM reader",
    "GRANT EXECUTE ON FUNCTION app.f() TO PUBLIC",
    "SET ROLE cloudsqlsuperuser; REVOKE reader FROM app; GRANT mig TO app; RESET ROLE",
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
                    let (what, acl) = TOGGLES[n % 3 * 2 + first];
                    let owner = if what.contains("app.") || what.contains("TABLES") { "mig" } else { "cloudsqlsuperuser" };
                    let privilege = what.split_once(' ').map_or("SELECT", |(privilege, _)| privilege);
                    let (toggle, expected) = if n / 3 % 2 == 0 { (format!("GRANT {what} TO stranger"), "t") } else { (format!("REVOKE {what} FROM stranger"), "f") };
                    let mut met = insist(&session, &format!("BEGIN; SET LOCAL ROLE {owner}; {toggle}; SELECT pg_sleep(0.01); COMMIT")).await;
                    assert_eq!(texts(&session, &format!("SELECT left(coalesce(bool_or(a.privilege_type = '{privilege}'), false)::text, 1) FROM ({acl}) one (acl), aclexplode(acl) a WHERE grantee = 'stranger'::regrole")).await, [expected], "{toggle}");
                    if n % 4 == first {
                        met += insist(&session, HARM[n / 4 % HARM.len()]).await;
                    }
                    conflicts.fetch_add(met, Ordering::Relaxed);
                }
            }));
        }
        let mut again = 0;
        for _ in 0..RUNS {
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
        tell!("{major}: {rounds} changes by hand, {} of them met a conflict; {RUNS} runs beside them, {again} transactions tried again", conflicts.load(Ordering::Relaxed));
    }
}
