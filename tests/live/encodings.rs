//! Databases of other encodings than UTF-8 are managed, and on the instance of others stand in nobody's way.

use std::fmt::Write as _;

use crate::stage::{INSTANCE, READER, Stage};
use crate::support::each_major;

/// An encoding, and the name of a table in characters that it has.
const ENCODINGS: [(&str, &str); 8] = [
    ("LATIN1", "größe"),
    ("LATIN9", "œuvre €"),
    ("WIN1252", "„größe“"),
    ("KOI8R", "таблица"),
    ("EUC_JP", "注文"),
    ("EUC_KR", "주문"),
    ("SQL_ASCII", "größe"),
    ("UTF8", "注文 größe €"),
];

fn database(encoding: &str) -> String {
    encoding.to_lowercase()
}

impl Stage {
    /// A database of this encoding, as `gcloud sql databases create --charset` makes it.
    async fn create_encoded(&self, encoding: &str) {
        let database = database(encoding);
        self.cluster
            .batch(
                "postgres",
                &format!(
                    "CREATE DATABASE {database} OWNER cloudsqlsuperuser TEMPLATE template0 ENCODING '{encoding}' \
                     LC_COLLATE 'C' LC_CTYPE 'C'"
                ),
            )
            .await;
        // Before 15 the schema `public` is the bootstrap superuser's in `template0`, on Cloud SQL in no database.
        let public = "DO $$ BEGIN IF current_setting('server_version_num')::int < 150000 THEN ALTER SCHEMA public OWNER \
                      TO cloudsqlsuperuser; END IF; END $$";
        self.cluster.batch(&database, public).await;
    }

    /// Everything in all of them: two roles with credentials, and a grant on one table.
    fn manage_all(&self) {
        let mut policy = format!("version: 1\ninstance: {INSTANCE}\ndatabases:\n");
        for (encoding, _) in ENCODINGS {
            let _ = writeln!(policy, "  {}: {{ schemas: [app] }}", database(encoding));
        }
        let _ = write!(
            policy,
            "roles:\n  mig: {{ access: ddl }}\n  app:\n    access: dml\n    rotate: {{ strategy: alternate, grace: 1s }}\n    \
             secret: {{ name: app, payload: url, database: latin1, readers: [\"{READER}\"] }}\n  extra:\n    access: {{}}\n    \
             grants:\n"
        );
        for (encoding, table) in ENCODINGS {
            let object = format!("table app.\"{table}\"");
            let _ = writeln!(
                policy,
                "      - {{ privileges: [SELECT], database: {}, object: '{object}' }}\n      - {{ privileges: \
                 [UPDATE], database: {}, object: 'column app.\"{table}\"(\"{table}\")' }}",
                database(encoding),
                database(encoding)
            );
        }
        self.policy(&policy);
    }
}

each_major! {
    async fn databases_of_every_encoding_are_managed(major: u32) {
        let stage = Stage::new(major);
        for (encoding, _) in ENCODINGS {
            stage.create_encoded(encoding).await;
        }
        stage.manage_all();
        stage.apply(&[]).assert_status(0);
        for (encoding, table) in ENCODINGS {
            let migration = format!(
                "SET ROLE mig; CREATE TABLE app.\"{table}\" (id serial, \"{table}\" text); CREATE TYPE \
                 app.\"{table} t\" AS ENUM ('a'); CREATE FUNCTION app.\"{table} f\"(app.\"{table} t\") RETURNS int \
                 LANGUAGE sql AS 'SELECT 1'; CREATE VIEW app.\"{table} v\" AS SELECT * FROM app.\"{table}\""
            );
            stage.cluster.batch(&database(encoding), &migration).await;
        }
        // The grants that waited for their objects.
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
        stage.run("verify", &[]).assert_status(0);
        stage.run("rotate", &["--now", "--wait", "0s"]).assert_status(0);
        stage.run("explain", &["app"]).assert_status(0);
        for (encoding, table) in ENCODINGS {
            let admin = stage.cluster.connect_superuser(&database(encoding)).await;
            admin.batch_execute(&format!("GRANT DELETE ON app.\"{table}\" TO extra")).await.unwrap();
            let check = stage.run("check", &[]).assert_status(2);
            assert!(check.stdout.contains(&format!("table app.\"{table}\"")), "{}", check.stdout);
            stage.apply(&[]).assert_status(0);
            stage.run("check", &[]).assert_status(0);
        }
    }

    async fn a_role_is_retired_that_owns_things_in_databases_of_every_encoding(major: u32) {
        let stage = Stage::new(major);
        stage.cluster.batch("postgres", "CREATE ROLE old LOGIN; GRANT old TO csadmin WITH ADMIN OPTION").await;
        for (encoding, table) in ENCODINGS {
            stage.create_encoded(encoding).await;
            let statements = format!("CREATE TABLE public.\"{table}\" (i int); ALTER TABLE public.\"{table}\" OWNER TO old");
            stage.cluster.batch(&database(encoding), &statements).await;
        }
        stage.roles("  mig: { access: ddl }\n  old: { state: absent, heir: mig }\n");
        stage.apply(&[]).assert_status(0);
        let owners = "SELECT string_agg(tableowner, ' ') FROM pg_tables WHERE schemaname = 'public'";
        for (encoding, _) in ENCODINGS {
            let session = stage.cluster.connect_superuser(&database(encoding)).await;
            let owner: String = session.query_one(owners, &[]).await.unwrap().get(0);
            assert_eq!(owner, "mig", "{encoding}");
        }
        stage.assert_in_sync();
    }
}
