//! From nothing or from whatever is there to what the policy says, and not a row further.

mod admins;
mod closed;
mod edges;
mod external;
mod grants;
mod logins;
mod names;
mod owners;
mod phases;
mod public;
mod retire;
mod squatted;

use tokio_postgres::Client;

use crate::stage::Stage;
use crate::support::{Outcome, each_major};

/// Two databases, every preset, settings and an extension.
const SHOP: &str = "version: 1
databases:
  shop: { schemas: [app, audit], extensions: [hstore] }
  books: { schemas: [ledger] }
roles:
  mig: { access: ddl, settings: { lock_timeout: 5s }, create_schemas: true }
  app: { access: dml, settings: { search_path: '\"$user\", app' }, connection_limit: 20 }
  reader:
    access: { read: [app, audit] }
    grants:
      - { privileges: [SELECT], database: shop, object: sequence app.t_id_seq, grantable: true }
      - { privileges: [UPDATE], database: shop, object: column app.t(note) }
      - { privileges: [INSERT], database: shop, object: all tables in schema audit }
    member_of: [ { role: app, inherit: true } ]
";

const MIGRATIONS: &str = "SET ROLE mig;
CREATE TABLE app.t (id serial, note text);
CREATE TABLE audit.log (at timestamptz, what text);
CREATE VIEW app.v AS SELECT id FROM app.t;
CREATE FUNCTION app.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'";

/// The rows of every catalog that holds a privilege, with the transaction that wrote them and where they lie.
const ROWS: &str = "
SELECT 'role', xmin::text, ctid::text FROM pg_authid
UNION ALL SELECT 'membership', xmin::text, ctid::text FROM pg_auth_members
UNION ALL SELECT 'database', xmin::text, ctid::text FROM pg_database
UNION ALL SELECT 'role setting', xmin::text, ctid::text FROM pg_db_role_setting
UNION ALL SELECT 'schema', xmin::text, ctid::text FROM pg_namespace
UNION ALL SELECT 'relation', xmin::text, ctid::text FROM pg_class
UNION ALL SELECT 'column', xmin::text, ctid::text FROM pg_attribute WHERE attacl IS NOT NULL
UNION ALL SELECT 'routine', xmin::text, ctid::text FROM pg_proc
UNION ALL SELECT 'type', xmin::text, ctid::text FROM pg_type
UNION ALL SELECT 'default', xmin::text, ctid::text FROM pg_default_acl
UNION ALL SELECT 'initial', xmin::text, ctid::text FROM pg_init_privs
UNION ALL SELECT 'extension', xmin::text, ctid::text FROM pg_extension
ORDER BY 1, 2, 3";

/// How a statement begins that changes something.
const WRITING: [&str; 11] = [
    "ALTER", "COMMENT", "CREATE", "DELETE", "DO", "DROP", "GRANT", "INSERT", "REASSIGN", "REVOKE",
    "UPDATE",
];

/// Memberships through which an admin has a managed role's privileges or may become it.
pub const LEFT_OVER: &str = "
SELECT format('%s in %s', m.member::regrole, m.roleid::regrole)
  FROM pg_auth_members m, to_jsonb(m) row
 WHERE m.member::regrole::text IN ('csadmin', 'postgres', 'cloudsqlsuperuser')
   AND m.roleid >= 16384 AND m.roleid <> 'cloudsqlsuperuser'::regrole
   AND (coalesce(row->>'inherit_option', 'true') = 'true' OR coalesce(row->>'set_option', 'true') = 'true')
 ORDER BY 1";

