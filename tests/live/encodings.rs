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

    async fn what_is_no_utf8_is_named_by_its_oid_and_left(major: u32) {
        let stage = Stage::new(major);
        stage.create_encoded("SQL_ASCII").await;
        stage.policy(&format!(
            "version: 1\ninstance: {INSTANCE}\ndatabases: {{ sql_ascii: {{ schemas: [app] }} }}\nroles:\n  mig: {{ access: ddl }}\n  \
             app:\n    access: dml\n    secret: {{ name: app, payload: url, database: sql_ascii, readers: [\"{READER}\"] }}\n"
        ));
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("sql_ascii", UNSPELT).await;
        let superuser = stage.cluster.connect_superuser("sql_ascii").await;
        let check = stage.run("check", &[]).assert_status(2);
        for (kind, catalog, name, letter) in [
            ("table", "pg_class", "relname", "relkind = 'r'"),
            ("sequence", "pg_class", "relname", "relkind = 'S' AND relname ^@ 'q'"),
            ("view", "pg_class", "relname", "relkind = 'v'"),
            ("function", "pg_proc", "proname", "true"),
        ] {
            let sought = format!("SELECT oid FROM {catalog} WHERE oid >= 16384 AND {letter} AND {name}::text ~ '[^ -~]'");
            let oid: u32 = superuser.query_one(&sought, &[]).await.unwrap().get(0);
            assert!(check.stdout.contains(&format!("{kind} with OID {oid}")), "{kind} {oid}: {}", check.stdout);
        }
        assert!(check.stdout.contains("its name is not UTF-8"), "{}", check.stdout);
        // The rest of the database is managed.
        let applied = stage.apply(&[]);
        assert_eq!(applied.status, 3, "{}{}", applied.stdout, applied.stderr);
        let held = "SELECT has_table_privilege('app', 'app.plain', 'INSERT')";
        assert!(superuser.query_one(held, &[]).await.unwrap().get::<_, bool>(0));
        let verify = stage.run("verify", &[]);
        assert!(verify.status != 1, "{}{}", verify.stdout, verify.stderr);
        stage.run("explain", &["app"]).assert_status(0);
        for format in ["json", "sarif", "markdown", "junit", "github"] {
            let shown = stage.run("check", &["--format", format]).assert_status(2);
            assert!(shown.stdout.contains("with OID"), "{}", shown.stdout);
        }
        // The advice works as it is typed.
        let mut renamed = 0;
        for line in applied.stdout.lines() {
            let Some(start) = line.find("DO $$") else { continue };
            let end = line[start..].find("END $$").expect("the whole statement") + start + "END $$".len();
            renamed += usize::from(superuser.batch_execute(&line[start..end]).await.is_ok());
        }
        assert!(renamed >= 4, "{}", applied.stdout);
        superuser.batch_execute(RENAME_THE_REST).await.unwrap();
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
    }

    /// The server takes no escape beyond ASCII there, and as it stands such a character would be hidden in a script.
    async fn a_hidden_character_that_no_statement_spells_is_left(major: u32) {
        let stage = Stage::new(major);
        stage.create_encoded("SQL_ASCII").await;
        stage.policy(&format!(
            "version: 1\ninstance: {INSTANCE}\ndatabases: {{ sql_ascii: {{ schemas: [app] }} }}\nroles:\n  mig: {{ access: ddl }}\n  \
             app: {{ access: dml }}\n"
        ));
        stage.apply(&[]).assert_status(0);
        let soft_hyphen = "SET ROLE mig; CREATE TABLE app.\"a\u{ad}b\" (i int); CREATE TABLE app.plain (i int);
            REVOKE INSERT ON app.\"a\u{ad}b\", app.plain FROM app";
        stage.cluster.batch("sql_ascii", soft_hyphen).await;
        let applied = stage.apply(&[]).assert_status(3);
        let superuser = stage.cluster.connect_superuser("sql_ascii").await;
        let held = "SELECT has_table_privilege('app', 'app.plain', 'INSERT')";
        assert!(superuser.query_one(held, &[]).await.unwrap().get::<_, bool>(0));
        let start = applied.stdout.find("DO $$").expect("a statement");
        let end = applied.stdout[start..].find("END $$").expect("the whole statement") + start + "END $$".len();
        superuser.batch_execute(&applied.stdout[start..end]).await.unwrap();
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
    }

    async fn a_name_that_a_database_cannot_hold_is_told_with_what_can_be_done(major: u32) {
        let stage = Stage::new(major);
        stage.create_encoded("LATIN1").await;
        stage.policy(&format!(
            "version: 1\ninstance: {INSTANCE}\ndatabases: {{ latin1: {{ schemas: [注文] }} }}\nroles:\n  mig: {{ access: ddl }}\n"
        ));
        let applied = stage.apply(&[]).assert_status(1);
        assert!(applied.stderr.contains("the encoding of the database lacks a character of a name"), "{}", applied.stderr);
    }

    async fn roles_and_databases_that_are_no_utf8_stop_no_run(major: u32) {
        let stage = Stage::new(major);
        stage.create_encoded("SQL_ASCII").await;
        stage.roles("  mig: { access: ddl }\n  app: { access: dml }\n");
        stage.apply(&[]).assert_status(0);
        stage.cluster.batch("sql_ascii", UNSPELT_SHARED).await;
        let superuser = stage.cluster.connect_superuser("shop").await;
        let of_odd = |what: &str| {
            format!(
                "DO $$ BEGIN EXECUTE format('{what}', (SELECT oid FROM pg_roles WHERE starts_with(rolname::text, 'odd'))::regrole); \
                 END $$"
            )
        };
        superuser.batch_execute("CREATE TABLE app.orders (i int); ALTER TABLE app.orders OWNER TO mig").await.unwrap();
        superuser.batch_execute(&of_odd("GRANT SELECT ON app.orders TO %s")).await.unwrap();
        let granted = format!("SET ROLE csadmin; {}; RESET ROLE", of_odd("GRANT app TO %s"));
        superuser.batch_execute(&granted).await.unwrap();
        let sought = "SELECT oid FROM pg_roles WHERE starts_with(rolname::text, 'odd')";
        let oid: u32 = superuser.query_one(sought, &[]).await.unwrap().get(0);
        let shown = format!("role with OID {oid}");
        let check = stage.run("check", &[]).assert_status(2);
        assert!(check.stdout.contains(&shown), "{}", check.stdout);
        stage.run("explain", &["table app.orders", "--database", "shop"]);
        let applied = stage.apply(&["--prune"]);
        assert_eq!(applied.status, 3, "{}{}", applied.stdout, applied.stderr);
        assert!(applied.stdout.contains(&format!("the name of `{shown}` is not UTF-8")), "{}", applied.stdout);
        let rename = format!("DO $$ BEGIN EXECUTE format('ALTER ROLE %s RENAME TO renamed_{oid}', {oid}::regrole); END $$");
        assert!(applied.stdout.contains(&rename), "{}", applied.stdout);
        superuser.batch_execute(&rename).await.unwrap();
        stage.apply(&["--prune"]).assert_status(0);
        stage.assert_in_sync();
    }

    async fn a_role_beyond_ascii_is_left_where_the_server_converts(major: u32) {
        let stage = Stage::new(major);
        stage.create_encoded("LATIN1").await;
        // The same letter, in the bytes of either encoding.
        stage.cluster.batch("postgres", "CREATE ROLE \"é\"").await;
        stage.cluster.batch("latin1", "CREATE ROLE \"é\"").await;
        for databases in [["shop", "latin1"], ["latin1", "shop"]] {
            let databases = databases.map(|name| format!("{name}: {{ schemas: [app] }}")).join(", ");
            stage.policy(&format!(
                "version: 1\ninstance: {INSTANCE}\ndatabases: {{ {databases} }}\nroles:\n  mig: {{ access: ddl }}\n"
            ));
            stage.apply(&[]);
            let superuser = stage.cluster.connect_superuser("latin1").await;
            superuser.batch_execute("GRANT USAGE ON SCHEMA app TO \"é\"").await.unwrap();
            let applied = stage.apply(&["--prune"]);
            assert_eq!(applied.status, 3, "{}{}", applied.stdout, applied.stderr);
            assert!(applied.stdout.contains("the encoding of the database is LATIN1"), "{}{}", applied.stdout, applied.stderr);
            let acl = "SELECT nspacl::text FROM pg_namespace WHERE nspname = 'app'";
            let acl: String = superuser.query_one(acl, &[]).await.unwrap().get(0);
            assert!(acl.contains("é"), "{acl}");
        }
    }
}

/// The databases whose sessions cannot be sent the name of a role that ends in E9 81, and that of a database that ends in E9.
const UNREADABLE: [(&str, [bool; 2]); 7] = [
    ("EUC_JP", [true, true]),
    ("EUC_KR", [true, true]),
    ("WIN1252", [true, false]),
    ("LATIN1", [false, false]),
    ("KOI8R", [false, false]),
    ("UTF8", [false, false]),
    ("SQL_ASCII", [false, false]),
];

/// Whoever may make roles or databases makes one, in a database that takes these bytes.
const MADE: [[&str; 4]; 2] = [
    [
        "role",
        r"DO $$ BEGIN EXECUTE format('CREATE ROLE %I', 'odd' || convert_from('\xe981'::bytea, 'SQL_ASCII')); END $$",
        "SELECT max(oid) FROM pg_roles",
        "DROP ROLE renamed_OID",
    ],
    [
        "database",
        r"UPDATE pg_database SET datname = convert_from('\x6f6464e9'::bytea, 'SQL_ASCII')::name WHERE datname = 'spare'",
        "SELECT max(oid) FROM pg_database",
        "DROP DATABASE renamed_OID",
    ],
];

const COMMANDS: [&[&str]; 8] = [
    &["plan"],
    &["apply", "--yes", "--wait", "0s"],
    &["check"],
    &["check", "--probe"],
    &["verify"],
    &["rotate", "--now", "--wait", "0s"],
    &["status"],
    &["explain", "app"],
];