pub async fn texts(client: &Client, query: &str) -> Vec<String> {
    let rows = client
        .query(query, &[])
        .await
        .unwrap_or_else(|error| panic!("{query}: {error:?}"));
    rows.iter()
        .map(|row| {
            (0..row.len())
                .map(|n| row.get::<_, String>(n))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

#[track_caller]
fn assert_said(outcome: &Outcome, words: &[&str]) {
    let told = format!("{}{}", outcome.stdout, outcome.stderr);
    for words in words {
        assert!(told.contains(words), "no `{words}` in {told}");
    }
}

impl Stage {
    /// Runs statements as the superuser in `shop`.
    async fn sql(&self, statements: &str) {
        self.cluster.batch("shop", statements).await;
    }

    /// The first column of every row, as the superuser reads it in `shop`.
    async fn query(&self, query: &str) -> Vec<String> {
        texts(&self.cluster.connect_superuser("shop").await, query).await
    }

    /// A login with these attributes, and its admin URL.
    async fn admin(&self, name: &str, attributes: &str) -> String {
        self.sql(&format!(
            "CREATE ROLE \"{name}\" LOGIN PASSWORD 'secret' {attributes}"
        ))
        .await;
        let user = name.replace('@', "%40");
        format!(
            "postgres://{user}:secret@127.0.0.1:{}/postgres",
            self.cluster.port()
        )
    }

    /// From here on everything is done as another admin.
    fn become_admin(&mut self, url: &str) {
        self.rolewright = self.rolewright.clone().env("ROLEWRIGHT_ADMIN_URL", url);
    }

    /// `apply` as the policy stands, which leaves it in sync.
    #[track_caller]
    fn converge(&self, options: &[&str]) -> Outcome {
        let applied = self.apply(options).assert_status(0);
        self.run("check", &[]).assert_status(0);
        applied
    }
}

each_major! {
    async fn ten_further_runs_write_nothing(major: u32) {
        let stage = Stage::new(major);
        stage.cluster.batch("postgres", "CREATE DATABASE books OWNER cloudsqlsuperuser").await;
        stage.policy(SHOP);
        stage.converge(&[]);
        stage.sql(MIGRATIONS).await;
        stage.cluster.batch("books", "SET ROLE mig; CREATE TABLE ledger.entry (id bigserial)").await;
        stage.sql("SET ROLE cloudsqlsuperuser; DROP EXTENSION hstore; CREATE EXTENSION hstore SCHEMA public VERSION '1.4'").await;
        stage.sql("SET ROLE cloudsqlsuperuser; ALTER EXTENSION hstore UPDATE").await;
        stage.converge(&[]);
        let rows = async || {
            let mut rows = stage.query(ROWS).await;
            rows.extend(texts(&stage.cluster.connect_superuser("books").await, ROWS).await);
            rows
        };
        let (before, logged) = (rows().await, stage.cluster.server_log().len());
        for _ in 0..9 {
            let again = stage.apply(&[]).assert_status(0);
            assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
        }
        stage.assert_in_sync();
        let log = stage.cluster.server_log();
        let ours: Vec<_> = log[logged..].lines().filter(|line| line.contains("csadmin@")).collect();
        let writes = |line: &&&str| WRITING.iter().any(|word| line.contains(&format!(": {word} ")));
        assert_eq!(ours.iter().filter(writes).collect::<Vec<_>>(), [&""; 0]);
        assert!(ours.iter().any(|line| line.contains("statement: ") || line.contains("execute ")), "{ours:#?}");
        assert_eq!(before, rows().await);
        assert_eq!(stage.query(LEFT_OVER).await, [""; 0]);
    }

    async fn a_check_of_what_is_in_sync_asks_few_questions(major: u32) {
        let stage = Stage::new(major);
        stage.cluster.batch("postgres", "CREATE DATABASE books OWNER cloudsqlsuperuser").await;
        stage.policy(SHOP);
        stage.converge(&[]);
        stage.sql(MIGRATIONS).await;
        let many = "SET ROLE mig; DO $$ BEGIN FOR i IN 1..100 LOOP
            EXECUTE format('CREATE TABLE app.t%s (id serial); GRANT SELECT (id) ON app.t%s TO mig', i, i); END LOOP; END $$";
        stage.sql(many).await;
        stage.converge(&[]);
        let before = stage.cluster.server_log().len();
        stage.run("check", &[]).assert_status(0);
        let log = stage.cluster.server_log();
        for database in ["shop", "books"] {
            let session = format!("csadmin@{database} rolewright/check");
            let of_session = log[before..].lines().filter(|line| line.contains(&session));
            let statements: Vec<_> =
                of_session.filter(|line| line.contains(" statement: ") || line.contains(" execute ")).collect();
            assert!(statements.len() <= 12, "{statements:#?}");
            assert!(statements.len() >= 3, "{statements:#?}");
        }
    }

    async fn a_login_that_creates_objects_needs_no_further_run(major: u32) {
        let stage = Stage::new(major);
        stage.policy("version: 1\ndatabases: { shop: { schemas: [app] } }\nroles:\n  mig: { access: ddl, login: external }\n  app: { access: dml, login: external }\n");
        stage.converge(&[]);
        stage.sql("ALTER ROLE mig PASSWORD 'm'; ALTER ROLE app PASSWORD 'a'").await;
        let mig = stage.log_in("mig", "m").await.unwrap();
        mig.batch_execute("CREATE TABLE app.orders (id serial, n int); CREATE FUNCTION app.one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
            .await
            .unwrap();
        let app = stage.log_in("app", "a").await.unwrap();
        app.batch_execute("INSERT INTO app.orders (n) VALUES (app.one()); UPDATE app.orders SET n = 2; DELETE FROM app.orders")
            .await
            .unwrap();
        for refused in ["TRUNCATE app.orders", "DROP TABLE app.orders", "CREATE TABLE app.x (a int)", "CREATE TEMP TABLE x (a int)", "CREATE SCHEMA x", "SET ROLE mig"] {
            let error = app.batch_execute(refused).await.unwrap_err();
            assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{refused}");
        }
        stage.assert_in_sync();
    }
}