impl Stage {
    fn manage_one(&self, encoding: &str) {
        let database = database(encoding);
        self.policy(&format!(
            "version: 1\ninstance: {INSTANCE}\ndatabases: {{ {database}: {{ schemas: [app] }} }}\nroles:\n  mig: {{ access: ddl }}\n  \
             app:\n    access: dml\n    secret: {{ name: app, payload: url, readers: [\"{READER}\"] }}\n"
        ));
    }
}

each_major! {
    async fn a_shared_name_that_a_database_cannot_read_is_named_by_its_oid(major: u32) {
        let stage = Stage::new(major);
        stage.create_encoded("SQL_ASCII").await;
        for (encoding, _) in UNREADABLE.iter().filter(|(encoding, _)| *encoding != "SQL_ASCII") {
            stage.create_encoded(encoding).await;
        }
        for (encoding, _) in UNREADABLE {
            stage.manage_one(encoding);
            stage.apply(&[]).assert_status(0);
        }
        for (at, [kind, make, sought, drop]) in MADE.into_iter().enumerate() {
            if kind == "database" {
                stage.cluster.batch("postgres", "CREATE DATABASE spare").await;
            }
            stage.cluster.batch("sql_ascii", make).await;
            let superuser = stage.cluster.connect_superuser("shop").await;
            let oid: u32 = superuser.query_one(sought, &[]).await.unwrap().get(0);
            let mut hint = String::new();
            for (encoding, unreadable) in UNREADABLE {
                stage.manage_one(encoding);
                for command in COMMANDS {
                    let told = stage.run(command[0], &command[1..]);
                    let all = format!("{}{}", told.stdout, told.stderr);
                    let at_what = format!("{kind} in {encoding}, {command:?}: exit {}\n{all}", told.status);
                    assert!(!all.contains("22021") && !all.contains("22P05"), "{at_what}");
                    assert_eq!(told.status == 1, unreadable[at], "{at_what}");
                    if unreadable[at] {
                        assert!(told.stderr.contains(&format!("`{kind} with OID {oid}`")), "{at_what}");
                        hint = told.stderr;
                    }
                }
            }
            // The advice works as it is typed.
            let start = hint.find("DO $$").expect("a statement");
            let end = hint[start..].find("END $$").expect("the whole statement") + start + "END $$".len();
            superuser.batch_execute(&hint[start..end]).await.unwrap();
            superuser.batch_execute(&drop.replace("OID", &oid.to_string())).await.unwrap();
        }
        stage.manage_one("EUC_JP");
        stage.apply(&[]).assert_status(0);
        stage.assert_in_sync();
    }
}

/// A bit of everything with names that are no UTF-8.
const UNSPELT: &str = r"
    DO $$
      DECLARE odd text := convert_from('\xe95f78'::bytea, 'SQL_ASCII');
      BEGIN
        SET LOCAL ROLE mig;
        EXECUTE format('CREATE TABLE app.%I (%I int, i serial)', odd, odd);
        EXECUTE format('CREATE SEQUENCE app.%I', 'q' || odd);
        EXECUTE format('CREATE VIEW app.%I AS SELECT * FROM app.%I', odd || '_v', odd);
        EXECUTE format('CREATE TYPE app.%I AS ENUM (''a'')', odd || '_t');
        EXECUTE format('CREATE FUNCTION app.f(app.%I) RETURNS int LANGUAGE sql AS ''SELECT 1''', odd || '_t');
        EXECUTE format('CREATE FUNCTION app.%I() RETURNS int LANGUAGE sql AS ''SELECT 1''', odd || '_f');
        EXECUTE format('ALTER TABLE app.%I ENABLE ROW LEVEL SECURITY', odd);
        EXECUTE format('CREATE POLICY %I ON app.%I USING (true)', odd, odd);
        CREATE TABLE app.plain (i int);
        EXECUTE format('REVOKE ALL ON app.%I, app.%I FROM app', odd, odd || '_v');
        EXECUTE format('GRANT TRUNCATE ON app.%I TO app', odd);
        EXECUTE format('GRANT UPDATE (%I) ON app.%I TO app', odd, odd);
        EXECUTE format('REVOKE ALL ON SEQUENCE app.%I FROM app', 'q' || odd);
        EXECUTE format('GRANT EXECUTE ON FUNCTION app.%I() TO PUBLIC', odd || '_f');
        EXECUTE format('GRANT USAGE ON TYPE app.%I TO PUBLIC', odd || '_t');
        REVOKE ALL ON app.plain FROM app;
        RESET ROLE;
        EXECUTE format('CREATE SCHEMA %I AUTHORIZATION mig', odd);
      END $$";

/// What has no statement in the advice.
const RENAME_THE_REST: &str = "
    DO $$
      BEGIN
        EXECUTE format('ALTER TABLE %s RENAME %I TO renamed', attrelid::regclass, attname)
           FROM pg_attribute WHERE attrelid >= 16384 AND attname::text ~ '[^ -~]' AND attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r');
        EXECUTE format('DROP SCHEMA %s', oid::regnamespace) FROM pg_namespace WHERE nspname::text ~ '[^ -~]';
      END $$";

/// The same of what all databases share.
const UNSPELT_SHARED: &str = r"
    DO $$
      DECLARE odd text := 'odd' || convert_from('\xe95f78'::bytea, 'SQL_ASCII');
      BEGIN
        EXECUTE format('CREATE ROLE %I', odd);
      END $$;
    UPDATE pg_database SET datname = convert_from('\xe95f79'::bytea, 'SQL_ASCII')::name WHERE datname = 'sql_ascii'";
